// pace.c -- see pace.h for the contract.

#include "guard/pace.h"

#define RELAXED memory_order_relaxed

void pace_init(struct pace *p)
{
  *p = (struct pace){.burst = 1};
  limiter_init(&p->limiter);
}

static void end(struct pace *p)
{
  if (atomic_load_explicit(&p->until_ns, RELAXED) > 0)
    atomic_store_explicit(&p->until_ns, 0, RELAXED);
}

void pace_learn(struct pace *p, const struct ratelimit *told, double unit,
                uint64_t now_ns)
{
  if (!told->known) return;
  uint64_t interval = ratelimit_interval_ns(told, 0);
  if (interval == 0) {
    end(p);
    return;
  }
  uint64_t burst = told->left / 10;
  if (burst < 1) burst = 1;
  atomic_store_explicit(&p->interval_ns, interval, RELAXED);
  atomic_store_explicit(&p->burst, (uint32_t)burst, RELAXED);
  atomic_store_explicit(&p->until_ns, now_ns + ratelimit_lasts_ns(told, unit),
                        RELAXED);
}

bool pace_stretch(struct pace *p, struct limiter_options *o, uint64_t now_ns)
{
  uint64_t until = atomic_load_explicit(&p->until_ns, RELAXED);
  if (now_ns >= until) return false;
  uint64_t interval = atomic_load_explicit(&p->interval_ns, RELAXED);
  uint32_t burst = atomic_load_explicit(&p->burst, RELAXED);
  bool own = o->interval_ns > 0;
  if (!own || o->burst > burst) o->burst = burst;
  if (interval > o->interval_ns) o->interval_ns = interval;
  return true;
}
