// Writes safetensors files for tests, well-formed or deliberately not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/json.h"

namespace penstock::formats::testing {

class SafetensorsWriter final {
 public:
  void add_tensor(std::string_view name, std::string_view dtype,
                  const std::vector<std::uint64_t>& shape, std::string_view bytes) {
    add_entry(name, dtype, shape, data_.size(), data_.size() + bytes.size());
    data_ += bytes;
  }
  void add_entry(std::string_view name, std::string_view dtype,
                 const std::vector<std::uint64_t>& shape, std::uint64_t begin, std::uint64_t end) {
    text::Json::Array dims;
    for (const std::uint64_t dim : shape) dims.emplace_back(dim);
    text::Json::Object entry;
    entry.set("dtype", dtype);
    entry.set("shape", std::move(dims));
    entry.set("data_offsets", text::Json::Array{text::Json(begin), text::Json(end)});
    header.set(std::string(name), std::move(entry));
  }
  void add_data(std::string_view bytes) { data_ += bytes; }

  [[nodiscard]] std::string finish() const {
    std::string json = text::to_json(text::Json(header));
    json.resize((json.size() + 7) / 8 * 8, ' ');
    return assemble(json.size(), json, data_);
  }
  static std::string assemble(std::uint64_t length, std::string_view json, std::string_view data) {
    std::string out(reinterpret_cast<const char*>(&length), sizeof(length));
    out += json;
    out += data;
    return out;
  }

  text::Json::Object header;

 private:
  std::string data_;
};

}  // namespace penstock::formats::testing
