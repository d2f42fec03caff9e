#include "openai/logprobs.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "openai/json_out.h"
#include "text/utf8.h"

namespace penstock::openai {
namespace {

// JSON has no infinity; clients of this API know this value as "never".
constexpr float kNever = -9999.0F;

void append_logprob(std::string& out, float logprob) {
  append_float(out, std::isfinite(logprob) ? logprob : kNever);
}

bool is_text(std::string_view bytes) {
  return text::find_invalid_utf8(bytes) == std::string_view::npos;
}

std::string token_name(TokenId id, std::string_view bytes, bool as_ids) {
  if (as_ids) return format("token_id:{}", id);
  return is_text(bytes) ? std::string(bytes) : text::replace_invalid_utf8(bytes);
}

// Names are keys of a map here, so tokens that are no text keep apart by their bytes.
std::string token_key(TokenId id, std::string_view bytes, bool as_ids) {
  if (as_ids || is_text(bytes)) return token_name(id, bytes, as_ids);
  std::string key = "bytes:";
  for (const char byte : bytes) key += format("\\x{:02x}", static_cast<unsigned char>(byte));
  return key;
}

void append_chat_token(std::string& out, TokenId id, std::string_view bytes, float logprob,
                       bool as_ids) {
  out += R"({"token":)";
  text::append_json_string(out, token_name(id, bytes, as_ids));
  out += R"(,"logprob":)";
  append_logprob(out, logprob);
  out += R"(,"bytes":[)";
  for (bool first = true; const char byte : bytes) {
    if (!first) out += ',';
    first = false;
    append_integer(out, static_cast<unsigned>(static_cast<unsigned char>(byte)));
  }
  out += ']';
}

void append_top_map(std::string& out, const TokenLogprob& token, bool as_ids) {
  out += '{';
  std::vector<std::string> seen;
  for (const TokenAlternative& other : token.top) {
    std::string key = token_key(other.id, other.bytes, as_ids);
    // Two ids may have one text; the likelier one stands.
    if (std::ranges::find(seen, key) != seen.end()) continue;
    if (!seen.empty()) out += ',';
    text::append_json_string(out, key);
    out += ':';
    append_logprob(out, other.logprob);
    seen.push_back(std::move(key));
  }
  out += '}';
}

template <class Each>
void append_list(std::string& out, std::string_view name, std::span<const TokenLogprob> tokens,
                 Each&& each) {
  out += '"';
  out += name;
  out += "\":[";
  for (bool first = true; const TokenLogprob& token : tokens) {
    if (!first) out += ',';
    first = false;
    each(token);
  }
  out += ']';
}

// "ID":{"logprob":...,"rank":...,"decoded_token":...}
void append_ranked_token(std::string& out, const TokenAlternative& token, std::uint32_t rank) {
  out += '"';
  append_integer(out, token.id);
  out += R"(":{"logprob":)";
  append_logprob(out, token.logprob);
  out += R"(,"rank":)";
  append_integer(out, rank);
  out += R"(,"decoded_token":)";
  text::append_json_string(out, token_name(token.id, token.bytes, false));
  out += '}';
}

}  // namespace

void append_chat_logprobs(std::string& out, std::span<const TokenLogprob> tokens, bool as_ids) {
  out += '{';
  append_list(out, "content", tokens, [&](const TokenLogprob& token) {
    append_chat_token(out, token.id, token.bytes, token.logprob, as_ids);
    out += R"(,"top_logprobs":[)";
    for (bool first = true; const TokenAlternative& other : token.top) {
      if (!first) out += ',';
      first = false;
      append_chat_token(out, other.id, other.bytes, other.logprob, as_ids);
      out += '}';
    }
    out += "]}";
  });
  out += R"(,"refusal":null})";
}

void append_completion_logprobs(std::string& out, std::span<const TokenLogprob> tokens, bool as_ids,
                                std::uint64_t first_offset) {
  out += '{';
  append_list(out, "tokens", tokens, [&](const TokenLogprob& token) {
    text::append_json_string(out, token_key(token.id, token.bytes, as_ids));
  });
  out += ',';
  append_list(out, "token_logprobs", tokens, [&](const TokenLogprob& token) {
    if (token.has_logprob) {
      append_logprob(out, token.logprob);
    } else {
      out += "null";
    }
  });
  out += ',';
  append_list(out, "top_logprobs", tokens, [&](const TokenLogprob& token) {
    if (token.top.empty()) {
      out += "null";
    } else {
      append_top_map(out, token, as_ids);
    }
  });
  out += ',';
  append_list(out, "text_offset", tokens, [&](const TokenLogprob& token) {
    append_integer(out, first_offset + token.text_offset);
  });
  out += '}';
}

void append_prompt_logprobs(std::string& out, std::span<const TokenLogprob> tokens) {
  out += "[null";
  for (const TokenLogprob& token : tokens) {
    out += ",{";
    append_ranked_token(out, {token.id, token.bytes, token.logprob}, token.rank + 1);
    for (std::uint32_t rank = 1; const TokenAlternative& other : token.top) {
      if (other.id != token.id) {
        out += ',';
        append_ranked_token(out, other, rank);
      }
      ++rank;
    }
    out += '}';
  }
  out += ']';
}

}  // namespace penstock::openai
