// breaker_word.h -- the words of a breaker, taken apart; inside of breaker*.c.
//
//   word    state 2 | opens in a row 5 | generation 19 | payload 38
//           payload: CLOSED: since when; OPEN: until when (ms since init);
//           HALF_OPEN: admitted 8 | good 8 | bad 8
//   bucket  generation 8 | round 20 | total 12 | failed 12 | slow 12
//   lease   generation 19 | ends 45 (ms since init)

#ifndef GUARD_BREAKER_WORD_H
#define GUARD_BREAKER_WORD_H

#include "guard/breaker.h"

#define PAYLOAD_BITS    38
#define PAYLOAD_MASK    ((UINT64_C(1) << PAYLOAD_BITS) - 1)
#define GENERATION_MASK UINT32_C(0x7FFFF)
#define OPENS_MAX       31u
#define COUNT_MAX       UINT32_C(0xFFF)
#define ROUND_MASK      UINT64_C(0xFFFFF)
#define LEASE_BITS      45
#define LEASE_MASK      ((UINT64_C(1) << LEASE_BITS) - 1)

// The order of struct breaker_stats.
enum breaker_stat {
  STAT_OPENED,
  STAT_HALF_OPENED,
  STAT_CLOSED,
  STAT_REJECTED,
  STAT_STALE,
  STAT_WOULD_REJECT,
  STAT_PROBE_GOOD,
  STAT_PROBE_BAD,
  STAT_PROBE_NEUTRAL,
  STAT_PROBE_EXPIRED,
};

struct breaker_parts {
  enum breaker_state state;
  uint32_t opens, generation;
  uint64_t payload;
};

struct breaker_trial { // the payload of HALF_OPEN
  uint32_t admitted, good, bad;
};

static inline uint64_t word_pack(struct breaker_parts p)
{
  return (uint64_t)p.state << 62 | (uint64_t)p.opens << 57 |
         (uint64_t)(p.generation & GENERATION_MASK) << PAYLOAD_BITS |
         (p.payload & PAYLOAD_MASK);
}

static inline struct breaker_parts word_parts(uint64_t w)
{
  return (struct breaker_parts){
      (enum breaker_state)(w >> 62), (uint32_t)(w >> 57) & OPENS_MAX,
      (uint32_t)(w >> PAYLOAD_BITS) & GENERATION_MASK, w & PAYLOAD_MASK};
}

static inline struct breaker_trial trial_of(uint64_t w)
{
  return (struct breaker_trial){(uint32_t)(w >> 16) & 0xFF,
                                (uint32_t)(w >> 8) & 0xFF, (uint32_t)w & 0xFF};
}

static inline uint64_t trial_payload(struct breaker_trial t)
{
  return (uint64_t)t.admitted << 16 | (uint64_t)t.good << 8 | t.bad;
}

static inline uint64_t breaker_ms(const struct breaker *b, uint64_t now_ns)
{
  return now_ns > b->start_ns ? (now_ns - b->start_ns) / 1000000 : 0;
}

static inline uint64_t breaker_word(struct breaker *b)
{
  return atomic_load_explicit(&b->word, memory_order_acquire);
}

static inline bool breaker_swap(struct breaker *b, uint64_t *old, uint64_t next)
{
  return atomic_compare_exchange_strong_explicit(
      &b->word, old, next, memory_order_acq_rel, memory_order_acquire);
}

static inline void breaker_count(struct breaker *b, enum breaker_stat s)
{
  atomic_fetch_add_explicit(&b->stats[s], 1, memory_order_relaxed);
}

// --- breaker_window.c ---

struct breaker_sample {
  uint32_t generation;
  bool bad, slow;
};

// Adds to the window of that generation; nothing if it has ended. How many
// failures in a row that makes.
uint32_t window_add(struct breaker *b, const struct breaker_options *o,
                    struct breaker_sample sample, uint64_t now_ns);

// --- breaker_probe.c ---

// A probe's slot: 0 when none is free.
uint64_t probe_take(struct breaker *b, const struct breaker_options *o,
                    uint32_t generation, uint64_t now_ns, uint32_t *slot);
bool probe_end(struct breaker *b, uint32_t slot, uint64_t lease);
enum probe_room { ROOM_NONE, ROOM_FREE, ROOM_EXPIRED };
// Is a slot free, or a lease over (which the next sweep will judge)?
enum probe_room probe_room(struct breaker *b, const struct breaker_options *o,
                           uint64_t now_ns);
// Frees the slots whose leases are over; how many of them were of `generation`.
uint32_t probe_sweep(struct breaker *b, uint32_t generation, uint64_t now_ns);

#endif
