// explain_words.c -- what each kind of step says. See explain.h.

#include <inttypes.h>
#include <stdio.h>

#include "base/explain.h"

typedef void (*words_fn)(const struct trail_step *s, struct buf *out);

static const char *ms(int64_t value, char out[32])
{
  if (value < 1000)
    snprintf(out, 32, "%" PRId64 " ms", value);
  else
    snprintf(out, 32, "%.3g s", (double)value / 1000);
  return out;
}

// Labels are names that specs and metrics use, too; some want a sentence.
static const struct {
  const char *label, *sentence;
} sentences[] = {
    {"final_outcome", "such an answer is final"},
    {"not_repeatable",
     "it may have been executed, and is not safe to send twice"},
    {"answer_handed_on", "part of the answer has been handed on"},
    {"body_not_replayable", "its body is too large to be kept for another try"},
    {"cancelled", "the caller has left"},
    {"draining", "the engine is stopping"},
    {"throttled_too_long", "the service wants no requests until too late"},
    {"no_time_left", "too little of the deadline is left"},
    {"budget_exhausted", "the retry budget is used up"},
    {"breaker_open", "the breaker is open"},
    {"gate_closed", "the service said that it wants no requests yet"},
    {"limiter", "the limit is used up"},
    {"bulkhead_full", "too many requests are under way"},
    {"deadline", "the deadline is over"},
    {"not_safe_to_repeat", "the request changes something"},
    {"breaker_not_closed", "the breaker is not closed"},
    {"throttled", "the service said that it has too many requests"},
    {"busy", "most places are taken"},
    {"shedding", "this engine has too much to do"},
    {"no_memory", "there is no memory"},
    {"flight_full", "too many callers wait for the same answer"},
    {"stopping", "the gateway is stopping"},
    {"miss", "nothing is kept"},
    {"too_old", "what is kept is too old, unless the service fails"},
    {"negative", "a failure is kept"},
    {"last_resort", "the service failed, so what is kept is served"},
    {"leads", "asks for all who want the same"},
    {"joined", "another call asks for the same: waits for its answer"},
    {"early", "it will be too old soon"},
    {"method", "such a request is not kept"},
    {"status", "such a status is not kept"},
    {"no_store", "the answer says that it may not be kept"},
    {"set_cookie", "it sets a cookie, so it is one caller's own"},
    {"vary_any", "it depends on more than the request says"},
    {"no_lifetime", "neither the answer nor the policy says for how long"},
    {"invalidated", "what it shows has changed since it was asked for"},
};

static const char *sentence(const struct trail_step *s)
{
  for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
    if (slice_is(slice_of(s->label), sentences[i].label))
      return sentences[i].sentence;
  return s->label;
}

static void say_route(const struct trail_step *s, struct buf *out)
{
  buf_printf(out, "%s, generation %" PRId64, s->label, s->a);
}

static void say_args(const struct trail_step *s, struct buf *out)
{
  buf_puts(out, s->code == OK ? "the arguments are accepted"
                              : "the arguments are refused");
}

static void say_run(const struct trail_step *s, struct buf *out)
{
  (void)s;
  buf_puts(out, "the handler begins");
}

static void say_cache(const struct trail_step *s, struct buf *out)
{
  char age[32];
  buf_puts(out, sentence(s));
  if (!slice_is(slice_of(s->label), "miss"))
    buf_printf(out, ", %s old", ms(s->a, age));
}

static void say_refresh(const struct trail_step *s, struct buf *out)
{
  buf_printf(out, "a refresh goes behind it: %s", sentence(s));
}

static void say_flight(const struct trail_step *s, struct buf *out)
{
  buf_puts(out, sentence(s));
}

static void say_store(const struct trail_step *s, struct buf *out)
{
  char fresh[32];
  if (slice_is(slice_of(s->label), "kept"))
    buf_printf(out, "%" PRId64 " bytes kept, fresh for %s", s->b,
               ms(s->a, fresh));
  else
    buf_printf(out, "not kept: %s", sentence(s));
}

static void say_attempt(const struct trail_step *s, struct buf *out)
{
  buf_printf(out, "%" PRId64 " %s", s->a, s->label);
}

static void say_answer(const struct trail_step *s, struct buf *out)
{
  if (s->a > 0)
    buf_printf(out, "%" PRId64 ", %" PRId64 " bytes: %s", s->a, s->b, s->label);
  else
    buf_printf(out, "none: %s", s->label);
}

static void say_backoff(const struct trail_step *s, struct buf *out)
{
  char wait[32];
  buf_printf(out, "waits %s, tries again after %s; %" PRId64 " left",
             ms(s->a, wait), s->label, s->b);
}

static void say_hedge(const struct trail_step *s, struct buf *out)
{
  struct slice label = slice_of(s->label);
  if (slice_is(label, "won"))
    buf_printf(out, "attempt %" PRId64 " has won, the others are given up",
               s->a);
  else if (slice_is(label, "launched"))
    buf_printf(out, "no answer yet: attempt %" PRId64 " beside it", s->a);
  else if (slice_is(label, "launched after a failure"))
    buf_printf(out, "one has failed: attempt %" PRId64 " at once", s->a);
  else
    buf_printf(out, "no attempt beside it: %s", sentence(s));
}

static void say_breaker(const struct trail_step *s, struct buf *out)
{
  buf_printf(out, "%s: sent to see whether the service is well again",
             s->label);
}

static void say_limit(const struct trail_step *s, struct buf *out)
{
  buf_printf(out, "%" PRId64 " places from now on, it were %" PRId64, s->a,
             s->b);
}

static void say_fault(const struct trail_step *s, struct buf *out)
{
  char wait[32];
  buf_printf(out, "made up on purpose: %s", s->label);
  if (s->b > 0) buf_printf(out, " %" PRId64, s->b);
  if (s->a > 0) buf_printf(out, ", after %s", ms(s->a, wait));
}

static void say_no_retry(const struct trail_step *s, struct buf *out)
{
  buf_printf(out, "no further try: %s", sentence(s));
}

static void say_gate(const struct trail_step *s, struct buf *out)
{
  char wait[32];
  buf_printf(out, "the service said later: waits %s", ms(s->a, wait));
}

static void say_limiter(const struct trail_step *s, struct buf *out)
{
  char wait[32];
  buf_printf(out, "waits %s for its turn", ms(s->a, wait));
}

static void say_bulkhead(const struct trail_step *s, struct buf *out)
{
  char wait[32];
  buf_printf(out, "waits for a place, at most %s", ms(s->a, wait));
}

static void say_reject(const struct trail_step *s, struct buf *out)
{
  char wait[32];
  buf_printf(out, "not sent: %s", sentence(s));
  if (s->a > 0) buf_printf(out, "; again in %s", ms(s->a, wait));
}

static void say_replay(const struct trail_step *s, struct buf *out)
{
  buf_printf(out, "%s: %s",
             s->a ? "sent again, which does no harm"
                  : "not sent again, for it may have been executed",
             s->label);
}

static void say_fallback(const struct trail_step *s, struct buf *out)
{
  (void)s;
  buf_puts(out, "the handler failed; its fallback begins");
}

static void say_classify(const struct trail_step *s, struct buf *out)
{
  if (s->code == OK)
    buf_printf(out, "the integration says otherwise: %s", s->label);
  else
    buf_printf(out, "the integration's word was none (%" PRId64 " so far): %s",
               s->a, s->label);
}

static void say_call(const struct trail_step *s, struct buf *out)
{
  buf_printf(out, "calls %s; its steps begin with %" PRId64 ">", s->label,
             s->a);
}

static void say_no_fallback(const struct trail_step *s, struct buf *out)
{
  buf_printf(out, "no answer by the fallback: %s", s->label);
}

static void say_sleep(const struct trail_step *s, struct buf *out)
{
  char wait[32];
  buf_printf(out, "the handler sleeps %s", ms(s->a, wait));
}

static void say_ask(const struct trail_step *s, struct buf *out)
{
  buf_printf(out, "asks the client: %s", s->label);
}

static void say_answered(const struct trail_step *s, struct buf *out)
{
  char wait[32];
  buf_printf(out, "the client's answer%s%s, after %s",
             s->label[0] ? " to " : "", s->label, ms(s->a, wait));
}

static void say_cancel(const struct trail_step *s, struct buf *out)
{
  if (slice_is(slice_of(s->label), "deadline"))
    buf_puts(out, "stopped: the deadline is over");
  else
    buf_printf(out, "stopped by %s", s->label);
}

static void say_result(const struct trail_step *s, struct buf *out)
{
  if (s->code == OK)
    buf_printf(out, "%" PRId64 " bytes%s%s", s->a, s->label[0] ? ", " : "",
               s->label);
  else
    buf_printf(out, "an error%s%s", s->label[0] ? ", " : "", s->label);
}

static const words_fn words[TRAIL_KINDS] = {
    [TRAIL_ROUTE] = say_route,
    [TRAIL_ARGS] = say_args,
    [TRAIL_RUN] = say_run,
    [TRAIL_ATTEMPT] = say_attempt,
    [TRAIL_ANSWER] = say_answer,
    [TRAIL_BACKOFF] = say_backoff,
    [TRAIL_NO_RETRY] = say_no_retry,
    [TRAIL_GATE] = say_gate,
    [TRAIL_LIMITER] = say_limiter,
    [TRAIL_BULKHEAD] = say_bulkhead,
    [TRAIL_REJECT] = say_reject,
    [TRAIL_REPLAY] = say_replay,
    [TRAIL_FALLBACK] = say_fallback,
    [TRAIL_SLEEP] = say_sleep,
    [TRAIL_CANCEL] = say_cancel,
    [TRAIL_RESULT] = say_result,
    [TRAIL_HEDGE] = say_hedge,
    [TRAIL_BREAKER] = say_breaker,
    [TRAIL_LIMIT] = say_limit,
    [TRAIL_FAULT] = say_fault,
    [TRAIL_CLASSIFY] = say_classify,
    [TRAIL_CALL] = say_call,
    [TRAIL_NO_FALLBACK] = say_no_fallback,
    [TRAIL_ASK] = say_ask,
    [TRAIL_ANSWERED] = say_answered,
    [TRAIL_CACHE] = say_cache,
    [TRAIL_REFRESH] = say_refresh,
    [TRAIL_FLIGHT] = say_flight,
    [TRAIL_STORE] = say_store,
};

static const struct {
  const char *a, *b;
} numbers[TRAIL_KINDS] = {
#define X(constant, name, a, b) [constant] = {a, b},
    TRAIL_LIST(X)
#undef X
};

static void say_plainly(const struct trail_step *s, struct buf *out)
{
  const char *a = numbers[s->kind].a, *b = numbers[s->kind].b;
  if (s->label[0]) buf_printf(out, "%s ", s->label);
  if (*a) buf_printf(out, "%s %" PRId64 " ", a, s->a);
  if (*b) buf_printf(out, "%s %" PRId64 " ", b, s->b);
}

bool explain_step(const struct trail_step *step, struct buf *out)
{
  words_fn fn = words[step->kind];
  if (fn)
    fn(step, out);
  else
    say_plainly(step, out);
  if (step->code != OK) buf_printf(out, " -> %s", error_name(step->code));
  return fn != NULL;
}
