// str: split, rsplit, splitlines, partition, rpartition.
#include <algorithm>

#include "chat_template/library/arguments.h"
#include "chat_template/library/methods.h"
#include "chat_template/library/text_ops.h"
#include "chat_template/values/search.h"
#include "chat_template/values/unicode.h"

namespace penstock::chat_template {
namespace {

// Collects parts of one string.
class Parts final {
 public:
  Parts(Runtime& runtime, const Str& text) : runtime_(runtime), text_(text), list_(runtime) {}
  Status add(std::size_t begin, std::size_t end) {
    return list_.append(Value(slice_str(runtime_.heap(), text_, static_cast<std::uint32_t>(begin),
                                        static_cast<std::uint32_t>(end))));
  }
  Value finish() { return list_.finish_list(); }
  Value finish_reversed() {
    std::ranges::reverse(list_.items());
    return list_.finish_list();
  }

 private:
  Runtime& runtime_;
  const Str& text_;
  ListBuilder list_;
};

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const unicode::Char c = unicode::char_at(text, at);
    if (!unicode::is_space(c.code_point)) break;
    at += c.num_bytes;
  }
  return at;
}

std::size_t skip_word(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const unicode::Char c = unicode::char_at(text, at);
    if (unicode::is_space(c.code_point)) break;
    at += c.num_bytes;
  }
  return at;
}

std::size_t skip_back(std::string_view text, std::size_t end, bool over_space) {
  while (end > 0) {
    const std::size_t before = unicode::char_before(text, end);
    if (unicode::is_space(unicode::char_at(text, before).code_point) != over_space) break;
    end = before;
  }
  return end;
}

Result<Value> split_at_space(Runtime& runtime, const Str& text, std::uint64_t limit) {
  Parts parts(runtime, text);
  const std::string_view bytes = text.view();
  std::uint64_t done = 0;
  for (std::size_t at = skip_space(bytes, 0); at < bytes.size(); at = skip_space(bytes, at)) {
    if (done++ == limit) {
      RETURN_IF_ERROR(parts.add(at, bytes.size()));
      break;
    }
    const std::size_t end = skip_word(bytes, at);
    RETURN_IF_ERROR(parts.add(at, end));
    at = end;
  }
  return parts.finish();
}

Result<Value> rsplit_at_space(Runtime& runtime, const Str& text, std::uint64_t limit) {
  Parts parts(runtime, text);
  const std::string_view bytes = text.view();
  std::uint64_t done = 0;
  for (std::size_t end = skip_back(bytes, bytes.size(), true); end > 0;
       end = skip_back(bytes, end, true)) {
    if (done++ == limit) {
      RETURN_IF_ERROR(parts.add(0, end));
      break;
    }
    const std::size_t begin = skip_back(bytes, end, false);
    RETURN_IF_ERROR(parts.add(begin, end));
    end = begin;
  }
  return parts.finish_reversed();
}

Result<Value> split_at(Runtime& runtime, const Str& text, std::string_view separator,
                       std::uint64_t limit) {
  Parts parts(runtime, text);
  std::size_t begin = 0;
  for (std::uint64_t done = 0; done < limit; ++done) {
    const std::size_t at = find_bytes(text.view(), separator, begin);
    if (at == kNotFound) break;
    RETURN_IF_ERROR(parts.add(begin, at));
    begin = at + separator.size();
  }
  RETURN_IF_ERROR(parts.add(begin, text.size));
  return parts.finish();
}

Result<Value> rsplit_at(Runtime& runtime, const Str& text, std::string_view separator,
                        std::uint64_t limit) {
  Parts parts(runtime, text);
  std::size_t end = text.size;
  for (std::uint64_t done = 0; done < limit; ++done) {
    RETURN_IF_ERROR(runtime.charge_bytes(end));
    const std::size_t at = rfind_bytes(text.view(), separator, end);
    if (at == kNotFound) break;
    RETURN_IF_ERROR(parts.add(at + separator.size(), end));
    end = at;
  }
  RETURN_IF_ERROR(parts.add(0, end));
  return parts.finish_reversed();
}

template <bool from_right>
Result<Value> split_method(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<2>("split", args, {"sep", "maxsplit"}));
  ASSIGN_OR_RETURN(const Str* separator, str_or_null(bound[0]));
  ASSIGN_OR_RETURN(const std::int64_t max_split, int_or(runtime, bound[1], -1));
  const std::uint64_t limit =
      max_split < 0 ? ~std::uint64_t{0} : static_cast<std::uint64_t>(max_split);
  const Str& text = self.str();
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  if (separator == nullptr) {
    return from_right ? rsplit_at_space(runtime, text, limit)
                      : split_at_space(runtime, text, limit);
  }
  if (separator->size == 0) return fail("empty separator");
  return from_right ? rsplit_at(runtime, text, separator->view(), limit)
                    : split_at(runtime, text, separator->view(), limit);
}

Result<Value> splitlines(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind<1>("splitlines", args, {"keepends"}));
  const bool keep_ends = !bound[0].is_missing() && truthy(bound[0]);
  RETURN_IF_ERROR(runtime.charge_bytes(self.str().size));
  Parts parts(runtime, self.str());
  for (const Line& line : split_lines(self.str().view())) {
    RETURN_IF_ERROR(parts.add(line.begin, keep_ends ? line.next : line.end));
  }
  return parts.finish();
}

template <bool from_right>
Result<Value> partition_method(Runtime& runtime, const Value& self, const Args& args) {
  ASSIGN_OR_RETURN(const auto bound, bind_positional<1>("partition", args, 1));
  ASSIGN_OR_RETURN(const Str* separator, need_str(bound[0]));
  if (separator->size == 0) return fail("empty separator");
  const Str& text = self.str();
  RETURN_IF_ERROR(runtime.charge_bytes(text.size));
  const std::size_t at = from_right ? rfind_bytes(text.view(), separator->view(), text.size)
                                    : find_bytes(text.view(), separator->view(), 0);
  Heap& heap = runtime.heap();
  const Value empty(slice_str(heap, text, 0, 0));
  if (at == kNotFound) {
    const Value whole[] = {from_right ? empty : self, empty, from_right ? self : empty};
    return new_tuple(heap, whole);
  }
  const auto begin = static_cast<std::uint32_t>(at);
  const std::uint32_t end = begin + separator->size;
  const Value parts[] = {
      Value(slice_str(heap, text, 0, begin)),
      Value(slice_str(heap, text, begin, end)),
      Value(slice_str(heap, text, end, text.size)),
  };
  return new_tuple(heap, parts);
}

constexpr NativeDef kMethods[] = {
    {"partition", partition_method<false>},
    {"rpartition", partition_method<true>},
    {"rsplit", split_method<true>},
    {"split", split_method<false>},
    {"splitlines", splitlines},
};

}  // namespace

const std::span<const NativeDef> internal::kStrSplitMethods = kMethods;

}  // namespace penstock::chat_template
