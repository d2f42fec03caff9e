#include "chat_template/syntax/symbol_collector.h"

#include <algorithm>

#include "chat_template/syntax/walk.h"

namespace penstock::chat_template {
namespace {

class Reads final : public TreeVisitor {
 public:
  explicit Reads(ScopeSymbols& scope) : scope_(scope) {}

 private:
  void on_expr(const Expr& expr) override {
    if (expr.kind == ExprKind::kName) {
      scope_.load(static_cast<const NameExpr&>(expr).name->view());
    }
  }

  ScopeSymbols& scope_;
};

class SpecialUseFinder final : public TreeVisitor {
 public:
  SpecialUse found;

 private:
  void on_expr(const Expr& expr) override {
    if (expr.kind != ExprKind::kName) return;
    const std::string_view name = static_cast<const NameExpr&>(expr).name->view();
    found.caller = found.caller || (name == "caller" && !is_assigned(name));
    found.kwargs = found.kwargs || (name == "kwargs" && !is_assigned(name));
    found.varargs = found.varargs || (name == "varargs" && !is_assigned(name));
  }
  void on_target(const Target& target) override {
    if (target.kind == TargetKind::kName) assigned_.push_back(target.name->view());
  }
  [[nodiscard]] bool is_assigned(std::string_view name) const {
    return std::ranges::find(assigned_, name) != assigned_.end();
  }

  std::vector<std::string_view> assigned_;
};

}  // namespace

void SymbolCollector::visit(Block block) {
  for (const Stmt* stmt : block) visit(*stmt);
}

void SymbolCollector::visit(const Expr* expr) {
  Reads(scope_).walk(expr);
}

void SymbolCollector::declare(const Target& target) {
  if (target.kind == TargetKind::kName) scope_.declare_argument(target.name->view());
  for (const Target* item : target.items) declare(*item);
}

void SymbolCollector::store(const Target& target) {
  if (target.kind == TargetKind::kName) scope_.store(target.name->view());
  if (target.kind == TargetKind::kAttribute) scope_.load(target.name->view());
  for (const Target* item : target.items) store(*item);
}

void SymbolCollector::visit(const Stmt& stmt) {
  switch (stmt.kind) {
    case StmtKind::kPrint:
      return visit(static_cast<const PrintStmt&>(stmt).value);
    case StmtKind::kFor:
      return visit(static_cast<const ForNode&>(stmt).iterable);
    case StmtKind::kIf:
      return visit_if(static_cast<const IfStmt&>(stmt));
    case StmtKind::kSet:
      visit(static_cast<const SetStmt&>(stmt).value);
      return store(*static_cast<const SetStmt&>(stmt).target);
    case StmtKind::kSetBlock:
      return store(*static_cast<const SetBlockStmt&>(stmt).target);
    case StmtKind::kMacro:
      return scope_.store(static_cast<const MacroNode&>(stmt).name->view());
    case StmtKind::kCallBlock:
      return visit(static_cast<const CallBlockStmt&>(stmt).call);
    case StmtKind::kFilterBlock:
      return visit(static_cast<const FilterBlockStmt&>(stmt).filter);
    case StmtKind::kWith:
      for (const Expr* value : static_cast<const WithStmt&>(stmt).values) visit(value);
      return;
    default:
      return;
  }
}

void SymbolCollector::visit_if(const IfStmt& stmt) {
  visit(stmt.branches[0].condition);
  const ScopeSymbols::Symbols before = scope_.branch();
  std::vector<ScopeSymbols::Symbols> branches;
  visit(stmt.branches[0].body);
  branches.push_back(scope_.end_branch(before));
  // The elif parts are ifs of their own that share one branch.
  for (std::size_t i = 1; i < stmt.branches.size(); ++i) {
    visit(stmt.branches[i].condition);
    const ScopeSymbols::Symbols before_part = scope_.branch();
    visit(stmt.branches[i].body);
    std::vector<ScopeSymbols::Symbols> part;
    part.push_back(scope_.end_branch(before_part));
    scope_.unite(part);
  }
  branches.push_back(scope_.end_branch(before));
  visit(stmt.otherwise);
  branches.push_back(scope_.end_branch(before));
  scope_.unite(branches);
}

SpecialUse find_special_use(Block body) {
  SpecialUseFinder finder;
  finder.walk(body);
  return finder.found;
}

}  // namespace penstock::chat_template
