// prove_times.c -- the times of a call and of its attempts, and the body limit.

#include "app/prove_inside.h"

#include <string.h>

#define KEPT_NS (20 * NS_PER_MS) // script/call's, for the fallback

// What the first attempt took, and what it ended with.
struct first {
  uint64_t took_ns;
  char end[TRAIL_LABEL + 1];
};

static struct first first_attempt(struct lab *lab, struct behaviour does)
{
  struct first f = {0};
  lab->does = does;
  struct probe *p = lab_start(lab, &lab->tool);
  if (!p) return f;
  const struct trail_step *answer = lab_wait_step(p, TRAIL_ANSWER, 0);
  const struct trail_step *attempt = probe_step(p, TRAIL_ATTEMPT, 0);
  if (answer && attempt) {
    f.took_ns = answer->at_ns - attempt->at_ns;
    memcpy(f.end, answer->label, sizeof(f.end));
  } else if (p->done) {
    f.took_ns = p->end_ns - p->start_ns;
  }
  lab_drop(p);
  return f;
}

// The head comes at once, the body never: no limit on the first byte helps.
static struct behaviour never_whole(void)
{
  struct behaviour does = lab_good();
  does.body_ns = FOR_EVER;
  return does;
}

static struct behaviour never_connects(void)
{
  return (struct behaviour){.hang = true};
}

// --- the whole call ---

static void deadline(struct lab *lab, struct proof *p)
{
  lab->does = lab_hangs();
  struct probe *all = lab_start(lab, &lab->restless);
  if (!all) return;
  lab_wait(all);
  uint64_t took = all->end_ns - all->start_ns;
  lab_fresh(lab, 0);
  lab->does = lab_hangs();
  struct probe *one = lab_start(lab, &lab->tool);
  if (!one) return;
  lab_wait(one);
  uint64_t alone = one->end_ns - one->start_ns;
  const char *kept = "";
  if (lab->tool.fallback_slot) {
    kept = " (20 ms are kept for the fallback)";
    took += KEPT_NS;
  }
  if (!about(took, p->value))
    proof_say(p, PROOF_NEVER, "a handler that goes on asking ended at %s",
              shown_ns(took).text);
  else if (alone + 100 * NS_PER_MS < took)
    proof_say(p, PROOF_FIRES,
              "fires at %s for a handler that goes on asking%s; one request "
              "that hangs gives up at %s",
              shown_ns(took).text, kept, shown_ns(alone).text);
  else
    proof_say(p, PROOF_FIRES, "fires at %s%s", shown_ns(took).text, kept);
}

// --- an attempt ---

static bool at_deadline(const struct lab *lab, uint64_t ns)
{
  return about(ns, lab->policy.deadline_ms) ||
         about(ns + KEPT_NS, lab->policy.deadline_ms);
}

static void judge(const struct lab *lab, struct proof *p, struct first f,
                  const char *end)
{
  if (about(f.took_ns, p->value) && !strcmp(f.end, end))
    proof_say(p, PROOF_FIRES, "fires at %s", shown_ns(f.took_ns).text);
  else if (f.took_ns == 0)
    proof_say(p, PROOF_NEVER, "never reached: no attempt is made");
  else
    proof_say(p, PROOF_NEVER, "never reached: the attempt ends at %s%s",
              shown_ns(f.took_ns).text,
              at_deadline(lab, f.took_ns) ? ", with the deadline" : "");
}

static void attempt_timeout(struct lab *lab, struct proof *p)
{
  bool other = lab->policy.first_byte_ms > 0;
  judge(lab, p, first_attempt(lab, other ? never_whole() : lab_hangs()),
        "timeout");
}

static void connect_timeout(struct lab *lab, struct proof *p)
{
  judge(lab, p, first_attempt(lab, never_connects()), "connect_timeout");
}

static void first_byte(struct lab *lab, struct proof *p)
{
  if (p->value == 0)
    proof_say(p, PROOF_OFF, "no limit of its own");
  else
    judge(lab, p, first_attempt(lab, lab_hangs()), "timeout");
}

// --- the body ---

static void max_bytes(struct lab *lab, struct proof *p)
{
  struct behaviour does = lab_good();
  does.body_bytes = (uint64_t)p->value;
  struct first fits = first_attempt(lab, does);
  does.body_bytes++;
  lab_fresh(lab, 0);
  struct first more = first_attempt(lab, does);
  if (!strcmp(fits.end, "ok") && !strcmp(more.end, "too_large"))
    proof_say(p, PROOF_FIRES, "fires: one byte more is refused as too_large");
  else
    proof_say(p, PROOF_NEVER, "never reached: %lld bytes end as %s",
              (long long)p->value + 1, more.end);
}

const struct prove_scenario prove_times[] = {
    {"deadline_ms", deadline},
    {"attempt.timeout_ms", attempt_timeout},
    {"attempt.connect_ms", connect_timeout},
    {"attempt.first_byte_ms", first_byte},
    {"response.max_bytes", max_bytes},
    {0},
};
