#include "tests/formats/mutator.h"

#include <algorithm>
#include <cstring>

namespace penstock::formats::testing {

std::uint64_t Mutator::treacherous(std::uint64_t size) {
  const std::uint64_t wobble = below(5) - 2;
  switch (below(6)) {
    case 0:
      return below(70);
    case 1:
      return size + wobble;
    case 2:
      return (std::uint64_t{1} << below(64)) + wobble;
    case 3:
      return wobble;  // around zero, the largest numbers included
    case 4:
      return size / (1 + below(16)) + wobble;
    default:
      return random_();
  }
}

void Mutator::overwrite_integer(std::string& file) {
  static constexpr std::size_t kWidths[] = {1, 2, 4, 8};
  const std::size_t width = kWidths[below(4)];
  if (file.size() < width) return;
  const std::uint64_t value = treacherous(file.size());
  std::memcpy(file.data() + below(file.size() - width + 1), &value, width);
}

void Mutator::damage_once(std::string& file) {
  const std::size_t at = below(file.size() + 1);
  const std::size_t length = std::min<std::size_t>(below(24), file.size() - at);
  switch (below(8)) {
    case 0:
      file.resize(at);
      break;
    case 1:
      file.erase(at, length);
      break;
    case 2:
      file.insert(at, file.substr(below(file.size() + 1), 1 + below(24)));
      break;
    case 3:
      file.insert(at, 1 + below(9), static_cast<char>(random_()));
      break;
    case 4:
      if (at < file.size()) file[at] = static_cast<char>(file[at] ^ (1 << below(8)));
      break;
    default:
      overwrite_integer(file);
      break;
  }
}

std::string Mutator::damage(std::string_view file) {
  std::string out(file);
  for (std::uint64_t i = 0; i <= below(4); ++i) damage_once(out);
  return out;
}

void Mutator::replace_token(std::string& json) {
  static constexpr std::string_view kDelimiters = "{}[]:,\"";
  // The text between two delimiters, or one delimiter.
  const std::size_t from = json.find_first_of(kDelimiters, below(json.size() + 1));
  if (from == std::string::npos) return;
  const std::size_t to = std::min(json.find_first_of(kDelimiters, from + 1), json.size());
  static const std::vector<std::string> kValues = {"null",
                                                   "true",
                                                   "-1",
                                                   "0",
                                                   "1e999",
                                                   "1e19",
                                                   "0.5",
                                                   "[]",
                                                   "{}",
                                                   "\"\"",
                                                   "\"F16\"",
                                                   "[0,4]",
                                                   "18446744073709551615",
                                                   "18446744073709551616",
                                                   "9223372036854775807",
                                                   "{\"a\":1}"};
  switch (below(6)) {
    case 0:
      json.erase(from, to - from);
      break;
    case 1:
      json.insert(from, json.substr(from, to - from));
      break;
    case 2:
      json.replace(from + 1, to - from - 1, kValues[below(kValues.size())]);
      break;
    case 3:
      json.insert(from + 1, kValues[below(kValues.size())]);
      break;
    default:
      json.replace(from + 1, to - from - 1, std::to_string(treacherous(json.size())));
      break;
  }
}

std::string Mutator::damage_json(std::string_view json) {
  std::string out(json);
  for (std::uint64_t i = 0; i <= below(3); ++i) {
    if (below(8) == 0) {
      damage_once(out);
    } else {
      replace_token(out);
    }
  }
  return out;
}

}  // namespace penstock::formats::testing
