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

static bool raise(_Atomic uint64_t *word, uint64_t to)
{
  uint64_t old = load(word);
  while (old < to)
    if (swap(word, &old, to)) return true;
  return false;
}

void gate_init(struct gate *g)
{
  *g = (struct gate){0};
}

bool gate_close(struct gate *g, uint64_t until_ns, uint64_t now_ns)
{
  if (until_ns <= now_ns) return false;
  if (until_ns - now_ns > GATE_MAX_NS) until_ns = now_ns + GATE_MAX_NS;
  if (!raise(&g->until_ns, until_ns)) return false;
  raise(&g->next_ns, until_ns);
  atomic_fetch_add_explicit(&g->closings, 1, memory_order_relaxed);
  return true;
}

struct gate_place gate_pass(struct gate *g, uint64_t spacing_ns,
                            uint64_t now_ns, uint64_t max_wait_ns)
{
  uint64_t next = load(&g->next_ns);
  while (next > now_ns) {
    uint64_t wait = next - now_ns;
    if (wait > max_wait_ns) {
      atomic_fetch_add_explicit(&g->refused, 1, memory_order_relaxed);
      return (struct gate_place){false, wait, 0};
    }
    if (swap(&g->next_ns, &next, next + spacing_ns))
      return (struct gate_place){true, wait, next + spacing_ns};
  }
  return (struct gate_place){true, 0, 0};
}

void gate_leave(struct gate *g, const struct gate_place *place,
                uint64_t spacing_ns)
{
  uint64_t mark = place->mark_ns;
  if (mark == 0) return;
  uint64_t back = mark - spacing_ns;
  if (back >= load(&g->until_ns))
    atomic_compare_exchange_strong_explicit(
        &g->next_ns, &mark, back, memory_order_acq_rel, memory_order_acquire);
}

bool gate_closed(struct gate *g, uint64_t now_ns)
{
  return load(&g->until_ns) > now_ns;
}

uint64_t gate_opens_ns(struct gate *g, uint64_t now_ns)
{
  uint64_t next = load(&g->next_ns);
  return next > now_ns ? next : 0;
}
