// The two outputs of gpu_bench: a table for people, and one JSON object a line for programs.
#pragma once

#include <cstdio>
#include <string>

#include "bench/cuda/timed_graph.h"

namespace penstock::gpu_bench {

struct Limits {
  double read_gb_per_s = 0.0;
  double launch_us = 0.0;  // one more kernel in a graph
};

struct Row {
  std::string kernel;
  std::string model;
  std::string shape;
  int batch;
  int num_kernels;   // launches behind one call
  double num_bytes;  // least traffic: inputs once, outputs once
  Timing timing;
};

class Report final {
 public:
  // `json` may be null. Not owned.
  Report(Limits limits, std::FILE* json) : limits_(limits), json_(json) {}

  void header() const;
  void row(const Row& row) const;

 private:
  Limits limits_;
  std::FILE* json_;
};

}  // namespace penstock::gpu_bench
