#include "chat_template/analysis.h"

#include <set>

#include "chat_template/syntax/walk.h"

namespace penstock::chat_template {
namespace {

bool is_string(const Expr& expr, std::string_view text) {
  if (expr.kind != ExprKind::kLiteral) return false;
  const Value& value = static_cast<const LiteralExpr&>(expr).value;
  return value.is_str() && value.str().view() == text;
}

// `x.content` and `x['content']`
bool is_content_access(const Expr& expr) {
  if (expr.kind == ExprKind::kAttribute) {
    return static_cast<const AttributeExpr&>(expr).name->view() == "content";
  }
  return expr.kind == ExprKind::kItem &&
         is_string(*static_cast<const ItemExpr&>(expr).key, "content");
}

// Names that stand for a message's content somewhere: set to it, or parameters of a macro that is
// called with it.
class ContentNames final : public TreeVisitor {
 public:
  std::set<std::string_view> names;

  // Whether the value is content, perhaps filtered, sliced or with a fallback.
  [[nodiscard]] bool is_content(const Expr* expr) const {
    if (expr == nullptr) return false;
    if (is_content_access(*expr)) return true;
    switch (expr->kind) {
      case ExprKind::kName:
        return names.contains(static_cast<const NameExpr*>(expr)->name->view());
      case ExprKind::kFilter:
        return is_content(static_cast<const FilterExpr*>(expr)->input);
      case ExprKind::kSlice:
        return is_content(static_cast<const SliceExpr*>(expr)->object);
      case ExprKind::kConditional:
        return is_content(static_cast<const ConditionalExpr*>(expr)->then) ||
               is_content(static_cast<const ConditionalExpr*>(expr)->otherwise);
      case ExprKind::kOr:
        for (const Expr* item : static_cast<const SequenceExpr*>(expr)->items) {
          if (is_content(item)) return true;
        }
        return false;
      default:
        return false;
    }
  }

 private:
  void on_expr(const Expr& expr) override {
    if (expr.kind != ExprKind::kCall) return;
    const auto& call = static_cast<const CallExpr&>(expr);
    if (call.callee->kind != ExprKind::kName) return;
    for (const Expr* argument : call.arguments.positional) passes_ |= is_content(argument);
    for (const NamedExpr& argument : call.arguments.named) passes_ |= is_content(argument.value);
    if (passes_) names.insert(parameters_.begin(), parameters_.end());
  }
  void on_stmt(const Stmt& stmt) override {
    if (stmt.kind == StmtKind::kMacro) {
      for (const MacroParameter& parameter : static_cast<const MacroNode&>(stmt).parameters) {
        parameters_.insert(parameter.name->view());
      }
    }
    if (stmt.kind == StmtKind::kSet) {
      const auto& set = static_cast<const SetStmt&>(stmt);
      if (set.target->kind == TargetKind::kName && is_content(set.value)) {
        names.insert(set.target->name->view());
      }
    }
  }

  std::set<std::string_view> parameters_;  // of the macros seen so far
  bool passes_ = false;
};

class Analyser final : public TreeVisitor {
 public:
  explicit Analyser(const ContentNames& content) : content_(content) {}
  Analysis result;

 private:
  void on_expr(const Expr& expr) override {
    if (expr.kind == ExprKind::kLiteral) {
      const Value& value = static_cast<const LiteralExpr&>(expr).value;
      if (value.is_str()) result.literals.emplace_back(value.str().view());
    }
    if (expr.kind == ExprKind::kItem) {
      const auto& item = static_cast<const ItemExpr&>(expr);
      const bool by_index = item.key->kind == ExprKind::kLiteral &&
                            static_cast<const LiteralExpr&>(*item.key).value.is_int();
      if (by_index && content_.is_content(item.object)) result.iterates_content_parts = true;
    }
  }
  void on_stmt(const Stmt& stmt) override {
    if (stmt.kind == StmtKind::kText && static_cast<const TextStmt&>(stmt).is_literal) {
      result.literals.emplace_back(static_cast<const TextStmt&>(stmt).text->view());
    }
    if (stmt.kind == StmtKind::kFor &&
        content_.is_content(static_cast<const ForNode&>(stmt).iterable)) {
      result.iterates_content_parts = true;
    }
  }

  const ContentNames& content_;
};

}  // namespace

Analysis analyse(Block body) {
  ContentNames content;
  // Twice: a macro may be written before the variable it is called with is set.
  content.walk(body);
  content.walk(body);
  Analyser analyser(content);
  analyser.walk(body);
  return std::move(analyser.result);
}

}  // namespace penstock::chat_template
