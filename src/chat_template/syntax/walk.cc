#include "chat_template/syntax/walk.h"

namespace penstock::chat_template {

void TreeVisitor::walk(Block block) {
  if (++depth_ > kMaxTreeDepth) {
    too_deep_ = true;
  } else {
    for (const Stmt* stmt : block) {
      on_stmt(*stmt);
      walk_stmt(*stmt);
    }
  }
  --depth_;
}

void TreeVisitor::walk(const Target* target) {
  if (target == nullptr) return;
  if (++depth_ > kMaxTreeDepth) {
    too_deep_ = true;
  } else {
    on_target(*target);
    for (const Target* item : target->items) walk(item);
  }
  --depth_;
}

void TreeVisitor::walk_arguments(const Arguments& arguments) {
  for (const Expr* argument : arguments.positional) walk(argument);
  for (const NamedExpr& argument : arguments.named) walk(argument.value);
  walk(arguments.rest);
  walk(arguments.named_rest);
}

void TreeVisitor::walk_macro(const MacroNode& macro) {
  for (const MacroParameter& parameter : macro.parameters) walk(parameter.fallback);
  walk(macro.body);
}

void TreeVisitor::walk_stmt(const Stmt& stmt) {
  switch (stmt.kind) {
    case StmtKind::kText:
    case StmtKind::kBreak:
    case StmtKind::kContinue:
      return;
    case StmtKind::kPrint:
      return walk(static_cast<const PrintStmt&>(stmt).value);
    case StmtKind::kFor: {
      const auto& loop = static_cast<const ForNode&>(stmt);
      walk(loop.iterable);
      walk(loop.target);
      walk(loop.filter);
      walk(loop.body);
      return walk(loop.otherwise);
    }
    case StmtKind::kIf:
      for (const IfBranch& branch : static_cast<const IfStmt&>(stmt).branches) {
        walk(branch.condition);
        walk(branch.body);
      }
      return walk(static_cast<const IfStmt&>(stmt).otherwise);
    case StmtKind::kSet:
      walk(static_cast<const SetStmt&>(stmt).value);
      return walk(static_cast<const SetStmt&>(stmt).target);
    case StmtKind::kSetBlock:
      walk(static_cast<const SetBlockStmt&>(stmt).target);
      walk(static_cast<const SetBlockStmt&>(stmt).filter);
      return walk(static_cast<const SetBlockStmt&>(stmt).body);
    case StmtKind::kMacro:
      return walk_macro(static_cast<const MacroNode&>(stmt));
    case StmtKind::kCallBlock:
      walk(static_cast<const CallBlockStmt&>(stmt).call);
      return walk_macro(*static_cast<const CallBlockStmt&>(stmt).caller);
    case StmtKind::kFilterBlock:
      walk(static_cast<const FilterBlockStmt&>(stmt).filter);
      return walk(static_cast<const FilterBlockStmt&>(stmt).body);
    case StmtKind::kWith: {
      const auto& with = static_cast<const WithStmt&>(stmt);
      for (const Expr* value : with.values) walk(value);
      for (const Target* target : with.targets) walk(target);
      return walk(with.body);
    }
  }
}

void TreeVisitor::walk(const Expr* expr) {
  if (expr == nullptr) return;
  if (++depth_ > kMaxTreeDepth) {
    too_deep_ = true;
  } else {
    on_expr(*expr);
    walk_children(*expr);
  }
  --depth_;
}

void TreeVisitor::walk_children(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kLiteral:
    case ExprKind::kName:
      return;
    case ExprKind::kAttribute:
      return walk(static_cast<const AttributeExpr&>(expr).object);
    case ExprKind::kItem:
      walk(static_cast<const ItemExpr&>(expr).object);
      return walk(static_cast<const ItemExpr&>(expr).key);
    case ExprKind::kSlice: {
      const auto& slice = static_cast<const SliceExpr&>(expr);
      walk(slice.object);
      walk(slice.start);
      walk(slice.stop);
      return walk(slice.step);
    }
    case ExprKind::kCall:
      walk(static_cast<const CallExpr&>(expr).callee);
      return walk_arguments(static_cast<const CallExpr&>(expr).arguments);
    case ExprKind::kFilter:
      walk(static_cast<const FilterExpr&>(expr).input);
      return walk_arguments(static_cast<const FilterExpr&>(expr).arguments);
    case ExprKind::kTest:
      walk(static_cast<const TestExpr&>(expr).input);
      return walk_arguments(static_cast<const TestExpr&>(expr).arguments);
    case ExprKind::kNegate:
    case ExprKind::kPlus:
    case ExprKind::kNot:
      return walk(static_cast<const UnaryExpr&>(expr).operand);
    case ExprKind::kMath:
      walk(static_cast<const MathExpr&>(expr).first);
      for (const MathStep& step : static_cast<const MathExpr&>(expr).steps) walk(step.right);
      return;
    case ExprKind::kCompare:
      walk(static_cast<const CompareExpr&>(expr).left);
      for (const CompareStep& step : static_cast<const CompareExpr&>(expr).steps) {
        walk(step.right);
      }
      return;
    case ExprKind::kConditional: {
      const auto& conditional = static_cast<const ConditionalExpr&>(expr);
      walk(conditional.condition);
      walk(conditional.then);
      return walk(conditional.otherwise);
    }
    case ExprKind::kAnd:
    case ExprKind::kOr:
    case ExprKind::kConcat:
    case ExprKind::kTuple:
    case ExprKind::kList:
      for (const Expr* item : static_cast<const SequenceExpr&>(expr).items) walk(item);
      return;
    case ExprKind::kDict:
      for (const DictItem& item : static_cast<const DictExpr&>(expr).items) {
        walk(item.key);
        walk(item.value);
      }
      return;
  }
}

}  // namespace penstock::chat_template
