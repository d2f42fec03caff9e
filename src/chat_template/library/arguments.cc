#include "chat_template/library/arguments.h"

#include <algorithm>

namespace penstock::chat_template {

Status bind_into(const Parameters& parameters, const Args& args, std::span<Value> out) {
  if (args.positional.size() > out.size()) {
    return fail("{}() takes at most {} arguments ({} given)", parameters.function, out.size(),
                args.positional.size());
  }
  std::ranges::copy(args.positional, out.begin());
  for (const NamedArg& arg : args.named) {
    const auto at = parameters.by_position_only
                        ? parameters.names.end()
                        : std::ranges::find(parameters.names, arg.name->view());
    if (at == parameters.names.end()) {
      return fail("{}() got an unexpected keyword argument '{}'", parameters.function,
                  arg.name->view());
    }
    Value& slot = out[static_cast<std::size_t>(at - parameters.names.begin())];
    if (!slot.is_missing()) {
      return fail("{}() got multiple values for argument '{}'", parameters.function,
                  arg.name->view());
    }
    slot = arg.value;
  }
  for (std::size_t i = 0; i < parameters.num_required; ++i) {
    if (out[i].is_missing()) {
      return fail("{}() needs at least {} arguments", parameters.function, parameters.num_required);
    }
  }
  return {};
}

Status no_arguments(std::string_view function, const Args& args) {
  if (args.empty()) return {};
  return fail("{}() takes no arguments", function);
}

Result<std::int64_t> int_or(Runtime& runtime, const Value& value, std::int64_t fallback) {
  if (value.is_missing()) return fallback;
  if (value.is_integral()) return value.as_int();
  if (value.is_undefined()) return fail_undefined(runtime, value);
  return fail("'{}' object cannot be interpreted as an integer", type_name(value));
}

Result<const Str*> str_or_null(const Value& value) {
  if (value.is_missing() || value.is_none()) return nullptr;
  return need_str(value);
}

Result<const Str*> need_str(const Value& value) {
  if (value.is_str()) return &value.str();
  return fail("expected str, got '{}'", type_name(value));
}

}  // namespace penstock::chat_template
