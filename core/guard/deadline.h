// deadline.h -- how much of what is left each step may take.
//
// A deadline is a time on the monotonic clock, fixed once for the call, inherited
// by all under it, only ever lowered. An attempt gets the lesser of its own
// timeout and what is left but for a reserve (fallback, encoding); one that
// would get less than is useful is not begun: it would only burn the upstream's
// time. Whole milliseconds, rounded down and never 0, which libcurl takes for
// "no limit".
//
// Defaults (resilience.md, 2): reserve 20 ms; useful is the upstream's median,
// at least 20 ms; queue at most a quarter of the rest; limiter at most half the
// rest. From 500 samples on an attempt's timeout is 1.5 times the p99.9,
// from 1 s to what is configured: AWS picks the rate of false timeouts, 0.1 %.
//
// Quantiles are an upstream's and policies are a tool's, so of an upstream with
// fast and slow tools they say little: the learned timeout is for policies that
// ask for it (attempt.learned), and the median is asked for from the second
// attempt on and with enough samples only. resilience.md has both always.
//
// Pure.

#ifndef GUARD_DEADLINE_H
#define GUARD_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "guard/latency.h"

#define DEADLINE_RESERVE_NS UINT64_C(20000000)
#define DEADLINE_USEFUL_NS  UINT64_C(20000000)

// `ms` from now; never overflows.
uint64_t deadline_after(uint64_t now_ns, uint64_t ms);
uint64_t deadline_lower(uint64_t deadline_ns, uint64_t other_ns);
uint64_t deadline_left_ns(uint64_t deadline_ns, uint64_t now_ns);

// The shortest rest that an attempt is worth.
uint64_t deadline_useful_ns(const struct latency_view *l);
uint32_t deadline_timeout_ms(const struct latency_view *l,
                             uint32_t configured_ms);

struct deadline_share {
  bool useful; // else do not begin
  bool cut;    // by the call's deadline: a timeout is not the upstream's fault
  uint32_t ms;
};

struct deadline_share deadline_attempt(uint64_t deadline_ns, uint64_t now_ns,
                                       uint32_t timeout_ms, uint64_t useful_ns);

// How long to wait for a place, for a turn; `most_ns` is the policy's.
uint64_t deadline_queue_ns(uint64_t deadline_ns, uint64_t now_ns,
                           uint64_t most_ns);
uint64_t deadline_limiter_ns(uint64_t deadline_ns, uint64_t now_ns,
                             uint64_t most_ns);

// What to tell the next hop: what is left but for max(5 ms, the median); 0: do
// not ask it at all. Never an absolute time, clocks differ.
uint64_t deadline_told_ms(uint64_t deadline_ns, uint64_t now_ns,
                          uint64_t median_ns);

#endif
