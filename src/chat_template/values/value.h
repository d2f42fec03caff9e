// Values of the template language, with Python's types and meaning.
//
// A Value is 16 bytes, trivially copyable, and points into a Heap. Lists, tuples and dicts never
// change after they were made (the sandbox forbids it), so sharing is free; namespaces, iterators
// and loops change in place. Integers are 64 bits wide; what leaves that range is an error.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "chat_template/values/heap.h"
#include "chat_template/values/str.h"

namespace penstock::chat_template {

class Runtime;
class Value;
struct Dict;
struct Range;
struct Namespace;
struct Undefined;
struct Bound;
struct Macro;
struct Loop;
struct Cycler;
struct Joiner;
class Iterator;

struct List {  // of a list or a tuple
  const Value* items = nullptr;
  std::uint32_t size = 0;
  bool is_group = false;  // a tuple of groupby, with attributes grouper and list
  [[nodiscard]] std::span<const Value> view() const noexcept;
};

class Value final {
 public:
  enum class Type : std::uint8_t {
    kMissing,  // a variable without a value; never reaches an operation
    kUndefined,
    kNone,
    kBool,
    kInt,
    kBig,  // an integer of the input above the 64-bit signed range: printed, never computed with
    kFloat,
    kStr,
    kList,
    kTuple,
    kDict,
    kKeys,  // views of a dict
    kValues,
    kItems,
    kRange,
    kIterator,
    kNamespace,
    kFunction,  // a global function or a bound method
    kMacro,
    kLoop,
    kCycler,
    kJoiner,
  };

  constexpr Value() = default;
  static Value none() noexcept { return Value(Type::kNone); }
  static Value boolean(bool value) noexcept {
    Value result(Type::kBool);
    result.int_ = value ? 1 : 0;
    return result;
  }
  static Value integer(std::int64_t value) noexcept {
    Value result(Type::kInt);
    result.int_ = value;
    return result;
  }
  static Value big(std::uint64_t value) noexcept {
    Value result(Type::kBig);
    result.big_ = value;
    return result;
  }
  static Value real(double value) noexcept {
    Value result(Type::kFloat);
    result.float_ = value;
    return result;
  }
  explicit Value(const Str* value) noexcept : type_(Type::kStr), pointer_(value) {}
  static Value list(const List* value) noexcept { return {Type::kList, value}; }
  static Value tuple(const List* value) noexcept { return {Type::kTuple, value}; }
  explicit Value(const Dict* value) noexcept : Value(Type::kDict, value) {}
  static Value view_of(Type kind, const Dict* value) noexcept { return {kind, value}; }
  explicit Value(const Range* value) noexcept : Value(Type::kRange, value) {}
  explicit Value(Namespace* value) noexcept : Value(Type::kNamespace, value) {}
  explicit Value(const Undefined* value) noexcept : Value(Type::kUndefined, value) {}
  explicit Value(const Bound* value) noexcept : Value(Type::kFunction, value) {}
  explicit Value(const Macro* value) noexcept : Value(Type::kMacro, value) {}
  explicit Value(Loop* value) noexcept : Value(Type::kLoop, value) {}
  explicit Value(Cycler* value) noexcept : Value(Type::kCycler, value) {}
  explicit Value(Joiner* value) noexcept : Value(Type::kJoiner, value) {}
  explicit Value(Iterator* value) noexcept : Value(Type::kIterator, value) {}

  [[nodiscard]] Type type() const noexcept { return type_; }
  [[nodiscard]] bool is(Type type) const noexcept { return type_ == type; }
  [[nodiscard]] bool is_missing() const noexcept { return is(Type::kMissing); }
  [[nodiscard]] bool is_undefined() const noexcept { return is(Type::kUndefined); }
  [[nodiscard]] bool is_none() const noexcept { return is(Type::kNone); }
  [[nodiscard]] bool is_bool() const noexcept { return is(Type::kBool); }
  [[nodiscard]] bool is_int() const noexcept { return is(Type::kInt); }
  [[nodiscard]] bool is_integral() const noexcept { return is_int() || is_bool(); }
  [[nodiscard]] bool is_float() const noexcept { return is(Type::kFloat); }
  [[nodiscard]] bool is_number() const noexcept {
    return is_integral() || is_float() || is(Type::kBig);
  }
  [[nodiscard]] bool is_str() const noexcept { return is(Type::kStr); }
  [[nodiscard]] bool is_list() const noexcept { return is(Type::kList); }
  [[nodiscard]] bool is_tuple() const noexcept { return is(Type::kTuple); }
  [[nodiscard]] bool is_sequence() const noexcept { return is_list() || is_tuple(); }
  [[nodiscard]] bool is_dict() const noexcept { return is(Type::kDict); }
  [[nodiscard]] bool is_view() const noexcept {
    return type_ >= Type::kKeys && type_ <= Type::kItems;
  }
  [[nodiscard]] bool is_callable() const noexcept {
    return is_undefined() || is(Type::kFunction) || is(Type::kMacro) || is(Type::kLoop) ||
           is(Type::kJoiner);
  }

  // Each needs the type it names.
  [[nodiscard]] bool as_bool() const noexcept { return int_ != 0; }
  [[nodiscard]] std::int64_t as_int() const noexcept { return int_; }  // of a bool too
  [[nodiscard]] std::uint64_t as_big() const noexcept { return big_; }
  [[nodiscard]] double as_float() const noexcept { return float_; }
  [[nodiscard]] const Str& str() const noexcept { return *get<const Str>(); }
  [[nodiscard]] const List& items() const noexcept { return *get<const List>(); }
  [[nodiscard]] const Dict& dict() const noexcept { return *get<const Dict>(); }  // of a view too
  [[nodiscard]] const Range& range() const noexcept { return *get<const Range>(); }
  [[nodiscard]] Namespace& name_space() const noexcept { return *get<Namespace>(); }
  [[nodiscard]] const Undefined& undefined() const noexcept { return *get<const Undefined>(); }
  [[nodiscard]] const Bound& function() const noexcept { return *get<const Bound>(); }
  [[nodiscard]] const Macro& macro() const noexcept { return *get<const Macro>(); }
  [[nodiscard]] Loop& loop() const noexcept { return *get<Loop>(); }
  [[nodiscard]] Cycler& cycler() const noexcept { return *get<Cycler>(); }
  [[nodiscard]] Joiner& joiner() const noexcept { return *get<Joiner>(); }
  [[nodiscard]] Iterator& iterator() const noexcept { return *get<Iterator>(); }
  // Whether both are the same object (Python's `is`).
  [[nodiscard]] bool same_as(const Value& other) const noexcept {
    return type_ == other.type_ && big_ == other.big_;
  }

 private:
  constexpr explicit Value(Type type) noexcept : type_(type) {}
  Value(Type type, const void* pointer) noexcept : type_(type), pointer_(pointer) {}
  template <class T>
  [[nodiscard]] T* get() const noexcept {
    return static_cast<T*>(const_cast<void*>(pointer_));
  }

  Type type_ = Type::kMissing;
  union {
    std::int64_t int_;
    std::uint64_t big_ = 0;
    double float_;
    const void* pointer_;
  };
};

inline std::span<const Value> List::view() const noexcept {
  return {items, size};
}

struct Entry {
  Value key;
  Value value;
};
struct Dict {  // in insertion order
  const Entry* entries = nullptr;
  std::uint32_t size = 0;
  // Entry numbers in key order (dict.cc), for dicts too large to search one by one.
  const std::uint32_t* sorted = nullptr;
  [[nodiscard]] std::span<const Entry> view() const noexcept { return {entries, size}; }
};

struct Range {
  std::int64_t start = 0;
  std::int64_t stop = 0;
  std::int64_t step = 1;
  std::int64_t size = 0;
  // Modulo 2^64, because one past the last item may lie outside of 64 bits.
  [[nodiscard]] std::int64_t at(std::int64_t index) const noexcept {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(start) +
                                     static_cast<std::uint64_t>(index) *
                                         static_cast<std::uint64_t>(step));
  }
};

struct Attribute {
  const Str* name = nullptr;
  Value value;
};
struct Namespace {
  Attribute* attributes = nullptr;
  std::uint32_t size = 0;
  std::uint32_t capacity = 0;
  [[nodiscard]] const Value* find(std::string_view name) const noexcept;
  void set(Heap& heap, const Str* name, const Value& value);
};

// Why a value is missing; the message is made only when someone trips over it.
struct Undefined {
  std::string_view hint;  // a whole message, or
  Value name;             // the name of a variable (no object), of an attribute or an element
  Value object;           // kMissing for a variable
};

struct Cycler {
  const List* items = nullptr;
  std::uint32_t at = 0;
};
struct Joiner {
  Value separator;
  bool used = false;
};

// A lazy sequence, consumed once. Lives in a heap, so it owns nothing but heap pointers.
class Iterator {
 public:
  [[nodiscard]] virtual Result<std::optional<Value>> next(Runtime& runtime) = 0;
  // Python's type name, for messages: "generator", "list_reverseiterator".
  [[nodiscard]] virtual std::string_view type_name() const noexcept { return "generator"; }

 protected:
  ~Iterator() = default;
};

// Arguments of a call, evaluated.
struct NamedArg {
  const Str* name = nullptr;
  Value value;
};
struct Args {
  std::span<const Value> positional;
  std::span<const NamedArg> named;
  [[nodiscard]] bool empty() const noexcept { return positional.empty() && named.empty(); }
};

// A function of the library. For a method and a filter `self` is the object or the value.
using Native = Result<Value> (*)(Runtime& runtime, const Value& self, const Args& args);
struct NativeDef {
  std::string_view name;
  Native call = nullptr;
};
struct Bound {
  const NativeDef* def = nullptr;
  Value self;
};

// Python's name of the value's type, for messages.
[[nodiscard]] std::string_view type_name(const Value& value) noexcept;
[[nodiscard]] bool truthy(const Value& value) noexcept;

[[nodiscard]] Value new_list(Heap& heap, std::span<const Value> items);
[[nodiscard]] Value new_tuple(Heap& heap, std::span<const Value> items);
[[nodiscard]] inline Value make_data(Heap& heap, std::string_view text) {
  return Value(copy_str(heap, text, Origin::kData));
}

}  // namespace penstock::chat_template
