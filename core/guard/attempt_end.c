// attempt_end.c -- what an answer means, and who is told.

#include "guard/attempt_inside.h"
#include "guard/backoff.h"
#include "guard/hints.h"

#define NAMELESS_MAX 2 // in a row that do not count

// --- what it means ---

static enum outcome classify(const struct attempt *a,
                             const struct http_answer *answer,
                             enum outcome by_table)
{
  const struct exchange_options *o = a->options;
  if (!o->classify || answer->end != HTTP_ANSWERED) return by_table;
  enum outcome said = o->classify(o->classify_ctx, answer, by_table, o->trail);
  return outcome_may_be_said(said) ? said : by_table;
}

// A limit on the connection or on the first byte may have come before what the
// call's deadline has left: then it is the service that was too slow.
static bool was_cut(const struct attempt *a, const struct http_answer *answer)
{
  return a->cut_by_deadline && answer->total_ns / NS_PER_MS + 1 >= a->wire_ms;
}

static enum outcome by_table(const struct attempt *a,
                             const struct http_answer *answer)
{
  enum outcome outcome = outcome_of(answer, was_cut(a, answer));
  if (outcome == OUTCOME_CANCELLED && a->stop == STOP_EXPIRED)
    return OUTCOME_DEADLINE;
  return outcome;
}

// The status refines what the table says; where the integration said something
// else, its word is the error.
static enum error_code code_of(const struct attempt_end *end)
{
  if (end->outcome == end->by_table || end->outcome == OUTCOME_APP_ERROR)
    return outcome_error(end->outcome, end->answer->status);
  return outcome_row(end->outcome)->code;
}

// --- what the primitives learn ---

// A resolver that fails does so for all services at once, which is not their
// doing: it counts from the third time in a row on (resilience.md, 12.9).
static bool is_resolver(struct attempt *a, const struct attempt_end *end)
{
  _Atomic uint32_t *row = &a->options->upstream->nameless;
  if (end->answer->end == HTTP_NO_NAME)
    return atomic_fetch_add_explicit(row, 1, memory_order_relaxed) <
           NAMELESS_MAX;
  if (end->answer->sent && atomic_load_explicit(row, memory_order_relaxed) > 0)
    atomic_store_explicit(row, 0, memory_order_relaxed);
  return false;
}

static void tell_breaker(struct attempt *a, const struct attempt_end *end)
{
  const struct policy *p = a->options->policy;
  struct breaker_options options = policy_breaker(p);
  struct breaker_result result = breaker_judge(
      end->outcome, end->answer->total_ns, policy_slow_ns(p), !a->stale_before);
  result.hint_ms = end->hint_ms;
  if (is_resolver(a, end)) result.verdict = VERDICT_NEUTRAL;
  breaker_record(&a->options->upstream->breaker, &options, &a->token, &result,
                 attempt_now(a));
}

static void tell_budget(struct attempt *a, const struct attempt_end *end)
{
  if (a->number > 1 || outcome_row(end->outcome)->charge != CHARGE_DEPOSIT)
    return;
  struct upstream *u = a->options->upstream;
  struct budget_options options = policy_budget(a->options->policy);
  budget_deposit(&u->budget, &options);
  if (a->options->policy->hedge_extra == 0) return;
  options = hedge_budget_options();
  budget_deposit(&u->hedges, &options);
}

// A loser of a hedge was cancelled because it was slow: unless it counts as
// what has gone by, only survivors are seen and the delay drifts down.
static void tell_latency(struct attempt *a, const struct attempt_end *end)
{
  if (end->injected) return;
  bool lost = a->stop == STOP_LOST && end->outcome == OUTCOME_CANCELLED;
  if (outcome_row(end->outcome)->sample == SAMPLE_NO && !lost) return;
  latency_record(&a->options->upstream->latency, end->answer->total_ns,
                 attempt_now(a));
}

// "Later" is for everyone: the gate closes for all calls of this upstream.
static void tell_gate(struct attempt *a, const struct attempt_end *end)
{
  if (end->outcome != OUTCOME_THROTTLED) return;
  const struct exchange_options *o = a->options;
  uint64_t now = attempt_now(a);
  uint64_t base = (uint64_t)o->policy->retry_throttled_ms * NS_PER_MS;
  uint64_t wait = end->hint_ms >= 0 ? (uint64_t)end->hint_ms * NS_PER_MS
                                    : backoff_ns(base, prng_unit(o->chance));
  gate_close(&o->upstream->gate, now + wait, now);
  atomic_store_explicit(&o->upstream->throttled_ns, now, memory_order_relaxed);
}

static void tell_pace(struct attempt *a, const struct ratelimit *quota)
{
  const struct exchange_options *o = a->options;
  if (quota->known)
    pace_learn(&o->upstream->pace, quota, prng_unit(o->chance), attempt_now(a));
}

// While it still has its place: it is one of those in flight.
static void tell_adaptive(struct attempt *a, const struct attempt_end *end)
{
  struct upstream *u = a->options->upstream;
  struct adaptive_options options;
  if (!upstream_adaptive(u, &options)) return;
  uint64_t took = end->answer->total_ns, now = attempt_now(a);
  bool slow = took >= policy_slow_ns(a->options->policy);
  struct adaptive_sample sample = {
      .verdict = adaptive_judge(end->outcome, end->answer->status, slow),
      .elapsed_ns = took,
      .in_flight = bulkhead_in_flight(&u->bulkhead),
  };
  // A delay that we made up says nothing about the service, a drop may.
  if (end->injected && sample.verdict != ADAPTIVE_DROP) return;
  uint32_t limit = adaptive_record(&u->adaptive, &options, &sample, now);
  uint32_t was = bulkhead_limit(&u->bulkhead);
  if (limit == was) return;
  struct bulkhead_options places = policy_bulkhead(a->options->policy);
  bulkhead_resize(&u->bulkhead, &places, limit, now);
  trail_add(a->options->trail, loop_exact(a->options->loop), TRAIL_LIMIT, OK,
            limit, was, SLICE(""));
}

// --- an answer ---

static const char *label_of(const struct attempt *a,
                            const struct attempt_end *end)
{
  if (a->stop == STOP_LOST && end->outcome == OUTCOME_CANCELLED)
    return "hedge_loser";
  return end->answer->end == HTTP_ANSWERED ? outcome_name(end->outcome)
                                           : http_end_name(end->answer->end);
}

static void record(struct attempt *a, const struct attempt_end *end)
{
  const struct http_answer *h = end->answer;
  struct trail *trail = a->options->trail;
  uint64_t now = loop_exact(a->options->loop);
  if (h->replays > 0)
    trail_add(trail, now, TRAIL_REPLAY, OK, a->options->attempt.replayable,
              h->replays, slice_of("connection died when reused"));
  trail_add(trail, now, TRAIL_ANSWER, end->code, h->status,
            (int64_t)h->body.len, slice_of(label_of(a, end)));
}

static void note_version(struct upstream *u, const struct http_answer *answer)
{
  if (answer->http_version < 20) return;
  if (!atomic_load_explicit(&u->multiplexes, memory_order_relaxed))
    atomic_store_explicit(&u->multiplexes, true, memory_order_relaxed);
}

void attempt_on_answer(void *ctx, struct http_answer *answer)
{
  struct attempt *a = ctx;
  struct hints hints = hints_read(answer, loop_wall_ms(a->options->loop));
  struct attempt_end end = {.answer = answer,
                            .by_table = by_table(a, answer),
                            .injected = a->fault.injected,
                            .hint_ms = hints.retry_after_ms};
  end.outcome = classify(a, answer, end.by_table);
  end.code = code_of(&end);
  a->transfer = NULL;
  chaos_end(a->options->upstream->chaos, &a->fault);
  note_version(a->options->upstream, answer);
  record(a, &end);
  tell_breaker(a, &end);
  tell_adaptive(a, &end);
  admit_give_place(a);
  tell_budget(a, &end);
  tell_gate(a, &end);
  tell_latency(a, &end);
  tell_pace(a, &hints.quota);
  a->state = ATTEMPT_ENDED;
  a->done(a, &end); // a may be gone from here on
}
