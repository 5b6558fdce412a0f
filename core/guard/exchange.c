// exchange.c -- see exchange.h for the contract.

#include "guard/exchange.h"

#include <stdio.h>

#include "guard/retry_after.h"
#include "loop/clock.h"

// What is left of the call, in whole milliseconds and never 0: libcurl takes 0
// for "no limit".
static uint32_t remaining_ms(const struct exchange *x)
{
  uint64_t now = loop_now(x->options.loop);
  uint64_t deadline = x->options.deadline_ns;
  uint64_t ms = deadline > now ? (deadline - now) / NS_PER_MS : 0;
  if (ms == 0) return 1;
  return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static void limit_times(struct exchange *x, struct http_attempt *a)
{
  const struct policy *p = x->options.policy;
  uint32_t left = remaining_ms(x);
  uint32_t own = x->options.timeout_ms;
  uint32_t configured = (uint32_t)p->attempt_ms;
  if (own > 0 && own < configured) configured = own;

  x->cut_by_deadline = left < configured;
  a->total_ms = x->cut_by_deadline ? left : configured;
  a->connect_ms = (uint32_t)p->connect_ms;
  a->first_byte_ms = (uint32_t)p->first_byte_ms;
  a->max_body_bytes = (size_t)p->max_response_bytes;
}

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

static void on_answer(void *ctx, struct http_answer *answer)
{
  struct exchange *x = ctx;
  enum outcome outcome = outcome_of(answer, x->cut_by_deadline);
  struct exchange_result result = {
      .outcome = outcome,
      .code = outcome_error(outcome, answer->status),
      .answer = answer,
      .attempts = x->attempts,
      .side_effect =
          outcome_side_effect(outcome, x->options.attempt.method, answer),
      .retry_after_ms = wait_hint(x, answer),
  };
  x->transfer = NULL;
  record(x, answer, outcome, result.code);
  x->done(x->ctx, &result); // x may be gone from here on
}

bool exchange_start(struct exchange *x, const struct exchange_options *options,
                    exchange_done_fn done, void *ctx)
{
  *x = (struct exchange){.options = *options, .done = done, .ctx = ctx};
  struct http_attempt *attempt = &x->options.attempt;
  limit_times(x, attempt);
  attempt->replayable =
      options->idempotent || method_is_idempotent(attempt->method);

  x->attempts = 1;
  char label[TRAIL_LABEL + 1];
  snprintf(label, sizeof(label), "%.*s %.*s", SLICE_ARG(attempt->method),
           SLICE_ARG(options->label));
  trail_add(options->trail, loop_exact(options->loop), TRAIL_ATTEMPT, OK, 1, 0,
            slice_of(label));

  x->transfer = http_start(options->client, attempt, on_answer, x);
  return x->transfer != NULL;
}

void exchange_cancel(struct exchange *x)
{
  if (x->transfer) http_cancel(x->transfer);
}
