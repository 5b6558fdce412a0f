// upstream.c -- see upstream.h for the contract.

#include "guard/upstream.h"

#include <pthread.h>
#include <string.h>

#include "base/hash.h"
#include "guard/memory.h"

#define MS               UINT64_C(1000000)
#define CHAOS_ACTIVE_MAX 1000

struct upstream_set {
  pthread_mutex_t lock;
  struct upstream *first;
  uint64_t seed;
  struct chaos chaos;
};

struct upstream_set *upstream_set_new(uint64_t seed)
{
  struct upstream_set *set = guard_memory(sizeof(*set));
  if (!set) return NULL;
  *set = (struct upstream_set){.seed = seed};
  chaos_init(&set->chaos, seed, NULL, 0, CHAOS_ACTIVE_MAX);
  if (!pthread_mutex_init(&set->lock, NULL)) return set;
  free(set);
  return NULL;
}

static void free_one(struct upstream *u)
{
  bulkhead_finish(&u->bulkhead);
  free(u->key);
  free(u);
}

void upstream_set_free(struct upstream_set *set)
{
  if (!set) return;
  for (struct upstream *u = set->first, *next; u; u = next) {
    next = u->next;
    free_one(u);
  }
  pthread_mutex_destroy(&set->lock);
  free(set);
}

void upstream_set_chaos(struct upstream_set *set, uint64_t until_ns)
{
  chaos_allow(&set->chaos, until_ns);
}

static struct upstream *make(struct upstream_set *set, struct slice key,
                             const struct policy *policy, uint64_t now_ns)
{
  struct upstream *u = guard_memory(sizeof(*u));
  if (!u) return NULL;
  memset(u, 0, sizeof(*u));
  u->key = strndup(key.data, key.len);
  if (!u->key ||
      !bulkhead_init(&u->bulkhead, (uint32_t)policy->bulkhead_concurrent,
                     now_ns)) {
    free(u->key);
    free(u);
    return NULL;
  }
  struct budget_options budget = policy_budget(policy);
  struct budget_options hedges = hedge_budget_options();
  uint64_t hash_key[2] = {set->seed, ~set->seed};
  breaker_init(&u->breaker, hash_table(hash_key, key), now_ns);
  budget_init(&u->budget, &budget, now_ns);
  budget_init(&u->hedges, &hedges, now_ns);
  gate_init(&u->gate);
  latency_init(&u->latency);
  pace_init(&u->pace);
  limiter_init(&u->limiter);
  u->chaos = &set->chaos;
  u->next = set->first;
  set->first = u;
  return u;
}

// --- places ---

static struct adaptive_options adaptive_options(uint32_t least, uint32_t most)
{
  return (struct adaptive_options){
      .initial = most,
      .least = least < most ? least : most,
      .most = most,
      .window_ns = ADAPTIVE_WINDOW_NS,
      .samples = ADAPTIVE_SAMPLES,
  };
}

bool upstream_adaptive(struct upstream *u, struct adaptive_options *o)
{
  uint32_t most = atomic_load_explicit(&u->adaptive_most, memory_order_acquire);
  if (most == 0) return false;
  *o = adaptive_options(
      atomic_load_explicit(&u->adaptive_least, memory_order_relaxed), most);
  return true;
}

// How many places there are now, by the policy and what was learned. Under the
// set's lock.
static uint32_t places_of(struct upstream *u, const struct policy *p,
                          uint64_t now_ns)
{
  uint32_t most = (uint32_t)p->bulkhead_concurrent;
  uint32_t least = (uint32_t)p->adaptive_least;
  bool learns = p->adaptive_initial > 0;
  bool learned = atomic_load(&u->adaptive_most) > 0;
  struct adaptive_options options = adaptive_options(least, most);
  if (learns && !learned) {
    options.initial = (uint32_t)p->adaptive_initial;
    adaptive_init(&u->adaptive, &options, now_ns);
  }
  atomic_store(&u->adaptive_least, least);
  atomic_store(&u->adaptive_most, learns ? most : 0);
  if (!learns) return most;
  uint32_t limit = adaptive_limit(&u->adaptive);
  return limit < most ? limit : most;
}

struct upstream *upstream_get(struct upstream_set *set, struct slice key,
                              const struct policy *policy, uint64_t now_ns)
{
  pthread_mutex_lock(&set->lock);
  struct upstream *u = set->first;
  while (u && !slice_is(key, u->key))
    u = u->next;
  if (!u) u = make(set, key, policy, now_ns);
  uint32_t places = u ? places_of(u, policy, now_ns) : 0;
  pthread_mutex_unlock(&set->lock);

  struct bulkhead_options options = policy_bulkhead(policy);
  if (u) bulkhead_resize(&u->bulkhead, &options, places, now_ns);
  return u;
}

// --- options ---

uint64_t policy_slow_ns(const struct policy *p)
{
  if (p->breaker_slow_ms) return (uint64_t)p->breaker_slow_ms * MS;
  return (uint64_t)p->attempt_ms * (MS / 10 * 8);
}

struct breaker_options policy_breaker(const struct policy *p)
{
  return (struct breaker_options){
      .mode = BREAKER_FULL,
      .bucket_ms = (uint32_t)(p->breaker_window_ms / BREAKER_BUCKETS),
      .min_calls = (uint32_t)p->breaker_min_calls,
      .consecutive = (uint32_t)p->breaker_consecutive,
      .fail_ratio = (double)p->breaker_fail_percent / 100,
      .slow_ratio = (double)p->breaker_slow_percent / 100,
      .base_open_ms = (uint32_t)p->breaker_open_ms,
      .max_open_ms = (uint32_t)p->breaker_max_open_ms,
      .probes = (uint32_t)p->breaker_probes,
      .admitted = (uint32_t)(p->breaker_successes + 7),
      .successes = (uint32_t)p->breaker_successes,
      .failures = 1,
      .lease_ms = (uint32_t)p->attempt_ms + 1000,
  };
}

struct budget_options policy_budget(const struct policy *p)
{
  return (struct budget_options){
      .cap = p->retry_budget * BUDGET_TOKEN,
      .deposit = p->retry_budget_percent * BUDGET_TOKEN / 100,
      .floor_per_s = BUDGET_FLOOR_PER_S,
  };
}

// A delay that is said is the delay.
struct hedge_options policy_hedge(const struct policy *p)
{
  uint32_t left = (uint32_t)p->retry_attempts - 1;
  uint32_t extra = (uint32_t)p->hedge_extra;
  return (struct hedge_options){
      .extra = extra < left ? extra : left,
      .said_delay_ns = (uint64_t)p->hedge_delay_ms * MS,
      .min_delay_ns = HEDGE_MIN_DELAY_NS,
      .unknown_delay_ns = HEDGE_DELAY_NS,
  };
}

struct limiter_options policy_limiter(const struct policy *p)
{
  if (p->limiter_limit == 0) return (struct limiter_options){.burst = 1};
  int64_t burst = p->limiter_burst ? p->limiter_burst : p->limiter_limit;
  return (struct limiter_options){
      .interval_ns = limiter_interval_ns((uint64_t)p->limiter_period_ms * MS,
                                         (uint64_t)p->limiter_limit),
      .burst = (uint32_t)burst,
  };
}

struct bulkhead_options policy_bulkhead(const struct policy *p)
{
  return (struct bulkhead_options){
      .queue_max = (uint32_t)p->bulkhead_queue,
      .wait = {.long_ns = (uint64_t)p->bulkhead_max_wait_ms * MS,
               .short_ns = CODEL_SHORT_NS,
               .standing_ns = CODEL_STANDING_NS},
  };
}
