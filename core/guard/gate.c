// gate.c -- see gate.h for the contract.

#include "guard/gate.h"

static uint64_t load(_Atomic uint64_t *word)
{
  return atomic_load_explicit(word, memory_order_acquire);
}

static bool swap(_Atomic uint64_t *word, uint64_t *old, uint64_t next)
{
  return atomic_compare_exchange_weak_explicit(
      word, old, next, memory_order_acq_rel, memory_order_acquire);
}

// Where the queue at the gate ends: never before the gate opens.
static uint64_t end_of_queue(struct gate *g, uint64_t next)
{
  uint64_t until = load(&g->until_ns);
  return next > until ? next : until;
}

void gate_init(struct gate *g)
{
  *g = (struct gate){0};
}

bool gate_close(struct gate *g, uint64_t until_ns, uint64_t now_ns)
{
  if (until_ns <= now_ns) return false;
  if (until_ns - now_ns > GATE_MAX_NS) until_ns = now_ns + GATE_MAX_NS;
  uint64_t old = load(&g->until_ns);
  while (old < until_ns) {
    if (!swap(&g->until_ns, &old, until_ns)) continue;
    atomic_fetch_add_explicit(&g->closings, 1, memory_order_relaxed);
    return true;
  }
  return false;
}

struct gate_place gate_pass(struct gate *g, uint64_t spacing_ns,
                            uint64_t now_ns, uint64_t max_wait_ns)
{
  uint64_t next = load(&g->next_ns);
  for (;;) {
    if (!gate_closed(g, now_ns)) return (struct gate_place){true, 0, 0};
    uint64_t at = end_of_queue(g, next);
    if (at - now_ns > max_wait_ns) {
      atomic_fetch_add_explicit(&g->refused, 1, memory_order_relaxed);
      return (struct gate_place){false, at - now_ns, 0};
    }
    if (swap(&g->next_ns, &next, at + spacing_ns))
      return (struct gate_place){true, at - now_ns, at + spacing_ns};
  }
}

void gate_leave(struct gate *g, const struct gate_place *place,
                uint64_t spacing_ns)
{
  uint64_t mark = place->mark_ns;
  if (mark == 0) return;
  atomic_compare_exchange_strong_explicit(&g->next_ns, &mark, mark - spacing_ns,
                                          memory_order_acq_rel,
                                          memory_order_acquire);
}

bool gate_closed(struct gate *g, uint64_t now_ns)
{
  return load(&g->until_ns) > now_ns;
}

uint64_t gate_opens_ns(struct gate *g, uint64_t now_ns)
{
  return gate_closed(g, now_ns) ? end_of_queue(g, load(&g->next_ns)) : 0;
}
