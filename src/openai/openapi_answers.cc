// What answers look like. The writers (response_writer.h, chunk_writer.h, service_routes.h) are
// held to this by tests that validate real answers.
#include "base/check.h"
#include "openai/openapi.h"

namespace penstock::openai {
namespace {

constexpr std::string_view kAnswers = R"json({
"Usage": {
  "type": "object",
  "properties": {
    "prompt_tokens": {"type": "integer", "minimum": 0, "description": "Once per prompt, whatever n is."},
    "completion_tokens": {"type": "integer", "minimum": 0, "description": "Of all choices, as delivered."},
    "total_tokens": {"type": "integer", "minimum": 0},
    "prompt_tokens_details": {
      "type": "object",
      "properties": {"cached_tokens": {"type": "integer", "minimum": 0, "description": "Prompt tokens that were not computed anew."}},
      "required": ["cached_tokens"]
    },
    "completion_tokens_details": {
      "type": "object",
      "properties": {"reasoning_tokens": {"type": "integer", "minimum": 0}},
      "required": ["reasoning_tokens"]
    }
  },
  "required": ["prompt_tokens", "completion_tokens", "total_tokens"]
},
"FinishReason": {
  "type": "string", "enum": ["stop", "length", "deadline"],
  "description": "stop: EOS, a stop id or a stop string; length: max_tokens or the context; deadline: the time was over after some output."
},
"StopReason": {
  "type": ["string", "integer", "null"],
  "description": "With extra_fields stop_reason: the stop string or the id of the stop token."
},
"ChatTokenLogprob": {
  "type": "object",
  "properties": {
    "token": {"type": "string"},
    "logprob": {"type": "number"},
    "bytes": {"type": ["array", "null"], "items": {"type": "integer", "minimum": 0, "maximum": 255}},
    "top_logprobs": {"type": "array", "items": {"$ref": "#/components/schemas/ChatTokenLogprob"}}
  },
  "required": ["token", "logprob", "bytes"]
},
"ChatLogprobs": {
  "type": ["object", "null"],
  "properties": {
    "content": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/ChatTokenLogprob"}},
    "refusal": {"type": ["array", "null"]}
  }
},
"CompletionLogprobs": {
  "type": ["object", "null"],
  "properties": {
    "tokens": {"type": "array", "items": {"type": "string"}},
    "token_logprobs": {"type": "array", "items": {"type": ["number", "null"]}},
    "top_logprobs": {"type": "array", "items": {"type": ["object", "null"], "additionalProperties": {"type": "number"}}},
    "text_offset": {"type": "array", "items": {"type": "integer", "minimum": 0}}
  },
  "required": ["tokens", "token_logprobs", "top_logprobs", "text_offset"]
},
"PromptLogprobs": {
  "type": ["array", "null"],
  "description": "With prompt_logprobs: one member per token of the prompt, the first null; names are token ids.",
  "items": {
    "type": ["object", "null"],
    "additionalProperties": {
      "type": "object",
      "properties": {
        "logprob": {"type": "number"},
        "rank": {"type": "integer", "minimum": 1},
        "decoded_token": {"type": "string"}
      },
      "required": ["logprob", "rank", "decoded_token"]
    }
  }
},
"TokenIds": {"type": "array", "items": {"type": "integer", "minimum": 0}},
"ChatCompletion": {
  "type": "object",
  "properties": {
    "id": {"type": "string"},
    "object": {"const": "chat.completion"},
    "created": {"type": "integer", "description": "Unix seconds."},
    "model": {"type": "string"},
    "system_fingerprint": {"type": "string"},
    "service_tier": {"type": "string"},
    "store": {"type": "boolean"},
    "choices": {
      "type": "array",
      "items": {
        "type": "object",
        "properties": {
          "index": {"type": "integer", "minimum": 0},
          "message": {
            "type": "object",
            "properties": {
              "role": {"const": "assistant"},
              "content": {"type": ["string", "null"]},
              "refusal": {"type": ["string", "null"]}
            },
            "required": ["role", "content"]
          },
          "logprobs": {"$ref": "#/components/schemas/ChatLogprobs"},
          "token_ids": {"$ref": "#/components/schemas/TokenIds"},
          "finish_reason": {"$ref": "#/components/schemas/FinishReason"},
          "stop_reason": {"$ref": "#/components/schemas/StopReason"}
        },
        "required": ["index", "message", "logprobs", "finish_reason"]
      }
    },
    "usage": {"$ref": "#/components/schemas/Usage"},
    "prompt_token_ids": {"$ref": "#/components/schemas/TokenIds"},
    "prompt_logprobs": {"$ref": "#/components/schemas/PromptLogprobs"}
  },
  "required": ["id", "object", "created", "model", "system_fingerprint", "choices", "usage"]
},
"ChatCompletionChunk": {
  "type": "object",
  "properties": {
    "id": {"type": "string"},
    "object": {"const": "chat.completion.chunk"},
    "created": {"type": "integer"},
    "model": {"type": "string"},
    "system_fingerprint": {"type": "string"},
    "service_tier": {"type": "string"},
    "store": {"type": "boolean"},
    "choices": {
      "type": "array",
      "items": {
        "type": "object",
        "properties": {
          "index": {"type": "integer", "minimum": 0},
          "delta": {
            "type": "object",
            "properties": {
              "role": {"const": "assistant"},
              "content": {"type": "string"}
            }
          },
          "logprobs": {"$ref": "#/components/schemas/ChatLogprobs"},
          "token_ids": {"$ref": "#/components/schemas/TokenIds"},
          "finish_reason": {"anyOf": [{"$ref": "#/components/schemas/FinishReason"}, {"type": "null"}]},
          "stop_reason": {"$ref": "#/components/schemas/StopReason"}
        },
        "required": ["index", "delta", "finish_reason"]
      }
    },
    "usage": {"anyOf": [{"$ref": "#/components/schemas/Usage"}, {"type": "null"}]},
    "prompt_token_ids": {"$ref": "#/components/schemas/TokenIds"}
  },
  "required": ["id", "object", "created", "model", "system_fingerprint", "choices"]
},
"Completion": {
  "type": "object",
  "description": "A whole answer, or one chunk of a stream.",
  "properties": {
    "id": {"type": "string"},
    "object": {"const": "text_completion"},
    "created": {"type": "integer"},
    "model": {"type": "string"},
    "system_fingerprint": {"type": "string"},
    "service_tier": {"type": "string"},
    "store": {"type": "boolean"},
    "choices": {
      "type": "array",
      "items": {
        "type": "object",
        "properties": {
          "index": {"type": "integer", "minimum": 0, "description": "Prompt-major: prompt * n + choice."},
          "text": {"type": "string"},
          "logprobs": {"$ref": "#/components/schemas/CompletionLogprobs"},
          "token_ids": {"$ref": "#/components/schemas/TokenIds"},
          "prompt_token_ids": {"$ref": "#/components/schemas/TokenIds"},
          "prompt_logprobs": {"$ref": "#/components/schemas/PromptLogprobs"},
          "finish_reason": {"anyOf": [{"$ref": "#/components/schemas/FinishReason"}, {"type": "null"}]},
          "stop_reason": {"$ref": "#/components/schemas/StopReason"}
        },
        "required": ["index", "text", "logprobs", "finish_reason"]
      }
    },
    "usage": {"anyOf": [{"$ref": "#/components/schemas/Usage"}, {"type": "null"}]}
  },
  "required": ["id", "object", "created", "model", "system_fingerprint", "choices"]
},
"Model": {
  "type": "object",
  "properties": {
    "id": {"type": "string"},
    "object": {"const": "model"},
    "created": {"type": "integer"},
    "owned_by": {"type": "string"},
    "max_model_len": {"type": "integer", "minimum": 1, "description": "Tokens of prompt and output together."}
  },
  "required": ["id", "object", "created", "owned_by", "max_model_len"]
},
"ModelList": {
  "type": "object",
  "properties": {
    "object": {"const": "list"},
    "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}
  },
  "required": ["object", "data"]
},
"Health": {
  "type": "object",
  "properties": {
    "status": {"type": "string", "enum": ["healthy", "unhealthy"]},
    "draining": {"type": "boolean"},
    "models": {
      "type": "object",
      "additionalProperties": {
        "type": "object",
        "properties": {
          "ready": {"type": "boolean"},
          "workers": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}
        },
        "required": ["ready", "workers"]
      }
    },
    "discovery": {"type": "object"},
    "version": {"type": "string"}
  },
  "required": ["status", "draining", "models", "version"]
},
"Status": {
  "type": "object",
  "properties": {"status": {"type": "string"}},
  "required": ["status"]
}
})json";

}  // namespace

text::Json::Object answer_schemas() {
  auto schemas = text::parse_json(kAnswers);
  CHECK(schemas.has_value(), "the description of answers: {}", schemas.error().message());
  return std::move(schemas->as_object());
}

}  // namespace penstock::openai
