// breaker_window.c -- the ten buckets of time; see breaker_word.h.

#include "guard/breaker_word.h"

#define MS UINT64_C(1000000)

struct bucket {
  uint64_t generation, round; // their low bits
  uint32_t total, failed, slow;
};

static struct bucket unpack(uint64_t w)
{
  return (struct bucket){
      w >> 56, w >> 36 & ROUND_MASK, (uint32_t)(w >> 24) & COUNT_MAX,
      (uint32_t)(w >> 12) & COUNT_MAX, (uint32_t)w & COUNT_MAX};
}

static uint64_t pack(struct bucket k)
{
  return k.generation << 56 | k.round << 36 | (uint64_t)k.total << 24 |
         (uint64_t)k.failed << 12 | k.slow;
}

static void add_to(struct bucket *k, struct breaker_sample sample)
{
  if (k->total == COUNT_MAX) { // keeps the ratio
    k->total /= 2;
    k->failed /= 2;
    k->slow /= 2;
  }
  k->total++;
  k->failed += sample.bad;
  k->slow += sample.slow;
}

// The number of the bucket of time that `now` is in, since init.
static uint64_t epoch_of(const struct breaker *b,
                         const struct breaker_options *o, uint64_t now_ns)
{
  uint64_t since = now_ns > b->start_ns ? now_ns - b->start_ns : 0;
  return since / (o->bucket_ms * MS);
}

// A clock that was read a little before another thread's must not wipe what
// that one has begun.
static bool is_older(uint64_t round, uint64_t than)
{
  return ((than - round - 1) & ROUND_MASK) < ROUND_MASK / 2;
}

static bool ended(struct breaker *b, uint32_t generation)
{
  return word_parts(breaker_word(b)).generation != generation;
}

// The bucket is read before the generation is checked. So if a later generation
// has written to it, that is seen here; if it writes after, the swap fails.
static bool add_sample(struct breaker *b, const struct breaker_options *o,
                       struct breaker_sample sample, uint64_t now_ns)
{
  uint64_t epoch = epoch_of(b, o, now_ns);
  _Atomic uint64_t *place = &b->buckets[epoch % BREAKER_BUCKETS];
  uint64_t round = epoch / BREAKER_BUCKETS & ROUND_MASK;
  uint64_t generation = sample.generation & 0xFF;
  uint64_t old = atomic_load_explicit(place, memory_order_acquire), next;
  do {
    struct bucket k = unpack(old);
    if (k.generation != generation || is_older(k.round, round)) {
      if (ended(b, sample.generation)) return false;
      k = (struct bucket){.generation = generation, .round = round};
    }
    add_to(&k, sample);
    next = pack(k);
  } while (!atomic_compare_exchange_weak_explicit(
      place, &old, next, memory_order_acq_rel, memory_order_acquire));
  return true;
}

static uint32_t count_in_a_row(struct breaker *b, struct breaker_sample sample)
{
  uint64_t mine = (uint64_t)sample.generation << 32;
  uint64_t old = atomic_load_explicit(&b->in_a_row, memory_order_acquire), next;
  do {
    bool same = old >> 32 == sample.generation;
    uint32_t n = same ? (uint32_t)old : 0;
    if (!sample.bad && n == 0) return 0; // the usual case writes nothing
    if (!same && ended(b, sample.generation)) return 0;
    next = sample.bad ? mine | (uint64_t)(n + (n < UINT32_MAX)) : mine;
  } while (!atomic_compare_exchange_weak_explicit(
      &b->in_a_row, &old, next, memory_order_acq_rel, memory_order_acquire));
  return (uint32_t)next;
}

uint32_t window_add(struct breaker *b, const struct breaker_options *o,
                    struct breaker_sample sample, uint64_t now_ns)
{
  if (!add_sample(b, o, sample, now_ns)) return 0;
  return count_in_a_row(b, sample);
}

struct breaker_window breaker_window(struct breaker *b,
                                     const struct breaker_options *o,
                                     uint64_t now_ns)
{
  uint32_t generation = breaker_generation(b);
  uint64_t epoch = epoch_of(b, o, now_ns);
  uint64_t row = atomic_load_explicit(&b->in_a_row, memory_order_relaxed);
  struct breaker_window sum = {.in_a_row =
                                   row >> 32 == generation ? (uint32_t)row : 0};
  for (uint64_t back = 0; back < BREAKER_BUCKETS && back <= epoch; back++) {
    uint64_t e = epoch - back;
    struct bucket k = unpack(atomic_load_explicit(
        &b->buckets[e % BREAKER_BUCKETS], memory_order_relaxed));
    if (k.generation != (generation & 0xFF)) continue;
    if (k.round != (e / BREAKER_BUCKETS & ROUND_MASK)) continue;
    sum.total += k.total;
    sum.failed += k.failed;
    sum.slow += k.slow;
  }
  return sum;
}
