// Calls: arguments, methods, macros, loops.
#include <algorithm>
#include <utility>

#include "chat_template/library/arguments.h"
#include "chat_template/library/attributes.h"
#include "chat_template/render/renderer.h"
#include "chat_template/values/dict.h"
#include "chat_template/values/iterate.h"

namespace penstock::chat_template {

Result<Value> Renderer::eval_call(const CallExpr& expr, const Macro* caller) {
  Value callee;
  if (expr.callee->kind == ExprKind::kAttribute) {
    // A method is called without making it a value first.
    const auto& attribute = static_cast<const AttributeExpr&>(*expr.callee);
    ASSIGN_OR_RETURN(const Value object, eval(*attribute.object));
    if (const NativeDef* method = find_method(object, attribute.name->view())) {
      ASSIGN_OR_RETURN(const Args args, eval_arguments(expr.arguments, caller));
      return method->call(runtime_, object, args);
    }
    ASSIGN_OR_RETURN(callee, get_attribute(runtime_, object, *attribute.name));
  } else {
    ASSIGN_OR_RETURN(callee, eval(*expr.callee));
  }
  ASSIGN_OR_RETURN(const Args args, eval_arguments(expr.arguments, caller));
  return call(callee, args);
}

// The arrays live in the heap: lazy filters keep them.
Result<Args> Renderer::eval_arguments(const Arguments& arguments, const Macro* caller) {
  Heap& heap = runtime_.heap();
  Args args;
  if (arguments.rest == nullptr && !arguments.positional.empty()) {
    const std::span<Value> positional = heap.make_array<Value>(arguments.positional.size());
    for (std::size_t i = 0; i < positional.size(); ++i) {
      ASSIGN_OR_RETURN(positional[i], eval(*arguments.positional[i]));
    }
    args.positional = positional;
  } else if (arguments.rest != nullptr) {
    ListBuilder positional(runtime_);
    for (const Expr* argument : arguments.positional) {
      ASSIGN_OR_RETURN(const Value value, eval(*argument));
      RETURN_IF_ERROR(positional.append(value));
    }
    ASSIGN_OR_RETURN(const Value rest, eval(*arguments.rest));
    ASSIGN_OR_RETURN(const std::span<const Value> more, all_items(runtime_, rest));
    for (const Value& value : more) RETURN_IF_ERROR(positional.append(value));
    args.positional = positional.finish_tuple().items().view();
  }
  if (arguments.named.empty() && arguments.named_rest == nullptr && caller == nullptr) return args;
  std::vector<NamedArg> named;
  for (const NamedExpr& argument : arguments.named) {
    ASSIGN_OR_RETURN(const Value value, eval(*argument.value));
    named.push_back({argument.name, value});
  }
  if (arguments.named_rest != nullptr) {
    RETURN_IF_ERROR(add_named_rest(*arguments.named_rest, named));
  }
  if (caller != nullptr) {
    named.push_back({borrow_str(heap, "caller", Origin::kTrusted), Value(caller)});
  }
  const std::span<NamedArg> kept = heap.make_array<NamedArg>(named.size());
  std::ranges::copy(named, kept.begin());
  args.named = kept;
  return args;
}

Status Renderer::add_named_rest(const Expr& expr, std::vector<NamedArg>& named) {
  ASSIGN_OR_RETURN(const Value rest, eval(expr));
  if (!rest.is_dict()) {
    return fail("argument after ** must be a mapping, not {}", type_name(rest));
  }
  RETURN_IF_ERROR(runtime_.charge(rest.dict().size));
  const std::size_t num_written = named.size();
  for (const Entry& entry : rest.dict().view()) {
    if (!entry.key.is_str()) return fail("keywords must be strings");
    for (std::size_t i = 0; i < num_written; ++i) {
      if (named[i].name->view() == entry.key.str().view()) {
        return fail("got multiple values for keyword argument '{}'", entry.key.str().view());
      }
    }
    named.push_back({&entry.key.str(), entry.value});
  }
  return {};
}

Result<Value> Renderer::call(const Value& callee, const Args& args) {
  switch (callee.type()) {
    case Value::Type::kFunction:
      return callee.function().def->call(runtime_, callee.function().self, args);
    case Value::Type::kMacro: {
      ASSIGN_OR_RETURN(const Str* text, call_macro(callee.macro(), args));
      return Value(text);
    }
    case Value::Type::kLoop: {
      const Loop& loop = callee.loop();
      if (loop.recursive == nullptr) {
        return fail("The loop must have the 'recursive' marker to be called recursively.");
      }
      ASSIGN_OR_RETURN(const auto bound, bind<1>("loop", args, {"iterable"}, 1));
      ASSIGN_OR_RETURN(const Str* text,
                       call_loop(*loop.recursive, bound[0], loop.depth0 + 1, loop.outer));
      return Value(text);
    }
    case Value::Type::kJoiner:
      return call_joiner(callee.joiner(), args);
    case Value::Type::kUndefined:
      return fail_undefined(runtime_, callee);
    default:
      return fail("'{}' object is not callable", type_name(callee));
  }
}

Result<Value> Renderer::call_joiner(Joiner& joiner, const Args& args) {
  RETURN_IF_ERROR(no_arguments("joiner", args));
  if (std::exchange(joiner.used, true)) return joiner.separator;
  return Value(borrow_str(runtime_.heap(), "", Origin::kData));
}

Result<const Str*> Renderer::call_macro(const Macro& macro, const Args& args) {
  const DepthGuard guard(runtime_);
  RETURN_IF_ERROR(guard.status());
  const MacroNode& node = *macro.node;
  Frame* frame = make_frame(node.num_slots, macro.outer);
  RETURN_IF_ERROR(bind_macro(macro, args, *frame));
  // On an error the whole render ends: nothing needs to be put back then.
  Frame* caller_frame = std::exchange(frame_, frame);
  const std::uint32_t caller_line = line_;
  RETURN_IF_ERROR(enter(node.scope));
  RETURN_IF_ERROR(fill_defaults(node));
  ASSIGN_OR_RETURN(const Captured captured, capture(node.body));
  frame_ = caller_frame;
  line_ = caller_line;
  return captured.text;
}

Status Renderer::bind_macro(const Macro& macro, const Args& args, Frame& frame) {
  const MacroNode& node = *macro.node;
  const std::string_view name = macro.name == nullptr ? "caller" : macro.name->view();
  const std::size_t num_parameters = node.parameters.size();
  const std::size_t num_given = std::min(args.positional.size(), num_parameters);
  for (std::size_t i = 0; i < num_given; ++i) {
    frame.slots[node.parameters[i].slot] = args.positional[i];
  }
  std::vector<NamedArg> unused;
  for (const NamedArg& arg : args.named) {
    const auto rest = node.parameters.subspan(num_given);
    const auto at = std::ranges::find_if(rest, [&arg](const MacroParameter& parameter) {
      return parameter.name->view() == arg.name->view();
    });
    if (at != rest.end()) {
      frame.slots[at->slot] = arg.value;
    } else if (node.uses_caller && !node.has_caller_parameter && arg.name->view() == "caller") {
      frame.slots[node.caller_slot] = arg.value;
    } else {
      unused.push_back(arg);
    }
  }
  if (node.uses_caller && !node.has_caller_parameter &&
      (frame.slots[node.caller_slot].is_missing() || frame.slots[node.caller_slot].is_none())) {
    frame.slots[node.caller_slot] = make_undefined_hint(runtime_, "No caller defined");
  }
  if (node.uses_kwargs) {
    DictBuilder kwargs(runtime_);
    for (const NamedArg& arg : unused) RETURN_IF_ERROR(kwargs.set(Value(arg.name), arg.value));
    frame.slots[node.kwargs_slot] = kwargs.finish();
  } else if (!unused.empty()) {
    return fail("macro '{}' takes no keyword argument '{}'", name, unused[0].name->view());
  }
  if (node.uses_varargs) {
    frame.slots[node.varargs_slot] = new_tuple(runtime_.heap(), args.positional.subspan(num_given));
  } else if (args.positional.size() > num_parameters) {
    return fail("macro '{}' takes not more than {} argument(s)", name, num_parameters);
  }
  return {};
}

Status Renderer::fill_defaults(const MacroNode& node) {
  for (const MacroParameter& parameter : node.parameters) {
    if (!frame_->slots[parameter.slot].is_missing()) continue;
    if (parameter.fallback != nullptr) {
      ASSIGN_OR_RETURN(frame_->slots[parameter.slot], eval(*parameter.fallback));
    } else {
      frame_->slots[parameter.slot] = make_undefined_hint(
          runtime_,
          runtime_.heap().copy(format("parameter '{}' was not provided", parameter.name->view())));
    }
  }
  return {};
}

}  // namespace penstock::chat_template
