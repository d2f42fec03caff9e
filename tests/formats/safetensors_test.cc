#include "formats/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/formats/safetensors_writer.h"

namespace penstock::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::SafetensorsWriter;

Result<SafetensorsFile> parse(const std::string& bytes) {
  return SafetensorsFile::parse(std::as_bytes(std::span(bytes)));
}

void expect_refused(const std::string& bytes, std::string_view text,
                    ErrorCode code = ErrorCode::kInvalid) {
  const auto file = parse(bytes);
  ASSERT_FALSE(file) << "parsed, expected: " << text;
  EXPECT_EQ(file.error().code(), code) << file.error().message();
  EXPECT_THAT(file.error().message(), HasSubstr(std::string(text)));
}

std::string with_header(std::string_view json, std::string_view data = "") {
  return SafetensorsWriter::assemble(json.size(), json, data);
}

TEST(Safetensors, reads_tensors_in_the_order_of_their_bytes) {
  SafetensorsWriter writer;
  writer.header.set("__metadata__", text::Json::Object{{"format", "pt"}});
  writer.add_entry("second", "BF16", {3}, 8, 14);
  writer.add_tensor("first", "F32", {1, 2}, "AAAABBBB");
  writer.add_data("ccddee");
  const std::string bytes = writer.finish();
  const auto file = parse(bytes);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_THAT(file->names(), ElementsAre("first", "second"));
  const auto first = file->find_tensor("first");
  ASSERT_TRUE(first);
  EXPECT_EQ((*first)->dtype, DType::kF32);
  EXPECT_THAT((*first)->shape, ElementsAre(1, 2));
  EXPECT_EQ(static_cast<char>((*first)->bytes[4]), 'B');
  const auto second = file->find_tensor("second");
  ASSERT_TRUE(second);
  EXPECT_EQ((*second)->dtype, DType::kBF16);
  EXPECT_EQ((*second)->bytes.size(), 6U);
  EXPECT_EQ(file->find_tensor("third").error().code(), ErrorCode::kNotFound);
}

TEST(Safetensors, other_types_are_an_error_only_when_wanted) {
  SafetensorsWriter writer;
  writer.add_tensor("mask", "BOOL", {3}, "abc");
  writer.add_tensor("odd", "F4_SOMETHING", {2}, "x");
  writer.add_tensor("w", "F16", {1}, "ww");
  const std::string bytes = writer.finish();
  const auto file = parse(bytes);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_TRUE(file->find_tensor("w"));
  EXPECT_EQ(file->find_tensor("mask").error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(file->find_tensor("mask").error().message(), HasSubstr("'mask' has the type BOOL"));
  EXPECT_THAT(file->find_tensor("odd").error().message(), HasSubstr("F4_SOMETHING"));
}

TEST(Safetensors, scalars_and_empty_tensors_are_tensors) {
  SafetensorsWriter writer;
  writer.add_tensor("scalar", "F32", {}, "1234");
  writer.add_tensor("empty", "F32", {0, 7}, "");
  const std::string bytes = writer.finish();
  const auto file = parse(bytes);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ((*file->find_tensor("scalar"))->num_values(), 1U);
  EXPECT_EQ((*file->find_tensor("empty"))->num_values(), 0U);
}

TEST(Safetensors, header_lengths_that_cannot_be_are_refused) {
  expect_refused("", "the header length");
  expect_refused("1234567", "the header length");
  expect_refused(SafetensorsWriter::assemble(3, "{}", ""), "the header at byte 8 takes 3 bytes");
  expect_refused(SafetensorsWriter::assemble(~std::uint64_t{0}, "{}", ""),
                 "claims 18446744073709551615 bytes");
  expect_refused(with_header("{"), "the header: invalid JSON");
  expect_refused(with_header("[]"), "the header is array");
  expect_refused(with_header(""), "the header: invalid JSON");
  expect_refused(with_header(R"({"a":{"dtype":"F32"},"a":{}})"), "appears twice");
}

TEST(Safetensors, a_header_of_many_tiny_values_is_refused_before_it_is_parsed) {
  std::string json = R"({"a":[)";
  for (int i = 0; i < 1 << 20; ++i) json += "[],";
  json += "[]]}";
  expect_refused(with_header(json), "the limit is 1048576", ErrorCode::kResourceExhausted);
}

TEST(Safetensors, entries_that_cannot_be_are_refused_by_name) {
  const auto refuses = [](std::string_view entry, std::string_view text) {
    const std::string bytes =
        with_header(R"({"the.tensor":)" + std::string(entry) + "}", "12345678");
    expect_refused(bytes, "'the.tensor'");
    expect_refused(bytes, text);
  };
  refuses("3", "has no string 'dtype'");
  refuses(R"({"shape":[2],"data_offsets":[0,8]})", "has no string 'dtype'");
  refuses(R"({"dtype":"F32","data_offsets":[0,8]})", "has no array 'shape'");
  refuses(R"({"dtype":"F32","shape":[2]})", "has no array 'data_offsets'");
  refuses(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})", "other than counts");
  refuses(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})", "other than counts");
  refuses(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})", "two ascending numbers");
  refuses(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})", "two ascending numbers");
  refuses(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})", "takes 12 bytes");
  refuses(R"({"dtype":"I64","shape":[2],"data_offsets":[0,8]})", "takes 16 bytes");
  refuses(R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]})", "the limit is 8");
  refuses(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})", "2^64");
  refuses(R"({"dtype":"F32","shape":[3],"data_offsets":[0,12]})", "ends at byte 12 of the data");
  refuses(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})", "begins at byte 4 of the data");
}

TEST(Safetensors, holes_overlaps_and_leftovers_are_refused) {
  SafetensorsWriter overlap;
  overlap.add_entry("a", "F32", {2}, 0, 8);
  overlap.add_entry("b", "F32", {2}, 4, 12);
  overlap.add_data("123456781234");
  expect_refused(overlap.finish(), "'b' begins at byte 4 of the data; the one before it ends at 8");
  SafetensorsWriter left_over;
  left_over.add_tensor("a", "F32", {1}, "1234");
  left_over.add_data("x");
  expect_refused(left_over.finish(), "1 bytes after the last tensor");
}

TEST(Safetensors, a_file_cut_short_anywhere_is_refused) {
  SafetensorsWriter writer;
  writer.add_tensor("a", "F32", {2}, "12345678");
  writer.add_tensor("b", "F16", {1}, "12");
  const std::string whole = writer.finish();
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    EXPECT_EQ(parse(whole.substr(0, length)).has_value(), length == whole.size()) << length;
  }
}

TEST(SafetensorsIndex, maps_tensors_to_files) {
  const auto index = parse_safetensors_index(
      R"({"metadata":{"total_size":1},"weight_map":{"a":"x.safetensors","b":"y.safetensors",
          "c":"x.safetensors"}})");
  ASSERT_TRUE(index) << index.error().message();
  EXPECT_THAT(index->files, ElementsAre("x.safetensors", "y.safetensors"));
  EXPECT_EQ(index->file_of.at("c"), 0U);
}

TEST(SafetensorsIndex, refuses_names_that_leave_the_directory) {
  for (const char* name : {"/etc/passwd", "../a", "a/b", "", ".", "..", "a\\\\b", "a\\u0000b"}) {
    const auto index =
        parse_safetensors_index(R"({"weight_map":{"t":")" + std::string(name) + R"("}})");
    ASSERT_FALSE(index) << name;
    EXPECT_THAT(index.error().message(), HasSubstr("'t'"));
  }
  EXPECT_FALSE(parse_safetensors_index("{}"));
  EXPECT_FALSE(parse_safetensors_index(R"({"weight_map":[]})"));
  EXPECT_FALSE(parse_safetensors_index(R"({"weight_map":{"t":3}})"));
}

}  // namespace
}  // namespace penstock::formats
