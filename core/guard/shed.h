// shed.h -- refuse early what cannot be served in time.
//
// The signal is the loop's lag: a timer of 10 ms that fires late by that much.
// Its average decides a level, and each level refuses one class more:
//
//   level 1  lag over  20 ms   background (cache refreshes)
//   level 2  lag over  50 ms   and batch
//   level 3  lag over 100 ms   and interactive: all but critical
//
// A level is left when the average is below half of its threshold, one step at
// a time, a second after the last change at the earliest; so it cannot flap
// faster than once a second. Memory is a second signal: over 90 % of what we may
// use is level 2, over 95 % level 3. A retry counts one class lower.
//
// A refused call gets 503 and Retry-After of 1 to 3 s, by chance. Health checks
// are not asked. Queues look at their own delay (guard/codel.h).
//
// One per worker; not thread-safe. A decision is two comparisons.

#ifndef GUARD_SHED_H
#define GUARD_SHED_H

#include <stdbool.h>
#include <stdint.h>

enum shed_class {
  SHED_CRITICAL,
  SHED_INTERACTIVE,
  SHED_BATCH,
  SHED_BACKGROUND,
};

#define SHED_LEVELS 3

struct shed_options {
  uint64_t lag_ns[SHED_LEVELS]; // rising; 20, 50, 100 ms
  uint64_t hold_ns;             // 1 s
};

struct shed {
  uint64_t lag_ns, worst_ns; // average; the worst since shed_take_worst()
  uint64_t changed_ns;
  uint32_t lag_level, memory_level;
  bool went_up; // the last change
  uint64_t shed[SHED_BACKGROUND + 1];
};

void shed_init(struct shed *s, uint64_t now_ns);
void shed_options_default(struct shed_options *o);

// Each 10 ms: how late the timer was.
void shed_lag(struct shed *s, const struct shed_options *o, uint64_t lag_ns,
              uint64_t now_ns);
void shed_memory(struct shed *s, uint64_t used, uint64_t most);

uint32_t shed_level(const struct shed *s);
// Counts what it refuses.
bool shed_admits(struct shed *s, enum shed_class c, bool is_retry);
uint32_t shed_retry_after_s(double unit); // 1 to 3
uint64_t shed_take_worst(struct shed *s);

#endif
