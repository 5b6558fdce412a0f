// breaker_probe.c -- the slots and leases of probes; see breaker_word.h.
//
// A slot holds the lease of the probe that has it. Whoever swaps it to 0 ends
// the probe: its token, or the sweep when the lease is over; never both.

#include "guard/breaker_word.h"

static uint32_t slots_of(const struct breaker_options *o)
{
  return o->probes < BREAKER_PROBES_MAX ? o->probes : BREAKER_PROBES_MAX;
}

static uint64_t slot_load(struct breaker *b, uint32_t slot)
{
  return atomic_load_explicit(&b->leases[slot], memory_order_acquire);
}

static bool slot_swap(struct breaker *b, uint32_t slot, uint64_t old,
                      uint64_t next)
{
  return atomic_compare_exchange_strong_explicit(
      &b->leases[slot], &old, next, memory_order_acq_rel, memory_order_acquire);
}

static bool is_over(uint64_t lease, uint64_t now_ms)
{
  return lease != 0 && (lease & LEASE_MASK) <= now_ms;
}

uint64_t probe_take(struct breaker *b, const struct breaker_options *o,
                    uint32_t generation, uint64_t now_ns, uint32_t *slot)
{
  uint64_t ends = breaker_ms(b, now_ns) + o->lease_ms + 1;
  uint64_t lease = (uint64_t)generation << LEASE_BITS | (ends & LEASE_MASK);
  for (uint32_t i = 0; i < slots_of(o); i++) {
    if (slot_load(b, i) != 0 || !slot_swap(b, i, 0, lease)) continue;
    *slot = i;
    return lease;
  }
  return 0;
}

bool probe_end(struct breaker *b, uint32_t slot, uint64_t lease)
{
  return slot_swap(b, slot, lease, 0);
}

enum probe_room probe_room(struct breaker *b, const struct breaker_options *o,
                           uint64_t now_ns)
{
  uint64_t now_ms = breaker_ms(b, now_ns);
  enum probe_room room = ROOM_NONE;
  for (uint32_t i = 0; i < BREAKER_PROBES_MAX; i++) {
    uint64_t lease = slot_load(b, i);
    if (is_over(lease, now_ms)) return ROOM_EXPIRED;
    if (lease == 0 && i < slots_of(o)) room = ROOM_FREE;
  }
  return room;
}

uint32_t probe_sweep(struct breaker *b, uint32_t generation, uint64_t now_ns)
{
  uint64_t now_ms = breaker_ms(b, now_ns);
  uint32_t expired = 0;
  for (uint32_t i = 0; i < BREAKER_PROBES_MAX; i++) {
    uint64_t lease = slot_load(b, i);
    if (!is_over(lease, now_ms) || !slot_swap(b, i, lease, 0)) continue;
    breaker_count(b, STAT_PROBE_EXPIRED);
    expired += lease >> LEASE_BITS == generation;
  }
  return expired;
}

uint32_t breaker_probes(struct breaker *b)
{
  uint32_t n = 0;
  for (uint32_t i = 0; i < BREAKER_PROBES_MAX; i++)
    n += slot_load(b, i) != 0;
  return n;
}
