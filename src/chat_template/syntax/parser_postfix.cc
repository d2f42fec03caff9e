// Subscripts, calls, filters and tests: what follows a value in an expression.
#include <algorithm>

#include "chat_template/library/registry.h"
#include "chat_template/syntax/literals.h"
#include "chat_template/syntax/parser_base.h"

namespace penstock::chat_template {
namespace {

// A long chain is as deep a tree as brackets are.
constexpr int kMaxChain = kMaxNesting;

bool starts_test_argument(const Token& token) noexcept {
  switch (token.type) {
    case TokenType::kName:
      return token.text != "else" && token.text != "or" && token.text != "and";
    case TokenType::kString:
    case TokenType::kInteger:
    case TokenType::kFloat:
      return true;
    case TokenType::kOperator:
      return token.text == "[" || token.text == "{";
    default:
      return false;
  }
}

}  // namespace

Result<Expr*> ExpressionParser::parse_postfix(Expr* value) {
  for (int length = 0;; ++length) {
    if (length > kMaxChain) {
      return syntax_error(current().line, "more than {} subscripts in a row", kMaxChain);
    }
    if (current().is_operator(".") || current().is_operator("[")) {
      ASSIGN_OR_RETURN(value, parse_subscript(value));
    } else if (current().is_operator("(")) {
      ASSIGN_OR_RETURN(value, parse_call(value));
    } else {
      return value;
    }
  }
}

Result<Expr*> ExpressionParser::parse_subscript(Expr* object) {
  const Token& token = take();
  if (token.is_operator(".")) {
    const Token& attribute = take();
    if (attribute.is(TokenType::kName)) {
      auto* node = make_expr<AttributeExpr>(ExprKind::kAttribute, token.line);
      node->object = object;
      node->name = make_literal(heap_, attribute.text);
      return node;
    }
    if (!attribute.is(TokenType::kInteger)) {
      return syntax_error(attribute.line, "expected a name or number after '.', got '{}'",
                          describe(attribute));
    }
    auto* node = make_expr<ItemExpr>(ExprKind::kItem, token.line);
    node->object = object;
    node->key = make_literal_expr(attribute.value, attribute.text, attribute.line);
    return node;
  }
  std::vector<Expr*> keys;
  while (!current().is_operator("]")) {
    if (!keys.empty()) RETURN_IF_ERROR(expect_operator(","));
    ASSIGN_OR_RETURN(Expr * slice, parse_subscript_key(object, keys));
    if (slice == nullptr) continue;
    RETURN_IF_ERROR(expect_operator("]"));
    return slice;
  }
  take();
  auto* node = make_expr<ItemExpr>(ExprKind::kItem, token.line);
  node->object = object;
  if (keys.size() == 1) {
    node->key = keys[0];
  } else {
    auto* tuple = make_expr<SequenceExpr>(ExprKind::kTuple, token.line);
    tuple->items = keep(keys);
    node->key = tuple;
  }
  return node;
}

// A key goes to `keys` and null is returned; a slice is returned, and must stand alone.
Result<Expr*> ExpressionParser::parse_subscript_key(Expr* object, std::vector<Expr*>& keys) {
  const std::uint32_t line = current().line;
  Expr* start = nullptr;
  if (!current().is_operator(":")) {
    ASSIGN_OR_RETURN(start, parse_expression());
    if (!current().is_operator(":")) {
      keys.push_back(start);
      return nullptr;
    }
  }
  if (!keys.empty()) return syntax_error(line, "a slice inside a tuple of keys");
  take();
  auto* slice = make_expr<SliceExpr>(ExprKind::kSlice, line);
  slice->object = object;
  slice->start = start;
  if (!current().is_operator(":") && !current().is_operator("]")) {
    ASSIGN_OR_RETURN(slice->stop, parse_expression());
  }
  if (skip_operator(":") && !current().is_operator("]")) {
    ASSIGN_OR_RETURN(slice->step, parse_expression());
  }
  return slice;
}

Result<Expr*> ExpressionParser::parse_call(Expr* callee) {
  auto* call = make_expr<CallExpr>(ExprKind::kCall, current().line);
  call->callee = callee;
  ASSIGN_OR_RETURN(call->arguments, parse_arguments());
  return call;
}

Result<Arguments> ExpressionParser::parse_arguments() {
  const std::uint32_t line = current().line;
  RETURN_IF_ERROR(expect_operator("("));
  std::vector<Expr*> positional;
  std::vector<NamedExpr> named;
  Arguments arguments;
  bool valid = true;
  bool needs_comma = false;
  while (!current().is_operator(")")) {
    if (needs_comma) {
      RETURN_IF_ERROR(expect_operator(","));
      if (current().is_operator(")")) break;
    }
    needs_comma = true;
    if (skip_operator("*")) {
      valid = valid && arguments.rest == nullptr && arguments.named_rest == nullptr;
      ASSIGN_OR_RETURN(arguments.rest, parse_expression());
    } else if (skip_operator("**")) {
      valid = valid && arguments.named_rest == nullptr;
      ASSIGN_OR_RETURN(arguments.named_rest, parse_expression());
    } else if (current().is(TokenType::kName) && next().is_operator("=")) {
      NamedExpr argument;
      const std::string_view name = take().text;
      argument.name = make_literal(heap_, name);
      take();
      ASSIGN_OR_RETURN(argument.value, parse_expression());
      valid = valid && arguments.named_rest == nullptr &&
              std::ranges::none_of(
                  named, [name](const NamedExpr& other) { return other.name->view() == name; });
      named.push_back(argument);
    } else {
      valid =
          valid && arguments.rest == nullptr && arguments.named_rest == nullptr && named.empty();
      ASSIGN_OR_RETURN(Expr * argument, parse_expression());
      positional.push_back(argument);
    }
  }
  take();
  if (!valid) return syntax_error(line, "invalid order or repetition of call arguments");
  arguments.positional = keep(positional);
  arguments.named = keep(named);
  return arguments;
}

Result<Expr*> ExpressionParser::parse_filters_and_tests(Expr* value) {
  for (int length = 0;; ++length) {
    if (length > kMaxChain) {
      return syntax_error(current().line, "more than {} filters in a row", kMaxChain);
    }
    if (skip_operator("|")) {
      ASSIGN_OR_RETURN(value, parse_filter_name(value));
    } else if (current().is_name("is")) {
      ASSIGN_OR_RETURN(value, parse_test(value));
    } else if (current().is_operator("(")) {
      ASSIGN_OR_RETURN(value, parse_call(value));
    } else {
      return value;
    }
  }
}

Result<Expr*> ExpressionParser::parse_filters(Expr* input) {
  for (int length = 0; skip_operator("|"); ++length) {
    if (length > kMaxChain) {
      return syntax_error(current().line, "more than {} filters in a row", kMaxChain);
    }
    ASSIGN_OR_RETURN(input, parse_filter_name(input));
  }
  return input;
}

Result<Expr*> ExpressionParser::parse_filter_name(Expr* input) {
  auto* node = make_expr<FilterExpr>(ExprKind::kFilter, current().line);
  node->input = input;
  ASSIGN_OR_RETURN(node->name, expect_name());
  if (current().is_operator(".")) {
    return syntax_error(node->line, "there is no filter '{}.{}'", node->name, next().text);
  }
  node->def = find_filter(node->name);
  if (current().is_operator("(")) {
    ASSIGN_OR_RETURN(node->arguments, parse_arguments());
  }
  return node;
}

Result<Expr*> ExpressionParser::parse_test(Expr* input) {
  auto* node = make_expr<TestExpr>(ExprKind::kTest, take().line);
  const bool negated = skip_name("not");
  node->input = input;
  ASSIGN_OR_RETURN(node->name, expect_name());
  if (current().is_operator(".")) {
    return syntax_error(node->line, "there is no test '{}.{}'", node->name, next().text);
  }
  node->def = find_test(node->name);
  if (current().is_operator("(")) {
    ASSIGN_OR_RETURN(node->arguments, parse_arguments());
  } else if (starts_test_argument(current())) {
    if (current().is_name("is")) {
      return syntax_error(current().line, "tests cannot be chained with 'is'");
    }
    ASSIGN_OR_RETURN(Expr * argument, parse_primary());
    ASSIGN_OR_RETURN(argument, parse_postfix(argument));
    node->arguments.positional = keep(std::vector<Expr*>{argument});
  }
  if (!negated) return node;
  auto* negation = make_expr<UnaryExpr>(ExprKind::kNot, node->line);
  negation->operand = node;
  return negation;
}

}  // namespace penstock::chat_template
