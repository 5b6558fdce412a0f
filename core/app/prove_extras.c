// prove_extras.c -- what no setting of a policy says and what is there all the
// same: the service's own "later", and the tool's fallback.

#include "app/prove_inside.h"

#include <string.h>

// The next request goes out no sooner than the service has asked for.
static void retry_after(struct lab *lab, struct proof *p)
{
  struct behaviour later = lab_status(429);
  later.head = SLICE("Retry-After: 2\n");
  lab->does = later;
  struct probe *first = lab_start(lab, &lab->tool);
  if (!first || !lab_wait_step(first, TRAIL_ANSWER, 0)) return;
  uint64_t answered = lab_now(lab), sent = lab_sent(lab);
  lab->does = lab_good();
  while (lab_sent(lab) == sent && !lab->broken &&
         lab_now(lab) < answered + 10 * NS_PER_S) {
    if (!lab_start(lab, &lab->tool)) return;
    lab_until(lab, lab_now(lab) + 100 * NS_PER_MS);
  }
  uint64_t after = lab_sent_at(lab, sent) + lab->began_ns - answered;
  if (lab_sent(lab) > sent && after >= 2 * NS_PER_S)
    proof_say(p, PROOF_FIRES,
              "obeyed: after 429 and 2 s the next request goes out at %s",
              shown_ns(after).text);
  else
    proof_say(p, PROOF_NEVER, "the next request went out after %s",
              shown_ns(after).text);
}

static void fallback(struct lab *lab, struct proof *p)
{
  if (!lab->tool.fallback_slot) {
    proof_say(p, PROOF_OFF, "the tool has none");
    return;
  }
  lab->does = lab_hangs();
  struct probe *hangs = lab_start(lab, &lab->tool);
  if (!hangs) return;
  lab_wait(hangs);
  const struct trail_step *late = probe_step(hangs, TRAIL_FALLBACK, 0);
  uint64_t at = late ? late->at_ns : 0;
  bool ok = hangs->ok;
  lab_fresh(lab, 0);
  lab->does = lab_failing(lab);
  struct probe *fails = lab_start(lab, &lab->tool);
  if (!fails) return;
  lab_wait(fails);
  const struct trail_step *soon = probe_step(fails, TRAIL_FALLBACK, 0);
  if (soon && late && ok && fails->ok)
    proof_say(p, PROOF_FIRES,
              "fires: %s after the call began if the service fails, %s if it "
              "hangs",
              shown_ns(soon->at_ns).text, shown_ns(at).text);
  else
    proof_say(p, PROOF_NEVER, "never reached");
}

const struct prove_scenario prove_extras[] = {
    {"Retry-After", retry_after},
    {"fallback", fallback},
    {0},
};
