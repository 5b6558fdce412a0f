// exchange_answer.c -- what an attempt's end means, and what comes of it.

#include "guard/backoff.h"
#include "guard/exchange_inside.h"
#include "guard/retry.h"
#include "guard/retry_after.h"
#include "loop/clock.h"

#define REPLAYABLE_BODY_MAX ((size_t)1024 * 1024)

static void step(struct exchange *x, enum trail_kind kind, enum error_code code,
                 int64_t a, const char *label)
{
  trail_add(x->options.trail, loop_exact(x->options.loop), kind, code, a, 0,
            slice_of(label));
}

// --- the end ---

// A refusal of our own says less than an answer that came before it.
void exchange_finish(struct exchange *x, enum error_code code,
                     enum reject reject, int64_t retry_after_ms)
{
  bool had_answer = x->attempts > 0;
  struct exchange_result result = {
      .code = code,
      .outcome = x->last_outcome,
      .reject = reject,
      .answer = &x->last,
      .attempts = x->attempts,
      .side_effect = x->side_effect,
      .retry_after_ms = retry_after_ms,
  };
  if (!had_answer)
    result.outcome = reject ? OUTCOME_LOCAL_REJECT : OUTCOME_CANCELLED;
  if (reject && had_answer) {
    result.reject = REJECT_NONE;
    result.code = outcome_error(x->last_outcome, x->last.status);
    if (x->last_hint_ms > retry_after_ms)
      result.retry_after_ms = x->last_hint_ms;
  }
  struct budget_options options = policy_budget(x->options.policy);
  if (x->cost > 0)
    budget_return(&x->options.upstream->budget, &options, x->cost);
  x->state = EXCHANGE_ENDED;
  struct http_answer last = x->last;
  result.answer = &last;
  x->last = (struct http_answer){0};
  x->done(x->ctx, &result); // x may be gone from here on
  http_answer_finish(&last);
}

// --- what the primitives learn ---

static void tell_breaker(struct exchange *x, enum outcome outcome,
                         const struct http_answer *a)
{
  const struct policy *p = x->options.policy;
  struct breaker_options options = policy_breaker(p);
  struct breaker_result result =
      breaker_judge(outcome, a->total_ns, policy_slow_ns(p), !x->stale_before);
  result.hint_ms = x->last_hint_ms;
  breaker_record(&x->options.upstream->breaker, &options, &x->token, &result,
                 loop_now(x->options.loop));
  x->stale_before |= outcome == OUTCOME_STALE_REUSE;
}

static void tell_budget(struct exchange *x, enum outcome outcome)
{
  struct budget_options options = policy_budget(x->options.policy);
  if (x->attempts == 1 && outcome_row(outcome)->charge == CHARGE_DEPOSIT)
    budget_deposit(&x->options.upstream->budget, &options);
}

// "Later" is for everyone: the gate closes for all calls of this upstream.
static void tell_gate(struct exchange *x, enum outcome outcome)
{
  if (outcome != OUTCOME_THROTTLED) return;
  uint64_t now = loop_now(x->options.loop);
  uint64_t base = (uint64_t)x->options.policy->retry_throttled_ms * NS_PER_MS;
  uint64_t wait = x->last_hint_ms >= 0
                      ? (uint64_t)x->last_hint_ms * NS_PER_MS
                      : backoff_ns(base, prng_unit(x->options.chance));
  gate_close(&x->options.upstream->gate, now + wait, now);
}

// --- once more? ---

static struct retry_facts facts_of(struct exchange *x, enum outcome outcome)
{
  struct upstream *u = x->options.upstream;
  uint64_t now = loop_now(x->options.loop), wait;
  struct breaker_options breaker = policy_breaker(x->options.policy);
  return (struct retry_facts){
      .outcome = outcome,
      .attempts_done = x->attempts,
      .max_attempts = (uint32_t)x->options.policy->retry_attempts,
      .hint_ms = x->last_hint_ms,
      .repeatable = x->options.attempt.replayable,
      .free_used = x->free_used,
      .body_replayable = x->options.attempt.body.len <= REPLAYABLE_BODY_MAX,
      .cancelled = x->cancelled,
      .breaker_open = !breaker_peek(&u->breaker, &breaker, true, now, &wait),
      .now_ns = now,
      .deadline_ns = x->options.deadline_ns,
      .gate_ns = gate_opens_ns(&u->gate, now),
      .min_useful_ns = MIN_USEFUL_NS,
      .unit = prng_unit(x->options.chance),
  };
}

static struct retry_answer decide(struct exchange *x, enum outcome outcome)
{
  const struct policy *p = x->options.policy;
  struct budget_options budget = policy_budget(p);
  struct backoff_options backoff = {
      .base_ns = (uint64_t)p->retry_base_ms * NS_PER_MS,
      .base_throttled_ns = (uint64_t)p->retry_throttled_ms * NS_PER_MS,
      .cap_ns = (uint64_t)p->retry_max_ms * NS_PER_MS,
  };
  struct retry_facts facts = facts_of(x, outcome);
  return retry_decide(&facts, &backoff, &x->options.upstream->budget, &budget);
}

static void give_up(struct exchange *x, enum outcome outcome,
                    const struct retry_answer *why)
{
  // Rules 1 and 2 are no news: attempts are used up, or there was no failure.
  if (retry_rule(why->verdict) > 2)
    step(x, TRAIL_NO_RETRY, OK, retry_rule(why->verdict),
         retry_name(why->verdict));
  exchange_finish(x, outcome_error(outcome, x->last.status), REJECT_NONE,
                  x->last_hint_ms);
}

static void try_again(struct exchange *x, enum outcome outcome,
                      const struct retry_answer *answer)
{
  x->cost = answer->cost;
  x->free_used |= answer->free;
  x->state = EXCHANGE_IN_BACKOFF;
  step(x, TRAIL_BACKOFF, OK, (int64_t)(answer->wait_ns / NS_PER_MS),
       outcome_name(outcome));
  timer_start(&x->timer, answer->wait_ns);
}

// --- an answer ---

static void record(struct exchange *x, const struct http_answer *a,
                   enum outcome outcome, enum error_code code)
{
  struct trail *trail = x->options.trail;
  uint64_t now = loop_exact(x->options.loop);
  if (a->replays > 0)
    trail_add(trail, now, TRAIL_REPLAY, OK, x->options.attempt.replayable,
              a->replays, slice_of("connection died when reused"));
  trail_add(trail, now, TRAIL_ANSWER, code, a->status, (int64_t)a->body.len,
            slice_of(a->end == HTTP_ANSWERED ? outcome_name(outcome)
                                             : http_end_name(a->end)));
}

static int64_t wait_hint(const struct exchange *x, const struct http_answer *a)
{
  struct slice value = http_answer_header(a, "retry-after");
  if (!value.data) return -1;
  return retry_after_ms(value, http_answer_header(a, "date"),
                        loop_wall_ms(x->options.loop));
}

static void keep(struct exchange *x, struct http_answer *answer,
                 enum outcome outcome)
{
  enum side_effect effect =
      outcome_side_effect(outcome, x->options.attempt.method, answer);
  if (effect > x->side_effect) x->side_effect = effect;
  x->last_hint_ms = wait_hint(x, answer);
  http_answer_finish(&x->last);
  x->last = *answer;
  x->last_outcome = outcome;
  *answer = (struct http_answer){0};
}

void exchange_on_answer(void *ctx, struct http_answer *answer)
{
  struct exchange *x = ctx;
  enum outcome outcome = outcome_of(answer, x->cut_by_deadline);
  if (outcome == OUTCOME_CANCELLED && x->expired) outcome = OUTCOME_DEADLINE;
  x->transfer = NULL;
  record(x, answer, outcome, outcome_error(outcome, answer->status));
  keep(x, answer, outcome);
  tell_breaker(x, outcome, &x->last);
  admit_give_place(x);
  tell_budget(x, outcome);
  tell_gate(x, outcome);

  struct retry_answer again = decide(x, outcome);
  if (again.verdict == RETRY_YES)
    try_again(x, outcome, &again);
  else
    give_up(x, outcome, &again);
}
