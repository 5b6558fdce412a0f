// hedge.c -- see hedge.h for the contract.

#include "guard/hedge.h"

#include <assert.h>

static const char *const names[] = {
#define X(constant, name) [constant] = (name),
    HEDGE_LIST(X)
#undef X
};

const char *hedge_name(enum hedge_verdict v)
{
  assert(v < HEDGE_VERDICTS);
  return names[v];
}

// --- whether and when ---

static uint64_t delay_of(const struct hedge_options *o,
                         const struct latency_view *l)
{
  if (o->said_delay_ns > 0) return o->said_delay_ns;
  if (l->count < HEDGE_SAMPLES) return o->unknown_delay_ns;
  return l->p95_ns > o->min_delay_ns ? l->p95_ns : o->min_delay_ns;
}

static bool throttled_lately(const struct hedge_facts *f)
{
  return f->throttled_ns > 0 && (f->now_ns < f->throttled_ns ||
                                 f->now_ns - f->throttled_ns < HEDGE_COOL_NS);
}

static enum hedge_verdict judge(const struct hedge_options *o,
                                const struct hedge_facts *f, uint64_t delay_ns)
{
  if (o->extra == 0) return HEDGE_NO_OFF;
  if (!f->safe) return HEDGE_NO_UNSAFE;
  if (!f->breaker_closed) return HEDGE_NO_BREAKER;
  if (throttled_lately(f)) return HEDGE_NO_THROTTLED;
  if (f->in_flight * UINT64_C(5) > f->limit * UINT64_C(4)) return HEDGE_NO_BUSY;
  if (f->shedding) return HEDGE_NO_SHEDDING;
  uint64_t left = f->deadline_ns > f->now_ns ? f->deadline_ns - f->now_ns : 0;
  return left / 2 < delay_ns ? HEDGE_NO_TIME : HEDGE_YES;
}

struct hedge_plan hedge_plan(const struct hedge_options *o,
                             const struct hedge_facts *f)
{
  uint64_t delay = delay_of(o, &f->latency);
  return (struct hedge_plan){judge(o, f, delay), delay};
}

struct budget_options hedge_budget_options(void)
{
  return (struct budget_options){.cap = HEDGE_CAP, .deposit = HEDGE_DEPOSIT};
}

bool hedge_pay(struct hedge_budget own, struct hedge_budget shared,
               uint64_t now_ns)
{
  if (!budget_withdraw(own.budget, own.options, BUDGET_COST, now_ns))
    return false;
  if (budget_withdraw(shared.budget, shared.options, BUDGET_COST, now_ns))
    return true;
  budget_return(own.budget, own.options, BUDGET_COST);
  return false;
}

// --- who wins ---

enum ending { FINAL, REPAIRABLE, GONE };

static enum ending ending_of(enum outcome o)
{
  // ours or the caller's doing: says nothing about what another try would get
  if (o == OUTCOME_CANCELLED || o == OUTCOME_DEADLINE ||
      o == OUTCOME_LOCAL_REJECT)
    return GONE;
  return outcome_row(o)->retry == RETRY_NEVER ? FINAL : REPAIRABLE;
}

void hedge_begin(struct hedge_group *g, uint32_t most)
{
  assert(most > 0);
  *g = (struct hedge_group){.most = most, .launched = 1, .running = 1};
}

bool hedge_may_launch(const struct hedge_group *g)
{
  return !g->decided && g->running > 0 && g->launched < g->most;
}

void hedge_launched(struct hedge_group *g)
{
  assert(!g->decided && g->launched < g->most);
  g->launched++;
  g->running++;
}

static enum hedge_step wait_or_lose(struct hedge_group *g)
{
  if (g->running > 0) return HEDGE_WAIT;
  g->decided = true;
  return HEDGE_LOSE;
}

enum hedge_step hedge_refused(struct hedge_group *g)
{
  if (g->decided) return HEDGE_LATE;
  g->most = g->launched;
  return wait_or_lose(g);
}

enum hedge_step hedge_ended(struct hedge_group *g, enum outcome outcome)
{
  assert(g->running > 0);
  g->running--;
  if (g->decided) return HEDGE_LATE;
  switch (ending_of(outcome)) {
  case FINAL: g->decided = true; return HEDGE_WIN;
  case REPAIRABLE:
    if (g->launched < g->most) return HEDGE_LAUNCH;
    break;
  case GONE: break;
  }
  return wait_or_lose(g);
}
