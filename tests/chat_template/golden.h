// Reading the committed results of the oracle scripts (tests/oracles/chat_template_*.py).
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "chat_template/chat_template.h"
#include "text/json.h"

namespace penstock::chat_template {

inline std::string read_data(const std::string& name) {
  std::ifstream file(std::string(PENSTOCK_SOURCE_DIR "/tests/chat_template/data/") + name,
                     std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

inline text::Json read_golden(const std::string& name) {
  Result<text::Json> json = text::parse_json(read_data(name));
  EXPECT_TRUE(json.has_value()) << name << ": " << (json ? "" : json.error().message());
  return json ? std::move(*json) : text::Json();
}

// Compiles and renders in one go.
inline Result<text::OriginText> render(std::string_view source, const RenderInput& input,
                                       const RenderLimits& limits = {}) {
  ASSIGN_OR_RETURN(const ChatTemplate compiled, ChatTemplate::compile(source));
  return compiled.render(input, limits);
}

}  // namespace penstock::chat_template
