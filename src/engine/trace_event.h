// What a trace is made of: small events without pointers, and how each is written in the Chrome
// trace format (JSON array of events, times in microseconds), which Perfetto and chrome://tracing
// read.
//
// Tracks: slices of the engine thread (a step, and each phase inside), counters, and one
// asynchronous span per choice with its phases. Threading: values.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "engine/phase_clock.h"
#include "engine/request.h"
#include "engine/step_phase.h"
#include "sched/sequence.h"

namespace penstock::engine {

struct PhaseSlice {
  StepPhase phase{};
  MonotonicTime begin;
  MonotonicTime end;
  std::uint64_t step = 0;
};

struct StepSlice {
  MonotonicTime begin;
  MonotonicTime end;
  Duration predicted{};  // by the cost model, for schedule to sample; 0 before its first step
  Duration actual{};
  std::uint64_t step = 0;
  std::uint32_t num_tokens = 0;
  std::uint32_t num_decodes = 0;
  std::uint32_t num_prefill_chunks = 0;
  std::uint32_t num_admitted = 0;
  std::uint32_t num_preempted = 0;
  std::uint32_t num_hit_tokens = 0;
};

struct LoadSample {
  MonotonicTime at;
  std::uint32_t running = 0;
  std::uint32_t waiting = 0;
  std::uint64_t blocks_active = 0;
  std::uint64_t blocks_cached = 0;
  std::uint64_t blocks_free = 0;
};

// What a choice is called: the front of its request's id, as long as it fits.
struct ChoiceName {
  std::array<char, 40> text{};
  std::uint8_t size = 0;
  std::uint32_t number = 0;
};
[[nodiscard]] ChoiceName make_choice_name(std::string_view request_id,
                                          std::uint32_t number) noexcept;

struct ChoiceArrived {
  sched::SequenceId id;
  MonotonicTime at;
  ChoiceName name;
};
struct ChoiceMoved {
  sched::SequenceId id;
  MonotonicTime at;
  ChoicePhase from{};
  ChoicePhase to{};
};
struct ChoiceEnded {
  sched::SequenceId id;
  MonotonicTime at;
  ChoicePhase from{};
  FinishReason reason{};
  std::uint32_t num_output_tokens = 0;
  std::uint32_t num_cached_tokens = 0;
  std::uint32_t num_preemptions = 0;
  std::uint64_t num_steps = 0;
  ChoiceName name;  // an end closes the span of this name
};

using TraceEvent =
    std::variant<PhaseSlice, StepSlice, LoadSample, ChoiceArrived, ChoiceMoved, ChoiceEnded>;
static_assert(std::is_trivially_copyable_v<TraceEvent>);

// Appends the event's lines, each a JSON object after ",\n"; times count from `origin`.
void append_trace_event(std::string& out, const TraceEvent& event, MonotonicTime origin);

// The array's begin, with the names of process and tracks; and its end, which tells what is
// missing.
[[nodiscard]] std::string trace_head();
[[nodiscard]] std::string trace_tail(MonotonicTime now, MonotonicTime origin,
                                     std::uint64_t num_dropped);

}  // namespace penstock::engine
