// The syntax tree of a template. Nodes live in the compiled template's heap and never change after
// compile() returned; the parser makes them, the resolver fills in where variables live.
// Threading: read-only at render time.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "chat_template/values/arithmetic.h"
#include "chat_template/values/compare.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

// Where a variable lives: `hops` functions outwards, then a slot of that frame.
struct Variable {
  std::uint32_t hops = 0;
  std::uint32_t slot = 0;
};

// What entering a scope does to one of its own variables.
struct ScopeLoad {
  enum class From : std::uint8_t {
    kNothing,   // it starts without a value
    kOuter,     // it starts as a copy of an outer variable
    kContext,   // it starts as what the render's input calls by this name
    kArgument,  // whoever enters the scope sets it
  };
  From from = From::kNothing;
  std::uint32_t slot = 0;
  Variable outer;
  std::uint32_t context_name = 0;  // index into Tree::context_names
};
using Scope = std::span<const ScopeLoad>;

// ---- Expressions

enum class ExprKind : std::uint8_t {
  kLiteral,
  kName,
  kAttribute,
  kItem,
  kSlice,
  kCall,
  kFilter,
  kTest,
  kNegate,
  kPlus,
  kNot,
  kMath,
  kCompare,
  kAnd,
  kOr,
  kConcat,
  kConditional,
  kTuple,
  kList,
  kDict,
};

struct Expr {
  ExprKind kind;
  std::uint32_t line = 0;
};

struct LiteralExpr : Expr {
  Value value;
  const Str* text = nullptr;  // str(value), trusted: the author wrote it
};
struct NameExpr : Expr {
  const Str* name = nullptr;
  Variable variable;
};
struct AttributeExpr : Expr {
  Expr* object = nullptr;
  const Str* name = nullptr;
};
struct ItemExpr : Expr {
  Expr* object = nullptr;
  Expr* key = nullptr;
};
struct SliceExpr : Expr {  // bounds may be null
  Expr* object = nullptr;
  Expr* start = nullptr;
  Expr* stop = nullptr;
  Expr* step = nullptr;
};
struct NamedExpr {
  const Str* name = nullptr;
  Expr* value = nullptr;
};
struct Arguments {
  std::span<Expr*> positional;
  std::span<NamedExpr> named;
  Expr* rest = nullptr;        // *args
  Expr* named_rest = nullptr;  // **kwargs
};
struct CallExpr : Expr {
  Expr* callee = nullptr;
  Arguments arguments;
};
struct FilterExpr : Expr {
  Expr* input = nullptr;           // null in a filter block: the text it captured
  const NativeDef* def = nullptr;  // null: unknown, an error only when reached
  std::string_view name;
  Arguments arguments;
};
struct TestExpr : Expr {
  Expr* input = nullptr;
  const NativeDef* def = nullptr;
  std::string_view name;
  Arguments arguments;
};
struct UnaryExpr : Expr {
  Expr* operand = nullptr;
};
// `a + b - c`, from left to right: chains are flat, so that their length costs no stack.
struct MathStep {
  BinaryOp op = BinaryOp::kAdd;
  Expr* right = nullptr;
};
struct MathExpr : Expr {
  Expr* first = nullptr;
  std::span<MathStep> steps;
};
enum class Comparison : std::uint8_t { kEqual, kNotEqual, kOrder, kIn, kNotIn };
struct CompareStep {
  Comparison comparison = Comparison::kEqual;
  Order order = Order::kLess;  // of kOrder
  Expr* right = nullptr;
};
struct CompareExpr : Expr {
  Expr* left = nullptr;
  std::span<CompareStep> steps;
};
struct ConditionalExpr : Expr {
  Expr* condition = nullptr;
  Expr* then = nullptr;
  Expr* otherwise = nullptr;  // may be null
};
struct SequenceExpr : Expr {  // kTuple, kList, kConcat, kAnd, kOr
  std::span<Expr*> items;
};
struct DictItem {
  Expr* key = nullptr;
  Expr* value = nullptr;
};
struct DictExpr : Expr {
  std::span<DictItem> items;
};

// ---- Statements

enum class StmtKind : std::uint8_t {
  kText,
  kPrint,
  kFor,
  kIf,
  kSet,
  kSetBlock,
  kMacro,
  kCallBlock,
  kFilterBlock,
  kWith,
  kBreak,
  kContinue,
};

struct Stmt {
  StmtKind kind;
  std::uint32_t line = 0;
};
using Block = std::span<Stmt*>;

enum class TargetKind : std::uint8_t { kName, kAttribute, kTuple };
struct Target {
  TargetKind kind = TargetKind::kName;
  std::uint32_t line = 0;
  const Str* name = nullptr;  // of the variable; of the namespace for kAttribute
  Variable variable;
  const Str* attribute = nullptr;
  std::span<Target*> items;  // of kTuple
};

struct TextStmt : Stmt {
  const Str* text = nullptr;
  bool is_literal = false;  // an expression's string, not text between tags
};
struct PrintStmt : Stmt {
  Expr* value = nullptr;
};
struct ForNode : Stmt {
  Target* target = nullptr;  // of the body
  Expr* iterable = nullptr;
  Expr* filter = nullptr;           // `if`, may be null
  Target* filter_target = nullptr;  // the same names in the filter's own scope
  Block body;
  Block otherwise;
  bool is_recursive = false;
  Variable loop;                // where the body finds `loop`
  std::uint32_t num_slots = 0;  // of the function a recursive loop is
  Scope scope;
  Scope filter_scope;
  Scope otherwise_scope;
};
struct IfBranch {
  Expr* condition = nullptr;
  Block body;
};
struct IfStmt : Stmt {
  std::span<IfBranch> branches;
  Block otherwise;
};
struct SetStmt : Stmt {
  Target* target = nullptr;
  Expr* value = nullptr;
};
struct SetBlockStmt : Stmt {
  Target* target = nullptr;
  Expr* filter = nullptr;  // may be null
  Block body;
  Scope scope;
};
struct MacroParameter {
  const Str* name = nullptr;
  Expr* fallback = nullptr;  // may be null
  std::uint32_t slot = 0;
};
struct MacroNode : Stmt {  // also the body of a call block
  const Str* name = nullptr;
  Variable variable;  // where the macro itself is stored
  std::span<MacroParameter> parameters;
  Block body;
  Scope scope;
  std::uint32_t num_slots = 0;
  bool uses_caller = false;  // beyond its parameters
  bool uses_kwargs = false;
  bool uses_varargs = false;
  bool has_caller_parameter = false;
  std::uint32_t caller_slot = 0;
  std::uint32_t kwargs_slot = 0;
  std::uint32_t varargs_slot = 0;
};
struct CallBlockStmt : Stmt {
  MacroNode* caller = nullptr;
  CallExpr* call = nullptr;  // null: `generation`, which just renders its body
};
struct FilterBlockStmt : Stmt {
  Expr* filter = nullptr;
  Block body;
  Scope scope;
};
struct WithStmt : Stmt {
  std::span<Target*> targets;
  std::span<Expr*> values;
  Block body;
  Scope scope;
};

// A whole template.
struct Tree {
  Block body;
  Scope scope;
  std::uint32_t num_slots = 0;
  std::span<const Str*> context_names;  // what scopes load from the render's input
};

}  // namespace penstock::chat_template
