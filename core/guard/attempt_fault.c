// attempt_fault.c -- an attempt that does not get to the wire, on purpose.
//
// In place of the wire, so that timeouts, classifier, breaker, budget and hedges
// see what they would see of a real one: a fault before the wire at once, else
// after its delay what an answer would be. Only a delay alone is followed by a
// real request, in the time that is left to it.

#include <stdio.h>

#include "guard/attempt_inside.h"
#include "guard/chaos.h"

#define PER_MILLION_OF_A_PERCENT 10000

// --- the rules that a policy stands for ---

static struct chaos_rule fault_rule(const struct policy *p)
{
  enum chaos_kind kind = p->chaos_status == 0     ? CHAOS_REFUSE
                         : p->chaos_status == 429 ? CHAOS_THROTTLE
                                                  : CHAOS_STATUS;
  return (struct chaos_rule){
      .per_million = (uint32_t)p->chaos_percent * PER_MILLION_OF_A_PERCENT,
      .kind = kind,
      .status = (int)p->chaos_status,
      .retry_after_s = 1,
      .expires_ns = 1, // chaos_decide_by() asks at 0: the switch decides
  };
}

static struct chaos_rule delay_rule(const struct policy *p)
{
  return (struct chaos_rule){
      .per_million =
          (uint32_t)p->chaos_delay_percent * PER_MILLION_OF_A_PERCENT,
      .kind = CHAOS_DELAY,
      .spread = CHAOS_UNIFORM,
      .delay_ns = (uint64_t)p->chaos_delay_ms * NS_PER_MS,
      .expires_ns = 1,
  };
}

static struct chaos_plan decide(const struct attempt *a)
{
  const struct exchange_options *o = a->options;
  struct chaos *chaos = o->upstream->chaos;
  struct chaos_rule rules[] = {fault_rule(o->policy), delay_rule(o->policy)};
  struct chaos_plan plan = chaos_decide_by(
      chaos, (struct chaos_rules){rules, 2}, o->label, attempt_now(a));
  plan.rule = NULL; // it does not live that long
  return plan;
}

// --- what is made up ---

// Its delay is longer than its time, whatever would have come then.
static bool is_late(const struct attempt *a)
{
  return a->fault.delay_ns >= a->wire_ms * NS_PER_MS;
}

static void make_up(struct http_answer *answer, const struct attempt *a)
{
  enum chaos_kind kind = a->fault.kind;
  answer->sent = kind != CHAOS_REFUSE;
  if (is_late(a)) {
    answer->end = HTTP_TIMEOUT;
    return;
  }
  answer->end = kind == CHAOS_REFUSE ? HTTP_REFUSED : HTTP_ANSWERED;
  if (kind == CHAOS_REFUSE) return;
  answer->status = (int)a->options->policy->chaos_status;
  if (kind == CHAOS_THROTTLE) buf_puts(&answer->head, "Retry-After: 1\n");
}

static void answer_as(struct attempt *a, bool cancelled)
{
  struct http_answer answer = {.total_ns = attempt_now(a) - a->sent_ns};
  if (cancelled) {
    answer.end = HTTP_CANCELLED;
    answer.sent = a->fault.kind != CHAOS_REFUSE;
  } else {
    make_up(&answer, a);
  }
  snprintf(answer.detail, sizeof(answer.detail), "injected on purpose");
  attempt_on_answer(a, &answer);
  http_answer_finish(&answer);
}

void attempt_fault_due(struct attempt *a)
{
  if (a->fault.kind != CHAOS_DELAY || is_late(a)) {
    answer_as(a, false);
    return;
  }
  a->wire_ms -= (uint32_t)(a->fault.delay_ns / NS_PER_MS);
  a->fault.delay_ns = 0;
  attempt_go(a);
}

void attempt_fault_cancel(struct attempt *a)
{
  timer_stop(&a->timer);
  answer_as(a, true);
}

bool attempt_fault(struct attempt *a)
{
  const struct policy *p = a->options->policy;
  if (p->chaos_percent == 0 && p->chaos_delay_percent == 0) return false;
  a->fault = decide(a);
  if (!a->fault.injected) return false;
  uint64_t most = a->wire_ms * NS_PER_MS;
  uint64_t delay = a->fault.delay_ns < most ? a->fault.delay_ns : most;
  bool answers = a->fault.kind != CHAOS_REFUSE && a->fault.kind != CHAOS_DELAY;
  trail_add(a->options->trail, loop_exact(a->options->loop), TRAIL_FAULT, OK,
            (int64_t)(a->fault.delay_ns / NS_PER_MS),
            answers ? p->chaos_status : 0, slice_of(chaos_name(a->fault.kind)));
  a->state = ATTEMPT_AT_FAULT;
  if (timer_start(&a->timer, delay)) return true;
  chaos_end(a->options->upstream->chaos, &a->fault);
  return false;
}
