// prove.c -- see prove.h for the contract: groups, rows, and one run of all.

#include "app/prove.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/prove_inside.h"

static const struct prove_scenario *const lists[] = {
    prove_times,  prove_retries, prove_hedges,  prove_breaker,
    prove_shares, prove_limits,  prove_learned, prove_cache,
    prove_faults, prove_tasks,   prove_extras,
};
#define LISTS (sizeof(lists) / sizeof(lists[0]))

// --- words ---

const char *proof_verdict_name(enum proof_verdict v)
{
  static const char *const names[] = {
#define X(constant, name) [constant] = (name),
      VERDICT_LIST(X)
#undef X
  };
  return names[v];
}

void proof_say(struct proof *p, enum proof_verdict verdict, const char *format,
               ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(p->words, sizeof(p->words), format, args);
  va_end(args);
  p->verdict = verdict;
}

struct shown shown_ns(uint64_t ns)
{
  struct shown s;
  if (ns >= NS_PER_S)
    snprintf(s.text, sizeof(s.text), "%.3f s", (double)ns / 1e9);
  else
    snprintf(s.text, sizeof(s.text), "%.1f ms", (double)ns / 1e6);
  return s;
}

struct shown shown_ms(int64_t ms)
{
  struct shown s;
  if (ms >= 1000)
    snprintf(s.text, sizeof(s.text), "%.6g s", (double)ms / 1e3);
  else
    snprintf(s.text, sizeof(s.text), "%" PRId64 " ms", ms);
  return s;
}

bool about(uint64_t ns, int64_t ms)
{
  uint64_t at = (uint64_t)ms * NS_PER_MS;
  return ns + NS_PER_MS >= at && ns <= at + NS_PER_MS;
}

struct because because_of(const struct lab *lab, const char *label)
{
  struct because b;
  const struct policy *p = &lab->policy;
  struct slice why = slice_of(label);
  if (slice_is(why, "no_time_left") || slice_is(why, "deadline") ||
      slice_is(why, "throttled_too_long"))
    snprintf(b.text, sizeof(b.text), "the deadline is %s",
             shown_ms(p->deadline_ms).text);
  else if (slice_is(why, "breaker_open"))
    snprintf(b.text, sizeof(b.text), "the breaker opens first");
  else if (slice_is(why, "budget_exhausted"))
    snprintf(b.text, sizeof(b.text), "retry.budget is %" PRId64,
             p->retry_budget);
  else if (slice_is(why, "limiter"))
    snprintf(b.text, sizeof(b.text), "the limiter lets %" PRId64 " in %s pass",
             p->limiter_limit, shown_ms(p->limiter_period_ms).text);
  else if (slice_is(why, "not_repeatable"))
    snprintf(b.text, sizeof(b.text),
             "what may have been executed is not sent twice");
  else
    snprintf(b.text, sizeof(b.text), "%s", label);
  return b;
}

struct because probe_because(const struct lab *lab, const struct probe *probe)
{
  const struct trail *t = probe_trail(probe);
  for (uint32_t i = t->count; i-- > 0;) {
    const struct trail_step *s = &t->steps[i];
    bool decides = s->kind == TRAIL_NO_RETRY || s->kind == TRAIL_REJECT ||
                   s->kind == TRAIL_CANCEL;
    if (decides) return because_of(lab, s->label);
  }
  uint64_t took = probe->end_ns - probe->start_ns;
  bool late = probe->done && took + 100 * NS_PER_MS >
                                 (uint64_t)lab->policy.deadline_ms * NS_PER_MS;
  return because_of(lab, late ? "deadline" : "nothing else is tried");
}

// --- rows ---

const char *prove_row(size_t i)
{
  for (size_t list = 0; list < LISTS; list++)
    for (const struct prove_scenario *s = lists[list]; s->setting; s++)
      if (i-- == 0) return s->setting;
  return NULL;
}

static scenario_fn find_scenario(const char *setting)
{
  for (size_t list = 0; list < LISTS; list++)
    for (const struct prove_scenario *s = lists[list]; s->setting; s++)
      if (!strcmp(s->setting, setting)) return s->run;
  return NULL;
}

// --- groups ---

static bool reads(const struct tool *t)
{
  return t->kind != KIND_TOOL || t->annotations.read_only == 1;
}

// May what it writes be sent again, because the service knows it by its key?
static bool has_key(const struct tool *t)
{
  return !reads(t) && t->annotations.idempotent != 1 &&
         t->integration->idempotency.header.data;
}

static bool same_group(const struct tool *a, const struct tool *b)
{
  return a->policy == b->policy && reads(a) == reads(b) &&
         (a->annotations.idempotent == 1) == (b->annotations.idempotent == 1) &&
         has_key(a) == has_key(b) &&
         a->integration->policy == b->integration->policy &&
         !a->fallback_slot == !b->fallback_slot;
}

struct group {
  struct proof_group of;
  bool shown;
  struct proof *proofs; // [proofs_each()]
};

struct run {
  const struct prove_options *options;
  const struct tool **all; // what can be called: tools, and what is offered
  size_t all_count;
  const struct tool **tools; // in groups, one after the other
  struct group *groups;
  size_t group_count;
  struct lab lab;
};

static size_t extras(void)
{
  size_t n = 0;
  while (prove_extras[n].setting)
    n++;
  return n;
}

static size_t proofs_each(void)
{
  return policy_field_count + extras();
}

// A tool without a service makes no requests; what is not shown matters where
// it has the policy of what is.
static bool is_wanted(const struct run *r, const struct tool *t)
{
  const struct tool *only = r->options->only;
  assert(t);
  return t->integration->base.len > 0 && (!only || only->policy == t->policy);
}

static bool collect(struct run *r)
{
  const struct catalog *c = r->options->catalog;
  size_t n = c->tool_count;
  for (size_t kind = 0; kind < OFFER_KINDS; kind++)
    n += c->offers[kind].count;
  r->all = calloc(n + 1, sizeof(*r->all));
  r->tools = calloc(n + 1, sizeof(*r->tools));
  r->groups = calloc(n + 1, sizeof(*r->groups));
  if (!r->all || !r->tools || !r->groups) return false;
  for (size_t i = 0; i < c->tool_count; i++)
    r->all[r->all_count++] = &c->tools[i];
  for (size_t kind = 0; kind < OFFER_KINDS; kind++)
    for (size_t i = 0; i < c->offers[kind].count; i++)
      r->all[r->all_count++] = &c->offers[kind].items[i].handler;
  return true;
}

// The tools of the next group, behind those that are in groups already.
static size_t gather(struct run *r, const struct tool *first, size_t used)
{
  struct group *g = &r->groups[r->group_count];
  size_t n = 0;
  for (size_t i = 0; i < r->all_count; i++)
    if (is_wanted(r, r->all[i]) && same_group(first, r->all[i]))
      r->tools[used + n++] = r->all[i];
  *g = (struct group){.of = {r->tools + used, n, reads(first)}};
  g->proofs = calloc(proofs_each(), sizeof(*g->proofs));
  if (!g->proofs) return 0;
  r->group_count++;
  return n;
}

static bool is_grouped(const struct run *r, const struct tool *t, size_t used)
{
  for (size_t i = 0; i < used; i++)
    if (r->tools[i] == t) return true;
  return false;
}

static bool make_groups(struct run *r)
{
  const struct tool *only = r->options->only;
  size_t used = 0;
  if (!collect(r)) return false;
  for (size_t i = 0; i < r->all_count; i++) {
    const struct tool *t = r->all[i];
    if (!is_wanted(r, t) || is_grouped(r, t, used)) continue;
    size_t n = gather(r, t, used);
    if (n == 0) return false;
    used += n;
  }
  for (size_t i = 0; i < r->group_count; i++) {
    struct group *g = &r->groups[i];
    assert(g->of.tools && g->of.tools[0]);
    g->shown = !only || same_group(only, g->of.tools[0]);
  }
  return true;
}

// Nothing can be said of a policy that nothing has.
static bool is_used(const struct run *r, const struct policy *p)
{
  for (size_t i = 0; i < r->all_count; i++)
    if (r->all[i]->policy == p && r->all[i]->integration->base.len > 0)
      return true;
  return false;
}

// --- running ---

static bool is_asked_for(const struct run *r, const struct proof *p)
{
  const char *only = r->options->setting;
  return p->setting && (!only || !strcmp(only, p->setting));
}

static void run_one(struct run *r, struct proof *p)
{
  scenario_fn run = find_scenario(p->setting);
  if (!is_asked_for(r, p)) return;
  lab_restore(&r->lab);
  r->lab.as_task = false;
  lab_fresh(&r->lab, 0);
  proof_say(p, PROOF_UNTRIED, "nothing to measure: no request is sent");
  if (run) run(&r->lab, p);
}

static void run_group(struct run *r, struct group *g)
{
  struct policy policy = *g->of.tools[0]->policy;
  lab_take(&r->lab, g->of.tools[0], g->of.reads);
  for (size_t i = 0; i < policy_field_count; i++) {
    const struct policy_field *f = &policy_fields[i];
    g->proofs[i] = (struct proof){.setting = f->path,
                                  .field = f,
                                  .value = *policy_member(&policy, f),
                                  .said = policy.said >> i & 1};
    run_one(r, &g->proofs[i]);
  }
  for (size_t i = 0; prove_extras[i].setting; i++) {
    struct proof *p = &g->proofs[policy_field_count + i];
    *p = (struct proof){.setting = prove_extras[i].setting};
    run_one(r, p);
  }
}

// --- telling ---

// Does it fire for any tool with that policy?
static bool fires_for_some(const struct run *r, const struct group *g, size_t i)
{
  for (size_t k = 0; k < r->group_count; k++) {
    const struct group *other = &r->groups[k];
    if (other->of.tools[0]->policy == g->of.tools[0]->policy &&
        other->proofs[i].verdict == PROOF_FIRES)
      return true;
  }
  return false;
}

// A setting of a policy counts once.
static bool is_told(const struct run *r, const struct group *g, size_t i)
{
  for (const struct group *k = r->groups; k < g; k++)
    if (k->proofs[i].fault && k->of.tools[0]->policy == g->of.tools[0]->policy)
      return true;
  return false;
}

static void tell_group(struct run *r, struct group *g,
                       const struct proof_sink *sink, struct prove_sum *sum)
{
  sum->groups++;
  sink->group(sink->ctx, &g->of);
  for (size_t i = 0; i < proofs_each(); i++) {
    struct proof *p = &g->proofs[i];
    if (!is_asked_for(r, p)) continue;
    bool never = p->verdict == PROOF_NEVER;
    p->elsewhere = never && p->field && fires_for_some(r, g, i);
    p->fault = never && (p->said || !p->field) && !p->elsewhere;
    sum->fire += p->verdict == PROOF_FIRES;
    sum->faults += p->fault && !is_told(r, g, i);
    sink->proof(sink->ctx, p);
  }
}

static void finish(struct run *r)
{
  lab_close(&r->lab);
  for (size_t i = 0; i < r->group_count; i++)
    free(r->groups[i].proofs);
  free(r->groups);
  free(r->tools);
  free(r->all);
}

bool prove(const struct prove_options *options, const struct proof_sink *sink,
           struct prove_sum *sum)
{
  struct run r = {.options = options};
  *sum = (struct prove_sum){0};
  bool ok = lab_open(&r.lab, options->bind, options->seed) && make_groups(&r);
  for (size_t i = 0; i < r.group_count && ok; i++) {
    run_group(&r, &r.groups[i]);
    ok = !r.lab.broken;
  }
  for (size_t i = 0; i < r.group_count && ok; i++)
    if (r.groups[i].shown) tell_group(&r, &r.groups[i], sink, sum);
  const struct catalog *c = options->catalog;
  for (size_t i = 0; i < c->policy_count && ok && !options->only; i++)
    if (!is_used(&r, &c->policies[i])) sink->unused(sink->ctx, &c->policies[i]);
  sum->virtual_ns = r.lab.virtual_ns;
  finish(&r);
  return ok;
}
