// backoff.h -- how long to wait before a retry: full jitter.
//
//   wait before the nth retry = U * min(cap, base * 2^(n-1)),  0 <= U < 1
//
// base 50 ms: the bounds are 50, 100, 200 ... 12800, 20000, 20000 ms. The cap
// is applied before the jitter, or everyone would meet again at the cap. Full
// jitter spreads best for the same work; latency is bounded by the deadline.
//
// Defaults: base 50 ms, 1 s after a throttled answer, cap 20 s (the AWS SDKs
// since November 2026). A hint of the upstream is obeyed up to 5 s above our
// own wait (the same). Pure; U is an argument, from the worker's own PRNG.

#ifndef GUARD_BACKOFF_H
#define GUARD_BACKOFF_H

#include <stdint.h>

#define BACKOFF_BASE_NS           UINT64_C(50000000)
#define BACKOFF_BASE_THROTTLED_NS UINT64_C(1000000000)
#define BACKOFF_CAP_NS            UINT64_C(20000000000)
#define BACKOFF_HINT_OVER_NS      UINT64_C(5000000000)

struct backoff_options {
  uint64_t base_ns, base_throttled_ns, cap_ns;
};

// The largest wait before the nth retry (1, 2, ...); any n, no overflow.
uint64_t backoff_bound_ns(uint64_t base_ns, uint64_t cap_ns, uint32_t n);

// `unit` in [0, 1); anything else counts as its nearest bound.
uint64_t backoff_ns(uint64_t bound_ns, double unit);

// What becomes of a wait when the upstream gave a hint: at least the wait, at
// most 5 s more. A negative hint is none. For transient failures; a throttled
// one closes the gate (guard/gate.h).
uint64_t backoff_hinted_ns(uint64_t wait_ns, int64_t hint_ms);

#endif
