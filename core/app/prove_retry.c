// prove_retry.c -- how often, how long between, and who pays.

#include "app/prove_inside.h"

#include <stdio.h>
#include <string.h>

#define SAMPLES 200
#define SEEDS   16 // chances to have waits that fit the deadline

// --- retries, not hedges ---

// Where the policy hedges, retries are what it does for a while after the
// service has said that it has too much to do.
static void prefer_retries(struct lab *lab)
{
  if (lab->policy.hedge_extra > 0 && lab->repeatable)
    lab_attempt(lab, lab_again(429));
}

static void begin(struct lab *lab, uint64_t plus)
{
  lab_fresh(lab, plus);
  prefer_retries(lab);
}

// retry.attempts says so.
static bool no_retries(const struct lab *lab, struct proof *p)
{
  if (lab->policy.retry_attempts > 1) return false;
  proof_say(p, PROOF_OFF, "there are no retries");
  return true;
}

// --- how often ---

enum company { ALONE, AMONG_SUCCESSES };

// A call whose requests all fail so; with others that succeed in its pauses, or
// without.
static struct probe *fail_all(struct lab *lab, struct behaviour does,
                              enum company company)
{
  lab->does = does;
  struct probe *p = lab_start(lab, &lab->tool);
  uint32_t pauses = 0;
  while (p && company == AMONG_SUCCESSES &&
         lab_wait_step(p, TRAIL_BACKOFF, pauses++)) {
    lab_attempt(lab, lab_good());
    lab->does = does;
  }
  if (p) lab_wait(p);
  return p;
}

// The most attempts of some calls; the last call is left in *p.
static uint32_t most_attempts(struct lab *lab, struct behaviour does,
                              enum company company, struct probe **p)
{
  uint32_t most = 0;
  int64_t wanted = lab->policy.retry_attempts;
  *p = NULL;
  for (uint64_t i = 0; i < SEEDS && (int64_t)most < wanted; i++) {
    begin(lab, i);
    *p = fail_all(lab, does, company);
    if (!*p) return most;
    if ((*p)->attempts > most) most = (*p)->attempts;
  }
  return most;
}

static struct behaviour slow_failure(const struct lab *lab)
{
  if (lab->repeatable) return lab_hangs();
  return (struct behaviour){.hang = true}; // does not connect
}

static void say_attempts(struct lab *lab, struct proof *p, const char *how)
{
  struct probe *hangs;
  uint32_t slow = most_attempts(lab, slow_failure(lab), ALONE, &hangs);
  if (!hangs || slow >= p->value)
    proof_say(p, PROOF_FIRES, "fires: %lld attempts%s", (long long)p->value,
              how);
  else
    proof_say(p, PROOF_FIRES, "fires: %lld attempts%s; %u if it hangs: %s",
              (long long)p->value, how, slow, probe_because(lab, hangs).text);
}

static void attempts(struct lab *lab, struct proof *p)
{
  struct probe *last;
  struct behaviour fails = lab_failing(lab);
  uint32_t most = most_attempts(lab, fails, ALONE, &last);
  if (!last) return;
  if (most == 1 && p->value == 1)
    proof_say(p, PROOF_FIRES, "fires: one attempt and no more");
  else if (most == p->value)
    say_attempts(lab, p, "");
  else if (most_attempts(lab, fails, AMONG_SUCCESSES, &last) == p->value)
    say_attempts(lab, p, " while other calls succeed");
  else if (last)
    proof_say(p, PROOF_NEVER, "never reached: %u attempt%s: %s", most,
              most == 1 ? "" : "s", probe_because(lab, last).text);
}

// --- how long between ---

struct waits {
  uint64_t least, most;
  uint32_t count;
  struct because none; // if there was none: why
};

static void note_wait(struct waits *w, uint64_t ns)
{
  if (w->count == 0 || ns < w->least) w->least = ns;
  if (ns > w->most) w->most = ns;
  w->count++;
}

// From the nth decision to wait to whatever came then.
static bool measure_wait(struct probe *p, uint32_t n, uint64_t *ns)
{
  const struct trail_step *wait = lab_wait_step(p, TRAIL_BACKOFF, n);
  if (!wait) return false;
  uint64_t from = wait->at_ns;
  uint32_t next = (uint32_t)(wait - probe_trail(p)->steps) + 1;
  while (!p->done && !p->lab->broken && probe_trail(p)->count <= next)
    loop_turn(p->lab->loop, true);
  const struct trail *t = probe_trail(p);
  if (next >= t->count || t->steps[next].kind == TRAIL_CANCEL) return false;
  *ns = t->steps[next].at_ns - from;
  return true;
}

static struct waits first_waits(struct lab *lab, struct behaviour does)
{
  struct waits w = {0};
  for (uint64_t i = 0; i < SAMPLES; i++) {
    uint64_t ns;
    begin(lab, i);
    lab->does = does;
    struct probe *p = lab_start(lab, &lab->tool);
    if (!p) break;
    if (measure_wait(p, 0, &ns))
      note_wait(&w, ns);
    else if (w.count == 0)
      w.none = probe_because(lab, p);
  }
  return w;
}

// Waits are random from 0 to the setting: of so many the longest is near it.
static void judge_waits(struct proof *p, const struct waits *w,
                        uint64_t allowance)
{
  uint64_t bound = (uint64_t)p->value * NS_PER_MS;
  bool near = w->most + bound / 20 >= bound && w->most <= bound + allowance;
  if (w->count == 0)
    proof_say(p, PROOF_NEVER, "never waited for: %s", w->none.text);
  else if (near)
    proof_say(p, PROOF_FIRES, "fires: %u random waits, from %s to %s", w->count,
              shown_ns(w->least).text, shown_ns(w->most).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: of %u waits the longest is %s",
              w->count, shown_ns(w->most).text);
}

static void base(struct lab *lab, struct proof *p)
{
  if (no_retries(lab, p)) return;
  struct waits w = first_waits(lab, lab_failing(lab));
  judge_waits(p, &w, NS_PER_MS);
}

// After 429 nobody's request goes out for a while, also where none is repeated.
static bool throttled_wait(struct lab *lab, uint64_t *ns, struct because *why)
{
  lab->does = lab_status(429);
  struct probe *first = lab_start(lab, &lab->tool);
  if (!first) return false;
  if (!lab_wait_step(first, TRAIL_ANSWER, 0)) return false;
  uint64_t answered = lab_now(lab), sent = lab_sent(lab);
  lab->does = lab_good();
  struct probe *next = lab_start(lab, &lab->tool);
  while (next && lab_sent(lab) == sent && !(next->done && first->done) &&
         !lab->broken)
    loop_turn(lab->loop, true);
  *ns = lab_now(lab) - answered;
  if (lab_sent(lab) > sent) return true;
  if (next) *why = probe_because(lab, next);
  return false;
}

static void throttled(struct lab *lab, struct proof *p)
{
  struct waits w = {0};
  for (uint64_t i = 0; i < SAMPLES; i++) {
    uint64_t ns;
    lab_fresh(lab, i);
    if (throttled_wait(lab, &ns, &w.none)) note_wait(&w, ns);
  }
  judge_waits(p, &w, 20 * NS_PER_MS);
}

// --- the cap ---

static uint64_t longest_wait(struct lab *lab, struct behaviour does)
{
  uint64_t longest = 0, ns;
  for (uint64_t i = 0; i < SAMPLES; i++) {
    begin(lab, i);
    lab->does = does;
    struct probe *p = lab_start(lab, &lab->tool);
    for (uint32_t n = 0; p && measure_wait(p, n, &ns); n++)
      if (ns > longest) longest = ns;
  }
  return longest;
}

static uint64_t longest_of_all(struct lab *lab)
{
  uint64_t plain = longest_wait(lab, lab_failing(lab));
  uint64_t told = longest_wait(lab, lab_status(429));
  return plain > told ? plain : told;
}

// The same chance without the cap: if nothing differs, it did nothing.
static void cap(struct lab *lab, struct proof *p)
{
  if (no_retries(lab, p)) return;
  uint64_t with = longest_of_all(lab);
  lab->policy.retry_max_ms = p->field->max;
  uint64_t without = longest_of_all(lab);
  lab_restore(lab);
  if (without > with)
    proof_say(p, PROOF_FIRES, "fires: the longest wait is %s; without it, %s",
              shown_ns(with).text, shown_ns(without).text);
  else if (without == 0)
    proof_say(p, PROOF_NEVER, "never reached: there is no retry to wait for");
  else
    proof_say(p, PROOF_NEVER,
              "never reached: in %lld attempts no wait is longer than %s",
              (long long)lab->policy.retry_attempts, shown_ns(with).text);
}

// --- who pays ---

enum drain { DRAINED, NOT_DRAINED };

// Failures that want a retry, among so many successes that the breaker stays
// closed, until the budget refuses one. They all wait for their retry at the end.
// No time goes by but for the limiter. *paid: how many retries it paid for.
static enum drain drain(struct lab *lab, struct behaviour does, int64_t goods,
                        uint32_t *paid)
{
  *paid = 0;
  while (lab->calls < LAB_CALLS) {
    prefer_retries(lab);
    lab->does = does;
    struct probe *p = lab_start(lab, &lab->tool);
    if (!p || !lab_wait_step(p, TRAIL_ANSWER, 0)) return NOT_DRAINED;
    const struct trail_step *no = probe_step(p, TRAIL_NO_RETRY, 0);
    if (no && slice_is(slice_of(no->label), "budget_exhausted")) return DRAINED;
    if (!probe_step(p, TRAIL_BACKOFF, 0)) return NOT_DRAINED;
    (*paid)++;
    for (int64_t i = 0; i < goods; i++)
      lab_attempt(lab, lab_good());
  }
  return NOT_DRAINED;
}

// So many that failures stay below the share that opens the breaker.
static int64_t goods_for(const struct lab *lab)
{
  return 100 / lab->policy.breaker_fail_percent + 1;
}

// By failures; or, where those open the breaker before, by answers that say too
// many, which it does not count.
static enum drain drain_any(struct lab *lab, uint32_t *paid)
{
  begin(lab, 0);
  enum drain end = drain(lab, lab_failing(lab), goods_for(lab), paid);
  if (end == DRAINED || !lab->repeatable) return end;
  begin(lab, 0);
  return drain(lab, lab_again(429), 0, paid);
}

static void budget(struct lab *lab, struct proof *p)
{
  uint32_t paid;
  if (no_retries(lab, p)) return;
  if (p->value > LAB_CALLS / 3)
    proof_say(p, PROOF_UNTRIED, "too large to be used up here");
  else if (drain_any(lab, &paid) == DRAINED && paid == 0)
    proof_say(p, PROOF_FIRES, "fires: no retry is paid for");
  else if (paid > 0 && drain_any(lab, &paid) == DRAINED)
    proof_say(p, PROOF_FIRES, "fires: pays for %u retries, then for no more",
              paid);
  else
    proof_say(p, PROOF_NEVER,
              "never used up: after %u retries the breaker or the limiter "
              "keeps failures away",
              paid);
}

// How many retries are paid for after 100 successes.
static uint32_t earned(struct lab *lab)
{
  uint32_t paid;
  if (drain_any(lab, &paid) != DRAINED) return 0;
  for (int i = 0; i < 100; i++)
    lab_attempt(lab, lab_good());
  drain(lab, lab_failing(lab), 1, &paid);
  return paid;
}

static void percent(struct lab *lab, struct proof *p)
{
  if (no_retries(lab, p)) return;
  uint32_t with = earned(lab);
  lab->policy.retry_budget_percent = 0;
  uint32_t without = earned(lab);
  lab_restore(lab);
  if (p->value == 0)
    proof_say(p, PROOF_OFF, "successes pay for no retry");
  else if (with > without)
    proof_say(p, PROOF_FIRES, "fires: 100 successes pay for %u retries",
              with - without);
  else
    proof_say(p, PROOF_NEVER, "never used: successes pay for no retry");
}

const struct prove_scenario prove_retries[] = {
    {"retry.attempts", attempts},
    {"retry.base_ms", base},
    {"retry.throttled_base_ms", throttled},
    {"retry.max_ms", cap},
    {"retry.budget", budget},
    {"retry.budget_percent", percent},
    {0},
};
