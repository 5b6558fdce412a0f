// chaos.c -- see chaos.h for the contract.

#include "guard/chaos.h"

#include <assert.h>
#include <math.h>

#include "base/hash.h"
#include "base/random.h"
#include "guard/cache_key.h"

#define MILLION      1000000
#define DELAY_MAX_NS (UINT64_C(3600) * 1000000000)
#define TWO_PI       6.283185307179586

static const struct {
  const char *name;
  bool early;
} kinds[] = {
#define X(constant, name, early) [constant] = {name, early},
    CHAOS_LIST(X)
#undef X
};

const char *chaos_name(enum chaos_kind k)
{
  assert(k < CHAOS_KINDS);
  return kinds[k].name;
}

void chaos_init(struct chaos *c, uint64_t seed, const struct chaos_rule *rules,
                size_t count, uint32_t active_max)
{
  *c = (struct chaos){
      .active_max = active_max, .seed = seed, .rules = rules, .count = count};
}

void chaos_switch(struct chaos *c, bool on)
{
  atomic_store_explicit(&c->on, on, memory_order_relaxed);
}

// The chance of this rule for this attempt, whoever asks and when.
static struct prng chance_of(const struct chaos *c,
                             const struct chaos_attempt *a, size_t rule)
{
  const uint64_t key[2] = {c->seed, rule};
  const uint64_t what[2] = {a->call, a->attempt};
  struct slice bytes = {(const char *)what, sizeof(what)};
  struct prng chance;
  prng_seed(&chance, hash_table(key, bytes));
  return chance;
}

static bool hits(const struct chaos_rule *r, const struct chaos_attempt *a,
                 struct prng *chance, uint64_t now_ns)
{
  if (r->per_million == 0 || now_ns >= r->expires_ns) return false;
  if (r->operation.data && !cache_pattern_matches(r->operation, a->operation))
    return false;
  return prng_below(chance, MILLION) < r->per_million;
}

// Box and Muller; the median of a lognormal is exp(mean).
static double lognormal(double median, double sigma, struct prng *chance)
{
  double radius = sqrt(-2 * log(1 - prng_unit(chance)));
  return median * exp(sigma * radius * cos(TWO_PI * prng_unit(chance)));
}

static uint64_t delay_of(const struct chaos_rule *r, struct prng *chance)
{
  double ns = (double)r->delay_ns;
  switch (r->spread) {
  case CHAOS_FIXED: break;
  case CHAOS_UNIFORM: ns *= prng_unit(chance); break;
  case CHAOS_LOGNORMAL: ns = lognormal(ns, r->sigma, chance); break;
  }
  return ns < (double)DELAY_MAX_NS ? (uint64_t)ns : DELAY_MAX_NS;
}

static void apply(struct chaos_plan *plan, const struct chaos_rule *r,
                  struct prng *chance)
{
  plan->injected = true;
  if (r->kind == CHAOS_DELAY) {
    plan->delay_ns += delay_of(r, chance);
    if (plan->kind == CHAOS_NONE) plan->kind = CHAOS_DELAY;
  } else if (!plan->rule ||
             (kinds[r->kind].early && !kinds[plan->kind].early)) {
    plan->kind = r->kind;
    plan->rule = r;
  }
}

static struct chaos_plan plan_of(const struct chaos *c,
                                 struct chaos_rules rules,
                                 const struct chaos_attempt *a, uint64_t now_ns)
{
  struct chaos_plan plan = {.kind = CHAOS_NONE};
  for (size_t i = 0; i < rules.count; i++) {
    struct prng chance = chance_of(c, a, i);
    if (hits(&rules.list[i], a, &chance, now_ns))
      apply(&plan, &rules.list[i], &chance);
  }
  if (kinds[plan.kind].early) plan.delay_ns = 0; // it fails before it waits
  return plan;
}

static bool may_be_active(struct chaos *c)
{
  unsigned n = atomic_load_explicit(&c->active, memory_order_relaxed);
  while (n < c->active_max)
    if (atomic_compare_exchange_weak_explicit(
            &c->active, &n, n + 1, memory_order_relaxed, memory_order_relaxed))
      return true;
  return false;
}

struct chaos_plan chaos_decide(struct chaos *c, const struct chaos_attempt *a,
                               uint64_t now_ns)
{
  static const struct chaos_plan nothing = {.kind = CHAOS_NONE};
  if (c->count == 0 || !atomic_load_explicit(&c->on, memory_order_relaxed))
    return nothing;
  struct chaos_rules rules = {c->rules, c->count};
  struct chaos_plan plan = plan_of(c, rules, a, now_ns);
  return plan.injected && may_be_active(c) ? plan : nothing;
}

void chaos_allow(struct chaos *c, uint64_t until_ns)
{
  atomic_store_explicit(&c->until_ns, until_ns, memory_order_relaxed);
  chaos_switch(c, until_ns > 0);
}

struct chaos_plan chaos_decide_by(struct chaos *c, struct chaos_rules rules,
                                  struct slice operation, uint64_t now_ns)
{
  struct chaos_plan nothing = {.kind = CHAOS_NONE};
  uint64_t until = atomic_load_explicit(&c->until_ns, memory_order_relaxed);
  if (!atomic_load_explicit(&c->on, memory_order_relaxed) || now_ns >= until)
    return nothing;
  struct chaos_attempt a = {
      .operation = operation,
      .call = atomic_fetch_add_explicit(&c->asked, 1, memory_order_relaxed)};
  struct chaos_plan plan = plan_of(c, rules, &a, 0);
  return plan.injected && may_be_active(c) ? plan : nothing;
}

void chaos_end(struct chaos *c, struct chaos_plan *plan)
{
  if (!plan->injected) return;
  plan->injected = false;
  atomic_fetch_sub_explicit(&c->active, 1, memory_order_relaxed);
}
