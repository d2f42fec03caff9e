// The items of engine_bench; each prints its figures.
#pragma once

#include "model/model_files.h"

namespace penstock::engine {

void bench_bookkeeping();
void bench_small_pool(const model::ModelFiles& files);
void bench_fairness(const model::ModelFiles& files);
void bench_prefix(const model::ModelFiles& files);
void bench_itl(const model::ModelFiles& files);

}  // namespace penstock::engine
