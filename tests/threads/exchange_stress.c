// exchange_stress.c -- four workers whose exchanges share one upstream: breaker,
// bulkhead with hand-over between workers, learned places, budgets, hedges.
//
// For ThreadSanitizer (preset tsan). Ends with 1 when more are on the wire than
// there can be places, more probes are out than allowed, an exchange is told
// twice or never, or when a place, a probe or a waiter is left at the end.

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard/exchange.h"
#include "loop/clock.h"
#include "loop/worker.h"
#include "net/scripted.h"

enum { WORKERS = 4, SLOTS = 10, STEPS = 6000, PLACES = 24, PROBES = 2 };

struct crew {
  struct upstream *upstream;
  struct policy policy;
  atomic_uint asked, good, failed, refused, left, repeated, faults;
  atomic_bool sick; // the service, for a while
};

struct slot {
  struct hand *hand;
  struct exchange exchange;
  struct trail trail;
  bool runs;
};

struct hand {
  struct crew *crew;
  struct worker *worker;
  struct http_client *client;
  struct prng chance;
  struct timer timer;
  struct slot slots[SLOTS];
  unsigned steps;
};

static void fault(struct crew *c, const char *what)
{
  if (atomic_fetch_add(&c->faults, 1) < 5)
    fprintf(stderr, "exchange_stress: %s\n", what);
}

// --- the service ---

static void behave(void *ctx, const struct scripted_request *request,
                   struct behaviour *out)
{
  struct hand *h = ctx;
  struct crew *c = h->crew;
  (void)request;
  atomic_fetch_add(&c->asked, 1);
  if (bulkhead_in_flight(&c->upstream->bulkhead) > PLACES)
    fault(c, "more on the wire than there are places");
  if (breaker_probes(&c->upstream->breaker) > PROBES)
    fault(c, "too many probes");
  uint64_t roll = prng_below(&h->chance, 40);
  bool bad = atomic_load(&c->sick) ? roll < 36 : roll < 2;
  *out = (struct behaviour){
      .end = HTTP_ANSWERED,
      .status = bad                                            ? 503
                : roll == 2 && prng_below(&h->chance, 20) == 0 ? 429
                                                               : 200,
      .delay_ns = prng_below(&h->chance, 3 * NS_PER_MS),
      .sent = true,
      .hang = roll == 3};
}

// --- callers ---

static void on_done(void *ctx, const struct exchange_result *result)
{
  struct slot *slot = ctx;
  struct crew *c = slot->hand->crew;
  if (!slot->runs) fault(c, "told twice");
  slot->runs = false;
  if (result->attempts > 1) atomic_fetch_add(&c->repeated, 1);
  if (result->code == OK)
    atomic_fetch_add(&c->good, 1);
  else if (result->reject)
    atomic_fetch_add(&c->refused, 1);
  else if (result->code == E_CANCELLED)
    atomic_fetch_add(&c->left, 1);
  else
    atomic_fetch_add(&c->failed, 1);
}

static void begin(struct slot *slot)
{
  struct hand *h = slot->hand;
  bool unsafe = prng_below(&h->chance, 3) == 0;
  struct exchange_options options = {
      .loop = h->worker->loop,
      .mailbox = h->worker->mailbox,
      .chance = &h->chance,
      .client = h->client,
      .upstream = h->crew->upstream,
      .trail = &slot->trail,
      .policy = &h->crew->policy,
      .deadline_ns = loop_now(h->worker->loop) + 60 * NS_PER_MS,
      .label = SLICE("/"),
      .attempt = {.method = unsafe ? SLICE("POST") : SLICE("GET"),
                  .url = SLICE("https://up.example/")},
  };
  trail_begin(&slot->trail, loop_now(h->worker->loop));
  slot->runs = true;
  if (exchange_start(&slot->exchange, &options, on_done, slot)) return;
  slot->runs = false;
  fault(h->crew, "no memory");
}

static void leave(struct slot *slot)
{
  if (prng_below(&slot->hand->chance, 2))
    exchange_cancel(&slot->exchange);
  else
    exchange_expire(&slot->exchange);
  if (slot->runs) fault(slot->hand->crew, "not told");
}

// --- workers ---

static void step(struct timer *timer, void *ctx)
{
  struct hand *h = ctx;
  struct slot *slot = &h->slots[prng_below(&h->chance, SLOTS)];
  if (h->steps++ == STEPS * (h->worker->index + 2) / (WORKERS + 1)) {
    loop_stop(h->worker->loop); // the others go on, and hand places to it
    return;
  }
  if (h->worker->index == WORKERS - 1 && h->steps % 300 == 0)
    atomic_store(&h->crew->sick, h->steps / 300 % 5 == 1);
  if (!slot->runs)
    begin(slot);
  else if (prng_below(&h->chance, 4) == 0)
    leave(slot);
  timer_start(timer, prng_below(&h->chance, 3) ? 0 : NS_PER_MS);
}

static enum error_code start(struct worker *w, void *ctx, struct error *err)
{
  struct hand *h = calloc(1, sizeof(*h));
  struct scripted *service = scripted_new(w->loop);
  struct behaviour does = {.ask = behave, .ask_ctx = h};
  if (!h || !service) return error_set(err, E_NO_MEMORY, "no memory");
  w->attached = h;
  h->crew = ctx;
  h->worker = w;
  prng_seed(&h->chance, w->index + 1);
  scripted_add(service, SLICE("*"), SLICE("*"), &does, 1);
  h->client = scripted_client(service);
  for (int i = 0; i < SLOTS; i++)
    h->slots[i].hand = h;
  timer_init(&h->timer, w->loop, step, h);
  timer_start(&h->timer, 0);
  return OK;
}

static void stop(struct worker *w, void *ctx)
{
  (void)ctx;
  struct hand *h = w->attached;
  timer_stop(&h->timer);
  for (int i = 0; i < SLOTS; i++)
    if (h->slots[i].runs) leave(&h->slots[i]);
  http_client_free(h->client);
  free(h);
}

static void check_rest(struct crew *c)
{
  struct upstream *u = c->upstream;
  struct breaker_stats breaker;
  breaker_stats(&u->breaker, &breaker);
  unsigned learned = (unsigned)(atomic_load(&u->adaptive.raised) +
                                atomic_load(&u->adaptive.lowered));
  unsigned hedges = (unsigned)atomic_load(&u->hedges.withdrawn);
  unsigned handed = (unsigned)atomic_load(&u->bulkhead.handed_over);
  printf("exchange: %u asked, %u good, %u failed, %u refused, %u left, "
         "%u repeated, %u hedges, %u handed over, %u opened, %u learned\n",
         c->asked, c->good, c->failed, c->refused, c->left, c->repeated, hedges,
         handed, (unsigned)breaker.opened, learned);
  if (bulkhead_in_flight(&u->bulkhead)) fault(c, "a place is taken");
  if (bulkhead_queued(&u->bulkhead)) fault(c, "somebody waits");
  if (breaker_probes(&u->breaker)) fault(c, "a probe is out");
  bool seen = c->good && c->failed && c->refused && c->left && c->repeated &&
              hedges && handed && breaker.opened && learned;
  if (!seen) fault(c, "not all that can happen was seen");
}

static void set_policy(struct policy *p)
{
  policy_init(p, SLICE("stress"));
  p->attempt_ms = 8;
  p->retry_base_ms = 1;
  p->retry_throttled_ms = 2;
  p->retry_budget = 1000000;
  p->retry_budget_percent = 100;
  p->hedge_extra = 2;
  p->hedge_delay_ms = 1;
  p->breaker_consecutive = 6;
  p->breaker_open_ms = 5;
  p->breaker_max_open_ms = 10;
  p->breaker_probes = PROBES;
  p->breaker_successes = 2;
  p->bulkhead_concurrent = PLACES;
  p->bulkhead_queue = 20;
  p->bulkhead_max_wait_ms = 10;
  p->adaptive_initial = 18;
  p->adaptive_least = 12;
}

int main(void)
{
  static const struct worker_hooks hooks = {start, stop};
  static struct crew crew;
  struct worker workers[WORKERS];
  struct error err;
  struct upstream_set *set = upstream_set_new(1);
  set_policy(&crew.policy);
  if (!set) return 1;
  crew.upstream = upstream_get(set, SLICE("up"), &crew.policy, clock_mono_ns());
  for (unsigned i = 0; i < WORKERS; i++)
    if (worker_start(&workers[i], i, &hooks, &crew, &err)) return 1;
  for (unsigned i = 0; i < WORKERS; i++)
    worker_await(&workers[i]);
  for (unsigned i = 0; i < WORKERS; i++)
    worker_join(&workers[i]);
  check_rest(&crew);
  printf("exchange: %u faults\n", crew.faults);
  upstream_set_free(set);
  return crew.faults > 0;
}
