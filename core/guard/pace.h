// pace.h -- slower for a while, because the service says that our quota runs out.
//
// What an answer says about the quota (guard/ratelimit.h) becomes an interval
// between attempts that holds until the quota is renewed, in a limiter of its
// own: when the time is over the other one goes on as if nothing had been. A
// tenth of what is left may go at once. An answer that says that there is enough
// ends it.
//
// Example: "20 left of 1000, in 60 s": one attempt each 3 s, two at once.
//
// Shared by all workers, one per upstream; any thread, no locks. The three words
// are written one by one: whoever reads between two of them is too fast or too
// slow by one attempt.

#ifndef GUARD_PACE_H
#define GUARD_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "guard/limiter.h"
#include "guard/ratelimit.h"

struct pace {
  _Alignas(64) _Atomic uint64_t until_ns; // 0: not paced
  _Atomic uint64_t interval_ns;
  _Atomic uint32_t burst;
  struct limiter limiter;
};

void pace_init(struct pace *p);

// After an answer. `unit`: chance in [0, 1), so that not all begin again at once.
void pace_learn(struct pace *p, const struct ratelimit *told, double unit,
                uint64_t now_ns);

// Stretches the limiter's options. False: not paced, they are as they were; else
// p->limiter is the one to ask.
bool pace_stretch(struct pace *p, struct limiter_options *o, uint64_t now_ns);

#endif
