// attempt.c -- see attempt.h for the contract: sending, waiting, giving up.

#include "guard/attempt.h"

#include <string.h>

#include "guard/attempt_inside.h"

void attempt_step(const struct attempt *a, enum trail_kind kind, int64_t n,
                  const char *label)
{
  const struct exchange_options *o = a->options;
  trail_add(o->trail, loop_exact(o->loop), kind, OK, n, 0, slice_of(label));
}

// --- the wire ---

static void limit_time(struct attempt *a)
{
  struct deadline_share share = deadline_attempt(
      a->options->deadline_ns, attempt_now(a), a->timeout_ms, a->useful_ns);
  a->cut_by_deadline = share.cut;
  a->wire_ms = share.ms;
}

// Where one connection of the pool was dead the others may be as well; and on the
// same one as the first, a hedge would stall where that does.
static bool needs_fresh(const struct attempt *a)
{
  return a->stale_before ||
         (a->beside && atomic_load_explicit(&a->options->upstream->multiplexes,
                                            memory_order_relaxed));
}

void attempt_go(struct attempt *a)
{
  const struct exchange_options *o = a->options;
  struct http_attempt wire = o->attempt;
  wire.total_ms = a->wire_ms;
  wire.connect_ms = (uint32_t)o->policy->connect_ms;
  wire.first_byte_ms = (uint32_t)o->policy->first_byte_ms;
  wire.max_body_bytes = (size_t)o->policy->max_response_bytes;
  wire.fresh = needs_fresh(a);
  a->state = ATTEMPT_SENT;
  a->transfer = http_start(o->client, &wire, attempt_on_answer, a);
  if (a->transfer) return;
  breaker_release(&o->upstream->breaker, &a->token);
  chaos_end(o->upstream->chaos, &a->fault);
  admit_give_place(a);
  attempt_no_memory(a);
}

static size_t put(char *out, size_t at, struct slice text)
{
  size_t room = TRAIL_LABEL - at;
  size_t n = text.len < room ? text.len : room;
  if (n > 0) memcpy(out + at, text.data, n);
  return at + n;
}

// "GET /items"; by hand, for snprintf() costs as much as all the rest.
static void say_sent(const struct attempt *a)
{
  const struct exchange_options *o = a->options;
  char label[TRAIL_LABEL];
  size_t len = put(label, 0, o->attempt.method);
  len = put(label, len, SLICE(" "));
  len = put(label, len, o->label);
  trail_add(o->trail, loop_exact(o->loop), TRAIL_ATTEMPT, OK, a->number, 0,
            (struct slice){label, len});
}

void attempt_send(struct attempt *a)
{
  limit_time(a);
  a->sent_ns = attempt_now(a);
  say_sent(a);
  if (!attempt_fault(a)) attempt_go(a);
}

// --- waiting ---

void attempt_wait(struct attempt *a, enum attempt_state state, uint64_t wait_ns,
                  enum trail_kind kind)
{
  a->state = state;
  attempt_step(a, kind, (int64_t)(wait_ns / NS_PER_MS), "");
  if (timer_start(&a->timer, wait_ns)) return;
  admit_leave(a);
  attempt_no_memory(a);
}

// --- ends without an answer ---

static void end(struct attempt *a, const struct attempt_end *how)
{
  a->state = ATTEMPT_ENDED;
  a->done(a, how); // a may be gone from here on
}

void attempt_refuse(struct attempt *a, enum reject why, uint64_t wait_ns)
{
  const struct exchange_options *o = a->options;
  trail_add(o->trail, loop_exact(o->loop), TRAIL_REJECT, reject_code(why),
            (int64_t)(wait_ns / NS_PER_MS), 0, slice_of(reject_name(why)));
  end(a, &(struct attempt_end){.outcome = OUTCOME_LOCAL_REJECT,
                               .by_table = OUTCOME_LOCAL_REJECT,
                               .code = reject_code(why),
                               .reject = why,
                               .wait_ns = wait_ns,
                               .hint_ms = -1});
}

void attempt_no_memory(struct attempt *a)
{
  end(a, &(struct attempt_end){.outcome = OUTCOME_LOCAL_REJECT,
                               .by_table = OUTCOME_LOCAL_REJECT,
                               .code = E_NO_MEMORY,
                               .hint_ms = -1});
}

void attempt_cancel(struct attempt *a, enum attempt_stop why)
{
  a->stop = why;
  if (a->state == ATTEMPT_SENT) {
    http_cancel(a->transfer);
    return;
  }
  if (a->state == ATTEMPT_AT_FAULT) {
    attempt_fault_cancel(a);
    return;
  }
  admit_leave(a);
  end(a, &(struct attempt_end){.outcome = OUTCOME_CANCELLED,
                               .by_table = OUTCOME_CANCELLED,
                               .code = E_CANCELLED,
                               .hint_ms = -1});
}
