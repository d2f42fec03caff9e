// What the statement and the expression parser share: the token stream and node making.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "chat_template/syntax/ast.h"
#include "chat_template/syntax/lexer.h"
#include "chat_template/syntax/parser.h"

namespace penstock::chat_template {

class ExpressionParser {
 public:
  ExpressionParser(Heap& heap, std::vector<Token> tokens)
      : heap_(heap), tokens_(std::move(tokens)) {}

 protected:
  // Ends a level of nesting with its scope.
  class Nesting final {
   public:
    explicit Nesting(ExpressionParser& parser) : parser_(parser) { ++parser_.nesting_; }
    ~Nesting() { --parser_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    [[nodiscard]] Status status() const;

   private:
    ExpressionParser& parser_;
  };

  [[nodiscard]] const Token& current() const { return tokens_[at_]; }
  [[nodiscard]] const Token& next() const {
    return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_];
  }
  const Token& take() {
    const Token& token = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool skip_name(std::string_view name);
  bool skip_operator(std::string_view symbol);
  [[nodiscard]] Status expect(TokenType type, std::string_view what);
  [[nodiscard]] Status expect_operator(std::string_view symbol);
  [[nodiscard]] Result<std::string_view> expect_name();

  // `condition`: whether `a if b else c` may stand here. `end_name`: a name that ends a tuple.
  [[nodiscard]] Result<Expr*> parse_expression(bool condition = true);
  [[nodiscard]] Result<Expr*> parse_tuple(bool condition = true, std::string_view end_name = {});
  // Filters after a filter block's or set block's keyword; the innermost input stays null.
  [[nodiscard]] Result<Expr*> parse_filters(Expr* input);
  [[nodiscard]] Result<Expr*> parse_filter_name(Expr* input);
  [[nodiscard]] Result<Expr*> parse_primary();

  template <class Node>
  [[nodiscard]] Node* make(std::uint32_t line) {
    Node* node = heap_.make<Node>();
    node->line = line;
    return node;
  }
  template <class Node>
  [[nodiscard]] Node* make_expr(ExprKind kind, std::uint32_t line) {
    Node* node = make<Node>(line);
    node->kind = kind;
    return node;
  }
  template <class T>
  [[nodiscard]] std::span<T> keep(const std::vector<T>& items) {
    const std::span<T> kept = heap_.make_array<T>(items.size());
    std::ranges::copy(items, kept.begin());
    return kept;
  }

  Heap& heap_;

 private:
  Result<Expr*> parse_conditional();
  Result<Expr*> parse_binary(int level);
  Result<Expr*> parse_chain(Expr* left);
  Result<Expr*> parse_unary(bool with_filters);
  Result<Expr*> parse_postfix(Expr* value);
  Result<Expr*> parse_subscript(Expr* object);
  Result<Expr*> parse_subscript_key(Expr* object, std::vector<Expr*>& keys);
  Result<Expr*> parse_filters_and_tests(Expr* value);
  Result<Expr*> parse_test(Expr* input);
  Result<Expr*> parse_call(Expr* callee);
  Result<Arguments> parse_arguments();
  Result<Expr*> parse_name();
  Result<Expr*> parse_strings();
  Result<Expr*> parse_list();
  Result<Expr*> parse_dict();
  Expr* make_literal_expr(const Value& value, std::string_view text, std::uint32_t line);

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace penstock::chat_template
