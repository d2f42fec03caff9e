#include "chat_template/values/str.h"

#include <cstring>
#include <limits>

#include "base/check.h"
#include "chat_template/values/unicode.h"
#include "text/utf8.h"

namespace penstock::chat_template {
namespace {

constexpr std::uint32_t kMaxStrBytes = std::numeric_limits<std::uint32_t>::max();
// Shorter results of a concatenation are not worth a buffer of their own.
constexpr std::uint32_t kMinBufferBytes = 128;

bool all_ascii(std::string_view bytes) noexcept {
  unsigned char any = 0;
  for (const char byte : bytes) any |= static_cast<unsigned char>(byte);
  return any < 0x80;
}

bool is_continuation(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

void append_to_buffer(TextBuffer& buffer, std::string_view bytes, Origin origin) {
  std::memcpy(buffer.bytes + buffer.size, bytes.data(), bytes.size());
  buffer.size += static_cast<std::uint32_t>(bytes.size());
  if (buffer.num_spans > 0 && buffer.spans[buffer.num_spans - 1].origin == origin) {
    buffer.spans[buffer.num_spans - 1].end = buffer.size;
  } else {
    buffer.spans[buffer.num_spans++] = {buffer.size, origin};
  }
}

std::uint32_t spans_of(const Str& text) noexcept {
  return std::max<std::uint32_t>(text.num_spans, 1);
}

void append_to_buffer(TextBuffer& buffer, const Str& text) {
  text.for_each_span([&buffer](std::string_view bytes, Origin origin) {
    append_to_buffer(buffer, bytes, origin);
  });
}

const Str* whole_buffer(Heap& heap, TextBuffer* buffer) {
  Str* text = heap.make<Str>();
  text->bytes = buffer->bytes;
  text->size = buffer->size;
  text->buffer = buffer;
  text->origin = buffer->spans[0].origin;
  if (buffer->num_spans > 1) {
    text->num_spans = buffer->num_spans;
    text->spans = buffer->spans;
  }
  return text;
}

bool can_grow(const Str& left, const Str& right) noexcept {
  const TextBuffer* buffer = left.buffer;
  return buffer != nullptr && left.bytes == buffer->bytes && left.size == buffer->size &&
         right.size <= buffer->capacity - buffer->size &&
         spans_of(right) <= buffer->span_capacity - buffer->num_spans;
}

}  // namespace

bool Str::is_ascii() const noexcept {
  if (ascii == Ascii::kUnknown) ascii = all_ascii(view()) ? Ascii::kYes : Ascii::kNo;
  return ascii == Ascii::kYes;
}

std::uint32_t Str::length() const noexcept {
  if (is_ascii()) return size;
  return static_cast<std::uint32_t>(
      std::ranges::count_if(view(), [](char byte) { return !is_continuation(byte); }));
}

std::uint32_t Str::offset_of(std::uint64_t code_point) const noexcept {
  if (is_ascii()) return static_cast<std::uint32_t>(std::min<std::uint64_t>(code_point, size));
  std::uint32_t at = 0;
  while (at < size && is_continuation(bytes[at])) ++at;
  for (; code_point > 0 && at < size; --code_point) {
    do {
      ++at;
    } while (at < size && is_continuation(bytes[at]));
  }
  return at;
}

Origin Str::origin_at(std::uint32_t at) const noexcept {
  if (num_spans == 0) return origin;
  const OriginSpan* span =
      std::upper_bound(spans, spans + num_spans, at,
                       [](std::uint32_t key, const OriginSpan& s) { return key < s.end; });
  return span == spans + num_spans ? Origin::kData : span->origin;
}

const Str* borrow_str(Heap& heap, std::string_view bytes, Origin origin) {
  CHECK(bytes.size() <= kMaxStrBytes);
  Str* text = heap.make<Str>();
  text->bytes = bytes.data();
  text->size = static_cast<std::uint32_t>(bytes.size());
  text->origin = origin;
  return text;
}

const Str* copy_str(Heap& heap, std::string_view bytes, Origin origin) {
  return borrow_str(heap, heap.copy(bytes), origin);
}

const Str* slice_str(Heap& heap, const Str& source, std::uint32_t begin, std::uint32_t end) {
  if (begin == 0 && end == source.size) return &source;
  Str* text = heap.make<Str>();
  text->bytes = source.bytes + begin;
  text->size = end - begin;
  text->is_markup = source.is_markup;
  if (source.ascii == Str::Ascii::kYes) text->ascii = Str::Ascii::kYes;
  if (begin == end) return text;
  text->origin = source.origin_at(begin);
  std::uint32_t count = 0;
  source.for_each_span(begin, end, [&count](std::string_view, Origin) { ++count; });
  if (count == 1) return text;
  const std::span<OriginSpan> spans = heap.make_array<OriginSpan>(count);
  std::uint32_t at = 0;
  count = 0;
  source.for_each_span(begin, end, [&](std::string_view bytes, Origin origin) {
    at += static_cast<std::uint32_t>(bytes.size());
    spans[count++] = {at, origin};
  });
  text->spans = spans.data();
  text->num_spans = count;
  return text;
}

const Str* with_markup(Heap& heap, const Str& source, bool is_markup) {
  if (source.is_markup == is_markup) return &source;
  Str* text = heap.make<Str>(source);
  text->is_markup = is_markup;
  return text;
}

Result<const Str*> concat_str(Heap& heap, const Str& left, const Str& right) {
  if (left.size == 0) return with_markup(heap, right, false);
  if (right.size == 0) return with_markup(heap, left, false);
  if (can_grow(left, right)) {
    append_to_buffer(*left.buffer, right);
    return whole_buffer(heap, left.buffer);
  }
  const std::uint64_t size = std::uint64_t{left.size} + right.size;
  const std::uint32_t num_spans = spans_of(left) + spans_of(right);
  const std::uint64_t capacity = size < kMinBufferBytes ? size : 2 * size;
  if (size > kMaxStrBytes / 2 || !heap.fits(capacity)) return memory_exhausted(heap);
  TextBuffer* buffer = heap.make<TextBuffer>();
  buffer->capacity = static_cast<std::uint32_t>(capacity);
  buffer->bytes = static_cast<char*>(heap.allocate(capacity));
  buffer->span_capacity = size < kMinBufferBytes ? num_spans : 2 * num_spans;
  buffer->spans = heap.make_array<OriginSpan>(buffer->span_capacity).data();
  append_to_buffer(*buffer, left);
  append_to_buffer(*buffer, right);
  return whole_buffer(heap, buffer);
}

std::unexpected<Error> memory_exhausted(const Heap& heap) {
  return make_error(ErrorCode::kResourceExhausted,
                    "the chat template needs more than {} bytes of memory", heap.max_bytes());
}

void TextBuilder::append(std::string_view bytes, Origin origin) {
  if (bytes.empty()) return;
  if (!heap_.fits(bytes_.size() + bytes.size()) || bytes_.size() + bytes.size() > kMaxStrBytes) {
    overflowed_ = true;
    return;
  }
  bytes_.append(bytes);
  const auto end = static_cast<std::uint32_t>(bytes_.size());
  if (!spans_.empty() && spans_.back().origin == origin) {
    spans_.back().end = end;
  } else {
    spans_.push_back({end, origin});
  }
}

void TextBuilder::append(char32_t code_point, Origin origin) {
  std::string encoded;
  text::append_utf8(encoded, code_point);
  append(encoded, origin);
}

Result<const Str*> TextBuilder::finish() {
  if (overflowed_) return memory_exhausted(heap_);
  Str* text = heap_.make<Str>();
  const std::string_view bytes = heap_.copy(bytes_);
  text->bytes = bytes.data();
  text->size = static_cast<std::uint32_t>(bytes.size());
  if (spans_.empty()) return text;
  text->origin = spans_[0].origin;
  if (spans_.size() > 1) {
    const std::span<OriginSpan> spans = heap_.make_array<OriginSpan>(spans_.size());
    std::ranges::copy(spans_, spans.begin());
    text->spans = spans.data();
    text->num_spans = static_cast<std::uint32_t>(spans.size());
  }
  return text;
}

}  // namespace penstock::chat_template
