// hints.h -- what an answer's head says about when to come again.
//
// Retry-After, and the fields about our quota (guard/ratelimit.h), found in one
// walk over the head: this is done for every answer. Of RateLimit-Remaining and
// its X- sister the one without is believed. A Reset of ten digits or more is a
// date, not a distance: thirty years are no quota. Pure.

#ifndef GUARD_HINTS_H
#define GUARD_HINTS_H

#include <stdint.h>

#include "guard/ratelimit.h"
#include "net/http_client.h"

struct hints {
  int64_t retry_after_ms; // -1: not said
  struct ratelimit quota;
};

// `wall_ms`: the wall clock, for dates only.
struct hints hints_read(const struct http_answer *answer, int64_t wall_ms);

#endif
