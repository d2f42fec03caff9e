#include "tests/sched/scenario.h"

#include <map>
#include <memory>
#include <sstream>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "sched/scheduler.h"

namespace penstock::sched {
namespace {

class Arguments final {
 public:
  explicit Arguments(std::istringstream& words) {
    for (std::string word; words >> word;) {
      const auto equals = word.find('=');
      CHECK(equals != std::string::npos, "'{}' is no NAME=VALUE", word);
      values_[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  [[nodiscard]] const std::string* find(const std::string& name) const {
    const auto it = values_.find(name);
    return it == values_.end() ? nullptr : &it->second;
  }
  [[nodiscard]] std::uint32_t number(const std::string& name, std::uint32_t fallback) const {
    const std::string* value = find(name);
    return value == nullptr ? fallback : static_cast<std::uint32_t>(std::stoul(*value));
  }

 private:
  std::map<std::string, std::string> values_;
};

MonotonicTime at_second(std::uint32_t seconds) {
  return MonotonicTime{} + std::chrono::seconds(seconds);
}

class Scenario final {
 public:
  std::string run(std::string_view script) {
    std::istringstream lines{std::string(script)};
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string verb;
      if (words >> verb) run_line(verb, words);
    }
    for (const auto& [id, name] : names_) {
      if (ids_.contains(name)) scheduler_->finish(id);
    }
    return out_.str();
  }

 private:
  void run_line(const std::string& verb, std::istringstream& words) {
    if (verb == "pool") {
      open_pool(words);
    } else if (verb == "add") {
      add(words);
    } else if (verb == "clock") {
      std::uint32_t seconds = 0;
      words >> seconds;
      now_ = at_second(seconds);
    } else if (verb == "step") {
      steps(words);
    } else if (verb == "run") {
      run_all(words);
    } else if (verb == "abandon") {
      (void)scheduler_->schedule(now_);
      scheduler_->abandon();
      out_ << "abandon free " << pool_->num_available() << '\n';
    } else if (verb == "finish") {
      std::string name;
      words >> name;
      end(ids_.at(name));
      out_ << "finish " << name << " free " << pool_->num_available() << '\n';
    } else if (verb == "served") {
      for (const auto& [name, tokens] : served_) out_ << name << ' ' << tokens << '\n';
    } else {
      CHECK(verb == "counts", "unknown verb '{}'", verb);
      const SchedulerCounts counts = scheduler_->counts();
      out_ << "running " << counts.running << " waiting " << counts.waiting << " prompt tokens "
           << counts.uncomputed_prompt_tokens << " blocks " << counts.blocks_active << " cached "
           << counts.blocks_cached << " wanted " << counts.blocks_waiting << '\n';
    }
  }

  void open_pool(std::istringstream& words) {
    std::uint32_t num_blocks = 0;
    SchedulerLimits limits;
    words >> num_blocks >> limits.block_size;
    const Arguments arguments(words);
    limits.max_running = arguments.number("running", 16);
    limits.max_waiting = arguments.number("waiting", 16);
    limits.max_step_tokens = arguments.number("step", 8192);
    limits.min_chunk_tokens = arguments.number("chunk", 1);
    limits.ageing = std::chrono::seconds(arguments.number("ageing", 0));
    if (const std::string* target = arguments.find("target")) {
      limits.itl_target = std::chrono::microseconds(std::stoul(*target));
    }
    if (const std::string* target = arguments.find("prefill")) {
      limits.prefill_only_target = std::chrono::microseconds(std::stoul(*target));
    }
    if (const std::string* cost = arguments.find("cost")) {
      const auto comma = cost->find(',');
      fixed_cost_ = std::chrono::microseconds(std::stoul(cost->substr(0, comma)));
      token_cost_ = std::chrono::microseconds(std::stoul(cost->substr(comma + 1)));
    }
    pool_ = std::make_unique<kv::BlockPool>(num_blocks, limits.block_size);
    scheduler_ = std::make_unique<Scheduler>(limits, *pool_);
  }

  std::vector<std::uint32_t> tokens_of(const std::string& name, const Arguments& arguments) {
    std::vector<std::uint32_t> tokens;
    if (const std::string* text = arguments.find("text")) {
      tokens.assign(text->begin(), text->end());
    } else {
      for (std::uint32_t i = 0; i < arguments.number("known", 1); ++i) {
        tokens.push_back(own_token(name, i));
      }
    }
    return tokens;
  }
  static std::uint32_t own_token(const std::string& name, std::uint32_t position) {
    return 1000 + static_cast<std::uint32_t>(xxh3_64(name, position) % 1'000'000'000);
  }

  void add(std::istringstream& words) {
    std::string name;
    words >> name;
    const Arguments arguments(words);
    const std::string* leader = arguments.find("fork_of");
    const std::vector<std::uint32_t> tokens =
        leader != nullptr ? tokens_.at(ids_.at(*leader)) : tokens_of(name, arguments);
    const std::string* tenant = arguments.find("tenant");
    SequenceSpec spec;
    spec.id = SequenceId(names_.size() + 1);
    spec.token_ids = tokens;
    spec.max_tokens = arguments.number("max", static_cast<std::uint32_t>(tokens.size()) + 5);
    spec.uses_cache = arguments.number("cache", 1) != 0;
    spec.num_logit_rows = arguments.number("rows", 0);
    spec.tenant = tenant == nullptr ? std::string_view("default") : std::string_view(*tenant);
    spec.weight = arguments.number("weight", 1);
    spec.strict_priority = arguments.number("band", 0);
    spec.priority = static_cast<std::int32_t>(arguments.number("priority", 0));
    spec.migrations = arguments.number("migrations", 0);
    spec.arrival = at_second(arguments.number("at", static_cast<std::uint32_t>(spec.id.value())));
    if (leader != nullptr) spec.fork_of = ids_.at(*leader);
    const std::string* voice = arguments.find("voice");
    voices_[spec.id] = voice == nullptr ? name : *voice;
    const Status added = scheduler_->add(spec);
    if (!added) {
      out_ << "add " << name << ": " << added.error().message() << '\n';
      return;
    }
    ids_[name] = spec.id;
    names_[spec.id] = name;
    tokens_[spec.id] = tokens;
    tenants_[spec.id] = std::string(spec.tenant);
  }

  void steps(std::istringstream& words) {
    int count = 1;
    if (!(words >> count)) {
      count = 1;
      words.clear();
    }
    const Arguments arguments(words);
    const std::string* stop = arguments.find("stop");
    const std::string stops = stop == nullptr ? "" : "," + *stop + ",";
    for (int i = 0; i < count; ++i) out_ << step(stops) << '\n';
  }

  void run_all(std::istringstream& words) {
    int max_steps = 0;
    words >> max_steps;
    int num_steps = 0;
    while (scheduler_->has_work() && num_steps < max_steps) {
      (void)step("");
      ++num_steps;
    }
    out_ << "ran " << num_steps << (scheduler_->has_work() ? " and is not done\n" : "\n");
  }

  std::string step(const std::string& stops) {
    std::ostringstream out;
    const StepPlan& plan = scheduler_->schedule(now_);
    out << "step";
    for (const ScheduledChunk& chunk : plan.chunks) {
      out << ' ' << names_.at(chunk.id) << '[' << chunk.first_position << ','
          << chunk.first_position + chunk.num_tokens << ')' << (chunk.samples ? "*" : "");
    }
    for (const SequenceId id : plan.admitted) {
      out << " +" << names_.at(id);
      const std::uint32_t num_hit = scheduler_->sequence(id).num_computed();
      if (num_hit > 0) out << "(hit " << num_hit << ')';
    }
    for (const SequenceId id : plan.preempted) out << " -" << names_.at(id);
    const Duration elapsed =
        plan.empty() ? Duration::zero() : fixed_cost_ + token_cost_ * plan.num_tokens;
    std::vector<SequenceId> sampled;
    for (const ScheduledChunk& chunk : plan.chunks) {
      served_[tenants_.at(chunk.id)] += chunk.num_tokens;
      if (chunk.samples) sampled.push_back(chunk.id);
    }
    for (const ScheduledFork& fork : scheduler_->commit(elapsed)) {
      out << " ^" << names_.at(fork.id);
      sampled.push_back(fork.id);
    }
    for (const SequenceId id : sampled) {
      const Sequence& sequence = scheduler_->sequence(id);
      const std::string name = names_.at(id);
      if (stops.find("," + name + ",") != std::string::npos ||
          sequence.num_known() == sequence.max_tokens) {
        out << " !" << name;
        end(id);
      } else {
        scheduler_->append_token(id, own_token(voices_.at(id), sequence.num_known()));
      }
    }
    out << " free " << pool_->num_available();
    return out.str();
  }

  void end(SequenceId id) {
    scheduler_->finish(id);
    ids_.erase(names_.at(id));
  }

  std::ostringstream out_;
  std::unique_ptr<kv::BlockPool> pool_;
  std::unique_ptr<Scheduler> scheduler_;
  MonotonicTime now_{};
  Duration fixed_cost_{};
  Duration token_cost_{};
  std::map<std::string, SequenceId> ids_;  // of what is live
  std::map<SequenceId, std::string> names_;
  std::map<SequenceId, std::vector<std::uint32_t>> tokens_;
  std::map<SequenceId, std::string> tenants_;
  std::map<SequenceId, std::string> voices_;
  std::map<std::string, std::uint64_t> served_;
};

}  // namespace

std::string run_scenario(std::string_view script) {
  return Scenario().run(script);
}

}  // namespace penstock::sched
