#include "tests/sched/scenario.h"

#include <map>
#include <memory>
#include <sstream>

#include "base/check.h"
#include "sched/scheduler.h"

namespace penstock::sched {
namespace {

using Arguments = std::map<std::string, std::string>;

class Scenario final {
 public:
  std::string run(std::string_view script) {
    std::istringstream lines{std::string(script)};
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string verb;
      if (words >> verb) run_line(verb, words);
    }
    return out_.str();
  }

 private:
  static std::uint32_t number(const Arguments& arguments, const std::string& name,
                              std::uint32_t fallback) {
    const auto it = arguments.find(name);
    return it == arguments.end() ? fallback : static_cast<std::uint32_t>(std::stoul(it->second));
  }

  static Arguments arguments_of(std::istringstream& words) {
    Arguments arguments;
    for (std::string word; words >> word;) {
      const auto equals = word.find('=');
      CHECK(equals != std::string::npos, "'{}' is no NAME=VALUE", word);
      arguments[word.substr(0, equals)] = word.substr(equals + 1);
    }
    return arguments;
  }

  void run_line(const std::string& verb, std::istringstream& words) {
    if (verb == "pool") return open_pool(words);
    if (verb == "add") return add(words);
    if (verb == "step") return step(words);
    if (verb == "finish") {
      std::string name;
      words >> name;
      scheduler_->finish(ids_.at(name));
      out_ << "finish " << name << " free " << pool_->num_free() << '\n';
      return;
    }
    CHECK(verb == "counts", "unknown verb '{}'", verb);
    const SchedulerCounts counts = scheduler_->counts();
    out_ << "running " << counts.running << " waiting " << counts.waiting << " prompt tokens "
         << counts.uncomputed_prompt_tokens << " blocks " << counts.blocks_active << " wanted "
         << counts.blocks_waiting << '\n';
  }

  void open_pool(std::istringstream& words) {
    std::uint32_t num_blocks = 0;
    SchedulerLimits limits;
    words >> num_blocks >> limits.block_size;
    const Arguments arguments = arguments_of(words);
    limits.max_running = number(arguments, "running", 16);
    limits.max_waiting = number(arguments, "waiting", 16);
    limits.max_step_tokens = number(arguments, "step", 8192);
    pool_ = std::make_unique<kv::BlockPool>(num_blocks, limits.block_size);
    scheduler_ = std::make_unique<Scheduler>(limits, *pool_);
  }

  void add(std::istringstream& words) {
    std::string name;
    words >> name;
    const Arguments arguments = arguments_of(words);
    SequenceSpec spec;
    spec.id = SequenceId(names_.size() + 1);
    spec.num_known_tokens = number(arguments, "known", 1);
    spec.max_tokens = number(arguments, "max", spec.num_known_tokens + 5);
    spec.strict_priority = number(arguments, "band", 0);
    spec.priority = static_cast<std::int32_t>(number(arguments, "priority", 0));
    spec.migrations = number(arguments, "migrations", 0);
    spec.arrival =
        MonotonicTime{} +
        std::chrono::seconds(number(arguments, "at", static_cast<std::uint32_t>(spec.id.value())));
    if (const auto it = arguments.find("prompt_of"); it != arguments.end()) {
      spec.shared_prompt = {.with = ids_.at(it->second), .num_tokens = spec.num_known_tokens};
    }
    const Status added = scheduler_->add(spec);
    if (!added) {
      out_ << "add " << name << ": " << added.error().message() << '\n';
      return;
    }
    ids_[name] = spec.id;
    names_[spec.id] = name;
  }

  void step(std::istringstream& words) {
    StepBudget budget;
    words >> budget.max_tokens;
    const Arguments arguments = arguments_of(words);
    const auto stop = arguments.find("stop");
    const std::string stops = stop == arguments.end() ? "" : "," + stop->second + ",";
    const StepPlan plan = scheduler_->schedule(budget);
    out_ << "step";
    for (const ScheduledChunk& chunk : plan.chunks) {
      out_ << ' ' << names_.at(chunk.id) << '[' << chunk.first_position << ','
           << chunk.first_position + chunk.num_tokens << ')' << (chunk.samples ? "*" : "");
    }
    for (const SequenceId id : plan.admitted) out_ << " +" << names_.at(id);
    for (const SequenceId id : plan.preempted) out_ << " -" << names_.at(id);
    scheduler_->commit();
    for (const ScheduledChunk& chunk : plan.chunks) {
      if (!chunk.samples) continue;
      const Sequence& sequence = scheduler_->sequence(chunk.id);
      if (stops.find("," + names_.at(chunk.id) + ",") != std::string::npos ||
          sequence.num_known == sequence.spec.max_tokens) {
        scheduler_->finish(chunk.id);
        out_ << " !" << names_.at(chunk.id);
      } else {
        scheduler_->append_token(chunk.id);
      }
    }
    out_ << " free " << pool_->num_free() << '\n';
  }

  std::ostringstream out_;
  std::unique_ptr<kv::BlockPool> pool_;
  std::unique_ptr<Scheduler> scheduler_;
  std::map<std::string, SequenceId> ids_;
  std::map<SequenceId, std::string> names_;
};

}  // namespace

std::string run_scenario(std::string_view script) {
  return Scenario().run(script);
}

}  // namespace penstock::sched
