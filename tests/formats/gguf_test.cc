#include "formats/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "tests/formats/gguf_writer.h"

namespace penstock::formats {
namespace {

using ::testing::ElementsAre;
using testing::GgufWriter;
using ::testing::HasSubstr;

Result<GgufFile> parse(const std::string& bytes) {
  return GgufFile::parse(std::as_bytes(std::span(bytes)));
}

void expect_refused(const std::string& bytes, ErrorCode code, std::string_view text) {
  const auto file = parse(bytes);
  ASSERT_FALSE(file) << "parsed, expected: " << text;
  EXPECT_EQ(file.error().code(), code) << file.error().message();
  EXPECT_THAT(file.error().message(), HasSubstr(std::string(text)));
}

template <class T>
std::string raw(T value) {
  std::string out;
  GgufWriter::put(out, value);
  return out;
}

std::string array_of(std::uint32_t type, std::uint64_t count, std::string_view elements) {
  return raw(type) + raw(count) + std::string(elements);
}

TEST(Gguf, reads_what_the_reference_writer_wrote) {
  const auto file = GgufFile::open(PENSTOCK_SOURCE_DIR "/tests/formats/data/golden.gguf");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->version(), 3U);
  EXPECT_EQ(file->get_string("general.architecture").value(), "golden");
  EXPECT_EQ(file->get_uint("golden.u8").value(), 200U);
  EXPECT_EQ(file->get_uint("golden.u16").value(), 60000U);
  EXPECT_EQ(file->get_uint("golden.u32").value(), 4000000000U);
  EXPECT_EQ(file->get_uint("golden.u64").value(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(std::get<std::int64_t>(*file->find("golden.i8")), -100);
  EXPECT_EQ(std::get<std::int64_t>(*file->find("golden.i16")), -30000);
  EXPECT_EQ(std::get<std::int64_t>(*file->find("golden.i32")), -2000000000);
  EXPECT_EQ(std::get<std::int64_t>(*file->find("golden.i64")),
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(file->get_float("golden.f32").value(), static_cast<double>(0.1F));
  EXPECT_EQ(file->get_float("golden.f64").value(), 0.1);
  EXPECT_TRUE(file->get_bool("golden.true").value());
  EXPECT_FALSE(file->get_bool("golden.false").value());
  EXPECT_EQ(file->get_string("golden.string").value(), "Grüße, 世界");
  EXPECT_THAT(std::get<std::vector<std::int64_t>>(*file->find("golden.i32s")),
              ElementsAre(1, -2, 3));
  EXPECT_THAT(std::get<std::vector<std::uint64_t>>(*file->find("golden.u8s")), ElementsAre(0, 255));
  EXPECT_THAT(std::get<std::vector<double>>(*file->find("golden.floats")), ElementsAre(0.5, -0.25));
  EXPECT_THAT(std::get<std::vector<bool>>(*file->find("golden.bools")),
              ElementsAre(true, false, true));
  const auto strings = file->get_strings("golden.strings");
  ASSERT_TRUE(strings);
  EXPECT_THAT(*strings, ElementsAre("", "a", "日本"));
  EXPECT_EQ(file->keys().front(), "general.architecture");
  EXPECT_EQ(file->tensors().size(), 22U);
}

TEST(Gguf, shapes_are_outermost_first_and_bytes_are_views_of_the_file) {
  GgufWriter writer;
  writer.add_tensor("a", DType::kF32, {2, 3}, std::string(24, 'a'));
  writer.add_tensor("b", DType::kQ4_0, {1, 2, 64}, std::string(72, 'b'));
  const std::string bytes = writer.finish();
  const auto file = parse(bytes);
  ASSERT_TRUE(file) << file.error().message();
  const TensorView* b = file->find_tensor("b");
  ASSERT_NE(b, nullptr);
  EXPECT_THAT(b->shape, ElementsAre(1, 2, 64));
  EXPECT_EQ(b->num_values(), 128U);
  EXPECT_EQ(b->bytes.size(), 72U);
  EXPECT_EQ(reinterpret_cast<const char*>(b->bytes.data()), bytes.data() + bytes.size() - 72);
  EXPECT_EQ(file->header_bytes().size(), bytes.size() - 72 - 32);
  EXPECT_EQ(file->find_tensor("c"), nullptr);
}

TEST(Gguf, version_2_is_read_and_others_are_refused) {
  GgufWriter writer;
  writer.add_u32("a", 1);
  writer.version = 2;
  EXPECT_TRUE(parse(writer.finish()));
  writer.version = 1;
  expect_refused(writer.finish(), ErrorCode::kUnsupported, "GGUF version 1");
  writer.version = 4;
  expect_refused(writer.finish(), ErrorCode::kUnsupported, "GGUF version 4");
  writer.version = 0x03000000;
  expect_refused(writer.finish(), ErrorCode::kUnsupported, "big-endian");
  expect_refused("GGML....", ErrorCode::kInvalid, "not a GGUF file");
  expect_refused("", ErrorCode::kInvalid, "the file ends after 0");
}

TEST(Gguf, look_ups_name_the_key_that_is_absent_or_of_another_type) {
  GgufWriter writer;
  writer.add_u32("count", 7);
  writer.add_scalar<std::int32_t>("negative", 5, -7);
  writer.add_string("text", "seven");
  const std::string bytes = writer.finish();
  const auto file = parse(bytes);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->get_float("count").value(), 7.0);
  EXPECT_EQ(file->get_float("negative").value(), -7.0);
  EXPECT_EQ(file->get_uint("absent").error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(file->get_uint("absent").error().message(), HasSubstr("'absent'"));
  EXPECT_EQ(file->get_uint("negative").error().code(), ErrorCode::kInvalid);
  EXPECT_THAT(file->get_uint("text").error().message(), HasSubstr("'text' is a string"));
  EXPECT_THAT(file->get_string("count").error().message(),
              HasSubstr("'count' is an unsigned integer; it must be a string"));
  EXPECT_EQ(file->get_bool("count").error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(file->get_float("text").error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(file->get_strings("text").error().code(), ErrorCode::kInvalid);
}

TEST(Gguf, nested_arrays_are_checked_but_not_kept) {
  GgufWriter writer;
  const std::string inner = array_of(0, 2, "ab");
  writer.add_raw("nested", 9, array_of(9, 2, inner + inner));
  writer.add_u32("after", 5);
  std::string bytes = writer.finish();
  const auto file = parse(bytes);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(std::get<GgufNestedArray>(*file->find("nested")).num_elements, 2U);
  EXPECT_EQ(file->get_uint("after").value(), 5U);

  GgufWriter deep;
  std::string value = array_of(0, 0, "");
  for (int i = 0; i < 4; ++i) value = array_of(9, 1, value);
  deep.add_raw("deep", 9, value);
  expect_refused(deep.finish(), ErrorCode::kInvalid, "'deep' nests arrays deeper than 4 levels");
}

TEST(Gguf, metadata_that_cannot_be_is_refused_by_name) {
  const auto refuses = [](std::uint32_t type, std::string_view value, std::string_view text) {
    GgufWriter writer;
    writer.add_raw("the.key", type, value);
    expect_refused(writer.finish(), ErrorCode::kInvalid, text);
  };
  refuses(13, "", "'the.key' has the unknown value type 13");
  refuses(7, "\x02", "'the.key' is a boolean of value 2");
  refuses(4, "abc", "'the.key' at byte 43 takes 4 bytes, but the file ends after 46");
  refuses(8, raw<std::uint64_t>(1), "'the.key' at byte 51 takes 1 bytes");
  refuses(8, raw<std::uint64_t>(-1), "'the.key'");
  refuses(9, array_of(13, 1, "a"), "'the.key' is an array of the unknown value type 13");
  refuses(9, array_of(4, 2, "abcdefg"), "claims 2 elements of at least 4 bytes, but 7 bytes");
  refuses(9, array_of(10, std::uint64_t{1} << 61, ""), "'the.key' claims 2305843009213693952");
  refuses(9, array_of(8, 1, raw<std::uint64_t>(5) + "abc"), "'the.key'");
  refuses(9, array_of(7, 2, std::string("\x01\x03")), "'the.key' is a boolean of value 3");
}

TEST(Gguf, names_must_be_new_short_and_utf8) {
  const auto refuses = [](std::string_view first, std::string_view second, std::string_view text) {
    GgufWriter writer;
    writer.add_u32(first, 1);
    writer.add_u32(second, 1);
    expect_refused(writer.finish(), ErrorCode::kInvalid, text);
    GgufWriter tensors;
    tensors.add_tensor(first, DType::kF32, {1}, "1234");
    tensors.add_tensor(second, DType::kF32, {1}, "1234");
    expect_refused(tensors.finish(), ErrorCode::kInvalid, text);
  };
  refuses("same", "same", "'same' appears twice");
  refuses("", "a", "is empty");
  refuses(std::string(1025, 'n'), "a", "has 1025 bytes; the limit is 1024");
  refuses("\xFF", "a", "is not UTF-8");
}

TEST(Gguf, counts_larger_than_the_file_are_refused_before_anything_is_allocated) {
  GgufWriter writer;
  writer.num_keys = std::uint64_t{1} << 60;
  expect_refused(writer.finish(), ErrorCode::kInvalid, "1152921504606846976 metadata keys");
  writer.num_keys = 3;
  expect_refused(writer.finish(), ErrorCode::kInvalid, "the name of metadata key 0");
  writer.num_keys = 0;
  writer.num_tensors = std::uint64_t{1} << 60;
  expect_refused(writer.finish(), ErrorCode::kInvalid, "1152921504606846976 tensors");
  writer.num_tensors = 3;
  expect_refused(writer.finish(), ErrorCode::kInvalid, "the name of tensor 0");
}

TEST(Gguf, arrays_are_bounded_all_together) {
  const std::string half((std::size_t{1} << 24) + 1, '\0');
  GgufWriter writer;
  writer.add_raw("first", 9, array_of(0, half.size(), half));
  EXPECT_TRUE(parse(writer.finish()));
  writer.add_raw("second", 9, array_of(0, half.size(), half));
  expect_refused(writer.finish(), ErrorCode::kInvalid,
                 "'second' brings the arrays of the metadata to 33554434 elements");
}

TEST(Gguf, tensors_that_cannot_be_are_refused_by_name) {
  const auto refuses = [](std::uint32_t type, const std::vector<std::uint64_t>& shape,
                          std::uint64_t offset, ErrorCode code, std::string_view text) {
    GgufWriter writer;
    writer.add_tensor_info("the.tensor", type, shape, offset);
    writer.add_data(std::string(64, 'd'));
    expect_refused(writer.finish(), code, "'the.tensor'");
    expect_refused(writer.finish(), code, text);
  };
  constexpr std::uint64_t kHuge = std::uint64_t{1} << 40;
  constexpr auto kInvalid = ErrorCode::kInvalid;
  refuses(0, {}, 0, kInvalid, "has 0 dimensions");
  refuses(0, {1, 1, 1, 1, 1}, 0, kInvalid, "has 5 dimensions");
  refuses(0, {4, 0}, 0, kInvalid, "has a dimension of size 0");
  refuses(0, {kHuge, kHuge}, 0, kInvalid, "more than 2^64 values");
  refuses(0, {std::uint64_t{1} << 63}, 0, kInvalid, "more than 2^64 bytes");
  refuses(2, {2, 48}, 0, kInvalid, "rows of 48 values, which blocks of 32 (Q4_0) do not divide");
  refuses(14, {128}, 0, kInvalid, "blocks of 256 (Q6_K)");
  refuses(0, {17}, 0, kInvalid, "takes 68 bytes at offset 0 of the tensor data, which has 64");
  refuses(0, {1}, 96, kInvalid, "at offset 96");
  refuses(0, {1}, std::numeric_limits<std::uint64_t>::max() - 31, kInvalid, "at offset");
  refuses(0, {1}, 4, kInvalid, "offset 4, which is not a multiple of the alignment 32");
  refuses(10, {256}, 0, ErrorCode::kUnsupported, "has the type Q2_K (10), which is not supported");
  refuses(26, {4}, 0, ErrorCode::kUnsupported, "type I32 (26)");
  refuses(999, {4}, 0, ErrorCode::kUnsupported, "type number 999");
}

TEST(Gguf, overlapping_tensors_are_refused) {
  GgufWriter writer;
  writer.add_tensor_info("a", 0, {16}, 0);
  writer.add_tensor_info("b", 0, {1}, 32);
  writer.add_data(std::string(64, 'd'));
  expect_refused(writer.finish(), ErrorCode::kInvalid, "tensors 'a' and 'b' overlap");
}

TEST(Gguf, the_alignment_is_the_files_own) {
  for (const std::uint32_t alignment : {8U, 64U, 4096U}) {
    GgufWriter writer;
    writer.alignment = alignment;
    writer.add_u32("general.alignment", alignment);
    writer.add_tensor("a", DType::kF32, {1}, "aaaa");
    writer.add_tensor("b", DType::kF32, {1}, "bbbb");
    const std::string bytes = writer.finish();
    const auto file = parse(bytes);
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(static_cast<char>(file->find_tensor("b")->bytes[0]), 'b');
    EXPECT_EQ(file->header_bytes().size() % alignment, 0U);
  }
  for (const std::uint32_t alignment : {0U, 1U, 4U, 24U, 1U << 21}) {
    GgufWriter writer;
    writer.add_u32("general.alignment", alignment);
    writer.add_tensor("a", DType::kF32, {1}, "aaaa");
    expect_refused(writer.finish(), ErrorCode::kInvalid, "general.alignment is");
  }
}

class GgufDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gguf-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::filesystem::path dir_;
};

TEST_F(GgufDiskTest, errors_begin_with_the_path) {
  const auto path = dir_ / "broken.gguf";
  std::ofstream(path) << "GGUF";
  const auto file = GgufFile::open(path);
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message(), ::testing::StartsWith(path.string() + ": "));
  EXPECT_EQ(GgufFile::open(dir_ / "absent").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(GgufFile::open(dir_).error().code(), ErrorCode::kIo);
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(GgufFile::open(dir_ / "fifo").error().code(), ErrorCode::kIo);
}

TEST_F(GgufDiskTest, a_file_cut_short_anywhere_is_refused) {
  GgufWriter writer;
  writer.add_strings("tokens", {"a", "bc", "def"});
  writer.add_f32("f", 1.5F);
  writer.add_tensor("w", DType::kQ4_0, {2, 32}, std::string(36, 'w'));
  writer.add_tensor("v", DType::kF32, {2}, "12345678");
  const std::string whole = writer.finish();
  const auto path = dir_ / "cut.gguf";
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, length);
    const auto file = GgufFile::open(path);
    ASSERT_EQ(file.has_value(), length == whole.size()) << length << " bytes";
  }
}

TEST_F(GgufDiskTest, views_live_as_long_as_the_file_wherever_it_moves) {
  GgufWriter writer;
  writer.add_string("k", "value");
  writer.add_tensor("w", DType::kF32, {2}, "12345678");
  const auto path = dir_ / "moved.gguf";
  std::ofstream(path, std::ios::binary) << writer.finish();
  auto opened = GgufFile::open(path);
  ASSERT_TRUE(opened) << opened.error().message();
  const GgufFile moved = *std::move(opened);
  std::filesystem::remove(path);
  EXPECT_EQ(moved.get_string("k").value(), "value");
  ASSERT_NE(moved.find_tensor("w"), nullptr);
  EXPECT_EQ(static_cast<char>(moved.find_tensor("w")->bytes[7]), '8');
}

}  // namespace
}  // namespace penstock::formats
