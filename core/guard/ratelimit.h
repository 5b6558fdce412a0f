// ratelimit.h -- what a service says about the rest of our quota.
//
//   RateLimit: "default";r=50;t=30          50 left, in the next 30 s
//   RateLimit-Policy: "default";q=100;w=60  of 100 in 60 s
//   RateLimit-Remaining: 50, RateLimit-Reset: 30, RateLimit-Limit: 100
//   X-RateLimit-...                         the same; Reset may be a date (epoch)
//
// The IETF draft's fields (-11), the older three, and the ones with X- before
// them, in this order of trust; of several policies the tightest one. Retry-After
// has precedence over all of them and is another matter (guard/gate.h). What is
// malformed is ignored. "0 left" promises nothing either way.
//
// Used for pacing: when less than a tenth is left, the limiter's interval is
// stretched so that the rest lasts until the reset; jittered, because everyone
// who is told the same second would come in the same second. Pure.

#ifndef GUARD_RATELIMIT_H
#define GUARD_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct ratelimit_fields { // absent: not there
  struct slice ratelimit, policy;
  struct slice limit, remaining, reset;
  bool reset_is_epoch; // of the last three, as the integration says
};

struct ratelimit {
  bool known;
  uint64_t left, quota; // quota 0: not said
  uint64_t reset_s;     // from now
};

struct ratelimit ratelimit_read(const struct ratelimit_fields *f,
                                int64_t wall_ms);

// The interval to keep until the reset; `own_ns` if there is enough left.
uint64_t ratelimit_interval_ns(const struct ratelimit *r, uint64_t own_ns);

// How long to keep it: until the reset and a little more, by chance.
uint64_t ratelimit_lasts_ns(const struct ratelimit *r, double unit);

#endif
