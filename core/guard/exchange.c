// exchange.c -- see exchange.h for the contract: beginning, trying, ending.

#include "guard/exchange.h"

#include "guard/exchange_inside.h"

// --- the end ---

static struct exchange_result result_of(const struct exchange *x,
                                        enum error_code code,
                                        enum reject reject)
{
  const struct exchange_past *past = &x->past;
  struct exchange_result r = {.code = code,
                              .outcome = past->outcome,
                              .reject = reject,
                              .attempts = past->attempts,
                              .side_effect = past->side_effect,
                              .injected = past->injected};
  if (!past->has_last)
    r.outcome = reject ? OUTCOME_LOCAL_REJECT : OUTCOME_CANCELLED;
  // A refusal of our own says less than an answer that came before it.
  if (reject && past->has_last) {
    r.reject = REJECT_NONE;
    r.code = past->code;
  }
  return r;
}

// What was withdrawn for a retry that was never sent.
static void give_cost_back(struct exchange *x)
{
  if (x->past.cost == 0) return;
  struct budget_options options = policy_budget(x->options.policy);
  budget_return(&x->options.upstream->budget, &options, x->past.cost);
}

void exchange_finish(struct exchange *x, enum error_code code,
                     enum reject reject, int64_t retry_after_ms)
{
  struct exchange_result result = result_of(x, code, reject);
  bool hidden = reject && !result.reject;
  result.retry_after_ms = hidden && x->past.hint_ms > retry_after_ms
                              ? x->past.hint_ms
                              : retry_after_ms;
  give_cost_back(x);
  if (x->past.hedging) exchange_hedge_free(x);
  x->state = EXCHANGE_ENDED;
  struct http_answer last = {0};
  if (x->past.has_last) last = x->last;
  result.answer = &last;
  x->done(x->ctx, &result); // x may be gone from here on
  http_answer_finish(&last);
}

// --- an attempt has ended ---

int64_t exchange_budget_left(struct exchange *x)
{
  struct budget_options options = policy_budget(x->options.policy);
  return budget_balance(&x->options.upstream->budget, &options,
                        loop_now(x->options.loop)) /
         BUDGET_TOKEN;
}

void exchange_note_effect(struct exchange *x, const struct attempt_end *end)
{
  enum side_effect effect =
      outcome_side_effect(end->outcome, x->options.attempt.method, end->answer);
  if (effect > x->past.side_effect) x->past.side_effect = effect;
}

void exchange_keep(struct exchange *x, const struct attempt_end *end)
{
  struct exchange_past *past = &x->past;
  if (past->has_last) http_answer_finish(&x->last);
  x->last = *end->answer;
  *end->answer = (struct http_answer){0};
  past->has_last = true;
  past->outcome = end->outcome;
  past->code = end->code;
  past->hint_ms = end->hint_ms;
  past->injected = end->injected;
  past->stale |= end->outcome == OUTCOME_STALE_REUSE;
}

static void on_ended(struct attempt *a, const struct attempt_end *end)
{
  struct exchange *x = a->ctx;
  if (x->past.hedging) {
    exchange_hedge_ended(x, a, end);
    return;
  }
  if (!end->answer) {
    exchange_finish(x, end->code, end->reject, exchange_wait_ms(end->wait_ns));
    return;
  }
  x->past.attempts++;
  x->past.cost = 0; // spent
  exchange_note_effect(x, end);
  exchange_keep(x, end);
  exchange_again(x, end);
}

void exchange_ready(struct exchange *x, struct attempt *a, uint32_t number)
{
  a->options = &x->options;
  a->done = on_ended;
  a->ctx = x;
  a->number = number;
  a->stale_before = x->past.stale;
  a->beside = a != &x->attempt;
}

void exchange_try(struct exchange *x)
{
  x->state = EXCHANGE_TRYING;
  exchange_ready(x, &x->attempt, x->past.attempts + 1);
  attempt_begin(&x->attempt);
}

// --- beginning and giving up ---

static void on_timer(struct timer *timer, void *ctx)
{
  (void)timer;
  struct exchange *x = ctx;
  if (x->past.hedging)
    exchange_hedge_due(x);
  else
    exchange_try(x);
}

bool exchange_start(struct exchange *x, const struct exchange_options *options,
                    exchange_done_fn done, void *ctx)
{
  x->options = *options;
  x->done = done;
  x->ctx = ctx;
  x->past = (struct exchange_past){.hint_ms = -1};
  x->options.attempt.replayable = options->idempotent || options->keyed ||
                                  method_is_idempotent(options->attempt.method);
  timer_init(&x->timer, options->loop, on_timer, x);
  if (options->policy->hedge_extra > 0 && options->attempts != 1)
    exchange_hedge_plan(x);
  exchange_try(x);
  return true;
}

static void stop(struct exchange *x, enum attempt_stop why)
{
  x->past.cancelled = true;
  if (x->past.hedging) {
    exchange_hedge_stop(x, why);
    return;
  }
  if (x->state == EXCHANGE_TRYING) {
    attempt_cancel(&x->attempt, why);
    return;
  }
  timer_stop(&x->timer);
  exchange_finish(x, E_CANCELLED, REJECT_NONE, -1);
}

void exchange_cancel(struct exchange *x)
{
  stop(x, STOP_CANCELLED);
}

void exchange_expire(struct exchange *x)
{
  stop(x, STOP_EXPIRED);
}
