// What the engine promises beyond raw speed, measured on a real model:
//
//   engine_bench [MODEL] [ITEM...]      MODEL: a .gguf file or a folder; PENSTOCK_TEST_MODEL if not
//
//   bookkeeping   scheduler, cache and bookkeeping of a step with 256 sequences; needs no model
//   small_pool    throughput with a tenth of the KV blocks that the load wants
//   fairness      two tenants, one sending ten times as much
//   prefix        time to first token of a second turn; what the cache costs when nothing hits
//   itl           gaps between tokens of running streams while long prompts arrive
//
// Every figure is a ratio within one run, with its spread over the repetitions.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/engine/items.h"

namespace {

struct Item {
  std::string_view name;
  void (*run)(const penstock::model::ModelFiles& files);
};

constexpr Item kItems[] = {
    {"small_pool", penstock::engine::bench_small_pool},
    {"fairness", penstock::engine::bench_fairness},
    {"prefix", penstock::engine::bench_prefix},
    {"itl", penstock::engine::bench_itl},
};
constexpr std::string_view kBookkeeping = "bookkeeping";

bool is_item(std::string_view name) {
  if (name == kBookkeeping) return true;
  for (const Item& item : kItems) {
    if (item.name == name) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  std::string model;
  if (const char* given = std::getenv("PENSTOCK_TEST_MODEL")) model = given;
  std::vector<std::string_view> wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (is_item(argument)) {
      wanted.push_back(argument);
    } else if (std::filesystem::exists(argument)) {
      model = argument;
    } else {
      std::fprintf(stderr,
                   "'%s' is neither a file nor one of bookkeeping, small_pool, fairness, "
                   "prefix, itl\n",
                   argv[i]);
      return 2;
    }
  }
  const auto is_wanted = [&](std::string_view name) {
    return wanted.empty() || std::ranges::find(wanted, name) != wanted.end();
  };
  if (is_wanted(kBookkeeping)) penstock::engine::bench_bookkeeping();
  std::optional<std::unique_ptr<penstock::model::ModelFiles>> files;
  for (const Item& item : kItems) {
    if (!is_wanted(item.name)) continue;
    if (!files) {
      if (model.empty()) {
        std::fprintf(stderr, "name a model, or set PENSTOCK_TEST_MODEL\n");
        return 2;
      }
      auto opened = penstock::model::ModelFiles::open(model);
      if (!opened) {
        std::fprintf(stderr, "%s\n", opened.error().message().c_str());
        return 1;
      }
      files = std::move(*opened);
    }
    item.run(**files);
  }
  return 0;
}
