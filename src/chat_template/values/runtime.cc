#include "chat_template/values/runtime.h"

namespace penstock::chat_template {

std::unexpected<Error> Runtime::out_of_budget() {
  if (heap_.exhausted()) return memory_exhausted(heap_);
  return make_error(ErrorCode::kResourceExhausted, "the chat template needs more than {} steps",
                    max_steps_);
}

std::unexpected<Error> DepthGuard::too_deep() {
  return make_error(ErrorCode::kResourceExhausted,
                    "the chat template recurses or nests values more than {} levels deep",
                    kMaxDepth);
}

namespace {

std::string describe_object(const Value& object) {
  if (object.is_none()) return "None";
  return format("{} object", type_name(object));
}

}  // namespace

std::unexpected<Error> fail_undefined(Runtime&, const Value& value) {
  const Undefined& why = value.undefined();
  if (!why.hint.empty()) return fail("{}", why.hint);
  const std::string name = why.name.is_str()   ? std::string(why.name.str().view())
                           : why.name.is_int() ? format("{}", why.name.as_int())
                                               : format("<{}>", type_name(why.name));
  if (why.object.is_missing()) return fail("'{}' is undefined", name);
  if (!why.name.is_str()) return fail("{} has no element {}", describe_object(why.object), name);
  return fail("'{}' has no attribute '{}'", describe_object(why.object), name);
}

Value make_undefined(Runtime& runtime, const Value& object, const Value& name) {
  Undefined* why = runtime.heap().make<Undefined>();
  why->object = object;
  why->name = name;
  return Value(static_cast<const Undefined*>(why));
}

Value make_undefined_hint(Runtime& runtime, std::string_view hint) {
  Undefined* why = runtime.heap().make<Undefined>();
  why->hint = hint;
  return Value(static_cast<const Undefined*>(why));
}

}  // namespace penstock::chat_template
