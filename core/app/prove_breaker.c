// prove_breaker.c -- when it opens by failures in a row, and how it closes again.

#include "app/prove_inside.h"

#include <stdio.h>

bool prove_is_open(struct lab *lab)
{
  return lab->upstream &&
         breaker_state(&lab->upstream->breaker) == BREAKER_OPEN;
}

// So many failures in a row are within every range of the settings.
#define FAILURES_MAX 20001

uint32_t prove_open(struct lab *lab)
{
  uint32_t n = 0;
  while (n < FAILURES_MAX && !lab->broken && lab->calls < LAB_CALLS_TOTAL) {
    struct lab_try a = lab_attempt(lab, lab_status(500));
    n += a.answered;
    if (prove_is_open(lab)) return n;
    if (!a.answered && a.wait_ns == 0) return 0;
    if (!a.answered) lab_until(lab, lab_now(lab) + a.wait_ns + NS_PER_MS);
  }
  return 0;
}

// --- in a row ---

// Failures in a row after so many successes that their share is small.
static uint32_t open_among(struct lab *lab)
{
  const struct policy *p = &lab->policy;
  int64_t goods = p->breaker_consecutive * 100 / p->breaker_fail_percent + 1;
  lab_fresh(lab, 0);
  for (int64_t i = 0; i < goods && i < LAB_CALLS; i++)
    lab_attempt(lab, lab_good());
  return prove_open(lab);
}

static void consecutive(struct lab *lab, struct proof *p)
{
  uint32_t alone = prove_open(lab);
  if (p->value == 0)
    proof_say(p, PROOF_OFF, "failures in a row do not matter");
  else if (alone == p->value)
    proof_say(p, PROOF_FIRES, "fires: opens after %u failure%s", alone,
              alone == 1 ? "" : "s");
  else if (open_among(lab) == p->value)
    proof_say(p, PROOF_FIRES,
              "fires: opens after %lld failures among successes; without those "
              "after %u, by their share",
              (long long)p->value, alone);
  else
    proof_say(p, PROOF_NEVER,
              "never reached: %u failures open it by their share", alone);
}

// --- open ---

bool prove_half_open(struct lab *lab)
{
  uint64_t give_up =
      lab_now(lab) + 2 * NS_PER_MS * (uint64_t)lab->policy.breaker_max_open_ms;
  while (!lab->broken && lab_now(lab) < give_up) {
    uint64_t wait;
    struct breaker_options o = policy_breaker(&lab->policy);
    if (breaker_peek(&lab->upstream->breaker, &o, false, lab_now(lab), &wait))
      return true;
    // A call that is refused says when to come again; just before that it is
    // still refused.
    struct lab_try a = lab_attempt(lab, lab_good());
    if (a.answered) return false;
    uint64_t step =
        a.wait_ns > 2 * NS_PER_MS ? a.wait_ns - NS_PER_MS : NS_PER_MS;
    lab_until(lab, lab_now(lab) + step);
  }
  return false;
}

static bool within_jitter(uint64_t ns, int64_t ms)
{
  uint64_t at = (uint64_t)ms * NS_PER_MS, slack = 2 * NS_PER_MS;
  return ns + slack >= at / 10 * 8 && ns <= at / 10 * 12 + slack;
}

static void say_no_breaker(struct proof *p)
{
  proof_say(p, PROOF_NEVER, "never reached: no number of failures opens it");
}

static void open_time(struct lab *lab, struct proof *p)
{
  if (!prove_open(lab)) {
    say_no_breaker(p);
    return;
  }
  uint64_t opened = lab_now(lab);
  bool half = prove_half_open(lab);
  uint64_t took = lab_now(lab) - opened;
  if (half && within_jitter(took, p->value))
    proof_say(p, PROOF_FIRES, "fires: lets a probe through after %s",
              shown_ns(took).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: it lets a probe through after %s",
              shown_ns(took).text);
}

// --- open again and again ---

#define REOPENINGS 24

static size_t reopen(struct lab *lab, uint64_t took[REOPENINGS])
{
  size_t n = 0;
  if (!prove_open(lab)) return 0;
  while (n < REOPENINGS && !lab->broken) {
    uint64_t opened = lab_now(lab);
    if (!prove_half_open(lab)) return n;
    took[n++] = lab_now(lab) - opened;
    struct lab_try a;
    do { // the limiter may be asked first
      a = lab_attempt(lab, lab_status(500));
      if (!a.answered) lab_until(lab, lab_now(lab) + a.wait_ns + NS_PER_MS);
    } while (!a.answered && !lab->broken);
  }
  return n;
}

static uint64_t longest(const uint64_t took[REOPENINGS], size_t n)
{
  uint64_t most = 0;
  for (size_t i = 0; i < n; i++)
    if (took[i] > most) most = took[i];
  return most;
}

static void max_open(struct lab *lab, struct proof *p)
{
  uint64_t took[REOPENINGS];
  size_t n = reopen(lab, took), first = 0;
  if (n < REOPENINGS) {
    say_no_breaker(p);
    return;
  }
  while (first < n && !within_jitter(took[first], p->value))
    first++;
  for (size_t i = first; i < n; i++)
    if (!within_jitter(took[i], p->value)) first = n;
  if (first < n)
    proof_say(
        p, PROOF_FIRES,
        "fires: opening again it stays open for %s, %s ... and at most %s",
        shown_ns(took[0]).text, shown_ns(took[1]).text,
        shown_ns(longest(took, n)).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: it stays open for %s at most",
              shown_ns(took[n - 1]).text);
}

// --- half open ---

// How many requests are on the wire before the first of them has ended.
static uint32_t probes_at_once(struct lab *lab)
{
  uint32_t most = 0;
  uint64_t until =
      lab_now(lab) + (uint64_t)lab->policy.attempt_ms * NS_PER_MS / 2;
  lab->does = lab_hangs();
  for (int i = 0; i < 4 * BREAKER_PROBES_MAX && !lab->broken; i++) {
    if (!lab_start(lab, &lab->tool)) break;
    lab_settle(lab);
    if (lab_on_wire(lab) > most) most = lab_on_wire(lab);
    // The limiter may have them one by one.
    if (lab->policy.limiter_limit && lab_now(lab) < until)
      lab_step(lab, lab_now(lab) + (until - lab_now(lab)) / 4);
    if (lab_on_wire(lab) > most) most = lab_on_wire(lab);
  }
  return most;
}

static void probes(struct lab *lab, struct proof *p)
{
  if (!prove_open(lab) || !prove_half_open(lab)) {
    say_no_breaker(p);
    return;
  }
  uint32_t most = probes_at_once(lab);
  if (most == p->value)
    proof_say(p, PROOF_FIRES, "fires: %u at a time, and no other", most);
  else
    proof_say(p, PROOF_NEVER,
              "never reached: %u at a time (bulkhead.concurrent %lld%s)", most,
              (long long)lab->integration.policy->bulkhead_concurrent,
              lab->policy.limiter_limit ? ", and the limiter" : "");
}

static void successes(struct lab *lab, struct proof *p)
{
  uint32_t good = 0;
  if (!prove_open(lab) || !prove_half_open(lab)) {
    say_no_breaker(p);
    return;
  }
  while (good <= p->value && !lab->broken) {
    struct lab_try a = lab_attempt(lab, lab_good());
    good += a.answered;
    if (breaker_state(&lab->upstream->breaker) == BREAKER_CLOSED) break;
    if (!a.answered) lab_until(lab, lab_now(lab) + a.wait_ns + NS_PER_MS);
  }
  if (good == p->value)
    proof_say(p, PROOF_FIRES, "fires: %u good probe%s close it", good,
              good == 1 ? "" : "s");
  else
    proof_say(p, PROOF_NEVER, "never reached: %u good probes and not closed",
              good);
}

const struct prove_scenario prove_breaker[] = {
    {"breaker.consecutive", consecutive}, {"breaker.open_ms", open_time},
    {"breaker.max_open_ms", max_open},    {"breaker.probes", probes},
    {"breaker.successes", successes},     {0},
};
