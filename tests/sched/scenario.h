// Scheduler scenarios as text: commands in, what the scheduler did out.
//
//   pool BLOCKS BLOCK_SIZE [running=N] [waiting=N] [step=N]
//   add NAME known=N max=N [band=N] [priority=N] [at=SECONDS] [migrations=N] [prompt_of=NAME]
//   step BUDGET [stop=NAME,...]   one step; sampled sequences go on unless they stop here
//   finish NAME
//   counts
//
// A step prints its chunks as NAME[first,last) with `*` when the chunk samples, then what was
// admitted and preempted, and how many blocks are free.
#pragma once

#include <string>
#include <string_view>

namespace penstock::sched {

[[nodiscard]] std::string run_scenario(std::string_view script);

}  // namespace penstock::sched
