// Runs a template: walks its tree with one set of variables and collects the text.
//
// Recursion (macros, recursive loops, nested syntax) spends levels of the runtime's depth; every
// node evaluated spends a step. Threading: belongs to one render.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "chat_template/chat_template.h"
#include "chat_template/syntax/ast.h"
#include "chat_template/values/macro.h"
#include "chat_template/values/runtime.h"
#include "text/origin_text.h"

namespace penstock::chat_template {

class Renderer final {
 public:
  // All must outlive the renderer.
  Renderer(const Tree& tree, const RenderInput& input, const RenderLimits& limits,
           Runtime& runtime);

  // Once. A wrong use of values names the line it happened on.
  [[nodiscard]] Result<text::OriginText> run();

 private:
  // It is final. NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor)
  friend class LoopFilter;
  enum class Flow : std::uint8_t { kNormal, kBreak, kContinue };

  // Statements (renderer.cc, renderer_loops.cc)
  Result<Flow> exec(Block block);
  Result<Flow> exec(const Stmt& stmt);
  Result<Flow> exec_if(const IfStmt& stmt);
  Result<Flow> exec_for(const ForNode& loop);
  Result<Flow> exec_set_block(const SetBlockStmt& stmt);
  Result<Flow> exec_filter_block(const FilterBlockStmt& stmt);
  Result<Flow> exec_with(const WithStmt& stmt);
  Status exec_print(const Expr& value);
  Status exec_set(const SetStmt& stmt);
  Status exec_call_block(const CallBlockStmt& stmt);
  Status emit(const Str& text);
  // Runs a block whose text becomes a string instead of output.
  struct Captured {
    Flow flow = Flow::kNormal;
    const Str* text = nullptr;
  };
  Result<const Str*> keep_text(const text::OriginText& captured);
  Result<Captured> capture(Block block);
  Result<Captured> capture_scope(Block block, Scope scope);

  Result<Flow> run_loop(const ForNode& loop, Loop& state);
  Result<Loop*> start_loop(const ForNode& loop, const Value& source, std::int64_t depth0);
  Result<const Str*> call_loop(const ForNode& loop, const Value& source, std::int64_t depth0,
                               Frame* outer);

  // Variables
  Value& variable(const Variable& where);
  Status enter(Scope scope);
  void leave(Scope scope);
  Result<Value> context_value(std::uint32_t name);
  Status assign(const Target& target, const Value& value);
  Status assign_tuple(const Target& target, const Value& value);
  Status check_namespaces(const Target& target);
  Frame* make_frame(std::uint32_t num_slots, Frame* outer);

  // Expressions (renderer_expressions.cc)
  Result<Value> eval(const Expr& expr);
  Result<Value> eval_name(const NameExpr& expr);
  Result<Value> eval_item(const ItemExpr& expr);
  Result<Value> eval_slice(const SliceExpr& expr);
  Result<Value> eval_filter(const FilterExpr& expr);
  Result<Value> eval_test(const TestExpr& expr);
  Result<Value> eval_math(const MathExpr& expr);
  Result<Value> eval_compare(const CompareExpr& expr);
  Result<bool> compare_step(const CompareStep& step, const Value& left, const Value& right);
  Result<Value> eval_and_or(const SequenceExpr& expr);
  Result<Value> eval_concat(const SequenceExpr& expr);
  Result<Value> eval_conditional(const ConditionalExpr& expr);
  Result<Value> eval_sequence(const SequenceExpr& expr);
  Result<Value> eval_dict(const DictExpr& expr);
  Result<const Str*> text_of(const Expr& expr);

  // Calls (renderer_calls.cc)
  Result<Value> eval_call(const CallExpr& expr, const Macro* caller);
  Result<Args> eval_arguments(const Arguments& arguments, const Macro* caller);
  Status add_named_rest(const Expr& rest, std::vector<NamedArg>& named);
  Result<Value> call(const Value& callee, const Args& args);
  Result<Value> call_joiner(Joiner& joiner, const Args& args);
  Result<const Str*> call_macro(const Macro& macro, const Args& args);
  Status bind_macro(const Macro& macro, const Args& args, Frame& frame);
  Status fill_defaults(const MacroNode& node);

  const Tree& tree_;
  const RenderInput& input_;
  const RenderLimits& limits_;
  Runtime& runtime_;
  text::OriginText* out_ = nullptr;
  Frame* frame_ = nullptr;
  Value captured_;  // what the filter of a filter block works on
  std::uint32_t line_ = 1;
  std::vector<Value> context_;  // by context name, once looked up
  std::vector<bool> context_known_;
};

}  // namespace penstock::chat_template
