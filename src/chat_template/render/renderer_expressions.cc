#include "chat_template/library/attributes.h"
#include "chat_template/render/renderer.h"
#include "chat_template/values/convert.h"
#include "chat_template/values/dict.h"

namespace penstock::chat_template {

Result<Value> Renderer::eval(const Expr& expr) {
  const DepthGuard guard(runtime_);
  if (!guard.ok()) return DepthGuard::too_deep();
  if (!runtime_.spend(1)) return runtime_.out_of_budget();
  switch (expr.kind) {
    case ExprKind::kLiteral:
      return static_cast<const LiteralExpr&>(expr).value;
    case ExprKind::kName:
      return eval_name(static_cast<const NameExpr&>(expr));
    case ExprKind::kAttribute: {
      const auto& attribute = static_cast<const AttributeExpr&>(expr);
      ASSIGN_OR_RETURN(const Value object, eval(*attribute.object));
      return get_attribute(runtime_, object, *attribute.name);
    }
    case ExprKind::kItem:
      return eval_item(static_cast<const ItemExpr&>(expr));
    case ExprKind::kSlice:
      return eval_slice(static_cast<const SliceExpr&>(expr));
    case ExprKind::kCall:
      return eval_call(static_cast<const CallExpr&>(expr), nullptr);
    case ExprKind::kFilter:
      return eval_filter(static_cast<const FilterExpr&>(expr));
    case ExprKind::kTest:
      return eval_test(static_cast<const TestExpr&>(expr));
    case ExprKind::kNegate: {
      ASSIGN_OR_RETURN(const Value value, eval(*static_cast<const UnaryExpr&>(expr).operand));
      return negate(runtime_, value);
    }
    case ExprKind::kPlus: {
      ASSIGN_OR_RETURN(const Value value, eval(*static_cast<const UnaryExpr&>(expr).operand));
      return unary_plus(runtime_, value);
    }
    case ExprKind::kNot: {
      ASSIGN_OR_RETURN(const Value value, eval(*static_cast<const UnaryExpr&>(expr).operand));
      return Value::boolean(!truthy(value));
    }
    case ExprKind::kMath:
      return eval_math(static_cast<const MathExpr&>(expr));
    case ExprKind::kCompare:
      return eval_compare(static_cast<const CompareExpr&>(expr));
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return eval_and_or(static_cast<const SequenceExpr&>(expr));
    case ExprKind::kConcat:
      return eval_concat(static_cast<const SequenceExpr&>(expr));
    case ExprKind::kConditional:
      return eval_conditional(static_cast<const ConditionalExpr&>(expr));
    case ExprKind::kTuple:
    case ExprKind::kList:
      return eval_sequence(static_cast<const SequenceExpr&>(expr));
    case ExprKind::kDict:
      return eval_dict(static_cast<const DictExpr&>(expr));
  }
  return Value::none();
}

Result<Value> Renderer::eval_name(const NameExpr& expr) {
  const Value& value = variable(expr.variable);
  if (!value.is_missing()) return value;
  return make_undefined(runtime_, Value(), Value(expr.name));
}

Result<Value> Renderer::eval_item(const ItemExpr& expr) {
  ASSIGN_OR_RETURN(const Value object, eval(*expr.object));
  ASSIGN_OR_RETURN(const Value key, eval(*expr.key));
  return get_item(runtime_, object, key);
}

Result<Value> Renderer::eval_slice(const SliceExpr& expr) {
  ASSIGN_OR_RETURN(const Value object, eval(*expr.object));
  SliceBounds bounds;
  if (expr.start != nullptr) {
    ASSIGN_OR_RETURN(bounds.start, eval(*expr.start));
  }
  if (expr.stop != nullptr) {
    ASSIGN_OR_RETURN(bounds.stop, eval(*expr.stop));
  }
  if (expr.step != nullptr) {
    ASSIGN_OR_RETURN(bounds.step, eval(*expr.step));
  }
  return get_slice(runtime_, object, bounds);
}

Result<Value> Renderer::eval_filter(const FilterExpr& expr) {
  if (expr.def == nullptr) return fail("there is no filter '{}'", expr.name);
  Value input = captured_;
  if (expr.input != nullptr) {
    ASSIGN_OR_RETURN(input, eval(*expr.input));
  }
  ASSIGN_OR_RETURN(const Args args, eval_arguments(expr.arguments, nullptr));
  return expr.def->call(runtime_, input, args);
}

Result<Value> Renderer::eval_test(const TestExpr& expr) {
  if (expr.def == nullptr) return fail("there is no test '{}'", expr.name);
  ASSIGN_OR_RETURN(const Value input, eval(*expr.input));
  ASSIGN_OR_RETURN(const Args args, eval_arguments(expr.arguments, nullptr));
  return expr.def->call(runtime_, input, args);
}

Result<Value> Renderer::eval_math(const MathExpr& expr) {
  ASSIGN_OR_RETURN(Value value, eval(*expr.first));
  for (const MathStep& step : expr.steps) {
    ASSIGN_OR_RETURN(const Value right, eval(*step.right));
    ASSIGN_OR_RETURN(value, binary(runtime_, step.op, value, right));
  }
  return value;
}

Result<bool> Renderer::compare_step(const CompareStep& step, const Value& left,
                                    const Value& right) {
  switch (step.comparison) {
    case Comparison::kEqual:
      return equals(runtime_, left, right);
    case Comparison::kNotEqual: {
      ASSIGN_OR_RETURN(const bool equal, equals(runtime_, left, right));
      return !equal;
    }
    case Comparison::kOrder:
      return in_order(runtime_, step.order, left, right);
    case Comparison::kIn:
      return contains(runtime_, right, left);
    case Comparison::kNotIn: {
      ASSIGN_OR_RETURN(const bool found, contains(runtime_, right, left));
      return !found;
    }
  }
  return false;
}

Result<Value> Renderer::eval_compare(const CompareExpr& expr) {
  ASSIGN_OR_RETURN(Value left, eval(*expr.left));
  for (const CompareStep& step : expr.steps) {
    ASSIGN_OR_RETURN(const Value right, eval(*step.right));
    ASSIGN_OR_RETURN(const bool holds, compare_step(step, left, right));
    if (!holds) return Value::boolean(false);
    left = right;
  }
  return Value::boolean(true);
}

Result<Value> Renderer::eval_and_or(const SequenceExpr& expr) {
  const bool stops_at = expr.kind == ExprKind::kOr;
  Value value;
  for (const Expr* item : expr.items) {
    ASSIGN_OR_RETURN(value, eval(*item));
    if (truthy(value) == stops_at) break;
  }
  return value;
}

Result<const Str*> Renderer::text_of(const Expr& expr) {
  if (expr.kind == ExprKind::kLiteral) return static_cast<const LiteralExpr&>(expr).text;
  ASSIGN_OR_RETURN(const Value value, eval(expr));
  return to_str(runtime_, value);
}

Result<Value> Renderer::eval_concat(const SequenceExpr& expr) {
  ASSIGN_OR_RETURN(const Str* text, text_of(*expr.items[0]));
  for (const Expr* item : expr.items.subspan(1)) {
    ASSIGN_OR_RETURN(const Str* more, text_of(*item));
    RETURN_IF_ERROR(runtime_.charge_bytes(std::uint64_t{text->size} + more->size));
    ASSIGN_OR_RETURN(text, concat_str(runtime_.heap(), *text, *more));
  }
  return Value(text);
}

Result<Value> Renderer::eval_conditional(const ConditionalExpr& expr) {
  ASSIGN_OR_RETURN(const Value condition, eval(*expr.condition));
  if (truthy(condition)) return eval(*expr.then);
  if (expr.otherwise != nullptr) return eval(*expr.otherwise);
  return make_undefined_hint(
      runtime_, "the inline if-expression evaluated to false and no else section was defined.");
}

Result<Value> Renderer::eval_sequence(const SequenceExpr& expr) {
  const std::span<Value> items = runtime_.heap().make_array<Value>(expr.items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    ASSIGN_OR_RETURN(items[i], eval(*expr.items[i]));
  }
  List* list = runtime_.heap().make<List>();
  list->items = items.data();
  list->size = static_cast<std::uint32_t>(items.size());
  return expr.kind == ExprKind::kList ? Value::list(list) : Value::tuple(list);
}

Result<Value> Renderer::eval_dict(const DictExpr& expr) {
  DictBuilder builder(runtime_);
  for (const DictItem& item : expr.items) {
    ASSIGN_OR_RETURN(const Value key, eval(*item.key));
    ASSIGN_OR_RETURN(const Value value, eval(*item.value));
    RETURN_IF_ERROR(builder.set(key, value));
  }
  return builder.finish();
}

}  // namespace penstock::chat_template
