// limiter.c -- see limiter.h for the contract.

#include "guard/limiter.h"

#include <assert.h>

#define FAR (UINT64_C(1) << 61) // sums of two of them do not overflow

void limiter_init(struct limiter *l)
{
  *l = (struct limiter){0};
}

uint64_t limiter_interval_ns(uint64_t period_ns, uint64_t limit)
{
  assert(limit > 0);
  return period_ns / limit + (period_ns % limit != 0);
}

bool limiter_valid(const struct limiter_options *o)
{
  return o->burst > 0 &&
         (o->interval_ns == 0 || o->burst <= FAR / o->interval_ns);
}

static bool swap(struct limiter *l, uint64_t *old, uint64_t next)
{
  return atomic_compare_exchange_weak_explicit(
      &l->tat_ns, old, next, memory_order_relaxed, memory_order_relaxed);
}

static struct limiter_slot refuse(struct limiter *l, uint32_t units,
                                  enum limiter_verdict verdict, uint64_t wait)
{
  atomic_fetch_add_explicit(&l->refused, units, memory_order_relaxed);
  return (struct limiter_slot){verdict, units, wait, 0, 0};
}

struct limiter_slot limiter_reserve(struct limiter *l,
                                    const struct limiter_options *o,
                                    uint32_t units, uint64_t now_ns,
                                    uint64_t max_wait_ns)
{
  if (o->interval_ns == 0 || units == 0)
    return (struct limiter_slot){LIMITER_GO, 0, 0, 0, 0};
  if (units > o->burst) return refuse(l, units, LIMITER_NEVER, 0);

  uint64_t cost = units * o->interval_ns;
  uint64_t full = o->burst * o->interval_ns;
  if (max_wait_ns > FAR) max_wait_ns = FAR;
  uint64_t old = atomic_load_explicit(&l->tat_ns, memory_order_relaxed);
  for (;;) {
    uint64_t base = old > now_ns ? old : now_ns;
    uint64_t used = base - now_ns + cost;
    uint64_t wait = used > full ? used - full : 0;
    if (wait > max_wait_ns) return refuse(l, units, LIMITER_LATER, wait);
    if (swap(l, &old, base + cost))
      return (struct limiter_slot){LIMITER_GO, units, wait, base, base + cost};
  }
}

bool limiter_cancel(struct limiter *l, const struct limiter_slot *slot)
{
  uint64_t mark = slot->mark_ns;
  if (slot->verdict != LIMITER_GO || slot->units == 0) return true;
  if (atomic_compare_exchange_strong_explicit(&l->tat_ns, &mark, slot->from_ns,
                                              memory_order_relaxed,
                                              memory_order_relaxed))
    return true;
  atomic_fetch_add_explicit(&l->lost, slot->units, memory_order_relaxed);
  return false;
}

void limiter_adjust(struct limiter *l, const struct limiter_options *o,
                    int32_t units, uint64_t now_ns)
{
  uint64_t size = units < 0 ? (uint64_t)(-(int64_t)units) : (uint64_t)units;
  uint64_t by = o->interval_ns == 0           ? 0
                : size < FAR / o->interval_ns ? size * o->interval_ns
                                              : FAR;
  uint64_t old = atomic_load_explicit(&l->tat_ns, memory_order_relaxed), next;
  do {
    uint64_t base = old > now_ns ? old : now_ns;
    uint64_t owed = base - now_ns;
    if (units < 0)
      next = now_ns + (owed > by ? owed - by : 0);
    else
      next = now_ns + (owed < FAR - by ? owed + by : FAR);
  } while (!swap(l, &old, next));
}
