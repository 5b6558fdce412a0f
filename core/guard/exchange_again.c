// exchange_again.c -- may an attempt be followed by another one?

#include "guard/backoff.h"
#include "guard/exchange_inside.h"
#include "guard/idempotency.h"
#include "guard/retry.h"

#define TOO_EARLY 425

// Answers that are final by their outcome and yet call for another try; only
// where the integration has not said something else.
static enum retry_plea plea_of(const struct exchange *x,
                               const struct attempt_end *end)
{
  if (end->outcome != OUTCOME_APP_ERROR || end->by_table != OUTCOME_APP_ERROR)
    return PLEA_NONE;
  int status = x->last.status;
  if (status == TOO_EARLY && !x->past.early_used) return PLEA_TOO_EARLY;
  bool running =
      x->options.keyed && idempotency_answer(status) == IDEMPOTENCY_RUNNING;
  return running ? PLEA_RUNNING : PLEA_NONE;
}

static uint32_t max_attempts(const struct exchange *x)
{
  uint32_t own = x->options.attempts;
  uint32_t allowed = (uint32_t)x->options.policy->retry_attempts;
  return own > 0 && own < allowed ? own : allowed;
}

static struct retry_facts facts_of(struct exchange *x,
                                   const struct attempt_end *end)
{
  struct upstream *u = x->options.upstream;
  uint64_t now = loop_now(x->options.loop), wait;
  struct breaker_options breaker = policy_breaker(x->options.policy);
  return (struct retry_facts){
      .outcome = end->outcome,
      .plea = plea_of(x, end),
      .attempts_done = x->past.attempts,
      .max_attempts = max_attempts(x),
      .hint_ms = end->hint_ms,
      .repeatable = x->options.attempt.replayable,
      .free_used = x->past.free_used,
      .body_replayable = exchange_replayable_body(x),
      .cancelled = x->past.cancelled,
      .breaker_open = !breaker_peek(&u->breaker, &breaker, true, now, &wait),
      .now_ns = now,
      .deadline_ns = x->options.deadline_ns,
      .gate_ns = gate_opens_ns(&u->gate, now),
      .min_useful_ns = attempt_useful_again(&x->attempt),
      .unit = prng_unit(x->options.chance),
  };
}

static struct retry_answer decide(struct exchange *x,
                                  const struct retry_facts *facts)
{
  const struct policy *p = x->options.policy;
  struct budget_options budget = policy_budget(p);
  struct backoff_options backoff = {
      .base_ns = (uint64_t)p->retry_base_ms * NS_PER_MS,
      .base_throttled_ns = (uint64_t)p->retry_throttled_ms * NS_PER_MS,
      .cap_ns = (uint64_t)p->retry_max_ms * NS_PER_MS,
  };
  return retry_decide(facts, &backoff, &x->options.upstream->budget, &budget);
}

static void give_up(struct exchange *x, const struct attempt_end *end,
                    enum retry_verdict why)
{
  // Rules 1 and 2 are no news: attempts are used up, or there was no failure.
  if (retry_rule(why) > 2)
    attempt_step(&x->attempt, TRAIL_NO_RETRY, retry_rule(why), retry_name(why));
  exchange_finish(x, end->code, REJECT_NONE, end->hint_ms);
}

static const char *why_again(enum outcome outcome, enum retry_plea plea)
{
  return plea == PLEA_NONE ? outcome_name(outcome) : retry_plea_name(plea);
}

// Where the gate is what it waits for, it waits there: all who were told "in a
// second" would else come in the same moment.
static uint64_t rest_of(const struct retry_facts *facts, uint64_t wait_ns)
{
  uint64_t gate = facts->gate_ns > facts->now_ns ? facts->gate_ns : 0;
  return gate > 0 && wait_ns <= gate - facts->now_ns ? 0 : wait_ns;
}

static void wait_and_try(struct exchange *x, const struct retry_facts *facts,
                         const struct retry_answer *answer)
{
  uint64_t rest = rest_of(facts, answer->wait_ns);
  x->past.cost = answer->cost;
  x->past.free_used |= answer->free;
  x->past.early_used |= facts->plea == PLEA_TOO_EARLY;
  x->state = EXCHANGE_IN_BACKOFF;
  trail_add(x->options.trail, loop_exact(x->options.loop), TRAIL_BACKOFF, OK,
            (int64_t)(rest / NS_PER_MS), exchange_budget_left(x),
            slice_of(why_again(facts->outcome, facts->plea)));
  if (!timer_start(&x->timer, rest))
    exchange_finish(x, E_NO_MEMORY, REJECT_NONE, -1);
}

void exchange_again(struct exchange *x, const struct attempt_end *end)
{
  struct retry_facts facts = facts_of(x, end);
  struct retry_answer answer = decide(x, &facts);
  if (answer.verdict == RETRY_YES)
    wait_and_try(x, &facts, &answer);
  else
    give_up(x, end, answer.verdict);
}
