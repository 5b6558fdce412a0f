// lag.h -- how late a worker's loop is, for shedding (guard/shed.h).
//
// A timer of 10 ms that fires late says that turns of the loop are long: whoever
// comes now waits as long. A delay of n periods is n + 1 samples, as if the timer
// had fired each time, so the average is one over time and not over turns.
//
// It runs only while there is something to be late for: lag_wake() with each
// request, and it stops by itself when nothing runs and nothing is shed. An idle
// worker is not woken, and a simulated loop, which is never late, comes to rest.
//
// The engine's default is 500 ms and a fifth and half of it, not the 100, 20 and
// 50 of resilience.md, section 15: 64 clients whose calls relay 1 MiB each keep a
// worker 140 ms late and are all served in 150. Refusing them, which costs next
// to nothing, brought 13,000 refusals a second and helped nobody.
//
// Memory, the other signal of guard/shed.h, is not fed: what a VM uses holds
// garbage until it is collected, and its limit stops scripts by itself.
//
// One per worker, on its thread; must stay where it is. on_level is told of each
// new level, from the loop.

#ifndef GUARD_LAG_H
#define GUARD_LAG_H

#include <stdbool.h>

#include "guard/shed.h"
#include "loop/loop.h"

#define LAG_PERIOD_NS UINT64_C(10000000)

struct lag;

struct lag_options {
  struct loop *loop;
  uint32_t most_ms; // from there on only what is critical is served; not 0
  bool (*busy)(void *ctx);
  void (*on_level)(void *ctx, uint32_t level, uint64_t lag_ns); // NULL is fine
  void *ctx;
};

struct lag {
  struct lag_options options;
  struct shed_options levels;
  struct shed shed;
  struct timer timer;
  uint64_t due_ns;
};

void lag_init(struct lag *l, const struct lag_options *options);
void lag_wake(struct lag *l);
void lag_stop(struct lag *l); // also when it does not run

#endif
