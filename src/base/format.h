// Text formatting: fmt behind our own names, because GCC 12 has no std::format.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace penstock {

using fmt::format;
using fmt::format_string;

}  // namespace penstock
