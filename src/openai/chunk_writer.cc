#include "openai/chunk_writer.h"

#include "openai/json_out.h"

namespace penstock::openai {
namespace {

void append_prompt_token_ids(std::string& out, std::span<const TokenId> ids) {
  if (ids.empty()) return;
  out += R"(,"prompt_token_ids":)";
  append_integers(out, ids);
}

}  // namespace

ChunkWriter::ChunkWriter(const AnswerHead& head, AnswerOptions options)
    : api_(head.api), options_(options), prefix_("data: {") {
  append_head(prefix_, head, head.api == Api::kChat ? "chat.completion.chunk" : "text_completion");
}

void ChunkWriter::open(std::string& out, std::uint32_t index) const {
  out += prefix_;
  out += R"(,"choices":[{"index":)";
  append_integer(out, index);
}

void ChunkWriter::close(std::string& out, const Delta& delta, std::uint64_t first_offset) const {
  out += R"(,"logprobs":)";
  append_logprobs(out, api_, options_, delta.logprobs, first_offset);
  if (options_.token_ids && !delta.token_ids.empty()) {
    out += R"(,"token_ids":)";
    append_integers(out, delta.token_ids);
  }
}

void ChunkWriter::end_frame(std::string& out, const Usage& usage) const {
  if (options_.continuous_usage) {
    out += R"(,"usage":)";
    append_usage(out, usage);
  } else if (options_.include_usage) {
    out += R"(,"usage":null)";
  }
  out += "}\n\n";
}

void ChunkWriter::append_role(std::string& out, std::uint32_t index, const Usage& usage,
                              std::span<const TokenId> prompt_token_ids) const {
  open(out, index);
  out += R"(,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}])";
  append_prompt_token_ids(out, prompt_token_ids);
  end_frame(out, usage);
}

void ChunkWriter::append_content(std::string& out, std::uint32_t index, const Delta& delta,
                                 std::uint64_t first_offset, const Usage& usage,
                                 std::span<const TokenId> prompt_token_ids) const {
  open(out, index);
  out += api_ == Api::kChat ? R"(,"delta":{"content":)" : R"(,"text":)";
  text::append_json_string(out, delta.text);
  if (api_ == Api::kChat) out += '}';
  close(out, delta, first_offset);
  append_prompt_token_ids(out, prompt_token_ids);
  out += R"(,"finish_reason":null}])";
  end_frame(out, usage);
}

void ChunkWriter::append_finish(std::string& out, std::uint32_t index, const Delta& rest,
                                const ChoiceEnd& end, std::uint64_t first_offset,
                                const Usage& usage) const {
  open(out, index);
  out += api_ == Api::kChat ? R"(,"delta":{})" : R"(,"text":"")";
  close(out, rest, first_offset);
  out += R"(,"finish_reason":")";
  out += to_string(end.reason);
  out += '"';
  if (options_.stop_reason) append_stop_reason(out, end.stop);
  out += "}]";
  end_frame(out, usage);
}

void ChunkWriter::append_final_usage(std::string& out, const Usage& usage) const {
  out += prefix_;
  out += R"(,"choices":[],"usage":)";
  append_usage(out, usage);
  out += "}\n\n";
}

void ChunkWriter::append_error(std::string& out, const ApiError& error) {
  append_event(out, "error", error_body(error));
}

void ChunkWriter::append_event(std::string& out, std::string_view name, std::string_view json) {
  out += "event: ";
  out += name;
  out += "\ndata: ";
  out += json;
  out += "\n\n";
}

}  // namespace penstock::openai
