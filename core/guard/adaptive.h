// adaptive.h -- how many at a time, learned from what is refused: AIMD.
//
// In each window: if anything was dropped (throttled, 503, 504, a timeout), or
// more than one answer in ten was slow, the limit falls to 0.9 of itself; else,
// if at least half of it was in use, it grows by one. At most one change a
// window. A window lasts max(1 s, twice the shortest round trip) and has at
// least ten samples, so a quiet upstream changes little; an idle one nothing.
//
// Loss, not delay, because we are a client: Netflix's own advice. An upstream
// that answers nothing within the timeout drives it to the minimum, where
// delay-based ones grow without end (concurrency-limits#137). Cancelled
// attempts, failed connections and our own refusals are not samples.
//
// Example: limit 20, twelve in flight at most, no drops: 21 after a second. Two
// throttled: 18 after the next.
//
// Feeds bulkhead_resize(). Shared by all workers, one per key; any thread, no
// locks: who ends a window wins its end by compare-and-swap. A sample that comes
// at that moment counts in either. Injected delays must not be fed in, injected
// drops may. Defaults: initial 20, least 4, most the bulkhead's (Netflix).

#ifndef GUARD_ADAPTIVE_H
#define GUARD_ADAPTIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "guard/outcome.h"

#define ADAPTIVE_INITIAL   20
#define ADAPTIVE_LEAST     4
#define ADAPTIVE_WINDOW_NS UINT64_C(1000000000)
#define ADAPTIVE_SAMPLES   10

struct adaptive_options {
  uint32_t initial, least, most; // 1 <= least <= initial, least <= most
  uint64_t window_ns;
  uint32_t samples; // that a window needs
  uint64_t slow_ns; // 0: slowness does not matter
};

struct adaptive {
  _Alignas(64) _Atomic uint32_t limit;
  _Atomic uint32_t samples, slow, drops, peak; // of this window
  _Atomic uint64_t ends_ns, shortest_ns;       // shortest: of this window
  atomic_uint_fast64_t raised, lowered;
};

enum adaptive_verdict { ADAPTIVE_NONE, ADAPTIVE_FINE, ADAPTIVE_DROP };

struct adaptive_sample {
  enum adaptive_verdict verdict;
  uint64_t elapsed_ns;
  uint32_t in_flight; // with this one
};

void adaptive_init(struct adaptive *a, const struct adaptive_options *o,
                   uint64_t now_ns);

enum adaptive_verdict adaptive_judge(enum outcome o, int status, bool slow);

// The limit, changed if this sample has ended a window.
uint32_t adaptive_record(struct adaptive *a, const struct adaptive_options *o,
                         const struct adaptive_sample *sample, uint64_t now_ns);
uint32_t adaptive_limit(struct adaptive *a);

#endif
