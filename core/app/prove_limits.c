// prove_limits.c -- so many a second, so many at a time.

#include "app/prove_inside.h"

#include <stdio.h>

#include "guard/bulkhead.h"

// --- the limiter ---

static bool no_limit(const struct lab *lab, struct proof *p)
{
  if (lab->policy.limiter_limit > 0) return false;
  proof_say(p, PROOF_OFF, "no limit");
  return true;
}

static bool too_many(struct proof *p, int64_t n)
{
  if (n <= LAB_CALLS) return false;
  proof_say(p, PROOF_UNTRIED, "too large to be run here: %lld requests",
            (long long)n);
  return true;
}

static int64_t burst_of(const struct policy *p)
{
  return p->limiter_burst ? p->limiter_burst : p->limiter_limit;
}

// One request, as soon as the limiter has a turn for it.
static void send_when_let(struct lab *lab)
{
  while (!lab->broken && lab->calls < LAB_CALLS_TOTAL) {
    struct lab_try a = lab_attempt(lab, lab_good());
    if (a.answered || a.wait_ns == 0) return;
    lab_until(lab, lab_now(lab) + a.wait_ns + 1000);
  }
}

// How many at once, before the first has to wait.
static int64_t burst_sent(struct lab *lab)
{
  uint64_t start = lab_now(lab);
  int64_t n = 0;
  while (n <= LAB_CALLS && !lab->broken) {
    struct lab_try a = lab_attempt(lab, lab_good());
    if (!a.answered || lab_now(lab) > start) return n;
    n++;
  }
  return n;
}

static void burst(struct lab *lab, struct proof *p)
{
  if (no_limit(lab, p) || too_many(p, burst_of(&lab->policy))) return;
  int64_t n = burst_sent(lab);
  if (n == burst_of(&lab->policy))
    proof_say(p, PROOF_FIRES, "fires: %lld at once, then one by one",
              (long long)n);
  else
    proof_say(p, PROOF_NEVER, "never reached: %lld at once", (long long)n);
}

// The time that `n` requests take once the burst is spent.
static uint64_t time_of(struct lab *lab, int64_t n)
{
  burst_sent(lab);
  send_when_let(lab);
  uint64_t from = lab_now(lab);
  for (int64_t i = 0; i < n; i++)
    send_when_let(lab);
  return lab_now(lab) - from;
}

static int64_t some_of(const struct policy *p)
{
  return p->limiter_limit < 200 ? p->limiter_limit : 200;
}

static bool near(double measured, double wanted)
{
  return measured > 0.98 * wanted && measured < 1.02 * wanted;
}

static void limit(struct lab *lab, struct proof *p)
{
  if (no_limit(lab, p) || too_many(p, burst_of(&lab->policy))) return;
  int64_t n = some_of(&lab->policy);
  uint64_t took = time_of(lab, n);
  double per_period = (double)n * (double)lab->policy.limiter_period_ms *
                      (double)NS_PER_MS / (double)(took ? took : 1);
  if (near(per_period, (double)p->value))
    proof_say(p, PROOF_FIRES, "fires: behind the burst %lld take %s",
              (long long)n, shown_ns(took).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: %.1f pass in %s", per_period,
              shown_ms(lab->policy.limiter_period_ms).text);
}

static void period(struct lab *lab, struct proof *p)
{
  if (no_limit(lab, p) || too_many(p, burst_of(&lab->policy))) return;
  int64_t n = some_of(&lab->policy);
  uint64_t took = time_of(lab, n);
  double all = (double)took / (double)n * (double)lab->policy.limiter_limit;
  if (near(all, (double)p->value * (double)NS_PER_MS))
    proof_say(p, PROOF_FIRES, "fires: %lld of %lld take %s", (long long)n,
              (long long)lab->policy.limiter_limit, shown_ns(took).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: %lld take %s", (long long)n,
              shown_ns(took).text);
}

static void limiter_wait(struct lab *lab, struct proof *p)
{
  if (no_limit(lab, p) || too_many(p, burst_of(&lab->policy))) return;
  int64_t longest = 0, refused = -1;
  uint32_t waiting = 0;
  lab->does = lab_good();
  while (refused < 0) {
    struct probe *call = lab_start(lab, &lab->tool);
    if (!call) return;
    lab_settle(lab);
    const struct trail_step *wait = probe_step(call, TRAIL_LIMITER, 0);
    const struct trail_step *no = probe_step(call, TRAIL_REJECT, 0);
    if (wait) {
      waiting++;
      longest = wait->a;
    }
    if (no) refused = no->a;
  }
  if (p->value == 0 && waiting == 0)
    proof_say(p, PROOF_FIRES, "fires: nobody waits");
  else if (waiting > 0 && refused >= p->value)
    proof_say(
        p, PROOF_FIRES,
        "fires: %u wait, the last %s; another would wait %s and is refused",
        waiting, shown_ms(longest).text, shown_ms(refused).text);
  else if (waiting == 0)
    proof_say(p, PROOF_NEVER, "never waited for: the next turn is in %s",
              shown_ms(refused).text);
  else
    proof_say(p, PROOF_NEVER,
              "never reached: %s at most, half of what is left of the deadline "
              "(%s)",
              shown_ms(longest).text, shown_ms(lab->policy.deadline_ms).text);
}

// --- the bulkhead ---

#define LEARN_MAX 100

// What was seen while as many calls came as could, and nothing was answered.
struct pressure {
  uint32_t on_wire, queued; // at most
  uint64_t waited_ns;       // of the first that gave up waiting for a place
  bool full;                // one was refused at once
};

static void look(struct lab *lab, struct pressure *seen)
{
  uint32_t queued = bulkhead_queued(&lab->upstream->bulkhead);
  if (lab_on_wire(lab) > seen->on_wire) seen->on_wire = lab_on_wire(lab);
  if (queued > seen->queued) seen->queued = queued;
}

// How long it waited for its place in vain; 0 if it did not.
static uint64_t waited_in_vain(const struct probe *p)
{
  const struct trail_step *wait = probe_step(p, TRAIL_BULKHEAD, 0);
  const struct trail_step *no = probe_step(p, TRAIL_REJECT, 0);
  return wait && no ? no->at_ns - wait->at_ns : 0;
}

static bool was_full(const struct probe *p)
{
  const struct trail_step *no = probe_step(p, TRAIL_REJECT, 0);
  return no && slice_is(slice_of(no->label), "bulkhead_full") &&
         !probe_step(p, TRAIL_BULKHEAD, 0);
}

// As many calls as come in at this instant. False: one more makes no difference.
static bool press(struct lab *lab, struct pressure *seen)
{
  for (int i = 0; i < LAB_CALLS; i++) {
    struct probe *p = lab_start(lab, &lab->tool);
    if (!p) return false;
    lab_settle(lab);
    look(lab, seen);
    if (!p->done) continue;
    seen->full |= was_full(p);
    lab_drop(p);
    return true;
  }
  return false;
}

// Until the first attempt has ended, when places are free again.
static struct pressure push(struct lab *lab)
{
  struct pressure seen = {0};
  lab->does = lab_hangs();
  uint64_t until = lab_now(lab) + (uint64_t)lab->policy.attempt_ms * NS_PER_MS;
  while (!lab->broken && lab_now(lab) < until && press(lab, &seen)) {
    uint64_t step = (until - lab_now(lab)) / 50 + NS_PER_MS;
    lab_until(lab, lab_now(lab) + step);
    LIST_EACH (link, &lab->probes) {
      struct probe *p = LIST_ITEM(link, struct probe, link);
      if (seen.waited_ns == 0) seen.waited_ns = waited_in_vain(p);
    }
    if (seen.full && seen.waited_ns) break;
  }
  return seen;
}

uint32_t prove_places(struct lab *lab)
{
  return push(lab).on_wire;
}

// Places are learned: all of them are there only after so many good windows.
static bool learn_all(struct lab *lab, struct proof *p)
{
  const struct policy *outer = lab->integration.policy;
  if (outer->adaptive_initial == 0) return true;
  int64_t grow = outer->bulkhead_concurrent - outer->adaptive_initial;
  if (grow > LEARN_MAX) {
    proof_say(p, PROOF_UNTRIED, "takes too long to be learned here");
    return false;
  }
  struct behaviour slow = lab_good();
  slow.body_ns = 400 * NS_PER_MS;
  for (int64_t i = 0; i < 3 * grow + 10 && !lab->broken; i++) {
    uint32_t places = bulkhead_limit(&lab->upstream->bulkhead);
    if (places >= outer->bulkhead_concurrent) break;
    lab->does = slow;
    for (uint32_t n = 0; n < places; n++)
      lab_start(lab, &lab->tool);
    lab_until(lab, lab_now(lab) + 450 * NS_PER_MS);
  }
  return true;
}

static bool too_crowded(const struct lab *lab, struct proof *p)
{
  return too_many(p, lab->integration.policy->bulkhead_concurrent +
                         lab->policy.bulkhead_queue + 2);
}

static void concurrent(struct lab *lab, struct proof *p)
{
  if (too_crowded(lab, p) || !learn_all(lab, p)) return;
  const struct policy *outer = lab->integration.policy;
  struct pressure seen = push(lab);
  if (seen.on_wire == p->value)
    proof_say(p, PROOF_FIRES, "fires: %u on the wire, and no more",
              seen.on_wire);
  else if (outer->bulkhead_concurrent != p->value)
    proof_say(p, PROOF_NEVER,
              "never reached: %u on the wire, by the policy %.*s of the "
              "integration, whose tools share the service",
              seen.on_wire, SLICE_ARG(outer->name));
  else
    proof_say(
        p, PROOF_NEVER,
        "never reached: %u on the wire: the limiter lets %lld in %s pass, "
        "an attempt takes %s at most",
        seen.on_wire, (long long)lab->policy.limiter_limit,
        shown_ms(lab->policy.limiter_period_ms).text,
        shown_ms(lab->policy.attempt_ms).text);
}

static void queue(struct lab *lab, struct proof *p)
{
  if (too_crowded(lab, p)) return;
  struct pressure seen = push(lab);
  if (p->value == 0 && seen.queued == 0)
    proof_say(p, PROOF_FIRES, "fires: nobody waits for a place");
  else if (seen.queued == p->value && seen.full)
    proof_say(p, PROOF_FIRES, "fires: %u wait, the next is refused",
              seen.queued);
  else
    proof_say(p, PROOF_NEVER,
              "never reached: %u wait at a time, %u on the wire", seen.queued,
              seen.on_wire);
}

static void bulkhead_wait(struct lab *lab, struct proof *p)
{
  if (too_crowded(lab, p)) return;
  struct pressure seen = push(lab);
  if (p->value == 0 && seen.queued == 0)
    proof_say(p, PROOF_FIRES, "fires: nobody waits for a place");
  else if (about(seen.waited_ns, p->value))
    proof_say(p, PROOF_FIRES, "fires: waits %s for a place, then gives up",
              shown_ns(seen.waited_ns).text);
  else if (seen.waited_ns)
    proof_say(p, PROOF_NEVER,
              "never reached: gives up after %s, at a quarter of what is left",
              shown_ns(seen.waited_ns).text);
  else
    proof_say(p, PROOF_NEVER,
              "never reached: nobody waits in vain; %u on the wire",
              seen.on_wire);
}

const struct prove_scenario prove_limits[] = {
    {"limiter.limit", limit},
    {"limiter.period_ms", period},
    {"limiter.burst", burst},
    {"limiter.max_wait_ms", limiter_wait},
    {"bulkhead.concurrent", concurrent},
    {"bulkhead.queue", queue},
    {"bulkhead.max_wait_ms", bulkhead_wait},
    {0},
};
