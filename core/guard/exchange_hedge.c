// exchange_hedge.c -- more arms beside the first: launched, won, lost.

#include "guard/exchange_inside.h"
#include "guard/memory.h"

static void step(struct exchange *x, uint32_t number, const char *label)
{
  trail_add(x->options.trail, loop_exact(x->options.loop), TRAIL_HEDGE, OK,
            number, exchange_budget_left(x), slice_of(label));
}

// --- may it, and when? ---

// Two at a time do no harm: not by a key alone, of which one would get 409.
static bool is_safe(const struct exchange *x)
{
  return !x->options.keyed && x->options.attempt.replayable &&
         exchange_replayable_body(x);
}

static struct hedge_facts facts_of(struct exchange *x)
{
  struct upstream *u = x->options.upstream;
  uint64_t now = loop_now(x->options.loop);
  return (struct hedge_facts){
      .safe = is_safe(x),
      .breaker_closed = breaker_state(&u->breaker) == BREAKER_CLOSED,
      .throttled_ns =
          atomic_load_explicit(&u->throttled_ns, memory_order_relaxed),
      .in_flight = bulkhead_in_flight(&u->bulkhead),
      .limit = bulkhead_limit(&u->bulkhead),
      .shedding = x->options.shed && shed_level(x->options.shed) > 0,
      .now_ns = now,
      .deadline_ns = x->options.deadline_ns,
      .latency = latency_view(&u->latency, now),
  };
}

void exchange_hedge_plan(struct exchange *x)
{
  struct hedge_options options = policy_hedge(x->options.policy);
  struct hedge_facts facts = facts_of(x);
  struct hedge_plan plan = hedge_plan(&options, &facts);
  if (plan.verdict != HEDGE_YES) {
    if (plan.verdict != HEDGE_NO_OFF) step(x, 1, hedge_name(plan.verdict));
    return;
  }
  hedge_begin(&x->group, 1 + options.extra);
  for (size_t i = 0; i < HEDGE_EXTRA_MAX; i++)
    x->arms[i] = NULL;
  x->hedge_delay_ns = plan.delay_ns;
  x->past.hedging = timer_start(&x->timer, plan.delay_ns);
}

// --- another arm ---

// The world may have changed since the plan; the time was judged then.
static enum hedge_verdict still_may(struct exchange *x)
{
  struct hedge_options options = policy_hedge(x->options.policy);
  struct hedge_facts facts = facts_of(x);
  facts.deadline_ns = UINT64_MAX;
  return hedge_plan(&options, &facts).verdict;
}

// After a failure it is a retry that does not wait, and is paid as one.
static bool pay(struct exchange *x, bool after_failure)
{
  struct upstream *u = x->options.upstream;
  uint64_t now = loop_now(x->options.loop);
  struct budget_options shared = policy_budget(x->options.policy);
  if (after_failure)
    return budget_withdraw(&u->budget, &shared, BUDGET_COST, now);
  struct budget_options own = hedge_budget_options();
  return hedge_pay((struct hedge_budget){&u->hedges, &own},
                   (struct hedge_budget){&u->budget, &shared}, now);
}

static void pay_back(struct exchange *x, const struct attempt *a)
{
  struct upstream *u = x->options.upstream;
  struct budget_options shared = policy_budget(x->options.policy);
  budget_return(&u->budget, &shared, BUDGET_COST);
  if (a->after_failure) return;
  struct budget_options own = hedge_budget_options();
  budget_return(&u->hedges, &own, BUDGET_COST);
}

static struct attempt *new_arm(struct exchange *x, bool after_failure)
{
  struct attempt *a = guard_memory(sizeof(*a));
  if (!a) return NULL;
  *a = (struct attempt){.after_failure = after_failure};
  x->arms[x->group.launched - 1] = a;
  return a;
}

// NULL, or what stands against it.
static const char *prepare(struct exchange *x, bool after_failure)
{
  enum hedge_verdict verdict = still_may(x);
  if (verdict != HEDGE_YES) return hedge_name(verdict);
  struct attempt *a = new_arm(x, after_failure);
  if (!a) return "no_memory";
  if (pay(x, after_failure)) return NULL;
  x->arms[x->group.launched - 1] = NULL;
  free(a);
  return "budget_exhausted";
}

// The exchange may have ended when this returns.
static void launch(struct exchange *x)
{
  struct attempt *a = x->arms[x->group.launched - 1];
  hedge_launched(&x->group);
  exchange_ready(x, a, x->group.launched);
  step(x, a->number,
       a->after_failure ? "launched after a failure" : "launched");
  if (hedge_may_launch(&x->group)) timer_start(&x->timer, x->hedge_delay_ns);
  attempt_begin(a);
}

// --- the delay is over ---

static struct attempt *newest(struct exchange *x)
{
  uint32_t n = x->group.launched;
  return n == 1 ? &x->attempt : x->arms[n - 2];
}

// From when on its delay counts. What waits for its turn here is not slow there:
// its time begins later; one that has ended unsent is not waited for.
static uint64_t counts_from(const struct attempt *a, uint64_t now)
{
  if (a->state == ATTEMPT_ENDED) return 0;
  bool sent = a->state == ATTEMPT_SENT || a->state == ATTEMPT_AT_FAULT;
  return sent ? a->sent_ns : now;
}

void exchange_hedge_due(struct exchange *x)
{
  if (!hedge_may_launch(&x->group)) return;
  uint64_t now = loop_now(x->options.loop);
  uint64_t from = counts_from(newest(x), now);
  if (now < from + x->hedge_delay_ns) {
    timer_start_at(&x->timer, from + x->hedge_delay_ns);
    return;
  }
  const char *why_not = prepare(x, false);
  if (!why_not) {
    launch(x);
    return;
  }
  step(x, x->group.launched + 1, why_not);
  hedge_refused(&x->group); // one runs, so it waits for that
}

// --- ends ---

static void stop_arm(struct attempt *a, enum attempt_stop why)
{
  if (a && a->state != ATTEMPT_ENDED) attempt_cancel(a, why);
}

// From here on what ends is only counted.
static void stop_arms(struct exchange *x, enum attempt_stop why)
{
  x->past.settled = true;
  stop_arm(&x->attempt, why);
  for (size_t i = 0; i < HEDGE_EXTRA_MAX; i++)
    stop_arm(x->arms[i], why);
}

static void end_group(struct exchange *x, const struct attempt_end *end)
{
  const struct exchange_past *past = &x->past;
  if (past->has_last)
    exchange_finish(x, past->code, REJECT_NONE, past->hint_ms);
  else
    exchange_finish(x, end->code, end->reject, exchange_wait_ms(end->wait_ns));
}

static void won(struct exchange *x, struct attempt *a,
                const struct attempt_end *end)
{
  exchange_keep(x, end);
  if (x->group.launched > 1) step(x, a->number, "won");
  stop_arms(x, STOP_LOST);
  end_group(x, end);
}

// Of several failures the first arm's is the call's.
static void lost(struct exchange *x, struct attempt *a,
                 const struct attempt_end *end)
{
  if (end->answer && (a == &x->attempt || !x->past.has_last))
    exchange_keep(x, end);
}

static void replace(struct exchange *x, const struct attempt_end *end)
{
  const char *why_not = prepare(x, true);
  if (!why_not) {
    launch(x);
    return;
  }
  step(x, x->group.launched + 1, why_not);
  if (hedge_refused(&x->group) == HEDGE_LOSE) end_group(x, end);
}

// A loser has done nothing that the winner has not.
static void count(struct exchange *x, const struct attempt *a,
                  const struct attempt_end *end)
{
  if (end->answer) {
    x->past.attempts++;
    if (a->stop != STOP_LOST) exchange_note_effect(x, end);
  } else if (a != &x->attempt) {
    pay_back(x, a);
  }
}

void exchange_hedge_ended(struct exchange *x, struct attempt *a,
                          const struct attempt_end *end)
{
  count(x, a, end);
  if (x->past.settled) {
    if (end->answer && a->stop != STOP_LOST) exchange_keep(x, end);
    return;
  }
  switch (hedge_ended(&x->group, end->outcome)) {
  case HEDGE_WIN: won(x, a, end); return;
  case HEDGE_LAUNCH:
    lost(x, a, end);
    replace(x, end);
    return;
  case HEDGE_LOSE:
    lost(x, a, end);
    end_group(x, end);
    return;
  case HEDGE_WAIT: lost(x, a, end); return;
  case HEDGE_LATE: return;
  }
}

void exchange_hedge_stop(struct exchange *x, enum attempt_stop why)
{
  stop_arms(x, why);
  bool told = x->past.has_last && (x->past.outcome == OUTCOME_CANCELLED ||
                                   x->past.outcome == OUTCOME_DEADLINE);
  exchange_finish(x, told ? x->past.code : E_CANCELLED, REJECT_NONE, -1);
}

void exchange_hedge_free(struct exchange *x)
{
  timer_stop(&x->timer);
  for (size_t i = 0; i < HEDGE_EXTRA_MAX; i++)
    free(x->arms[i]);
}
