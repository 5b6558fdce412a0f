// prove_learned.c -- what the engine learns: places, times, and when to hedge.

#include "app/prove_inside.h"

#include "guard/adaptive.h"
#include "guard/bulkhead.h"

// --- a second try beside the first ---

static bool no_hedge(const struct lab *lab, struct proof *p)
{
  if (lab->policy.hedge_extra > 0) return false;
  proof_say(p, PROOF_OFF, "nothing is hedged");
  return true;
}

// A call whose requests all hang, until the first of them has ended.
static struct probe *hang(struct lab *lab, uint32_t *at_once)
{
  lab->does = lab_hangs();
  struct probe *p = lab_start(lab, &lab->tool);
  *at_once = 0;
  while (p && !p->done && !lab->broken && !probe_step(p, TRAIL_ANSWER, 0)) {
    if (lab_on_wire(lab) > *at_once) *at_once = lab_on_wire(lab);
    lab_step(lab, lab_now(lab) + NS_PER_S);
  }
  return p;
}

static const char *why_not(const struct probe *p)
{
  const struct trail_step *no = probe_step(p, TRAIL_HEDGE, 0);
  return no ? no->label : "the first try ends sooner";
}

static void hedge_extra(struct lab *lab, struct proof *p)
{
  if (no_hedge(lab, p)) return;
  uint32_t at_once;
  struct probe *call = hang(lab, &at_once);
  if (call && at_once == p->value + 1)
    proof_say(p, PROOF_FIRES, "fires: %u tries at a time when the first hangs",
              at_once);
  else if (call)
    proof_say(p, PROOF_NEVER, "never reached: %u at a time: %s", at_once,
              why_not(call));
}

// From the first request to the second; 0: there was none.
static uint64_t hedge_after(struct lab *lab)
{
  uint32_t at_once;
  uint64_t before = lab_sent(lab);
  hang(lab, &at_once);
  if (at_once < 2) return 0;
  return lab_sent_at(lab, before + 1) - lab_sent_at(lab, before);
}

// So many answers that each take so long.
static void teach(struct lab *lab, int n, uint64_t takes_ns)
{
  struct behaviour does = lab_good();
  does.body_ns = takes_ns;
  for (int i = 0; i < n && !lab->broken; i++) {
    struct lab_try t = lab_attempt(lab, does);
    if (!t.answered) lab_until(lab, lab_now(lab) + t.wait_ns + NS_PER_MS);
  }
  lab_until(lab, lab_now(lab) + 2 * NS_PER_S);
}

static void hedge_delay(struct lab *lab, struct proof *p)
{
  if (no_hedge(lab, p)) return;
  uint64_t unknown = hedge_after(lab);
  lab_fresh(lab, 0);
  teach(lab, 200, 100 * NS_PER_MS);
  uint64_t known = hedge_after(lab);
  if (p->value > 0 && about(unknown, p->value))
    proof_say(p, PROOF_FIRES, "fires: the second try goes out at %s",
              shown_ns(unknown).text);
  else if (p->value == 0 && unknown && known && known < unknown)
    proof_say(p, PROOF_FIRES,
              "fires: the second try goes out at %s; after 200 answers of 100 "
              "ms, at %s",
              shown_ns(unknown).text, shown_ns(known).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: there is no second try");
}

const struct prove_scenario prove_hedges[] = {
    {"hedge.extra", hedge_extra},
    {"hedge.delay_ms", hedge_delay},
    {0},
};

// --- the time of an attempt ---

static uint64_t hanging_attempt(struct lab *lab)
{
  lab->does = lab_hangs();
  struct probe *p = lab_start(lab, &lab->tool);
  const struct trail_step *end = p ? lab_wait_step(p, TRAIL_ANSWER, 0) : NULL;
  const struct trail_step *from = p ? probe_step(p, TRAIL_ATTEMPT, 0) : NULL;
  return end && from ? end->at_ns - from->at_ns : 0;
}

static void learned(struct lab *lab, struct proof *p)
{
  if (p->value == 0) {
    proof_say(p, PROOF_OFF, "the time of an attempt is not learned");
    return;
  }
  uint64_t before = hanging_attempt(lab);
  lab_fresh(lab, 0);
  teach(lab, 700, 10 * NS_PER_MS);
  uint64_t after = hanging_attempt(lab);
  if (after > 0 && after + NS_PER_MS < before)
    proof_say(p, PROOF_FIRES,
              "fires: after 700 answers of 10 ms an attempt has %s, not %s",
              shown_ns(after).text, shown_ns(before).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: an attempt has %s all the same",
              shown_ns(after).text);
}

// --- places ---

static bool not_learned(const struct lab *lab, struct proof *p)
{
  const struct policy *outer = lab->integration.policy;
  if (outer->adaptive_initial > 0) return false;
  if (lab->policy.adaptive_initial > 0)
    proof_say(p, PROOF_NEVER,
              "never used: the integration's policy %.*s decides, for all its "
              "tools, and learns none",
              SLICE_ARG(outer->name));
  else
    proof_say(p, PROOF_OFF, "the number of places is not learned");
  return true;
}

static void initial(struct lab *lab, struct proof *p)
{
  if (not_learned(lab, p)) return;
  uint32_t places = prove_places(lab);
  if (places == p->value)
    proof_say(p, PROOF_FIRES, "fires: begins with %u places", places);
  else
    proof_say(p, PROOF_NEVER, "never reached: begins with %u places", places);
}

#define WINDOWS 300

// Answers that say too many, in as many windows as it takes to have no fewer
// places; the breaker does not count them.
static void squeeze(struct lab *lab)
{
  uint32_t places = UINT32_MAX, same = 0;
  for (int i = 0; i < WINDOWS && same < 20 && !lab->broken; i++) {
    for (int n = 0; n <= ADAPTIVE_SAMPLES; n++)
      lab_attempt(lab, lab_again(429));
    lab_until(lab, lab_now(lab) + ADAPTIVE_WINDOW_NS + NS_PER_MS);
    uint32_t now = bulkhead_limit(&lab->upstream->bulkhead);
    same = now < places ? 0 : same + 1;
    places = now;
  }
}

static void least(struct lab *lab, struct proof *p)
{
  if (not_learned(lab, p)) return;
  squeeze(lab);
  uint32_t places = prove_places(lab);
  if (places == p->value)
    proof_say(p, PROOF_FIRES, "fires: refused again and again it keeps %u",
              places);
  else
    proof_say(p, PROOF_NEVER, "never reached: it keeps %u", places);
}

const struct prove_scenario prove_learned[] = {
    {"attempt.learned", learned},
    {"adaptive.initial", initial},
    {"adaptive.least", least},
    {0},
};
