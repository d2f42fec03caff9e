#include <algorithm>

#include "chat_template/syntax/literals.h"
#include "chat_template/syntax/parser_base.h"
#include "chat_template/values/convert.h"

namespace penstock::chat_template {
namespace {

// Operators by how tightly they bind; all of one level are left-associative, `**` too.
enum Level : int { kOr, kAnd, kNot, kComparison, kSum, kConcat, kProduct, kPower, kNone = -1 };

struct Operator {
  std::string_view symbol;
  Level level;
  BinaryOp op = BinaryOp::kAdd;                // of sums, products and powers
  Comparison comparison = Comparison::kEqual;  // of comparisons
  Order order = Order::kLess;
};
constexpr Operator kOperators[] = {
    {.symbol = "~", .level = kConcat},
    {.symbol = "+", .level = kSum, .op = BinaryOp::kAdd},
    {.symbol = "-", .level = kSum, .op = BinaryOp::kSub},
    {.symbol = "*", .level = kProduct, .op = BinaryOp::kMul},
    {.symbol = "/", .level = kProduct, .op = BinaryOp::kDiv},
    {.symbol = "//", .level = kProduct, .op = BinaryOp::kFloorDiv},
    {.symbol = "%", .level = kProduct, .op = BinaryOp::kMod},
    {.symbol = "**", .level = kPower, .op = BinaryOp::kPow},
    {.symbol = "==", .level = kComparison, .comparison = Comparison::kEqual},
    {.symbol = "!=", .level = kComparison, .comparison = Comparison::kNotEqual},
    {.symbol = "<", .level = kComparison, .comparison = Comparison::kOrder},
    {.symbol = "<=",
     .level = kComparison,
     .comparison = Comparison::kOrder,
     .order = Order::kLessEqual},
    {.symbol = ">",
     .level = kComparison,
     .comparison = Comparison::kOrder,
     .order = Order::kGreater},
    {.symbol = ">=",
     .level = kComparison,
     .comparison = Comparison::kOrder,
     .order = Order::kGreaterEqual},
};
constexpr Operator kWords[] = {
    {.symbol = "or", .level = kOr},
    {.symbol = "and", .level = kAnd},
    {.symbol = "in", .level = kComparison, .comparison = Comparison::kIn},
};
constexpr Operator kNotIn = {
    .symbol = "not in", .level = kComparison, .comparison = Comparison::kNotIn};
constexpr Operator kNoOperator = {.symbol = "", .level = kNone};

// The operator that stands here; `not in` takes two tokens.
const Operator& operator_at(const Token& token, const Token& next) {
  if (token.is(TokenType::kOperator)) {
    const auto at = std::ranges::find(kOperators, token.text, &Operator::symbol);
    return at == std::end(kOperators) ? kNoOperator : *at;
  }
  if (!token.is(TokenType::kName)) return kNoOperator;
  if (token.text == "not" && next.is_name("in")) return kNotIn;
  const auto at = std::ranges::find(kWords, token.text, &Operator::symbol);
  return at == std::end(kWords) ? kNoOperator : *at;
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
  return condition ? parse_conditional() : parse_binary(kOr);
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
  ASSIGN_OR_RETURN(Expr * value, parse_binary(kOr));
  for (int length = 0; skip_name("if"); ++length) {
    if (length > kMaxNesting) {
      return syntax_error(line, "more than {} inline ifs in a row", kMaxNesting);
    }
    auto* conditional = make_expr<ConditionalExpr>(ExprKind::kConditional, line);
    conditional->then = value;
    ASSIGN_OR_RETURN(conditional->condition, parse_binary(kOr));
    if (skip_name("else")) {
      ASSIGN_OR_RETURN(conditional->otherwise, parse_expression());
    }
    value = conditional;
  }
  return value;
}

// Operands joined by operators of `level` and tighter ones. Precedence climbing, so that a bracket
// costs a few frames of stack and not one for each level.
Result<Expr*> ExpressionParser::parse_binary(int level) {
  Expr* left = nullptr;
  if (level <= kNot && current().is_name("not")) {
    const Nesting nesting(*this);
    RETURN_IF_ERROR(nesting.status());
    auto* negation = make_expr<UnaryExpr>(ExprKind::kNot, take().line);
    ASSIGN_OR_RETURN(negation->operand, parse_binary(kNot));
    left = negation;
  } else {
    ASSIGN_OR_RETURN(left, parse_unary(true));
  }
  while (operator_at(current(), next()).level >= level) {
    ASSIGN_OR_RETURN(left, parse_chain(left));
  }
  return left;
}

// `left op a op b ...` with operators of one level, as one flat node.
Result<Expr*> ExpressionParser::parse_chain(Expr* left) {
  const std::uint32_t line = current().line;
  const Level level = operator_at(current(), next()).level;
  std::vector<Expr*> operands = {left};
  std::vector<const Operator*> operators;
  while (operator_at(current(), next()).level == level) {
    operators.push_back(&operator_at(current(), next()));
    if (operators.back() == &kNotIn) take();
    take();
    ASSIGN_OR_RETURN(Expr * operand, parse_binary(level + 1));
    operands.push_back(operand);
  }
  if (level == kOr || level == kAnd || level == kConcat) {
    auto* node = make_expr<SequenceExpr>(level == kOr    ? ExprKind::kOr
                                         : level == kAnd ? ExprKind::kAnd
                                                         : ExprKind::kConcat,
                                         line);
    node->items = keep(operands);
    return node;
  }
  if (level == kComparison) {
    auto* node = make_expr<CompareExpr>(ExprKind::kCompare, line);
    node->left = left;
    node->steps = heap_.make_array<CompareStep>(operators.size());
    for (std::size_t i = 0; i < operators.size(); ++i) {
      node->steps[i] = {operators[i]->comparison, operators[i]->order, operands[i + 1]};
    }
    return node;
  }
  auto* node = make_expr<MathExpr>(ExprKind::kMath, line);
  node->first = left;
  node->steps = heap_.make_array<MathStep>(operators.size());
  for (std::size_t i = 0; i < operators.size(); ++i) {
    node->steps[i] = {operators[i]->op, operands[i + 1]};
  }
  return node;
}

Result<Expr*> ExpressionParser::parse_unary(bool with_filters) {
  Expr* value = nullptr;
  if (current().is_operator("-") || current().is_operator("+")) {
    const Nesting nesting(*this);
    RETURN_IF_ERROR(nesting.status());
    const bool negates = current().is_operator("-");
    auto* node = make_expr<UnaryExpr>(negates ? ExprKind::kNegate : ExprKind::kPlus, take().line);
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
