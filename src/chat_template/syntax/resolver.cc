#include "chat_template/syntax/resolver.h"

#include <algorithm>
#include <map>
#include <vector>

#include "chat_template/syntax/lexer.h"
#include "chat_template/syntax/literals.h"
#include "chat_template/syntax/scope_symbols.h"
#include "chat_template/syntax/symbol_collector.h"
#include "chat_template/syntax/walk.h"

namespace penstock::chat_template {
namespace {

// Second pass: gives names their places and enters the inner scopes.
class Resolver final {
 public:
  explicit Resolver(Heap& heap) : heap_(heap) {}

  Result<Tree> run(Block body) {
    FunctionScope function;
    ScopeSymbols scope(nullptr, function);
    SymbolCollector(scope).visit(body);
    RETURN_IF_ERROR(bind(body, scope, false));
    Tree tree;
    tree.body = body;
    tree.scope = finish(scope);
    tree.num_slots = function.num_slots;
    const std::span<const Str*> names = heap_.make_array<const Str*>(context_names_.size());
    std::ranges::copy(context_names_, names.begin());
    tree.context_names = names;
    return tree;
  }

 private:
  // `soft`: inside an if of this scope, where unknown filters wait for being reached.
  Status bind(Block block, ScopeSymbols& scope, bool soft) {
    for (Stmt* stmt : block) RETURN_IF_ERROR(bind(*stmt, scope, soft));
    return {};
  }

  Status bind(Stmt& stmt, ScopeSymbols& scope, bool soft);
  Status bind(Expr* expr, ScopeSymbols& scope, bool soft);
  Status bind_arguments(Arguments& arguments, ScopeSymbols& scope, bool soft);
  Status bind_for(ForNode& loop, ScopeSymbols& outer, bool soft);
  Status bind_loop_filter(ForNode& loop, ScopeSymbols& outer);
  Status bind_macro(MacroNode& macro, ScopeSymbols& outer);
  Status bind_special(MacroNode& macro, ScopeSymbols& scope);
  void bind_target(Target& target, const ScopeSymbols& scope);
  Target* copy_target(const Target& target);

  Scope finish(const ScopeSymbols& scope) {
    const std::vector<ScopeLoad> loads = scope.loads();
    const std::span<ScopeLoad> kept = heap_.make_array<ScopeLoad>(loads.size());
    for (std::size_t i = 0; i < loads.size(); ++i) {
      kept[i] = loads[i];
      if (loads[i].from == ScopeLoad::From::kContext) {
        kept[i].context_name = context_name(scope.name_of(loads[i].slot));
      }
    }
    return kept;
  }

  std::uint32_t context_name(std::string_view name) {
    const auto [at, added] =
        context_index_.try_emplace(name, static_cast<std::uint32_t>(context_names_.size()));
    if (added) context_names_.push_back(make_literal(heap_, name));
    return at->second;
  }

  Heap& heap_;
  std::vector<const Str*> context_names_;
  std::map<std::string_view, std::uint32_t> context_index_;
};

Status Resolver::bind_arguments(Arguments& arguments, ScopeSymbols& scope, bool soft) {
  for (Expr* argument : arguments.positional) RETURN_IF_ERROR(bind(argument, scope, soft));
  for (NamedExpr& argument : arguments.named) RETURN_IF_ERROR(bind(argument.value, scope, soft));
  RETURN_IF_ERROR(bind(arguments.rest, scope, soft));
  return bind(arguments.named_rest, scope, soft);
}

Status Resolver::bind(Expr* expr, ScopeSymbols& scope, bool soft) {
  if (expr == nullptr) return {};
  switch (expr->kind) {
    case ExprKind::kLiteral:
      return {};
    case ExprKind::kName: {
      auto* name = static_cast<NameExpr*>(expr);
      name->variable = scope.locate(name->name->view());
      return {};
    }
    case ExprKind::kAttribute:
      return bind(static_cast<AttributeExpr*>(expr)->object, scope, soft);
    case ExprKind::kItem:
      RETURN_IF_ERROR(bind(static_cast<ItemExpr*>(expr)->object, scope, soft));
      return bind(static_cast<ItemExpr*>(expr)->key, scope, soft);
    case ExprKind::kSlice: {
      auto* slice = static_cast<SliceExpr*>(expr);
      RETURN_IF_ERROR(bind(slice->object, scope, soft));
      RETURN_IF_ERROR(bind(slice->start, scope, soft));
      RETURN_IF_ERROR(bind(slice->stop, scope, soft));
      return bind(slice->step, scope, soft);
    }
    case ExprKind::kCall:
      RETURN_IF_ERROR(bind(static_cast<CallExpr*>(expr)->callee, scope, soft));
      return bind_arguments(static_cast<CallExpr*>(expr)->arguments, scope, soft);
    case ExprKind::kFilter: {
      auto* filter = static_cast<FilterExpr*>(expr);
      if (filter->def == nullptr && !soft) {
        return syntax_error(filter->line, "there is no filter '{}'", filter->name);
      }
      RETURN_IF_ERROR(bind(filter->input, scope, soft));
      return bind_arguments(filter->arguments, scope, soft);
    }
    case ExprKind::kTest: {
      auto* test = static_cast<TestExpr*>(expr);
      if (test->def == nullptr && !soft) {
        return syntax_error(test->line, "there is no test '{}'", test->name);
      }
      RETURN_IF_ERROR(bind(test->input, scope, soft));
      return bind_arguments(test->arguments, scope, soft);
    }
    case ExprKind::kNegate:
    case ExprKind::kPlus:
    case ExprKind::kNot:
      return bind(static_cast<UnaryExpr*>(expr)->operand, scope, soft);
    case ExprKind::kMath: {
      auto* math = static_cast<MathExpr*>(expr);
      RETURN_IF_ERROR(bind(math->first, scope, soft));
      for (MathStep& step : math->steps) RETURN_IF_ERROR(bind(step.right, scope, soft));
      return {};
    }
    case ExprKind::kCompare: {
      auto* compare = static_cast<CompareExpr*>(expr);
      RETURN_IF_ERROR(bind(compare->left, scope, soft));
      for (CompareStep& step : compare->steps) RETURN_IF_ERROR(bind(step.right, scope, soft));
      return {};
    }
    case ExprKind::kConditional: {
      auto* conditional = static_cast<ConditionalExpr*>(expr);
      RETURN_IF_ERROR(bind(conditional->condition, scope, true));
      RETURN_IF_ERROR(bind(conditional->then, scope, true));
      return bind(conditional->otherwise, scope, true);
    }
    case ExprKind::kAnd:
    case ExprKind::kOr:
    case ExprKind::kConcat:
    case ExprKind::kTuple:
    case ExprKind::kList:
      for (Expr* item : static_cast<SequenceExpr*>(expr)->items) {
        RETURN_IF_ERROR(bind(item, scope, soft));
      }
      return {};
    case ExprKind::kDict:
      for (DictItem& item : static_cast<DictExpr*>(expr)->items) {
        RETURN_IF_ERROR(bind(item.key, scope, soft));
        RETURN_IF_ERROR(bind(item.value, scope, soft));
      }
      return {};
  }
  return {};
}

void Resolver::bind_target(Target& target, const ScopeSymbols& scope) {
  if (target.name != nullptr) target.variable = scope.locate(target.name->view());
  for (Target* item : target.items) bind_target(*item, scope);
}

Target* Resolver::copy_target(const Target& target) {
  Target* copy = heap_.make<Target>(target);
  if (target.items.empty()) return copy;
  copy->items = heap_.make_array<Target*>(target.items.size());
  std::ranges::transform(target.items, copy->items.begin(),
                         [this](const Target* item) { return copy_target(*item); });
  return copy;
}

Status Resolver::bind(Stmt& stmt, ScopeSymbols& scope, bool soft) {
  switch (stmt.kind) {
    case StmtKind::kText:
    case StmtKind::kBreak:
    case StmtKind::kContinue:
      return {};
    case StmtKind::kPrint:
      return bind(static_cast<PrintStmt&>(stmt).value, scope, soft);
    case StmtKind::kFor:
      return bind_for(static_cast<ForNode&>(stmt), scope, soft);
    case StmtKind::kIf:
      for (IfBranch& branch : static_cast<IfStmt&>(stmt).branches) {
        RETURN_IF_ERROR(bind(branch.condition, scope, true));
        RETURN_IF_ERROR(bind(branch.body, scope, true));
      }
      return bind(static_cast<IfStmt&>(stmt).otherwise, scope, true);
    case StmtKind::kSet:
      RETURN_IF_ERROR(bind(static_cast<SetStmt&>(stmt).value, scope, soft));
      bind_target(*static_cast<SetStmt&>(stmt).target, scope);
      return {};
    case StmtKind::kSetBlock: {
      auto& set = static_cast<SetBlockStmt&>(stmt);
      bind_target(*set.target, scope);
      ScopeSymbols inner(&scope, scope.function());
      SymbolCollector collector(inner);
      collector.visit(set.body);
      collector.visit(set.filter);
      RETURN_IF_ERROR(bind(set.filter, inner, false));
      RETURN_IF_ERROR(bind(set.body, inner, false));
      set.scope = finish(inner);
      return {};
    }
    case StmtKind::kMacro: {
      auto& macro = static_cast<MacroNode&>(stmt);
      macro.variable = scope.locate(macro.name->view());
      return bind_macro(macro, scope);
    }
    case StmtKind::kCallBlock:
      RETURN_IF_ERROR(bind(static_cast<CallBlockStmt&>(stmt).call, scope, soft));
      return bind_macro(*static_cast<CallBlockStmt&>(stmt).caller, scope);
    case StmtKind::kFilterBlock: {
      auto& block = static_cast<FilterBlockStmt&>(stmt);
      ScopeSymbols inner(&scope, scope.function());
      SymbolCollector collector(inner);
      collector.visit(block.body);
      collector.visit(block.filter);
      RETURN_IF_ERROR(bind(block.filter, inner, false));
      RETURN_IF_ERROR(bind(block.body, inner, false));
      block.scope = finish(inner);
      return {};
    }
    case StmtKind::kWith: {
      auto& with = static_cast<WithStmt&>(stmt);
      for (Expr* value : with.values) RETURN_IF_ERROR(bind(value, scope, soft));
      ScopeSymbols inner(&scope, scope.function());
      SymbolCollector collector(inner);
      for (const Target* target : with.targets) collector.declare(*target);
      collector.visit(with.body);
      for (Target* target : with.targets) bind_target(*target, inner);
      RETURN_IF_ERROR(bind(with.body, inner, false));
      with.scope = finish(inner);
      return {};
    }
  }
  return {};
}

// Finds an assignment to `loop`, which belongs to the loop.
class LoopAssignment final : public TreeVisitor {
 public:
  bool found = false;

 private:
  void on_target(const Target& target) override {
    found = found || (target.kind == TargetKind::kName && target.name->view() == "loop");
  }
};

// The body, the filter and the else part are scopes of their own. A recursive loop is a function,
// because each of its calls needs its own variables.
Status Resolver::bind_for(ForNode& loop, ScopeSymbols& outer, bool soft) {
  LoopAssignment assignment;
  assignment.walk(loop.target);
  assignment.walk(loop.body);
  assignment.walk(loop.otherwise);
  if (assignment.found) return syntax_error(loop.line, "a loop cannot assign to 'loop'");
  RETURN_IF_ERROR(bind(loop.iterable, outer, soft));
  if (loop.filter != nullptr) RETURN_IF_ERROR(bind_loop_filter(loop, outer));
  FunctionScope function{.depth = outer.function().depth + 1};
  FunctionScope& home = loop.is_recursive ? function : outer.function();
  ScopeSymbols body(&outer, home);
  body.declare_argument("loop");
  SymbolCollector collector(body);
  collector.declare(*loop.target);
  collector.visit(loop.body);
  bind_target(*loop.target, body);
  loop.loop = body.locate("loop");
  RETURN_IF_ERROR(bind(loop.body, body, false));
  loop.scope = finish(body);
  ScopeSymbols otherwise(&outer, home);
  SymbolCollector(otherwise).visit(loop.otherwise);
  RETURN_IF_ERROR(bind(loop.otherwise, otherwise, false));
  loop.otherwise_scope = finish(otherwise);
  loop.num_slots = function.num_slots;
  return {};
}

Status Resolver::bind_loop_filter(ForNode& loop, ScopeSymbols& outer) {
  ScopeSymbols scope(&outer, outer.function());
  SymbolCollector collector(scope);
  collector.declare(*loop.target);
  collector.visit(loop.filter);
  loop.filter_target = copy_target(*loop.target);
  bind_target(*loop.filter_target, scope);
  RETURN_IF_ERROR(bind(loop.filter, scope, false));
  loop.filter_scope = finish(scope);
  return {};
}

Status Resolver::bind_macro(MacroNode& macro, ScopeSymbols& outer) {
  FunctionScope function{.depth = outer.function().depth + 1};
  ScopeSymbols scope(&outer, function);
  RETURN_IF_ERROR(bind_special(macro, scope));
  SymbolCollector collector(scope);
  for (MacroParameter& parameter : macro.parameters) {
    parameter.slot = scope.declare_argument(parameter.name->view());
  }
  for (const MacroParameter& parameter : macro.parameters) collector.visit(parameter.fallback);
  collector.visit(macro.body);
  for (const MacroParameter& parameter : macro.parameters) {
    RETURN_IF_ERROR(bind(parameter.fallback, scope, false));
  }
  RETURN_IF_ERROR(bind(macro.body, scope, false));
  macro.scope = finish(scope);
  macro.num_slots = function.num_slots;
  return {};
}

// caller, kwargs and varargs are parameters of a macro that reads them.
Status Resolver::bind_special(MacroNode& macro, ScopeSymbols& scope) {
  const auto parameter = [&macro](std::string_view name) {
    return std::ranges::find_if(macro.parameters, [name](const MacroParameter& candidate) {
      return candidate.name->view() == name;
    });
  };
  const SpecialUse use = find_special_use(macro.body);
  macro.uses_caller = use.caller;
  if (const auto caller = parameter("caller"); caller != macro.parameters.end()) {
    if (use.caller && caller->fallback == nullptr) {
      return syntax_error(macro.line, "the parameter 'caller' of a macro needs a default");
    }
    macro.has_caller_parameter = true;
  } else if (use.caller) {
    macro.caller_slot = scope.declare_argument("caller");
  }
  macro.uses_kwargs = use.kwargs && parameter("kwargs") == macro.parameters.end();
  if (macro.uses_kwargs) macro.kwargs_slot = scope.declare_argument("kwargs");
  macro.uses_varargs = use.varargs && parameter("varargs") == macro.parameters.end();
  if (macro.uses_varargs) macro.varargs_slot = scope.declare_argument("varargs");
  return {};
}

}  // namespace

Result<Tree> resolve(Heap& heap, Block body) {
  TreeVisitor meter;
  meter.walk(body);
  if (meter.is_too_deep()) {
    return make_error(ErrorCode::kInvalid, "chat template: more than {} levels of nesting",
                      kMaxTreeDepth);
  }
  return Resolver(heap).run(body);
}

}  // namespace penstock::chat_template
