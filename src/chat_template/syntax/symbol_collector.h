// First pass over a scope: what its statements read and assign, without entering inner scopes.
// Threading: pure.
#pragma once

#include "chat_template/syntax/ast.h"
#include "chat_template/syntax/scope_symbols.h"

namespace penstock::chat_template {

class SymbolCollector final {
 public:
  explicit SymbolCollector(ScopeSymbols& scope) : scope_(scope) {}

  void visit(Block block);
  void visit(const Expr* expr);  // may be null
  // The target's names are set by whoever enters the scope.
  void declare(const Target& target);

 private:
  void visit(const Stmt& stmt);
  void visit_if(const IfStmt& stmt);
  void store(const Target& target);

  ScopeSymbols& scope_;
};

// Which of a macro's special variables its body reads before anything assigns them.
struct SpecialUse {
  bool caller = false;
  bool kwargs = false;
  bool varargs = false;
};
[[nodiscard]] SpecialUse find_special_use(Block body);

}  // namespace penstock::chat_template
