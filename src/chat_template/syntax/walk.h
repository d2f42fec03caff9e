// Visits every node of a tree once, parents first, down to kMaxTreeDepth. Threading: pure.
#pragma once

#include "chat_template/syntax/ast.h"

namespace penstock::chat_template {

// How many nodes may lie inside each other. The parser bounds brackets and blocks; chains of
// subscripts and filters come on top of that.
inline constexpr int kMaxTreeDepth = 200;

class TreeVisitor {
 public:
  virtual ~TreeVisitor() = default;
  void walk(Block block);
  void walk(const Expr* expr);
  void walk(const Target* target);
  // Whether something lay deeper and was not visited.
  [[nodiscard]] bool is_too_deep() const noexcept { return too_deep_; }

 private:
  virtual void on_expr(const Expr&) {}
  virtual void on_stmt(const Stmt&) {}
  virtual void on_target(const Target&) {}

  void walk_stmt(const Stmt& stmt);
  void walk_macro(const MacroNode& macro);
  void walk_arguments(const Arguments& arguments);
  void walk_children(const Expr& expr);

  int depth_ = 0;
  bool too_deep_ = false;
};

}  // namespace penstock::chat_template
