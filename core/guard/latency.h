// latency.h -- how long an upstream takes: quantiles of the last five minutes.
//
// Log-linear counts, eight to an octave from a microsecond to more than an hour,
// so a quantile is right to an eighth; it is the upper edge, so a hedge never
// comes too early. Six periods of a minute, the oldest reused. Feed it by the
// outcome's column (guard/outcome.h): a censored sample counts as what has gone
// by, or only survivors would be seen and the hedge delay would drift down.
//
// Shared by all workers, any thread, no locks: one atomic add. Who first comes
// in a new minute clears its counts, and may lose a sample of another thread;
// that is all that can go wrong. Quantiles are kept for a second.

#ifndef GUARD_LATENCY_H
#define GUARD_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

#define LATENCY_PERIODS   6
#define LATENCY_PERIOD_NS UINT64_C(60000000000)
#define LATENCY_BUCKETS   240

struct latency_view {
  uint64_t count; // samples behind it
  uint64_t p50_ns, p95_ns, p999_ns;
};

struct latency {
  _Alignas(64) _Atomic uint64_t viewed_ns; // 0: never
  _Atomic uint64_t view[4];                // as in struct latency_view
  _Alignas(64) _Atomic uint64_t period[LATENCY_PERIODS];
  _Atomic uint32_t counts[LATENCY_PERIODS][LATENCY_BUCKETS];
};

void latency_init(struct latency *l);
void latency_record(struct latency *l, uint64_t elapsed_ns, uint64_t now_ns);
struct latency_view latency_view(struct latency *l, uint64_t now_ns);

#endif
