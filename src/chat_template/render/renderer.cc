#include "chat_template/render/renderer.h"

#include <utility>

#include "chat_template/library/registry.h"
#include "chat_template/values/convert.h"
#include "chat_template/values/from_json.h"
#include "chat_template/values/iterate.h"

namespace penstock::chat_template {

Renderer::Renderer(const Tree& tree, const RenderInput& input, const RenderLimits& limits,
                   Runtime& runtime)
    : tree_(tree),
      input_(input),
      limits_(limits),
      runtime_(runtime),
      context_(tree.context_names.size()),
      context_known_(tree.context_names.size()) {}

Result<text::OriginText> Renderer::run() {
  text::OriginText out;
  out_ = &out;
  frame_ = make_frame(tree_.num_slots, nullptr);
  const auto run_body = [this]() -> Status {
    RETURN_IF_ERROR(enter(tree_.scope));
    RETURN_IF_ERROR(exec(tree_.body));
    return {};
  };
  if (Status done = run_body(); !done) {
    if (runtime_.is_raised()) return std::unexpected(std::move(done).error());
    return std::unexpected(
        std::move(done).error().with_context(format("chat template, line {}", line_)));
  }
  return out;
}

Frame* Renderer::make_frame(std::uint32_t num_slots, Frame* outer) {
  Frame* frame = runtime_.heap().make<Frame>();
  frame->slots = runtime_.heap().make_array<Value>(num_slots).data();
  frame->outer = outer;
  return frame;
}

Value& Renderer::variable(const Variable& where) {
  Frame* frame = frame_;
  for (std::uint32_t i = 0; i < where.hops; ++i) frame = frame->outer;
  return frame->slots[where.slot];
}

Status Renderer::enter(Scope scope) {
  for (const ScopeLoad& load : scope) {
    switch (load.from) {
      case ScopeLoad::From::kNothing:
        frame_->slots[load.slot] = Value();
        break;
      case ScopeLoad::From::kOuter:
        frame_->slots[load.slot] = variable(load.outer);
        break;
      case ScopeLoad::From::kContext: {
        ASSIGN_OR_RETURN(frame_->slots[load.slot], context_value(load.context_name));
        break;
      }
      case ScopeLoad::From::kArgument:
        break;
    }
  }
  return {};
}

void Renderer::leave(Scope scope) {
  for (const ScopeLoad& load : scope) frame_->slots[load.slot] = Value();
}

Result<Value> Renderer::context_value(std::uint32_t index) {
  if (context_known_[index]) return context_[index];
  const std::string_view name = tree_.context_names[index]->view();
  Value value;
  if (const text::Json* data = input_.data.find(name)) {
    ASSIGN_OR_RETURN(value, from_json(runtime_, *data, Origin::kData));
  } else if (const text::Json* trusted = input_.trusted_strings.find(name)) {
    ASSIGN_OR_RETURN(value, from_json(runtime_, *trusted, Origin::kTrusted));
  } else if (const NativeDef* global = find_global(name)) {
    Bound* bound = runtime_.heap().make<Bound>();
    bound->def = global;
    value = Value(static_cast<const Bound*>(bound));
  }
  context_[index] = value;
  context_known_[index] = true;
  return value;
}

Status Renderer::emit(const Str& text) {
  if (text.size > limits_.max_output_bytes ||
      out_->bytes().size() > limits_.max_output_bytes - text.size) {
    return make_error(ErrorCode::kResourceExhausted, "the chat template writes more than {} bytes",
                      limits_.max_output_bytes);
  }
  text.for_each_span(
      [this](std::string_view bytes, Origin origin) { out_->append(bytes, origin); });
  return {};
}

Result<Renderer::Flow> Renderer::exec(Block block) {
  for (const Stmt* stmt : block) {
    ASSIGN_OR_RETURN(const Flow flow, exec(*stmt));
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Result<Renderer::Flow> Renderer::exec(const Stmt& stmt) {
  const DepthGuard guard(runtime_);
  if (!guard.ok()) return DepthGuard::too_deep();
  if (!runtime_.spend(1)) return runtime_.out_of_budget();
  line_ = stmt.line;
  switch (stmt.kind) {
    case StmtKind::kText:
      RETURN_IF_ERROR(emit(*static_cast<const TextStmt&>(stmt).text));
      return Flow::kNormal;
    case StmtKind::kPrint:
      RETURN_IF_ERROR(exec_print(*static_cast<const PrintStmt&>(stmt).value));
      return Flow::kNormal;
    case StmtKind::kFor:
      return exec_for(static_cast<const ForNode&>(stmt));
    case StmtKind::kIf:
      return exec_if(static_cast<const IfStmt&>(stmt));
    case StmtKind::kSet:
      RETURN_IF_ERROR(exec_set(static_cast<const SetStmt&>(stmt)));
      return Flow::kNormal;
    case StmtKind::kSetBlock:
      return exec_set_block(static_cast<const SetBlockStmt&>(stmt));
    case StmtKind::kMacro: {
      const auto& node = static_cast<const MacroNode&>(stmt);
      variable(node.variable) =
          Value(static_cast<const Macro*>(runtime_.heap().make<Macro>(&node, node.name, frame_)));
      return Flow::kNormal;
    }
    case StmtKind::kCallBlock:
      RETURN_IF_ERROR(exec_call_block(static_cast<const CallBlockStmt&>(stmt)));
      return Flow::kNormal;
    case StmtKind::kFilterBlock:
      return exec_filter_block(static_cast<const FilterBlockStmt&>(stmt));
    case StmtKind::kWith:
      return exec_with(static_cast<const WithStmt&>(stmt));
    case StmtKind::kBreak:
      return Flow::kBreak;
    case StmtKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNormal;
}

Status Renderer::exec_print(const Expr& expr) {
  ASSIGN_OR_RETURN(const Value value, eval(expr));
  if (value.is_str()) return emit(value.str());
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime_, value));
  return emit(*text);
}

Result<Renderer::Flow> Renderer::exec_if(const IfStmt& stmt) {
  for (const IfBranch& branch : stmt.branches) {
    ASSIGN_OR_RETURN(const Value condition, eval(*branch.condition));
    if (truthy(condition)) return exec(branch.body);
  }
  return exec(stmt.otherwise);
}

Status Renderer::exec_set(const SetStmt& stmt) {
  RETURN_IF_ERROR(check_namespaces(*stmt.target));
  ASSIGN_OR_RETURN(const Value value, eval(*stmt.value));
  return assign(*stmt.target, value);
}

Result<Renderer::Captured> Renderer::capture(Block block) {
  text::OriginText buffer;
  text::OriginText* outer = std::exchange(out_, &buffer);
  Result<Flow> flow = exec(block);
  out_ = outer;
  if (!flow) return std::unexpected(std::move(flow).error());
  Captured captured{.flow = *flow};
  ASSIGN_OR_RETURN(captured.text, keep_text(buffer));
  return captured;
}

Result<const Str*> Renderer::keep_text(const text::OriginText& captured) {
  TextBuilder text(runtime_.heap());
  const std::string_view bytes = captured.bytes();
  for (const text::OriginText::Span& span : captured.spans()) {
    text.append(bytes.substr(span.begin, span.end - span.begin), span.origin);
  }
  return text.finish();
}

Result<Renderer::Captured> Renderer::capture_scope(Block block, Scope scope) {
  RETURN_IF_ERROR(enter(scope));
  return capture(block);
}

Result<Renderer::Flow> Renderer::exec_set_block(const SetBlockStmt& stmt) {
  RETURN_IF_ERROR(check_namespaces(*stmt.target));
  ASSIGN_OR_RETURN(const Captured captured, capture_scope(stmt.body, stmt.scope));
  if (captured.flow != Flow::kNormal) return captured.flow;
  Value value(captured.text);
  if (stmt.filter != nullptr) {
    captured_ = value;
    ASSIGN_OR_RETURN(value, eval(*stmt.filter));
  }
  RETURN_IF_ERROR(assign(*stmt.target, value));
  leave(stmt.scope);
  return Flow::kNormal;
}

Result<Renderer::Flow> Renderer::exec_filter_block(const FilterBlockStmt& stmt) {
  ASSIGN_OR_RETURN(const Captured captured, capture_scope(stmt.body, stmt.scope));
  if (captured.flow != Flow::kNormal) return captured.flow;
  captured_ = Value(captured.text);
  RETURN_IF_ERROR(exec_print(*stmt.filter));
  leave(stmt.scope);
  return Flow::kNormal;
}

Result<Renderer::Flow> Renderer::exec_with(const WithStmt& stmt) {
  std::vector<Value> values;
  for (const Expr* value : stmt.values) {
    ASSIGN_OR_RETURN(const Value evaluated, eval(*value));
    values.push_back(evaluated);
  }
  RETURN_IF_ERROR(enter(stmt.scope));
  for (std::size_t i = 0; i < values.size(); ++i) {
    RETURN_IF_ERROR(assign(*stmt.targets[i], values[i]));
  }
  ASSIGN_OR_RETURN(const Flow flow, exec(stmt.body));
  leave(stmt.scope);
  return flow;
}

Status Renderer::exec_call_block(const CallBlockStmt& stmt) {
  Macro* caller = runtime_.heap().make<Macro>(stmt.caller, nullptr, frame_);
  if (stmt.call == nullptr) {
    ASSIGN_OR_RETURN(const Str* text, call_macro(*caller, {}));
    return emit(*text);
  }
  ASSIGN_OR_RETURN(const Value value, eval_call(*stmt.call, caller));
  ASSIGN_OR_RETURN(const Str* text, to_str(runtime_, value));
  return emit(*text);
}

// jinja2 looks at what is assigned to before it evaluates what is assigned.
Status Renderer::check_namespaces(const Target& target) {
  if (target.kind == TargetKind::kAttribute &&
      !variable(target.variable).is(Value::Type::kNamespace)) {
    return fail("cannot assign attribute on non-namespace object '{}'", target.name->view());
  }
  for (const Target* item : target.items) RETURN_IF_ERROR(check_namespaces(*item));
  return {};
}

Status Renderer::assign(const Target& target, const Value& value) {
  switch (target.kind) {
    case TargetKind::kName:
      variable(target.variable) = value;
      return {};
    case TargetKind::kAttribute: {
      const Value& space = variable(target.variable);
      if (!space.is(Value::Type::kNamespace)) {
        return fail("cannot assign attribute on non-namespace object '{}'", target.name->view());
      }
      space.name_space().set(runtime_.heap(), target.attribute, value);
      return {};
    }
    case TargetKind::kTuple:
      return assign_tuple(target, value);
  }
  return {};
}

Status Renderer::assign_tuple(const Target& target, const Value& value) {
  ASSIGN_OR_RETURN(Cursor cursor, Cursor::over(runtime_, value));
  std::vector<Value> values;
  while (values.size() <= target.items.size()) {
    ASSIGN_OR_RETURN(const std::optional<Value> item, cursor.next(runtime_));
    if (!item) break;
    values.push_back(*item);
  }
  if (values.size() != target.items.size()) {
    return fail("{} values to unpack (expected {})",
                values.size() < target.items.size() ? "not enough" : "too many",
                target.items.size());
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    RETURN_IF_ERROR(assign(*target.items[i], values[i]));
  }
  return {};
}

}  // namespace penstock::chat_template
