// How a message becomes one line of the log, whatever bytes it holds: a name out of a request or a
// file cannot forge a second line, move a terminal's cursor or break the JSON around it.
#pragma once

#include <string>
#include <string_view>

namespace penstock {

// Control characters but tab become \n, \r or \xHH; all else stays.
[[nodiscard]] std::string escape_text_line(std::string_view text);

// The inside of a JSON string. Bytes that are not UTF-8 become U+FFFD, one per byte.
[[nodiscard]] std::string escape_json_line(std::string_view text);

}  // namespace penstock
