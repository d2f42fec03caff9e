#include <algorithm>

#include "chat_template/syntax/literals.h"
#include "chat_template/syntax/parser_base.h"
#include "chat_template/values/convert.h"

namespace penstock::chat_template {
namespace {

struct BinaryLevel {
  std::string_view symbol;
  BinaryOp op;
};
// Loosest first; every level is left-associative, `**` too.
constexpr BinaryLevel kSums[] = {{"+", BinaryOp::kAdd}, {"-", BinaryOp::kSub}};
constexpr BinaryLevel kProducts[] = {{"*", BinaryOp::kMul},
                                     {"/", BinaryOp::kDiv},
                                     {"//", BinaryOp::kFloorDiv},
                                     {"%", BinaryOp::kMod}};
constexpr BinaryLevel kPowers[] = {{"**", BinaryOp::kPow}};
enum MathLevel : int { kSumLevel, kProductLevel, kPowerLevel };

std::span<const BinaryLevel> operators_of(int level) noexcept {
  if (level == kSumLevel) return kSums;
  if (level == kProductLevel) return kProducts;
  return kPowers;
}

bool ends_tuple(const Token& token, std::string_view end_name) noexcept {
  return token.is(TokenType::kVariableEnd) || token.is(TokenType::kBlockEnd) ||
         token.is_operator(")") || (!end_name.empty() && token.is_name(end_name));
}

}  // namespace

Status ExpressionParser::Nesting::status() const {
  if (parser_.nesting_ <= kMaxNesting) return {};
  return syntax_error(parser_.current().line, "more than {} levels of nesting", kMaxNesting);
}

bool ExpressionParser::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  take();
  return true;
}

bool ExpressionParser::skip_operator(std::string_view symbol) {
  if (!current().is_operator(symbol)) return false;
  take();
  return true;
}

Status ExpressionParser::expect(TokenType type, std::string_view what) {
  if (current().is(type)) {
    take();
    return {};
  }
  return syntax_error(current().line, "expected {}, got '{}'", what, describe(current()));
}

Status ExpressionParser::expect_operator(std::string_view symbol) {
  if (skip_operator(symbol)) return {};
  return syntax_error(current().line, "expected '{}', got '{}'", symbol, describe(current()));
}

Result<std::string_view> ExpressionParser::expect_name() {
  if (current().is(TokenType::kName)) return take().text;
  return syntax_error(current().line, "expected a name, got '{}'", describe(current()));
}

Result<Expr*> ExpressionParser::parse_expression(bool condition) {
  const Nesting nesting(*this);
  RETURN_IF_ERROR(nesting.status());
  return condition ? parse_conditional() : parse_or();
}

Result<Expr*> ExpressionParser::parse_tuple(bool condition, std::string_view end_name) {
  const std::uint32_t line = current().line;
  std::vector<Expr*> items;
  bool is_tuple = false;
  while (true) {
    if (!items.empty()) RETURN_IF_ERROR(expect_operator(","));
    if (ends_tuple(current(), end_name)) break;
    ASSIGN_OR_RETURN(Expr * item, parse_expression(condition));
    items.push_back(item);
    if (!current().is_operator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) {
    if (!items.empty()) return items[0];
    return syntax_error(line, "expected an expression, got '{}'", describe(current()));
  }
  auto* tuple = make_expr<SequenceExpr>(ExprKind::kTuple, line);
  tuple->items = keep(items);
  return tuple;
}

Result<Expr*> ExpressionParser::parse_conditional() {
  const std::uint32_t line = current().line;
  ASSIGN_OR_RETURN(Expr * value, parse_or());
  for (int length = 0; skip_name("if"); ++length) {
    if (length > kMaxNesting) {
      return syntax_error(line, "more than {} inline ifs in a row", kMaxNesting);
    }
    auto* conditional = make_expr<ConditionalExpr>(ExprKind::kConditional, line);
    conditional->then = value;
    ASSIGN_OR_RETURN(conditional->condition, parse_or());
    if (skip_name("else")) {
      ASSIGN_OR_RETURN(conditional->otherwise, parse_expression());
    }
    value = conditional;
  }
  return value;
}

Result<Expr*> ExpressionParser::parse_or() {
  return parse_joined(ExprKind::kOr, "or", &ExpressionParser::parse_and);
}

Result<Expr*> ExpressionParser::parse_and() {
  return parse_joined(ExprKind::kAnd, "and", &ExpressionParser::parse_not);
}

Result<Expr*> ExpressionParser::parse_joined(ExprKind kind, std::string_view word,
                                             Result<Expr*> (ExpressionParser::*operand)()) {
  const std::uint32_t line = current().line;
  ASSIGN_OR_RETURN(Expr * first, (this->*operand)());
  if (!current().is_name(word)) return first;
  std::vector<Expr*> items = {first};
  while (skip_name(word)) {
    ASSIGN_OR_RETURN(Expr * item, (this->*operand)());
    items.push_back(item);
  }
  auto* node = make_expr<SequenceExpr>(kind, line);
  node->items = keep(items);
  return node;
}

Result<Expr*> ExpressionParser::parse_not() {
  if (!current().is_name("not")) return parse_compare();
  const Nesting nesting(*this);
  RETURN_IF_ERROR(nesting.status());
  auto* node = make_expr<UnaryExpr>(ExprKind::kNot, take().line);
  ASSIGN_OR_RETURN(node->operand, parse_not());
  return node;
}

Result<Expr*> ExpressionParser::parse_compare() {
  const std::uint32_t line = current().line;
  ASSIGN_OR_RETURN(Expr * left, parse_math(kSumLevel));
  std::vector<CompareStep> steps;
  while (true) {
    CompareStep step;
    if (skip_operator("==")) {
      step.comparison = Comparison::kEqual;
    } else if (skip_operator("!=")) {
      step.comparison = Comparison::kNotEqual;
    } else if (skip_operator("<")) {
      step = {Comparison::kOrder, Order::kLess, nullptr};
    } else if (skip_operator("<=")) {
      step = {Comparison::kOrder, Order::kLessEqual, nullptr};
    } else if (skip_operator(">")) {
      step = {Comparison::kOrder, Order::kGreater, nullptr};
    } else if (skip_operator(">=")) {
      step = {Comparison::kOrder, Order::kGreaterEqual, nullptr};
    } else if (skip_name("in")) {
      step.comparison = Comparison::kIn;
    } else if (current().is_name("not") && next().is_name("in")) {
      take();
      take();
      step.comparison = Comparison::kNotIn;
    } else {
      break;
    }
    ASSIGN_OR_RETURN(step.right, parse_math(kSumLevel));
    steps.push_back(step);
  }
  if (steps.empty()) return left;
  auto* node = make_expr<CompareExpr>(ExprKind::kCompare, line);
  node->left = left;
  node->steps = keep(steps);
  return node;
}

// Sums hold concatenations (~), which hold products, which hold powers.
Result<Expr*> ExpressionParser::parse_math(int level) {
  const auto operand = [this, level]() -> Result<Expr*> {
    if (level == kSumLevel) return parse_concat();
    if (level == kProductLevel) return parse_math(kPowerLevel);
    return parse_unary(true);
  };
  const std::uint32_t line = current().line;
  ASSIGN_OR_RETURN(Expr * first, operand());
  std::vector<MathStep> steps;
  while (current().is(TokenType::kOperator)) {
    const std::span<const BinaryLevel> operators = operators_of(level);
    const auto at = std::ranges::find(operators, current().text, &BinaryLevel::symbol);
    if (at == operators.end()) break;
    take();
    ASSIGN_OR_RETURN(Expr * right, operand());
    steps.push_back({at->op, right});
  }
  if (steps.empty()) return first;
  auto* node = make_expr<MathExpr>(ExprKind::kMath, line);
  node->first = first;
  node->steps = keep(steps);
  return node;
}

Result<Expr*> ExpressionParser::parse_concat() {
  const std::uint32_t line = current().line;
  ASSIGN_OR_RETURN(Expr * first, parse_math(kProductLevel));
  if (!current().is_operator("~")) return first;
  std::vector<Expr*> items = {first};
  while (skip_operator("~")) {
    ASSIGN_OR_RETURN(Expr * item, parse_math(kProductLevel));
    items.push_back(item);
  }
  auto* node = make_expr<SequenceExpr>(ExprKind::kConcat, line);
  node->items = keep(items);
  return node;
}

Result<Expr*> ExpressionParser::parse_unary(bool with_filters) {
  Expr* value = nullptr;
  if (current().is_operator("-") || current().is_operator("+")) {
    const Nesting nesting(*this);
    RETURN_IF_ERROR(nesting.status());
    const bool negates = current().is_operator("-");
    auto* node =
        make_expr<UnaryExpr>(negates ? ExprKind::kNegate : ExprKind::kPlus, take().line);
    ASSIGN_OR_RETURN(node->operand, parse_unary(false));
    value = node;
  } else {
    ASSIGN_OR_RETURN(value, parse_primary());
  }
  ASSIGN_OR_RETURN(value, parse_postfix(value));
  if (with_filters) return parse_filters_and_tests(value);
  return value;
}

Expr* ExpressionParser::make_literal_expr(const Value& value, std::string_view text,
                                          std::uint32_t line) {
  auto* literal = make_expr<LiteralExpr>(ExprKind::kLiteral, line);
  literal->value = value;
  literal->text = value.is_str() ? &value.str() : make_literal(heap_, text);
  return literal;
}

Result<Expr*> ExpressionParser::parse_primary() {
  const Token& token = current();
  switch (token.type) {
    case TokenType::kName:
      return parse_name();
    case TokenType::kString:
      return parse_strings();
    case TokenType::kInteger:
      take();
      return make_literal_expr(token.value, format("{}", token.value.as_int()), token.line);
    case TokenType::kFloat:
      take();
      return make_literal_expr(token.value, float_text(token.value.as_float()), token.line);
    default:
      break;
  }
  if (token.is_operator("[")) return parse_list();
  if (token.is_operator("{")) return parse_dict();
  if (!token.is_operator("(")) {
    return syntax_error(token.line, "unexpected '{}'", describe(token));
  }
  take();
  if (skip_operator(")")) {
    return make_expr<SequenceExpr>(ExprKind::kTuple, token.line);
  }
  ASSIGN_OR_RETURN(Expr * inner, parse_tuple());
  RETURN_IF_ERROR(expect_operator(")"));
  return inner;
}

Result<Expr*> ExpressionParser::parse_name() {
  const Token& token = take();
  const std::string_view name = token.text;
  if (name == "true" || name == "True") {
    return make_literal_expr(Value::boolean(true), "True", token.line);
  }
  if (name == "false" || name == "False") {
    return make_literal_expr(Value::boolean(false), "False", token.line);
  }
  if (name == "none" || name == "None") {
    return make_literal_expr(Value::none(), "None", token.line);
  }
  auto* node = make_expr<NameExpr>(ExprKind::kName, token.line);
  node->name = make_literal(heap_, name);
  return node;
}

// Literals side by side are one string.
Result<Expr*> ExpressionParser::parse_strings() {
  const Token& first = take();
  if (!current().is(TokenType::kString)) return make_literal_expr(first.value, {}, first.line);
  std::string joined(first.value.str().view());
  while (current().is(TokenType::kString)) joined += take().value.str().view();
  return make_literal_expr(Value(make_literal(heap_, joined)), {}, first.line);
}

Result<Expr*> ExpressionParser::parse_list() {
  const std::uint32_t line = take().line;
  std::vector<Expr*> items;
  while (!current().is_operator("]")) {
    if (!items.empty()) RETURN_IF_ERROR(expect_operator(","));
    if (current().is_operator("]")) break;
    ASSIGN_OR_RETURN(Expr * item, parse_expression());
    items.push_back(item);
  }
  take();
  auto* list = make_expr<SequenceExpr>(ExprKind::kList, line);
  list->items = keep(items);
  return list;
}

Result<Expr*> ExpressionParser::parse_dict() {
  const std::uint32_t line = take().line;
  std::vector<DictItem> items;
  while (!current().is_operator("}")) {
    if (!items.empty()) RETURN_IF_ERROR(expect_operator(","));
    if (current().is_operator("}")) break;
    DictItem item;
    ASSIGN_OR_RETURN(item.key, parse_expression());
    RETURN_IF_ERROR(expect_operator(":"));
    ASSIGN_OR_RETURN(item.value, parse_expression());
    items.push_back(item);
  }
  take();
  auto* dict = make_expr<DictExpr>(ExprKind::kDict, line);
  dict->items = keep(items);
  return dict;
}

}  // namespace penstock::chat_template
