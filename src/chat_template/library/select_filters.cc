// Filters that call others by name: map, select, reject, selectattr, rejectattr.
#include "chat_template/library/attribute_path.h"
#include "chat_template/library/lazy_filter.h"
#include "chat_template/library/registry.h"

namespace penstock::chat_template {
namespace {

const Value* named(const Args& args, std::string_view name) noexcept {
  for (const NamedArg& arg : args.named) {
    if (arg.name->view() == name) return &arg.value;
  }
  return nullptr;
}

// A filter or test whose name is a value of the template.
Result<const NativeDef*> find_by_value(const Value& name, std::string_view kind,
                                       const NativeDef* (*find)(std::string_view) noexcept) {
  const NativeDef* def = name.is_str() ? find(name.str().view()) : nullptr;
  if (def != nullptr) return def;
  return fail("there is no {} named {}", kind, name.is_str() ? name.str().view() : type_name(name));
}

class Map final : public LazyFilter {
 public:
  Map(const Value& source, const Args& args) : LazyFilter(source), args_(args) {}

 private:
  Status prepare(Runtime& runtime) override {
    const Value* attribute = named(args_, "attribute");
    if (!args_.positional.empty() || attribute == nullptr) {
      if (args_.positional.empty()) return fail("map requires a filter argument");
      ASSIGN_OR_RETURN(filter_, find_by_value(args_.positional[0], "filter", find_filter));
      args_.positional = args_.positional.subspan(1);
      return {};
    }
    for (const NamedArg& arg : args_.named) {
      const std::string_view name = arg.name->view();
      if (name != "attribute" && name != "default") {
        return fail("Unexpected keyword argument '{}'", name);
      }
    }
    if (const Value* fallback = named(args_, "default")) fallback_ = *fallback;
    ASSIGN_OR_RETURN(path_, AttributePath::parse(runtime, *attribute));
    return {};
  }

  Result<std::optional<Value>> apply(Runtime& runtime, const Value& item) override {
    if (filter_ == nullptr) return path_.get(runtime, item, fallback_);
    return filter_->call(runtime, item, args_);
  }

  Args args_;
  const NativeDef* filter_ = nullptr;
  AttributePath path_;
  Value fallback_;
};

struct Selection {
  bool by_attribute = false;
  bool keeps = true;  // what satisfies the test; else what does not
};

class Select final : public LazyFilter {
 public:
  Select(const Value& source, const Args& args, const Selection& selection)
      : LazyFilter(source), args_(args), selection_(selection) {}

 private:
  Status prepare(Runtime& runtime) override {
    if (selection_.by_attribute) {
      if (args_.positional.empty()) return fail("Missing parameter for attribute name");
      ASSIGN_OR_RETURN(path_, AttributePath::parse(runtime, args_.positional[0]));
      args_.positional = args_.positional.subspan(1);
    }
    if (args_.positional.empty()) {
      args_.named = {};
      return {};
    }
    ASSIGN_OR_RETURN(test_, find_by_value(args_.positional[0], "test", find_test));
    args_.positional = args_.positional.subspan(1);
    return {};
  }

  Result<std::optional<Value>> apply(Runtime& runtime, const Value& item) override {
    Value tested = item;
    if (selection_.by_attribute) {
      ASSIGN_OR_RETURN(tested, path_.get(runtime, item));
    }
    if (test_ != nullptr) {
      ASSIGN_OR_RETURN(tested, test_->call(runtime, tested, args_));
    }
    if (truthy(tested) != selection_.keeps) return std::nullopt;
    return item;
  }

  Args args_;
  Selection selection_;
  AttributePath path_;
  const NativeDef* test_ = nullptr;
};

Result<Value> map(Runtime& runtime, const Value& self, const Args& args) {
  return Value(static_cast<Iterator*>(runtime.heap().make<Map>(self, args)));
}

template <bool by_attribute, bool keeps>
Result<Value> select(Runtime& runtime, const Value& self, const Args& args) {
  const Selection selection{.by_attribute = by_attribute, .keeps = keeps};
  return Value(static_cast<Iterator*>(runtime.heap().make<Select>(self, args, selection)));
}

constexpr NativeDef kFilters[] = {
    {"map", map},
    {"reject", select<false, false>},
    {"rejectattr", select<true, false>},
    {"select", select<false, true>},
    {"selectattr", select<true, true>},
};

}  // namespace

const std::span<const NativeDef> internal::kSelectFilters = kFilters;

}  // namespace penstock::chat_template
