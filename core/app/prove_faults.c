// prove_faults.c -- faults on purpose, and the settings of MCP's tasks.

#include "app/prove_inside.h"

#define TRIES 400

// --- faults on purpose: as if the engine ran with --chaos-s ---

struct faults_seen {
  int injected, failed, delayed;
  int64_t status; // of the first that failed
  uint64_t longest_ns;
};

// Each from the beginning, or the breaker would end it.
static struct faults_seen look(struct lab *lab)
{
  struct faults_seen seen = {.status = -1};
  for (int i = 0; i < TRIES && !lab->broken; i++) {
    lab_fresh(lab, (uint64_t)i);
    if (!lab->set) break;
    upstream_set_chaos(lab->set, lab_now(lab) + FOR_EVER);
    struct lab_try t = lab_attempt(lab, lab_good());
    seen.injected += t.injected;
    if (t.injected && t.status != 200 && seen.failed++ == 0)
      seen.status = t.status;
    if (t.injected && t.took_ns > 0) seen.delayed++;
    if (t.took_ns > seen.longest_ns) seen.longest_ns = t.took_ns;
  }
  return seen;
}

static bool no_faults(const struct lab *lab, struct proof *p, int64_t percent)
{
  (void)lab;
  if (percent > 0) return false;
  if (p->said && p->value != p->field->value)
    proof_say(p, PROOF_NEVER, "never used: its percent is 0");
  else
    proof_say(p, PROOF_OFF, "no such faults");
  return true;
}

static void percent(struct lab *lab, struct proof *p)
{
  if (no_faults(lab, p, p->value)) return;
  struct faults_seen seen = look(lab);
  if (seen.failed > 0)
    proof_say(p, PROOF_FIRES, "fires: %d of %d fail on purpose", seen.failed,
              TRIES);
  else
    proof_say(p, PROOF_NEVER, "never seen in %d attempts", TRIES);
}

static void status(struct lab *lab, struct proof *p)
{
  if (no_faults(lab, p, lab->policy.chaos_percent)) return;
  struct faults_seen seen = look(lab);
  if (seen.failed > 0 && seen.status == p->value)
    proof_say(p, PROOF_FIRES,
              p->value ? "fires: answered %lld" : "fires: refused (%lld)",
              (long long)p->value);
  else
    proof_say(p, PROOF_NEVER, "never seen: %lld", (long long)seen.status);
}

static void delay_percent(struct lab *lab, struct proof *p)
{
  if (no_faults(lab, p, p->value)) return;
  struct faults_seen seen = look(lab);
  if (seen.delayed > 0)
    proof_say(p, PROOF_FIRES, "fires: %d of %d wait on purpose", seen.delayed,
              TRIES);
  else
    proof_say(p, PROOF_NEVER, "never seen in %d attempts", TRIES);
}

static void delay(struct lab *lab, struct proof *p)
{
  if (no_faults(lab, p, lab->policy.chaos_delay_percent)) return;
  uint64_t longest = look(lab).longest_ns;
  if (longest > 0 && longest <= (uint64_t)p->value * NS_PER_MS + NS_PER_MS)
    proof_say(p, PROOF_FIRES, "fires: of %d, the longest wait is %s", TRIES,
              shown_ns(longest).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: the longest wait is %s",
              shown_ns(longest).text);
}

const struct prove_scenario prove_faults[] = {
    {"chaos.percent", percent},
    {"chaos.status", status},
    {"chaos.delay_percent", delay_percent},
    {"chaos.delay_ms", delay},
    {0},
};

// --- tasks ---

static void task_deadline(struct lab *lab, struct proof *p)
{
  lab->as_task = true;
  lab->does = lab_hangs();
  struct probe *call = lab_start(lab, &lab->restless);
  if (!call) return;
  lab_wait(call);
  uint64_t took = call->end_ns - call->start_ns;
  if (about(took, p->value) || about(took + 20 * NS_PER_MS, p->value))
    proof_say(p, PROOF_FIRES, "fires at %s for a call that runs on as a task",
              shown_ns(took).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: a task ends at %s",
              shown_ns(took).text);
}

// Nothing in the chain: the protocol above it says or keeps it, whatever the
// service does.
static void of_protocol(struct lab *lab, struct proof *p)
{
  (void)lab;
  proof_say(p, PROOF_UNTRIED,
            "not run here: MCP's tasks/get says it, no service can stop it");
}

const struct prove_scenario prove_tasks[] = {
    {"task.deadline_ms", task_deadline},
    {"task.keep_ms", of_protocol},
    {"task.poll_ms", of_protocol},
    {0},
};
