// guard_bench.c -- what the primitives of guard/ cost, each and all of one
// attempt together.
//
// guard_bench: nanoseconds per operation, alone and with a second thread doing
// the same to the same state; the best of five. guard_bench OPERATION ROUNDS: runs
// it and prints nothing; tests/bench/guard counts the instructions of that. Time
// is passed in, so no clock is read in what is measured.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "guard/adaptive.h"
#include "guard/breaker.h"
#include "guard/bulkhead.h"
#include "guard/cache.h"
#include "guard/chaos.h"
#include "guard/gate.h"
#include "guard/latency.h"
#include "guard/limiter.h"
#include "guard/memory.h"
#include "guard/retry.h"

#define ROUNDS 1000000
#define TRIES  5
#define MS     UINT64_C(1000000)
#define S      (1000 * MS)

static const struct breaker_options breaker_options = {
    .bucket_ms = 1000,
    .min_calls = 20,
    .consecutive = 8,
    .fail_ratio = 0.5,
    .slow_ratio = 0.8,
    .base_open_ms = 5000,
    .max_open_ms = 60000,
    .probes = 3,
    .admitted = 10,
    .successes = 3,
    .failures = 1,
    .lease_ms = 11000,
};
static const struct budget_options budget_options = {BUDGET_CAP, BUDGET_DEPOSIT,
                                                     BUDGET_FLOOR_PER_S};
static const struct limiter_options limiter_options = {1, 1000};
static const struct bulkhead_options bulkhead_options = {
    64, {CODEL_LONG_NS, CODEL_SHORT_NS, CODEL_STANDING_NS}};
static const struct adaptive_options adaptive_options = {
    20, 4, 64, ADAPTIVE_WINDOW_NS, ADAPTIVE_SAMPLES, 0};
static const struct backoff_options backoff_options = {
    BACKOFF_BASE_NS, BACKOFF_BASE_THROTTLED_NS, BACKOFF_CAP_NS};

struct state { // of one upstream, shared
  struct breaker breaker;
  struct budget budget;
  struct limiter limiter;
  struct gate gate;
  struct bulkhead bulkhead;
  struct adaptive adaptive;
  struct latency latency;
  struct chaos chaos;
  struct cache *cache;
};

// What one worker has: its attempt and its chance.
struct hand {
  struct state *s;
  struct prng chance;
  struct bulkhead_waiter waiter;
  struct breaker_token token;
  uint64_t sum; // so that nothing is left out
};

static void op_nothing(struct hand *h, uint64_t now)
{
  h->sum += now;
}

static void op_breaker_peek(struct hand *h, uint64_t now)
{
  uint64_t wait;
  h->sum += breaker_peek(&h->s->breaker, &breaker_options, false, now, &wait);
}

static void op_breaker(struct hand *h, uint64_t now)
{
  struct breaker_permit p =
      breaker_acquire(&h->s->breaker, &breaker_options, false, now);
  struct breaker_result r = breaker_judge(OUTCOME_OK, MS, S, true);
  h->sum += breaker_record(&h->s->breaker, &breaker_options, &p.token, &r, now);
}

static void op_limiter(struct hand *h, uint64_t now)
{
  h->sum +=
      limiter_reserve(&h->s->limiter, &limiter_options, 1, now, S).wait_ns;
}

static void op_gate(struct hand *h, uint64_t now)
{
  h->sum += gate_pass(&h->s->gate, GATE_SPACING_NS, now, S).wait_ns;
}

static void op_bulkhead(struct hand *h, uint64_t now)
{
  h->waiter.deadline_ns = now + S;
  bulkhead_enter(&h->s->bulkhead, &bulkhead_options, &h->waiter, now);
  bulkhead_exit(&h->s->bulkhead, &bulkhead_options, &h->waiter, now);
}

static void op_adaptive(struct hand *h, uint64_t now)
{
  struct adaptive_sample sample = {ADAPTIVE_FINE, MS, 2};
  h->sum += adaptive_record(&h->s->adaptive, &adaptive_options, &sample, now);
}

static void op_latency(struct hand *h, uint64_t now)
{
  latency_record(&h->s->latency, MS + (h->sum & 0xFFFF), now);
}

static void op_budget(struct hand *h, uint64_t now)
{
  (void)now;
  budget_deposit(&h->s->budget, &budget_options);
}

static void op_chaos(struct hand *h, uint64_t now)
{
  struct chaos_attempt a = {{"GET /", 5}, now, 1};
  h->sum += chaos_decide(&h->s->chaos, &a, now).injected;
}

static void op_retry(struct hand *h, uint64_t now)
{
  struct retry_facts f = {.outcome = OUTCOME_OK,
                          .attempts_done = 1,
                          .max_attempts = RETRY_ATTEMPTS,
                          .hint_ms = -1,
                          .repeatable = true,
                          .body_replayable = true,
                          .now_ns = now,
                          .deadline_ns = now + S};
  h->sum += retry_decide(&f, &backoff_options, &h->s->budget, &budget_options)
                .verdict;
}

// In the order of the chain: a first attempt that succeeds.
static void op_attempt(struct hand *h, uint64_t now)
{
  struct state *s = h->s;
  uint64_t wait;
  if (!breaker_peek(&s->breaker, &breaker_options, false, now, &wait)) return;
  op_gate(h, now);
  op_limiter(h, now);
  h->waiter.deadline_ns = now + S;
  bulkhead_enter(&s->bulkhead, &bulkhead_options, &h->waiter, now);
  struct breaker_permit p =
      breaker_acquire(&s->breaker, &breaker_options, false, now);
  op_chaos(h, now);

  struct breaker_result r = breaker_judge(OUTCOME_OK, MS, S, true);
  breaker_record(&s->breaker, &breaker_options, &p.token, &r, now);
  op_adaptive(h, now);
  op_latency(h, now);
  bulkhead_exit(&s->bulkhead, &bulkhead_options, &h->waiter, now);
  op_budget(h, now);
  op_retry(h, now);
}

static void op_cache_hit(struct hand *h, uint64_t now)
{
  static const struct cache_key key = {
      {"github", 6}, {"ann", 3}, {"GET /repos/a/b/issues?state=open", 32}};
  struct cache_hit hit =
      cache_get(h->s->cache, &key, now, prng_unit(&h->chance));
  h->sum += hit.state;
  cache_unref(hit.value);
}

static const struct {
  const char *name, *what;
  void (*run)(struct hand *h, uint64_t now);
} ops[] = {
    {"nothing", "the loop", op_nothing},
    {"peek", "breaker peek", op_breaker_peek},
    {"gate", "gate, open", op_gate},
    {"limiter", "limiter", op_limiter},
    {"bulkhead", "bulkhead in and out", op_bulkhead},
    {"breaker", "breaker acquire, judge, record", op_breaker},
    {"chaos", "chaos, off", op_chaos},
    {"adaptive", "adaptive limit", op_adaptive},
    {"latency", "latency", op_latency},
    {"budget", "budget deposit", op_budget},
    {"retry", "retry: no need", op_retry},
    {"attempt", "one attempt, all of these", op_attempt},
    {"cache", "cache hit", op_cache_hit},
};

#define OPS (sizeof(ops) / sizeof(ops[0]))

static struct state *new_state(void)
{
  struct state *s = guard_memory(sizeof(*s));
  struct cache_options cache = {1 << 24, 1 << 20, {1, 2}};
  if (!s) abort();
  breaker_init(&s->breaker, 1, 0);
  budget_init(&s->budget, &budget_options, 0);
  limiter_init(&s->limiter);
  gate_init(&s->gate);
  bulkhead_init(&s->bulkhead, 64, 0);
  adaptive_init(&s->adaptive, &adaptive_options, 0);
  latency_init(&s->latency);
  chaos_init(&s->chaos, 1, NULL, 0, 1);
  s->cache = cache_new(&cache);
  if (!s->cache) abort();
  return s;
}

static void fill_cache(struct state *s)
{
  struct cache_key key = {
      {"github", 6}, {"ann", 3}, {"GET /repos/a/b/issues?state=open", 32}};
  struct cache_entry e = {.body = {"[]", 2},
                          .meta = {"", 0},
                          .fresh_for_ns = UINT64_MAX / 2,
                          .ticket = cache_ticket(s->cache, &key)};
  cache_put(s->cache, &key, &e, 0);
}

static void free_state(struct state *s)
{
  bulkhead_finish(&s->bulkhead);
  cache_free(s->cache);
  free(s);
}

// --- measuring ---

static uint64_t clock_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * S + (uint64_t)t.tv_nsec;
}

struct job {
  struct state *s;
  size_t op;
  uint64_t rounds, took_ns;
  pthread_barrier_t *start;
};

// Time passes by 2 us an operation, so a bucket gets what it gets in life.
static void *run(void *arg)
{
  struct job *job = arg;
  struct hand hand = {.s = job->s};
  prng_seed(&hand.chance, 1);
  pthread_barrier_wait(job->start);
  uint64_t begin = clock_ns();
  for (uint64_t i = 0; i < job->rounds; i++)
    ops[job->op].run(&hand, i * 2000);
  job->took_ns = clock_ns() - begin;
  return NULL;
}

static double once(size_t op, unsigned threads, uint64_t rounds)
{
  struct state *s = new_state();
  pthread_barrier_t start;
  pthread_t ids[2];
  struct job jobs[2];
  double sum = 0;
  fill_cache(s);
  pthread_barrier_init(&start, NULL, threads);
  for (unsigned i = 0; i < threads; i++) {
    jobs[i] = (struct job){s, op, rounds, 0, &start};
    if (pthread_create(&ids[i], NULL, run, &jobs[i])) abort();
  }
  for (unsigned i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
    sum += (double)jobs[i].took_ns / (double)rounds;
  }
  pthread_barrier_destroy(&start);
  free_state(s);
  return sum / threads;
}

static double best(size_t op, unsigned threads, uint64_t rounds)
{
  double least = once(op, threads, rounds);
  for (int i = 1; i < TRIES; i++) {
    double ns = once(op, threads, rounds);
    if (ns < least) least = ns;
  }
  return least;
}

static int run_one(const char *name, uint64_t rounds)
{
  for (size_t i = 0; i < OPS; i++)
    if (!strcmp(name, ops[i].name)) once(i, 1, rounds);
  return 0;
}

int main(int argc, char **argv)
{
  if (argc > 2) return run_one(argv[1], strtoull(argv[2], NULL, 10));
  printf("%-32s %10s %10s\n", "ns per operation", "1 thread", "2 threads");
  for (size_t i = 0; i < OPS; i++)
    printf("%-32s %10.1f %10.1f\n", ops[i].what, best(i, 1, ROUNDS),
           best(i, 2, ROUNDS));
  return 0;
}
