// latency.c -- see latency.h for the contract.

#include "guard/latency.h"

#include <stdbool.h>
#include <stddef.h>

#define RELAXED memory_order_relaxed
#define KEPT_NS UINT64_C(1000000000)
#define MAX_US  UINT32_MAX

void latency_init(struct latency *l)
{
  *l = (struct latency){0};
}

// Eight linear buckets, then eight to each power of two.
static size_t bucket_of(uint64_t elapsed_ns)
{
  uint64_t us = elapsed_ns / 1000;
  if (us > MAX_US) us = MAX_US;
  if (us < 8) return (size_t)us;
  unsigned octave = 63 - (unsigned)__builtin_clzll(us) - 3;
  return 8 + octave * 8 + (size_t)((us >> octave) - 8);
}

static uint64_t upper_edge_ns(size_t bucket)
{
  if (bucket < 8) return (bucket + 1) * 1000;
  size_t octave = (bucket - 8) / 8, sub = (bucket - 8) % 8;
  return ((uint64_t)(sub + 9) << octave) * 1000;
}

// Minutes are counted from 1: 0 is a period that was never used.
static uint64_t period_of(uint64_t now_ns)
{
  return now_ns / LATENCY_PERIOD_NS + 1;
}

static void clear_old(struct latency *l, size_t slot, uint64_t period)
{
  uint64_t old = atomic_load_explicit(&l->period[slot], RELAXED);
  if (old >= period) return; // a clock that was read a little earlier
  if (!atomic_compare_exchange_strong_explicit(&l->period[slot], &old, period,
                                               RELAXED, RELAXED))
    return;
  for (size_t i = 0; i < LATENCY_BUCKETS; i++)
    atomic_store_explicit(&l->counts[slot][i], 0, RELAXED);
}

void latency_record(struct latency *l, uint64_t elapsed_ns, uint64_t now_ns)
{
  uint64_t period = period_of(now_ns);
  size_t slot = period % LATENCY_PERIODS;
  clear_old(l, slot, period);
  atomic_fetch_add_explicit(&l->counts[slot][bucket_of(elapsed_ns)], 1,
                            RELAXED);
}

// --- quantiles ---

static uint64_t sum_counts(struct latency *l, uint64_t now_ns,
                           uint64_t sums[LATENCY_BUCKETS])
{
  uint64_t period = period_of(now_ns), total = 0;
  for (size_t i = 0; i < LATENCY_BUCKETS; i++)
    sums[i] = 0;
  for (size_t slot = 0; slot < LATENCY_PERIODS; slot++) {
    uint64_t p = atomic_load_explicit(&l->period[slot], RELAXED);
    if (p == 0 || p + LATENCY_PERIODS <= period) continue;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
      uint32_t n = atomic_load_explicit(&l->counts[slot][i], RELAXED);
      sums[i] += n;
      total += n;
    }
  }
  return total;
}

// The edge below which are at least that many in ten thousand.
static uint64_t quantile(const uint64_t sums[LATENCY_BUCKETS], uint64_t total,
                         unsigned per_10000)
{
  if (total == 0) return 0;
  uint64_t wanted = (total * per_10000 + 9999) / 10000, seen = 0;
  size_t i = 0;
  while (i < LATENCY_BUCKETS - 1 && (seen += sums[i]) < wanted)
    i++;
  return upper_edge_ns(i);
}

static void store(struct latency *l, const struct latency_view *v)
{
  const uint64_t words[] = {v->count, v->p50_ns, v->p95_ns, v->p999_ns};
  for (size_t i = 0; i < 4; i++)
    atomic_store_explicit(&l->view[i], words[i], RELAXED);
}

static struct latency_view look(struct latency *l, uint64_t now_ns)
{
  uint64_t sums[LATENCY_BUCKETS];
  uint64_t total = sum_counts(l, now_ns, sums);
  return (struct latency_view){total, quantile(sums, total, 5000),
                               quantile(sums, total, 9500),
                               quantile(sums, total, 9990)};
}

struct latency_view latency_view(struct latency *l, uint64_t now_ns)
{
  uint64_t viewed = atomic_load_explicit(&l->viewed_ns, RELAXED);
  bool old = viewed == 0 || now_ns >= viewed + KEPT_NS;
  if (old && atomic_compare_exchange_strong_explicit(&l->viewed_ns, &viewed,
                                                     now_ns > 0 ? now_ns : 1,
                                                     RELAXED, RELAXED)) {
    struct latency_view v = look(l, now_ns);
    store(l, &v);
    return v;
  }
  uint64_t words[4];
  for (size_t i = 0; i < 4; i++)
    words[i] = atomic_load_explicit(&l->view[i], RELAXED);
  return (struct latency_view){words[0], words[1], words[2], words[3]};
}
