// errand_stress.c -- four workers begin, look at, answer, cancel, wait for and end
// each other's errands, whose time is short.
//
// For ThreadSanitizer (preset tsan). Ends with 1 when an owner or a waiter is
// called on another thread than its own, or about what it has ended, or when
// something is left in the store.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "loop/worker.h"
#include "mcp/errand.h"

enum { WORKERS = 4, RUNS = 24, WAITS = 8, STEPS = 12000, KNOWN = 64 };

struct crew {
  struct errand_store *store;
  pthread_mutex_t lock;
  char known[KNOWN][ERRAND_ID_LEN]; // ids, of those that still are or not
  atomic_uint running, stopped, answered, woken, faults;
};

struct run {
  struct hand *hand;
  struct errand *errand; // NULL: free
};

struct wait {
  struct hand *hand;
  struct errand_waiter *waiter; // NULL: free
};

struct hand {
  struct crew *crew;
  struct worker *worker;
  struct prng prng;
  struct run runs[RUNS];
  struct wait waits[WAITS];
  struct timer timer;
  unsigned steps;
  pthread_t thread;
};

static void check(const struct hand *h, bool holds)
{
  if (!holds || !pthread_equal(pthread_self(), h->thread))
    atomic_fetch_add(&h->crew->faults, 1);
}

static void end_run(struct run *run, enum errand_status status)
{
  struct errand_result result = {.status = status,
                                 .outcome = SLICE("{\"content\":[]}")};
  struct errand *e = run->errand;
  run->errand = NULL;
  errand_end(e, &result);
}

static void on_stop(void *ctx)
{
  struct run *run = ctx;
  check(run->hand, run->errand != NULL);
  atomic_fetch_add(&run->hand->crew->stopped, 1);
  if (run->errand) end_run(run, ERRAND_CANCELLED);
}

static void on_answer(void *ctx, const struct errand_answer *answer)
{
  struct run *run = ctx;
  check(run->hand, run->errand && slice_is(answer->question, "q"));
  atomic_fetch_add(&run->hand->crew->answered, 1);
}

static void on_over(void *ctx)
{
  struct wait *wait = ctx;
  check(wait->hand, wait->waiter != NULL);
  wait->waiter = NULL;
  atomic_fetch_add(&wait->hand->crew->woken, 1);
}

static void on_view(void *ctx, const struct errand_view *v)
{
  size_t *bytes = ctx;
  *bytes += v->outcome.len + v->id.len;
}

static uint64_t now(const struct hand *h)
{
  return loop_now(h->worker->loop);
}

static void begin_run(struct hand *h, struct run *run)
{
  bool full;
  struct errand_begin b = {.principal = SLICE("someone"),
                           .era = ERA_MODERN,
                           .ttl_ms = 1 + (int64_t)prng_below(&h->prng, 4),
                           .now_ns = now(h),
                           .mailbox = h->worker->mailbox,
                           .ctx = run,
                           .stop = on_stop,
                           .on_answer = on_answer};
  run->errand = errand_begin(h->crew->store, &b, &full);
  if (!run->errand) return; // it is full
  pthread_mutex_lock(&h->crew->lock);
  memcpy(h->crew->known[prng_below(&h->prng, KNOWN)],
         errand_id(run->errand).data, ERRAND_ID_LEN);
  pthread_mutex_unlock(&h->crew->lock);
  if (prng_below(&h->prng, 2))
    errand_ask(run->errand, SLICE("q"), SLICE("{\"method\":\"x\"}"), 0);
}

static void own_one(struct hand *h)
{
  struct run *run = &h->runs[prng_below(&h->prng, RUNS)];
  if (!run->errand)
    begin_run(h, run);
  else if (prng_below(&h->prng, 4) == 0)
    errand_say(run->errand, SLICE("half way"), 1);
  else if (prng_below(&h->prng, 8) == 0)
    errand_unask(run->errand, SLICE("q"), 1);
  else if (prng_below(&h->prng, 16) == 0) {
    struct errand *e = run->errand;
    run->errand = NULL;
    errand_drop(e);
  } else
    end_run(run, ERRAND_COMPLETED);
}

static void wait_for(struct hand *h, const struct errand_key *key)
{
  struct wait *wait = &h->waits[prng_below(&h->prng, WAITS)];
  struct errand_wake wake = {h->worker->mailbox, on_over, wait,
                             prng_below(&h->prng, 2) == 0};
  if (wait->waiter) {
    errand_wait_stop(wait->waiter);
    wait->waiter = NULL;
    return;
  }
  errand_wait(h->crew->store, key, &wake, &wait->waiter);
}

static void look_at_one(struct hand *h)
{
  char id[ERRAND_ID_LEN];
  size_t bytes = 0;
  pthread_mutex_lock(&h->crew->lock);
  memcpy(id, h->crew->known[prng_below(&h->prng, KNOWN)], sizeof(id));
  pthread_mutex_unlock(&h->crew->lock);
  struct errand_key key = {.id = {id, sizeof(id)},
                           .principal = SLICE("someone"),
                           .era = ERA_MODERN,
                           .now_ns = now(h)};
  struct errand_answer answer = {SLICE("q"), SLICE("{}"), false};
  struct errand_store *s = h->crew->store;
  switch (prng_below(&h->prng, 6)) {
  case 0: errand_cancel(s, &key); break;
  case 1: errand_answer(s, &key, &answer); break;
  case 2: wait_for(h, &key); break;
  case 3: errand_sweep(s, now(h)); break;
  case 4:
    errand_list(s, &key, (struct errand_page){0, 5}, on_view, &bytes);
    break;
  default: errand_see(s, &key, on_view, &bytes); break;
  }
}

static void finish(struct hand *h)
{
  for (unsigned i = 0; i < RUNS; i++)
    if (h->runs[i].errand) end_run(&h->runs[i], ERRAND_COMPLETED);
  for (unsigned i = 0; i < WAITS; i++)
    if (h->waits[i].waiter) errand_wait_stop(h->waits[i].waiter);
  atomic_fetch_sub(&h->crew->running, 1);
}

static void step(struct timer *timer, void *ctx)
{
  struct hand *h = ctx;
  for (unsigned i = 0; i < 20; i++) {
    own_one(h);
    look_at_one(h);
  }
  if (++h->steps < STEPS / 20)
    timer_start(timer, 1000);
  else
    finish(h);
}

static enum error_code on_start(struct worker *w, void *ctx, struct error *err)
{
  struct hand *h = ctx;
  (void)err;
  h->worker = w;
  h->thread = pthread_self();
  prng_seed(&h->prng, w->index + 1);
  for (unsigned i = 0; i < RUNS; i++)
    h->runs[i].hand = h;
  for (unsigned i = 0; i < WAITS; i++)
    h->waits[i].hand = h;
  timer_init(&h->timer, w->loop, step, h);
  timer_start(&h->timer, 1000);
  return OK;
}

static void work(struct crew *crew, struct hand *hands)
{
  static const struct worker_hooks hooks = {.start = on_start};
  struct worker workers[WORKERS];
  struct error err;
  for (unsigned i = 0; i < WORKERS; i++) {
    hands[i].crew = crew;
    if (worker_start(&workers[i], i, &hooks, &hands[i], &err) != OK) abort();
  }
  struct timespec pause = {.tv_nsec = 1000000};
  while (atomic_load(&crew->running))
    nanosleep(&pause, NULL);
  for (unsigned i = 0; i < WORKERS; i++)
    worker_stop(&workers[i]);
  for (unsigned i = 0; i < WORKERS; i++)
    worker_join(&workers[i]);
}

int main(void)
{
  struct crew crew = {.store = errand_store_new()};
  struct hand *hands = calloc(WORKERS, sizeof(*hands));
  if (!crew.store || !hands) return 1;
  pthread_mutex_init(&crew.lock, NULL);
  atomic_store(&crew.running, WORKERS);
  errand_store_limit(crew.store, (struct errand_limits){80, 100000});
  work(&crew, hands);
  errand_sweep(crew.store, UINT64_MAX - 1);
  struct errand_stats left = errand_stats(crew.store);
  unsigned stopped = atomic_load(&crew.stopped);
  unsigned answered = atomic_load(&crew.answered);
  unsigned woken = atomic_load(&crew.woken);
  unsigned faults =
      atomic_load(&crew.faults) + left.count + left.running + (left.bytes > 0);
  printf("errands: %u stopped, %u answered, %u woken, %u faults\n", stopped,
         answered, woken, faults);
  errand_store_free(crew.store);
  pthread_mutex_destroy(&crew.lock);
  free(hands);
  return faults || !stopped || !answered || !woken;
}
