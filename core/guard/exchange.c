// exchange.c -- see exchange.h for the contract: beginning, sending, waiting.

#include "guard/exchange.h"

#include <assert.h>
#include <stdio.h>

#include "guard/exchange_inside.h"
#include "loop/clock.h"

static const struct {
  const char *name;
  enum error_code code;
  const char *sentence;
} rejects[] = {
#define X(constant, name, code, sentence) [constant] = {name, code, sentence},
    REJECT_LIST(X)
#undef X
};

const char *reject_name(enum reject r)
{
  assert(r < REJECTS);
  return rejects[r].name;
}

const char *reject_sentence(enum reject r)
{
  assert(r < REJECTS);
  return rejects[r].sentence;
}

// --- the wire ---

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

bool exchange_send(struct exchange *x)
{
  struct http_attempt *attempt = &x->options.attempt;
  char label[TRAIL_LABEL + 1];
  snprintf(label, sizeof(label), "%.*s %.*s", SLICE_ARG(attempt->method),
           SLICE_ARG(x->options.label));
  limit_times(x, attempt);
  x->attempts++;
  x->cost = 0; // spent
  x->state = EXCHANGE_SENT;
  trail_add(x->options.trail, loop_exact(x->options.loop), TRAIL_ATTEMPT, OK,
            x->attempts, 0, slice_of(label));
  x->transfer = http_start(x->options.client, attempt, exchange_on_answer, x);
  return x->transfer != NULL;
}

// --- waiting ---

static void on_timer(struct timer *timer, void *ctx)
{
  (void)timer;
  struct exchange *x = ctx;
  if (x->state == EXCHANGE_IN_BACKOFF)
    admit_begin(x);
  else
    admit_go_on(x);
}

void exchange_wait(struct exchange *x, enum exchange_state state,
                   uint64_t wait_ns, enum trail_kind kind)
{
  x->state = state;
  trail_add(x->options.trail, loop_exact(x->options.loop), kind, OK,
            (int64_t)(wait_ns / NS_PER_MS), 0, (struct slice){0});
  timer_start(&x->timer, wait_ns);
}

// --- refusing ---

static int64_t in_ms(uint64_t wait_ns)
{
  if (wait_ns == 0) return -1;
  return (int64_t)((wait_ns + NS_PER_MS - 1) / NS_PER_MS);
}

void exchange_refuse(struct exchange *x, enum reject why, uint64_t wait_ns)
{
  trail_add(x->options.trail, loop_exact(x->options.loop), TRAIL_REJECT,
            rejects[why].code, (int64_t)(wait_ns / NS_PER_MS), 0,
            slice_of(rejects[why].name));
  exchange_finish(x, rejects[why].code, why, in_ms(wait_ns));
}

// --- beginning and giving up ---

bool exchange_start(struct exchange *x, const struct exchange_options *options,
                    exchange_done_fn done, void *ctx)
{
  *x = (struct exchange){
      .options = *options, .done = done, .ctx = ctx, .last_hint_ms = -1};
  struct http_attempt *attempt = &x->options.attempt;
  attempt->replayable =
      options->idempotent || method_is_idempotent(attempt->method);
  timer_init(&x->timer, options->loop, on_timer, x);
  admit_begin(x);
  return true;
}

void exchange_cancel(struct exchange *x)
{
  x->cancelled = true;
  if (x->state == EXCHANGE_SENT) {
    http_cancel(x->transfer);
    return;
  }
  admit_leave(x);
  exchange_finish(x, E_CANCELLED, REJECT_NONE, -1);
}

void exchange_expire(struct exchange *x)
{
  x->expired = true;
  exchange_cancel(x);
}
