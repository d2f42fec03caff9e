// Damaged files: one clear error or a file whose every view is in bounds; never a crash, never an
// allocation out of proportion. Deterministic; PENSTOCK_FUZZ_ROUNDS multiplies the iterations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "formats/dequantize.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "tests/formats/allocation_watch.h"
#include "tests/formats/gguf_writer.h"
#include "tests/formats/mutator.h"
#include "tests/formats/safetensors_writer.h"

namespace penstock::formats {
namespace {

using testing::GgufWriter;
using testing::Mutator;
using testing::SafetensorsWriter;

// Files here have a few hundred bytes.
constexpr std::size_t kMaxAllocation = std::size_t{1} << 20;
constexpr DType kEveryType[] = {DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ4_0,
                                DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0,
                                DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};

int iterations(int base) {
  const char* rounds = std::getenv("PENSTOCK_FUZZ_ROUNDS");
  return rounds == nullptr ? base : base * std::max(1, std::atoi(rounds));
}

void read_every_value(const TensorView& tensor) {
  std::vector<float> values(tensor.num_values());
  dequantize_row(tensor.dtype, tensor.bytes, values);
}

// What happened to a run of damaged files: both must occur for the run to mean anything.
struct Tally {
  int read = 0;
  int refused = 0;
};

template <class File>
void look_at(const Result<File>& file, Tally& tally) {
  if (!file) {
    ASSERT_FALSE(file.error().message().empty());
    ASSERT_LT(file.error().message().size(), 8192U);
    ++tally.refused;
    return;
  }
  for (const TensorView& tensor : file->tensors()) read_every_value(tensor);
  ++tally.read;
}

std::string small_gguf() {
  GgufWriter writer;
  writer.add_string("general.architecture", "llama");
  writer.add_u32("u32", 3);
  writer.add_bool("bool", true);
  writer.add_f32("f32", 0.5F);
  writer.add_strings("strings", {"one", "two", ""});
  std::string nested;
  GgufWriter::put<std::uint32_t>(nested, 9);
  GgufWriter::put<std::uint64_t>(nested, 1);
  GgufWriter::put<std::uint32_t>(nested, 3);
  GgufWriter::put<std::uint64_t>(nested, 2);
  writer.add_raw("nested", 9, nested + "\x01\x02\x03\x04");
  writer.add_u32("general.alignment", 32);
  writer.add_tensor("plain", DType::kF32, {2, 3}, std::string(24, 'p'));
  writer.add_tensor("blocks", DType::kQ4_0, {2, 32}, std::string(36, 'b'));
  return writer.finish();
}

TEST(ReadersFuzz, damaged_gguf) {
  const std::string whole = small_gguf();
  Mutator mutator(11);
  Tally tally;
  testing::forget_allocations();
  for (int i = 0; i < iterations(40000); ++i) {
    const std::string bytes = mutator.damage(whole);
    look_at(GgufFile::parse(std::as_bytes(std::span(bytes))), tally);
    if (HasFatalFailure()) FAIL() << "iteration " << i;
  }
  EXPECT_LT(testing::largest_allocation(), kMaxAllocation);
  EXPECT_GT(tally.read, 100);
  EXPECT_GT(tally.refused, 1000);
}

// Well-formed up to the numbers: these get past the checks that stop most damaged files.
TEST(ReadersFuzz, gguf_with_treacherous_numbers) {
  Mutator random(12);
  Tally tally;
  testing::forget_allocations();
  for (int i = 0; i < iterations(40000); ++i) {
    GgufWriter writer;
    if (random.below(3) == 0) {
      writer.add_u32("general.alignment", static_cast<std::uint32_t>(random.treacherous(32)));
    }
    if (random.below(3) == 0) {
      std::string array;
      GgufWriter::put(array, static_cast<std::uint32_t>(random.below(14)));
      GgufWriter::put(array, random.treacherous(24));
      writer.add_raw("array", 9, array + std::string(random.below(64), '\0'));
    }
    const std::uint64_t num_tensors = 1 + random.below(3);
    for (std::uint64_t t = 0; t < num_tensors; ++t) {
      std::vector<std::uint64_t> shape(1 + random.below(4), 1);
      shape.back() = random.below(2) == 0 ? 256 : random.treacherous(256);
      shape.front() = random.below(4) == 0 ? random.treacherous(8) : shape.front();
      const std::uint32_t type = random.below(8) == 0
                                     ? static_cast<std::uint32_t>(random.below(50))
                                     : testing::gguf_type(kEveryType[random.below(11)]);
      writer.add_tensor_info(format("t{}", random.below(16)), type, shape,
                             random.below(2) == 0 ? t * 1024 : random.treacherous(1024));
    }
    writer.add_data(std::string(random.below(4096), 'd'));
    if (random.below(16) == 0) writer.num_tensors = random.treacherous(3);
    if (random.below(16) == 0) writer.num_keys = random.treacherous(3);
    const std::string bytes = writer.finish();
    look_at(GgufFile::parse(std::as_bytes(std::span(bytes))), tally);
    if (HasFatalFailure()) FAIL() << "iteration " << i;
  }
  EXPECT_LT(testing::largest_allocation(), kMaxAllocation);
  EXPECT_GT(tally.read, 1000);
  EXPECT_GT(tally.refused, 1000);
}

SafetensorsWriter small_safetensors() {
  SafetensorsWriter writer;
  writer.header.set("__metadata__", text::Json::Object{{"format", "pt"}});
  writer.add_tensor("a", "F32", {2, 3}, std::string(24, 'a'));
  writer.add_tensor("b", "BF16", {4}, std::string(8, 'b'));
  writer.add_tensor("c", "I64", {1}, std::string(8, 'c'));
  return writer;
}

TEST(ReadersFuzz, damaged_safetensors) {
  const std::string whole = small_safetensors().finish();
  Mutator mutator(13);
  Tally tally;
  testing::forget_allocations();
  for (int i = 0; i < iterations(40000); ++i) {
    const std::string bytes = mutator.damage(whole);
    look_at(SafetensorsFile::parse(std::as_bytes(std::span(bytes))), tally);
    if (HasFatalFailure()) FAIL() << "iteration " << i;
  }
  EXPECT_LT(testing::largest_allocation(), kMaxAllocation);
  EXPECT_GT(tally.read, 100);
  EXPECT_GT(tally.refused, 1000);
}

TEST(ReadersFuzz, safetensors_with_a_damaged_header) {
  const std::string json = text::to_json(text::Json(small_safetensors().header));
  const std::string data(40, 'd');
  Mutator mutator(14);
  Tally tally;
  testing::forget_allocations();
  for (int i = 0; i < iterations(40000); ++i) {
    const std::string header = mutator.damage_json(json);
    const std::string bytes = SafetensorsWriter::assemble(header.size(), header, data);
    look_at(SafetensorsFile::parse(std::as_bytes(std::span(bytes))), tally);
    if (HasFatalFailure()) FAIL() << "iteration " << i;
  }
  EXPECT_LT(testing::largest_allocation(), kMaxAllocation);
  EXPECT_GT(tally.read, 100);
  EXPECT_GT(tally.refused, 1000);
}

TEST(ReadersFuzz, damaged_safetensors_index) {
  constexpr std::string_view kIndex =
      R"({"metadata":{"total_size":9},"weight_map":{"a":"x.safetensors","b":"y.safetensors"}})";
  Mutator mutator(15);
  int read = 0;
  for (int i = 0; i < iterations(20000); ++i) {
    const auto index = parse_safetensors_index(mutator.damage_json(kIndex));
    if (!index) continue;
    ++read;
    for (const auto& [name, number] : index->file_of) ASSERT_LT(number, index->files.size());
    for (const std::string& file : index->files) ASSERT_EQ(file.find('/'), std::string::npos);
  }
  EXPECT_GT(read, 100);
}

}  // namespace
}  // namespace penstock::formats
