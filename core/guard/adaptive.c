// adaptive.c -- see adaptive.h for the contract.

#include "guard/adaptive.h"

#include <assert.h>

#define RELAXED memory_order_relaxed

struct window {
  uint32_t samples, slow, drops, peak;
};

static uint32_t within(const struct adaptive_options *o, uint32_t limit)
{
  if (limit > o->most) limit = o->most;
  return limit < o->least ? o->least : limit;
}

void adaptive_init(struct adaptive *a, const struct adaptive_options *o,
                   uint64_t now_ns)
{
  assert(o->least >= 1 && o->least <= o->most);
  *a = (struct adaptive){.limit = within(o, o->initial),
                         .ends_ns = now_ns + o->window_ns,
                         .shortest_ns = UINT64_MAX};
}

enum adaptive_verdict adaptive_judge(enum outcome o, int status, bool slow)
{
  switch (outcome_row(o)->load) {
  case LOAD_FINE: return ADAPTIVE_FINE;
  case LOAD_DROP: return ADAPTIVE_DROP;
  case LOAD_DROP_FULL:
    return status == 503 || status == 504 ? ADAPTIVE_DROP : ADAPTIVE_NONE;
  case LOAD_DROP_SLOW: return slow ? ADAPTIVE_DROP : ADAPTIVE_NONE;
  case LOAD_NONE: break;
  }
  return ADAPTIVE_NONE;
}

uint32_t adaptive_limit(struct adaptive *a)
{
  return atomic_load_explicit(&a->limit, RELAXED);
}

static void note_peak(struct adaptive *a, uint32_t in_flight)
{
  uint32_t peak = atomic_load_explicit(&a->peak, RELAXED);
  while (in_flight > peak)
    if (atomic_compare_exchange_weak_explicit(&a->peak, &peak, in_flight,
                                              RELAXED, RELAXED))
      return;
}

static void note_shortest(struct adaptive *a, uint64_t ns)
{
  uint64_t shortest = atomic_load_explicit(&a->shortest_ns, RELAXED);
  while (ns < shortest)
    if (atomic_compare_exchange_weak_explicit(&a->shortest_ns, &shortest, ns,
                                              RELAXED, RELAXED))
      return;
}

static uint32_t note(struct adaptive *a, const struct adaptive_options *o,
                     const struct adaptive_sample *s)
{
  note_peak(a, s->in_flight);
  if (s->verdict == ADAPTIVE_DROP)
    atomic_fetch_add_explicit(&a->drops, 1, RELAXED);
  else
    note_shortest(a, s->elapsed_ns);
  if (o->slow_ns > 0 && s->elapsed_ns >= o->slow_ns)
    atomic_fetch_add_explicit(&a->slow, 1, RELAXED);
  return atomic_fetch_add_explicit(&a->samples, 1, RELAXED) + 1;
}

static uint32_t next_limit(const struct adaptive_options *o, uint32_t limit,
                           struct window w)
{
  if (w.drops > 0 || w.slow > w.samples / 10)
    return within(o, (uint32_t)(limit * UINT64_C(9) / 10));
  if (w.peak >= (limit + 1) / 2) return within(o, limit + 1);
  return within(o, limit);
}

// Only the winner of ends_ns comes here. The samples go last: until they do,
// nobody else can end the new window.
static void end_window(struct adaptive *a, const struct adaptive_options *o)
{
  struct window w = {
      .slow = atomic_exchange_explicit(&a->slow, 0, RELAXED),
      .drops = atomic_exchange_explicit(&a->drops, 0, RELAXED),
      .peak = atomic_exchange_explicit(&a->peak, 0, RELAXED),
  };
  atomic_store_explicit(&a->shortest_ns, UINT64_MAX, RELAXED);
  w.samples = atomic_exchange_explicit(&a->samples, 0, RELAXED);

  uint32_t limit = adaptive_limit(a), next = next_limit(o, limit, w);
  if (next == limit) return;
  atomic_store_explicit(&a->limit, next, RELAXED);
  atomic_fetch_add_explicit(next > limit ? &a->raised : &a->lowered, 1,
                            RELAXED);
}

static uint64_t length_of(struct adaptive *a, const struct adaptive_options *o)
{
  uint64_t shortest = atomic_load_explicit(&a->shortest_ns, RELAXED);
  if (shortest == UINT64_MAX || shortest < o->window_ns / 2)
    return o->window_ns;
  return shortest < UINT64_MAX / 4 ? 2 * shortest : UINT64_MAX / 2;
}

uint32_t adaptive_record(struct adaptive *a, const struct adaptive_options *o,
                         const struct adaptive_sample *sample, uint64_t now_ns)
{
  if (sample->verdict == ADAPTIVE_NONE) return adaptive_limit(a);
  uint32_t samples = note(a, o, sample);
  uint64_t ends = atomic_load_explicit(&a->ends_ns, RELAXED);
  if (now_ns >= ends && samples >= o->samples &&
      atomic_compare_exchange_strong_explicit(
          &a->ends_ns, &ends, now_ns + length_of(a, o), RELAXED, RELAXED))
    end_window(a, o);
  return adaptive_limit(a);
}
