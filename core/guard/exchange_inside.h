// exchange_inside.h -- what the files of the exchange share; nobody else
// includes it.

#ifndef GUARD_EXCHANGE_INSIDE_H
#define GUARD_EXCHANGE_INSIDE_H

#include "guard/attempt_inside.h"
#include "guard/exchange.h"

// Bodies up to a megabyte are sent again.
#define REPLAYABLE_BODY_MAX ((size_t)1024 * 1024)

static inline bool exchange_replayable_body(const struct exchange *x)
{
  return x->options.attempt.body.len <= REPLAYABLE_BODY_MAX;
}

// When to come again, for the caller.
static inline int64_t exchange_wait_ms(uint64_t wait_ns)
{
  if (wait_ns == 0) return -1;
  return (int64_t)((wait_ns + NS_PER_MS - 1) / NS_PER_MS);
}

// --- exchange.c ---

// Begins the next attempt; it may have ended when this returns, and the
// exchange with it.
void exchange_try(struct exchange *x);
void exchange_finish(struct exchange *x, enum error_code code,
                     enum reject reject, int64_t retry_after_ms);

// In whole retries, for the trail.
int64_t exchange_budget_left(struct exchange *x);
// Of an attempt that was sent: what it may have done at the service.
void exchange_note_effect(struct exchange *x, const struct attempt_end *end);
// Its answer, and what it means, are the exchange's for now.
void exchange_keep(struct exchange *x, const struct attempt_end *end);
// Puts the parts of an attempt in place that the exchange sets.
void exchange_ready(struct exchange *x, struct attempt *a, uint32_t number);

// --- exchange_again.c ---

// An attempt that was sent has ended and is kept in `last`: a retry, or the
// end.
void exchange_again(struct exchange *x, const struct attempt_end *end);

// --- exchange_hedge.c ---

// Before the first attempt: does it hedge? If so the timer is set.
void exchange_hedge_plan(struct exchange *x);
// The delay is over.
void exchange_hedge_due(struct exchange *x);
void exchange_hedge_ended(struct exchange *x, struct attempt *a,
                          const struct attempt_end *end);
// Given up: ends all arms, then the exchange.
void exchange_hedge_stop(struct exchange *x, enum attempt_stop why);
void exchange_hedge_free(struct exchange *x);

#endif
