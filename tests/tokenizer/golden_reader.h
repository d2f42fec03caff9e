// The committed answers of the reference, made by tests/oracles/tokenizer_goldens.py.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace penstock::tokenizer {

inline std::string read_data(std::string_view name) {
  const std::string path = std::string(PENSTOCK_SOURCE_DIR "/tests/tokenizer/data/").append(name);
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class GoldenReader final {
 public:
  explicit GoldenReader(std::string bytes) : bytes_(std::move(bytes)) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_.at(at_++));
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
  }
  std::string text() {
    const std::size_t size = number();
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  std::vector<TokenId> ids() {
    std::vector<TokenId> values(number());
    for (TokenId& value : values) value = static_cast<TokenId>(number());
    return values;
  }
  [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

struct GoldenCase {
  std::string text;
  std::vector<TokenId> ids;       // wholly trusted
  std::vector<TokenId> data_ids;  // wholly data
  std::string decoded;
};

inline std::vector<GoldenCase> read_golden(std::string_view name) {
  GoldenReader reader(read_data(name));
  std::vector<GoldenCase> cases(reader.number());
  for (GoldenCase& each : cases) {
    each.text = reader.text();
    each.ids = reader.ids();
    each.data_ids = reader.number() != 0 ? reader.ids() : each.ids;
    each.decoded = reader.number() != 0 ? reader.text() : each.text;
  }
  EXPECT_TRUE(reader.at_end()) << name;
  return cases;
}

}  // namespace penstock::tokenizer
