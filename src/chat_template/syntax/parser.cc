#include "chat_template/syntax/parser.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "chat_template/syntax/literals.h"
#include "chat_template/syntax/parser_base.h"

namespace penstock::chat_template {
namespace {

using EndTags = std::initializer_list<std::string_view>;

class StatementParser final : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Result<Block> run() { return parse_body({}); }

 private:
  // Statements up to one of the end tags, which is left as the current token.
  Result<Block> parse_body(EndTags end_tags);
  Result<Block> parse_block(EndTags end_tags);
  Result<Block> parse_block_and_drop(std::string_view end_tag);
  Result<Stmt*> parse_statement(EndTags end_tags);
  Result<Stmt*> parse_for();
  Result<Stmt*> parse_if();
  Result<Stmt*> parse_set();
  Result<Stmt*> parse_macro();
  Result<Stmt*> parse_call_block();
  Result<Stmt*> parse_filter_block();
  Result<Stmt*> parse_with();
  Result<Stmt*> parse_generation();
  Result<std::string_view> expect_variable();
  Status parse_print(std::vector<Stmt*>& statements);
  Status parse_parameters(MacroNode& macro);
  Result<Target*> parse_target(std::string_view end_name, bool with_namespace);
  Result<Target*> parse_target_item(bool with_namespace);
  Result<Target*> to_target(const Expr& expr);
  Stmt* make_print(Expr* value);

  template <class Node>
  Node* make_stmt(StmtKind kind, std::uint32_t line) {
    Node* node = make<Node>(line);
    node->kind = kind;
    return node;
  }

  int open_loops_ = 0;  // of the function being parsed
};

Result<Block> StatementParser::parse_body(EndTags end_tags) {
  const Nesting nesting(*this);
  RETURN_IF_ERROR(nesting.status());
  std::vector<Stmt*> statements;
  while (!current().is(TokenType::kEnd)) {
    if (current().is(TokenType::kData)) {
      auto* text = make_stmt<TextStmt>(StmtKind::kText, current().line);
      text->text = make_literal(heap_, take().text);
      statements.push_back(text);
    } else if (current().is(TokenType::kVariableBegin)) {
      take();
      ASSIGN_OR_RETURN(Expr * value, parse_tuple());
      statements.push_back(make_print(value));
      RETURN_IF_ERROR(expect(TokenType::kVariableEnd, "end of print statement"));
    } else {
      take();
      const bool at_end = std::ranges::any_of(
          end_tags, [this](std::string_view tag) { return current().is_name(tag); });
      if (at_end) return keep(statements);
      if (current().is_name("print")) {
        RETURN_IF_ERROR(parse_print(statements));
      } else {
        ASSIGN_OR_RETURN(Stmt * statement, parse_statement(end_tags));
        statements.push_back(statement);
      }
      RETURN_IF_ERROR(expect(TokenType::kBlockEnd, "end of statement block"));
    }
  }
  if (end_tags.size() == 0) return keep(statements);
  return syntax_error(current().line, "unexpected end of template, expected '{}'",
                      *std::rbegin(end_tags));
}

Result<Block> StatementParser::parse_block(EndTags end_tags) {
  skip_operator(":");
  RETURN_IF_ERROR(expect(TokenType::kBlockEnd, "end of statement block"));
  return parse_body(end_tags);
}

Result<Block> StatementParser::parse_block_and_drop(std::string_view end_tag) {
  ASSIGN_OR_RETURN(const Block block, parse_block({end_tag}));
  take();
  return block;
}

Result<Stmt*> StatementParser::parse_statement(EndTags end_tags) {
  const Token& tag = current();
  if (!tag.is(TokenType::kName)) {
    return syntax_error(tag.line, "expected a tag name, got '{}'", describe(tag));
  }
  if (tag.text == "for") return parse_for();
  if (tag.text == "if") return parse_if();
  if (tag.text == "set") return parse_set();
  if (tag.text == "macro") return parse_macro();
  if (tag.text == "call") return parse_call_block();
  if (tag.text == "filter") return parse_filter_block();
  if (tag.text == "with") return parse_with();
  if (tag.text == "generation") return parse_generation();
  if (tag.text == "break" || tag.text == "continue") {
    if (open_loops_ == 0) return syntax_error(tag.line, "'{}' outside of a loop", tag.text);
    const StmtKind kind = tag.text == "break" ? StmtKind::kBreak : StmtKind::kContinue;
    return make_stmt<Stmt>(kind, take().line);
  }
  for (const std::string_view unsupported :
       {"block", "extends", "include", "import", "from", "autoescape"}) {
    if (tag.text == unsupported) {
      return make_error(ErrorCode::kUnsupported,
                        "chat template, line {}: the tag '{}' is not supported", tag.line,
                        tag.text);
    }
  }
  if (end_tags.size() == 0) return syntax_error(tag.line, "unknown tag '{}'", tag.text);
  return syntax_error(tag.line, "unknown tag '{}' where '{}' is still open", tag.text,
                      *std::rbegin(end_tags));
}

Stmt* StatementParser::make_print(Expr* value) {
  if (value->kind == ExprKind::kLiteral) {
    auto* text = make_stmt<TextStmt>(StmtKind::kText, value->line);
    text->text = static_cast<LiteralExpr*>(value)->text;
    text->is_literal = true;
    return text;
  }
  auto* print = make_stmt<PrintStmt>(StmtKind::kPrint, value->line);
  print->value = value;
  return print;
}

// A name that is no literal.
Result<std::string_view> StatementParser::expect_variable() {
  const std::uint32_t line = current().line;
  ASSIGN_OR_RETURN(const std::string_view name, expect_name());
  for (const std::string_view literal : {"true", "false", "none", "True", "False", "None"}) {
    if (name == literal) return syntax_error(line, "cannot assign to '{}'", name);
  }
  return name;
}

Status StatementParser::parse_print(std::vector<Stmt*>& statements) {
  take();
  for (bool first = true; !current().is(TokenType::kBlockEnd); first = false) {
    if (!first) RETURN_IF_ERROR(expect_operator(","));
    ASSIGN_OR_RETURN(Expr * value, parse_expression());
    statements.push_back(make_print(value));
  }
  return {};
}

Result<Stmt*> StatementParser::parse_for() {
  auto* loop = make_stmt<ForNode>(StmtKind::kFor, take().line);
  ASSIGN_OR_RETURN(loop->target, parse_target("in", false));
  if (!skip_name("in")) {
    return syntax_error(current().line, "expected 'in', got '{}'", describe(current()));
  }
  ASSIGN_OR_RETURN(loop->iterable, parse_tuple(false, "recursive"));
  if (skip_name("if")) {
    ASSIGN_OR_RETURN(loop->filter, parse_expression());
  }
  loop->is_recursive = skip_name("recursive");
  ++open_loops_;
  ASSIGN_OR_RETURN(loop->body, parse_block({"else", "endfor"}));
  --open_loops_;
  if (take().text == "endfor") return loop;
  ASSIGN_OR_RETURN(loop->otherwise, parse_block_and_drop("endfor"));
  return loop;
}

Result<Stmt*> StatementParser::parse_if() {
  auto* node = make_stmt<IfStmt>(StmtKind::kIf, take().line);
  std::vector<IfBranch> branches;
  while (true) {
    IfBranch branch;
    ASSIGN_OR_RETURN(branch.condition, parse_tuple(false));
    ASSIGN_OR_RETURN(branch.body, parse_block({"elif", "else", "endif"}));
    branches.push_back(branch);
    const Token& end = take();
    if (end.is_name("elif")) continue;
    if (end.is_name("else")) {
      ASSIGN_OR_RETURN(node->otherwise, parse_block_and_drop("endif"));
    }
    node->branches = keep(branches);
    return node;
  }
}

Result<Stmt*> StatementParser::parse_set() {
  const std::uint32_t line = take().line;
  ASSIGN_OR_RETURN(Target * target, parse_target({}, true));
  if (skip_operator("=")) {
    auto* set = make_stmt<SetStmt>(StmtKind::kSet, line);
    set->target = target;
    ASSIGN_OR_RETURN(set->value, parse_tuple());
    return set;
  }
  auto* set = make_stmt<SetBlockStmt>(StmtKind::kSetBlock, line);
  set->target = target;
  ASSIGN_OR_RETURN(set->filter, parse_filters(nullptr));
  ASSIGN_OR_RETURN(set->body, parse_block_and_drop("endset"));
  return set;
}

Result<Stmt*> StatementParser::parse_macro() {
  auto* macro = make_stmt<MacroNode>(StmtKind::kMacro, take().line);
  ASSIGN_OR_RETURN(const std::string_view name, expect_variable());
  macro->name = make_literal(heap_, name);
  const int outer_loops = std::exchange(open_loops_, 0);
  RETURN_IF_ERROR(parse_parameters(*macro));
  ASSIGN_OR_RETURN(macro->body, parse_block_and_drop("endmacro"));
  open_loops_ = outer_loops;
  return macro;
}

Status StatementParser::parse_parameters(MacroNode& macro) {
  RETURN_IF_ERROR(expect_operator("("));
  std::vector<MacroParameter> parameters;
  while (!current().is_operator(")")) {
    if (!parameters.empty()) RETURN_IF_ERROR(expect_operator(","));
    MacroParameter parameter;
    const std::uint32_t line = current().line;
    ASSIGN_OR_RETURN(const std::string_view name, expect_variable());
    const bool repeated = std::ranges::any_of(
        parameters, [name](const MacroParameter& other) { return other.name->view() == name; });
    if (repeated) return syntax_error(line, "the parameter '{}' is repeated", name);
    parameter.name = make_literal(heap_, name);
    if (skip_operator("=")) {
      ASSIGN_OR_RETURN(parameter.fallback, parse_expression());
    } else if (!parameters.empty() && parameters.back().fallback != nullptr) {
      return syntax_error(line, "a parameter without default follows one with a default");
    }
    parameters.push_back(parameter);
  }
  take();
  macro.parameters = keep(parameters);
  return {};
}

Result<Stmt*> StatementParser::parse_call_block() {
  auto* block = make_stmt<CallBlockStmt>(StmtKind::kCallBlock, take().line);
  block->caller = make_stmt<MacroNode>(StmtKind::kMacro, block->line);
  if (current().is_operator("(")) RETURN_IF_ERROR(parse_parameters(*block->caller));
  ASSIGN_OR_RETURN(Expr * call, parse_expression());
  if (call->kind != ExprKind::kCall) {
    return syntax_error(block->line, "'call' needs a call expression");
  }
  block->call = static_cast<CallExpr*>(call);
  const int outer_loops = std::exchange(open_loops_, 0);
  ASSIGN_OR_RETURN(block->caller->body, parse_block_and_drop("endcall"));
  open_loops_ = outer_loops;
  return block;
}

Result<Stmt*> StatementParser::parse_generation() {
  auto* block = make_stmt<CallBlockStmt>(StmtKind::kCallBlock, take().line);
  block->caller = make_stmt<MacroNode>(StmtKind::kMacro, block->line);
  const int outer_loops = std::exchange(open_loops_, 0);
  ASSIGN_OR_RETURN(block->caller->body, parse_block_and_drop("endgeneration"));
  open_loops_ = outer_loops;
  return block;
}

Result<Stmt*> StatementParser::parse_filter_block() {
  auto* block = make_stmt<FilterBlockStmt>(StmtKind::kFilterBlock, take().line);
  ASSIGN_OR_RETURN(block->filter, parse_filter_name(nullptr));
  ASSIGN_OR_RETURN(block->filter, parse_filters(block->filter));
  ASSIGN_OR_RETURN(block->body, parse_block_and_drop("endfilter"));
  return block;
}

Result<Stmt*> StatementParser::parse_with() {
  auto* with = make_stmt<WithStmt>(StmtKind::kWith, take().line);
  std::vector<Target*> targets;
  std::vector<Expr*> values;
  while (!current().is(TokenType::kBlockEnd)) {
    if (!targets.empty()) RETURN_IF_ERROR(expect_operator(","));
    ASSIGN_OR_RETURN(Target * target, parse_target({}, false));
    targets.push_back(target);
    RETURN_IF_ERROR(expect_operator("="));
    ASSIGN_OR_RETURN(Expr * value, parse_expression());
    values.push_back(value);
  }
  with->targets = keep(targets);
  with->values = keep(values);
  ASSIGN_OR_RETURN(with->body, parse_block_and_drop("endwith"));
  return with;
}

// "a", "a.b", "a, b", "(a, b), c"
Result<Target*> StatementParser::parse_target(std::string_view end_name, bool with_namespace) {
  const std::uint32_t line = current().line;
  std::vector<Target*> items;
  bool is_tuple = false;
  const auto at_end = [this, end_name] {
    return current().is(TokenType::kBlockEnd) || current().is(TokenType::kVariableEnd) ||
           current().is_operator(")") || (!end_name.empty() && current().is_name(end_name));
  };
  while (true) {
    if (!items.empty()) RETURN_IF_ERROR(expect_operator(","));
    if (at_end()) break;
    ASSIGN_OR_RETURN(Target * item, parse_target_item(with_namespace));
    items.push_back(item);
    if (!current().is_operator(",")) break;
    is_tuple = true;
  }
  if (items.empty()) {
    return syntax_error(line, "expected a variable to assign to, got '{}'", describe(current()));
  }
  if (!is_tuple) return items[0];
  Target* tuple = make<Target>(line);
  tuple->kind = TargetKind::kTuple;
  tuple->items = keep(items);
  return tuple;
}

Result<Target*> StatementParser::parse_target_item(bool with_namespace) {
  if (with_namespace && current().is(TokenType::kName) && next().is_operator(".")) {
    Target* target = make<Target>(current().line);
    target->kind = TargetKind::kAttribute;
    target->name = make_literal(heap_, take().text);
    take();
    ASSIGN_OR_RETURN(const std::string_view attribute, expect_name());
    target->attribute = make_literal(heap_, attribute);
    return target;
  }
  ASSIGN_OR_RETURN(const Expr* expr, parse_primary());
  return to_target(*expr);
}

Result<Target*> StatementParser::to_target(const Expr& expr) {
  Target* target = make<Target>(expr.line);
  if (expr.kind == ExprKind::kName) {
    target->name = static_cast<const NameExpr&>(expr).name;
    return target;
  }
  if (expr.kind != ExprKind::kTuple) {
    return syntax_error(expr.line, "cannot assign to this kind of expression");
  }
  target->kind = TargetKind::kTuple;
  std::vector<Target*> items;
  for (const Expr* item : static_cast<const SequenceExpr&>(expr).items) {
    ASSIGN_OR_RETURN(Target * part, to_target(*item));
    items.push_back(part);
  }
  target->items = keep(items);
  return target;
}

}  // namespace

Result<Block> parse(Heap& heap, std::vector<Token> tokens) {
  return StatementParser(heap, std::move(tokens)).run();
}

}  // namespace penstock::chat_template
