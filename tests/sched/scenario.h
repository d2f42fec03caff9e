// Scheduler scenarios as text: commands in, what the scheduler did out.
//
//   pool BLOCKS BLOCK_SIZE [running=N] [waiting=N] [step=TOKENS] [chunk=N] [ageing=SECONDS]
//        [cost=FIXED_US,PER_TOKEN_US] [target=US] [prefill=US]
//   add NAME known=N | text=LETTERS  [max=N] [band=N] [priority=N] [at=SECONDS] [migrations=N]
//       [fork_of=NAME] [tenant=NAME] [weight=N] [cache=0|1] [rows=N] [voice=NAME]
//   clock SECONDS
//   step [N] [stop=NAME,...]   N steps; sampled sequences go on unless they stop here
//   run MAX                    silent steps until nothing is left, at most MAX; prints how many
//   abandon                    a step that is planned and not computed
//   finish NAME
//   counts
//   served                     virtual tokens per tenant
//
// Every letter of a text is a token, so equal texts share blocks; `known=N` gives N tokens that no
// other sequence has. Sampled tokens belong to the sequence alone, unless it speaks
// with another's voice. A step prints its chunks as
// NAME[first,last) with `*` when the chunk samples, then what was admitted (+, with what it found
// in the cache), preempted (-), forked (^) and ended (!), and how many blocks are free or only
// cached.
#pragma once

#include <string>
#include <string_view>

namespace penstock::sched {

[[nodiscard]] std::string run_scenario(std::string_view script);

}  // namespace penstock::sched
