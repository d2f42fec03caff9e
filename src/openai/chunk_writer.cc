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

void ChunkWriter::open(std::string& out, const ChunkPlace& place) const {
  out += prefix_;
  out += R"(,"choices":[{"index":)";
  append_integer(out, place.index);
}

void ChunkWriter::append_details(std::string& out, const ChunkPlace& place,
                                 const Delta& delta) const {
  out += R"(,"logprobs":)";
  append_logprobs(out, api_, options_, delta.logprobs, place.first_offset);
  if (options_.token_ids && !delta.token_ids.empty()) {
    out += R"(,"token_ids":)";
    append_integers(out, delta.token_ids);
  }
  if (api_ == Api::kCompletions) append_prompt_token_ids(out, place.prompt_token_ids);
}

void ChunkWriter::end_frame(std::string& out, const ChunkPlace& place, const Usage& usage) const {
  out += "}]";
  if (api_ == Api::kChat) append_prompt_token_ids(out, place.prompt_token_ids);
  if (options_.continuous_usage) {
    out += R"(,"usage":)";
    append_usage(out, usage);
  } else if (options_.include_usage) {
    out += R"(,"usage":null)";
  }
  out += "}\n\n";
}

void ChunkWriter::append_role(std::string& out, const ChunkPlace& place, const Usage& usage) const {
  open(out, place);
  out += R"(,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null)";
  end_frame(out, place, usage);
}

void ChunkWriter::append_content(std::string& out, const ChunkPlace& place, const Delta& delta,
                                 const Usage& usage) const {
  open(out, place);
  out += api_ == Api::kChat ? R"(,"delta":{"content":)" : R"(,"text":)";
  text::append_json_string(out, delta.text);
  if (api_ == Api::kChat) out += '}';
  append_details(out, place, delta);
  out += R"(,"finish_reason":null)";
  end_frame(out, place, usage);
}

void ChunkWriter::append_finish(std::string& out, const ChunkPlace& place, const Delta& rest,
                                const ChoiceEnd& end, const Usage& usage) const {
  open(out, place);
  out += api_ == Api::kChat ? R"(,"delta":{})" : R"(,"text":"")";
  append_details(out, place, rest);
  out += R"(,"finish_reason":")";
  out += to_string(end.reason);
  out += '"';
  if (options_.stop_reason) append_stop_reason(out, end.stop);
  end_frame(out, place, usage);
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
