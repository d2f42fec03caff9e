// The frames of a stream (server-sent events), written without a tree.
//
// What all chunks share is prepared once; a chunk then costs the copies of its text. The writer
// keeps no order: role before content, finish last, is its caller's (frontend/stream_answer.h).
// Threading: one owner.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "openai/answer_parts.h"
#include "openai/errors.h"

namespace penstock::openai {

// Which choice a chunk belongs to, and what else rides in it.
struct ChunkPlace {
  std::uint32_t index = 0;
  std::uint64_t first_offset = 0;  // characters of an echoed prompt, before the choice's own
  std::span<const TokenId> prompt_token_ids{};  // once, when asked: chat at the top, else inside
};

class ChunkWriter final {
 public:
  ChunkWriter(const AnswerHead& head, AnswerOptions options);

  // Chat: delta {"role":"assistant","content":""}.
  void append_role(std::string& out, const ChunkPlace& place, const Usage& usage) const;
  void append_content(std::string& out, const ChunkPlace& place, const Delta& delta,
                      const Usage& usage) const;
  // `rest` holds logprobs and ids that no content chunk took; its text is empty.
  void append_finish(std::string& out, const ChunkPlace& place, const Delta& rest,
                     const ChoiceEnd& end, const Usage& usage) const;
  // The chunk without choices (include_usage).
  void append_final_usage(std::string& out, const Usage& usage) const;

  static void append_done(std::string& out) { out += "data: [DONE]\n\n"; }
  static void append_error(std::string& out, const ApiError& error);
  // `json` is a whole JSON text without line breaks.
  static void append_event(std::string& out, std::string_view name, std::string_view json);
  static constexpr std::string_view kKeepAlive = ": keep-alive\n\n";
  static void append_keep_alive(std::string& out) { out += kKeepAlive; }

 private:
  void open(std::string& out, const ChunkPlace& place) const;
  void append_details(std::string& out, const ChunkPlace& place, const Delta& delta) const;
  // Ends the choice, the list of choices and the frame.
  void end_frame(std::string& out, const ChunkPlace& place, const Usage& usage) const;

  Api api_;
  AnswerOptions options_;
  std::string prefix_;  // data: {"id":...,"system_fingerprint":"..."
};

}  // namespace penstock::openai
