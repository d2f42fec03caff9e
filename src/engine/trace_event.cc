#include "engine/trace_event.h"

#include <algorithm>
#include <iterator>

#include "base/format.h"
#include "base/log_escape.h"

namespace penstock::engine {
namespace {

template <class... Args>
void append(std::string& out, format_string<Args...> text, Args&&... args) {
  fmt::format_to(std::back_inserter(out), text, std::forward<Args>(args)...);
}

// Writes the events of one variant alternative each.
class Writer final {
 public:
  Writer(std::string& out, MonotonicTime origin) : out_(out), origin_(origin) {}

  void operator()(const PhaseSlice& slice) {
    append(out_, ",\n{{\"name\":\"{}\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":{},\"dur\":{},",
           to_string(slice.phase), us(slice.begin - origin_), us(slice.end - slice.begin));
    append(out_, R"("args":{{"step":{}}}}})", slice.step);
  }

  void operator()(const StepSlice& slice) {
    append(out_, ",\n{{\"name\":\"step\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":{},\"dur\":{},",
           us(slice.begin - origin_), us(slice.end - slice.begin));
    append(out_, R"("args":{{"step":{},"tokens":{},"decodes":{},"prefill_chunks":{},)", slice.step,
           slice.num_tokens, slice.num_decodes, slice.num_prefill_chunks);
    append(out_, R"("admitted":{},"preempted":{},"hit_tokens":{},)", slice.num_admitted,
           slice.num_preempted, slice.num_hit_tokens);
    append(out_, R"("predicted_ms":{:.3f},"actual_ms":{:.3f}}}}})", to_ms(slice.predicted),
           to_ms(slice.actual));
  }

  void operator()(const LoadSample& load) {
    append(out_, ",\n{{\"name\":\"sequences\",\"ph\":\"C\",\"pid\":1,\"ts\":{},",
           us(load.at - origin_));
    append(out_, R"("args":{{"running":{},"waiting":{}}}}})", load.running, load.waiting);
    append(out_, ",\n{{\"name\":\"kv blocks\",\"ph\":\"C\",\"pid\":1,\"ts\":{},",
           us(load.at - origin_));
    append(out_, R"("args":{{"active":{},"cached":{},"free":{}}}}})", load.blocks_active,
           load.blocks_cached, load.blocks_free);
  }

  void operator()(const ChoiceArrived& choice) {
    begin(choice.id, choice.at, name_of(choice.name));
    begin(choice.id, choice.at, to_string(ChoicePhase::kQueue));
  }

  void operator()(const ChoiceMoved& choice) {
    end(choice.id, choice.at, to_string(choice.from));
    begin(choice.id, choice.at, to_string(choice.to));
  }

  void operator()(const ChoiceEnded& choice) {
    end(choice.id, choice.at, to_string(choice.from));
    open_async('e', choice.id, choice.at, name_of(choice.name));
    append(out_, R"(,"args":{{"finish":"{}","output_tokens":{},"cached_tokens":{},)",
           to_string(choice.reason), choice.num_output_tokens, choice.num_cached_tokens);
    append(out_, R"("steps":{},"preemptions":{}}}}})", choice.num_steps, choice.num_preemptions);
  }

 private:
  // Microseconds with their nanoseconds.
  static std::string us(Duration d) {
    return format("{:.3f}", static_cast<double>(d.count()) / 1e3);
  }

  static std::string name_of(const ChoiceName& name) {
    const std::string id = escape_json_line({name.text.data(), name.size});
    return name.number == 0 ? id : format("{} choice {}", id, name.number);
  }

  void open_async(char kind, sched::SequenceId id, MonotonicTime at, std::string_view name) {
    append(out_, ",\n{{\"name\":\"{}\",\"cat\":\"request\",\"ph\":\"{}\",\"pid\":1,\"tid\":1,",
           name, kind);
    append(out_, R"("id":"{:#x}","ts":{})", id.value(), us(at - origin_));
  }
  void begin(sched::SequenceId id, MonotonicTime at, std::string_view name) {
    open_async('b', id, at, name);
    out_ += '}';
  }
  void end(sched::SequenceId id, MonotonicTime at, std::string_view name) {
    open_async('e', id, at, name);
    out_ += '}';
  }

  std::string& out_;
  MonotonicTime origin_;
};

}  // namespace

ChoiceName make_choice_name(std::string_view request_id, std::uint32_t number) noexcept {
  ChoiceName name;
  name.number = number;
  name.size = static_cast<std::uint8_t>(std::min(request_id.size(), name.text.size()));
  std::copy_n(request_id.begin(), name.size, name.text.begin());
  return name;
}

void append_trace_event(std::string& out, const TraceEvent& event, MonotonicTime origin) {
  std::visit(Writer(out, origin), event);
}

std::string trace_head() {
  return "[\n"
         R"({"name":"process_name","ph":"M","pid":1,"args":{"name":"penstock"}})"
         ",\n"
         R"({"name":"thread_name","ph":"M","pid":1,"tid":1,"args":{"name":"engine"}})";
}

std::string trace_tail(MonotonicTime now, MonotonicTime origin, std::uint64_t num_dropped) {
  std::string out = ",\n";
  append(out, R"({{"name":"end of trace","ph":"i","s":"g","pid":1,"tid":1,"ts":{:.3f},)",
         static_cast<double>((now - origin).count()) / 1e3);
  append(out, R"("args":{{"dropped_events":{}}}}})", num_dropped);
  out += "\n]\n";
  return out;
}

}  // namespace penstock::engine
