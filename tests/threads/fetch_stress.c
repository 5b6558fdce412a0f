// fetch_stress.c -- four workers look for the same few answers, join each
// other's flights, leave them, and end while others wait.
//
// For ThreadSanitizer (preset tsan). Ends with 1 when a caller gets another's
// answer, is told twice or never, or when a flight is left at the end.

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "guard/fetch.h"
#include "loop/clock.h"
#include "loop/worker.h"
#include "net/scripted.h"

enum { WORKERS = 4, SLOTS = 24, STEPS = 12000, THINGS = 5, PEOPLE = 2 };

struct crew {
  struct fetch_shared *shared;
  struct upstream *upstream;
  struct policy policy;
  atomic_uint asked, got, joined, kept, left, failed, stopped, faults;
};

struct slot {
  struct hand *hand;
  struct fetch fetch;
  struct trail trail;
  struct http_answer answer; // of the last one; it may outlive its flight
  char url[64], name[32], who[8];
  bool runs;
};

struct hand {
  struct crew *crew;
  struct worker *worker;
  struct http_client *client;
  struct fetcher *fetcher;
  struct prng chance;
  struct timer timer;
  struct slot slots[SLOTS];
  unsigned steps;
};

static void fault(struct crew *c, const char *what, const char *of)
{
  if (atomic_fetch_add(&c->faults, 1) < 5)
    fprintf(stderr, "fetch_stress: %s: %s\n", what, of);
}

// --- the service: answers with the URL that it was asked for ---

static void behave(void *ctx, const struct scripted_request *request,
                   struct behaviour *out)
{
  struct hand *h = ctx;
  uint64_t roll = prng_below(&h->chance, 12);
  atomic_fetch_add(&h->crew->asked, 1);
  *out = (struct behaviour){.end = HTTP_ANSWERED,
                            .status = roll == 0 ? 500 : 200,
                            .head = SLICE("Content-Type: text/plain\n"),
                            .body = request->url,
                            .delay_ns = prng_below(&h->chance, 3 * NS_PER_MS),
                            .sent = true,
                            .hang = roll == 1};
}

// --- callers ---

static bool is_mine(const struct slot *slot, const struct http_answer *a)
{
  return slice_is(buf_slice(&a->body), slot->url);
}

static void take(struct slot *slot, const struct fetch_result *result)
{
  struct crew *c = slot->hand->crew;
  slot->answer = *result->of.answer;
  *result->of.answer = (struct http_answer){0};
  if (result->of.code == E_CANCELLED) {
    atomic_fetch_add(&c->left, 1);
    return;
  }
  if (result->of.code == OK && !is_mine(slot, &slot->answer))
    fault(c, "another's answer", slot->url);
  atomic_fetch_add(result->of.code == OK ? &c->got : &c->failed, 1);
  if (result->of.reject == REJECT_STOPPING) atomic_fetch_add(&c->stopped, 1);
  if (result->source == FETCH_JOINED) atomic_fetch_add(&c->joined, 1);
  if (result->source >= FETCH_FRESH) atomic_fetch_add(&c->kept, 1);
}

static void on_done(void *ctx, const struct fetch_result *result)
{
  struct slot *slot = ctx;
  if (!slot->runs) fault(slot->hand->crew, "told twice", slot->url);
  slot->runs = false;
  take(slot, result);
}

static struct exchange_options request_of(struct slot *slot)
{
  struct hand *h = slot->hand;
  return (struct exchange_options){
      .loop = h->worker->loop,
      .mailbox = h->worker->mailbox,
      .chance = &h->chance,
      .client = h->client,
      .upstream = h->crew->upstream,
      .trail = &slot->trail,
      .policy = &h->crew->policy,
      .deadline_ns = loop_now(h->worker->loop) + 50 * NS_PER_MS,
      .label = slice_of(slot->name),
      .attempt = {.method = SLICE("GET"), .url = slice_of(slot->url)},
  };
}

static void choose(struct slot *slot)
{
  struct prng *chance = &slot->hand->chance;
  unsigned thing = (unsigned)prng_below(chance, THINGS);
  unsigned who = (unsigned)prng_below(chance, PEOPLE);
  snprintf(slot->name, sizeof(slot->name), "GET /%u", thing);
  snprintf(slot->who, sizeof(slot->who), "p%u", who);
  snprintf(slot->url, sizeof(slot->url), "https://up.example/%u?of=%u", thing,
           who);
}

static void serve(struct slot *slot)
{
  struct fetch_result result;
  struct http_answer answer;
  fetch_take(&slot->fetch, &result, &answer);
  take(slot, &result);
  http_answer_finish(&answer);
  fetch_finish(&slot->fetch);
}

static void begin(struct slot *slot)
{
  struct hand *h = slot->hand;
  choose(slot);
  http_answer_finish(&slot->answer);
  trail_begin(&slot->trail, loop_now(h->worker->loop));
  struct exchange_options request = request_of(slot);
  struct fetch_options options = {
      .fetcher = h->fetcher,
      .trail = &slot->trail,
      .key = {SLICE("up"), slice_of(slot->who), slice_of(slot->name)},
      .rules = policy_cache(&h->crew->policy),
      .deadline_ns = request.deadline_ns,
  };
  enum fetch_found found = fetch_look(&slot->fetch, &options);
  if (found == FETCH_BEHIND) fetch_refresh(&slot->fetch, &request);
  if (found != FETCH_GO) {
    serve(slot);
    return;
  }
  slot->runs = true;
  if (fetch_start(&slot->fetch, &request, on_done, slot)) return;
  slot->runs = false;
  fault(h->crew, "no memory", slot->url);
}

static void leave(struct slot *slot)
{
  fetch_cancel(&slot->fetch);
  if (slot->runs) fault(slot->hand->crew, "not told", slot->url);
}

// --- workers ---

static void step(struct timer *timer, void *ctx)
{
  struct hand *h = ctx;
  struct slot *slot = &h->slots[prng_below(&h->chance, SLOTS)];
  if (h->steps++ == STEPS * (h->worker->index + 2) / (WORKERS + 1)) {
    loop_stop(h->worker->loop); // the others go on, and wait for its flights
    return;
  }
  if (!slot->runs) {
    fetch_finish(&slot->fetch);
    begin(slot);
  } else if (prng_below(&h->chance, 4) == 0) {
    leave(slot);
  }
  timer_start(timer, prng_below(&h->chance, 20) ? 0 : NS_PER_MS);
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
  h->fetcher = fetcher_new(h->crew->shared, w->loop, w->mailbox, &h->chance);
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
  for (int i = 0; i < SLOTS; i++) {
    if (h->slots[i].runs) leave(&h->slots[i]);
    fetch_finish(&h->slots[i].fetch);
    http_answer_finish(&h->slots[i].answer);
  }
  fetcher_free(h->fetcher);
  http_client_free(h->client);
  free(h);
}

static int verdict(struct crew *c)
{
  struct flights_stats f;
  struct cache_stats s;
  flights_stats(fetch_flights(c->shared), &f);
  cache_stats(fetch_cache(c->shared), &s);
  printf("fetch: %u asked, %u got, %u joined, %u kept, %u left, %u failed, "
         "%u stopped, %u abandoned\n",
         c->asked, c->got, c->joined, c->kept, c->left, c->failed, c->stopped,
         (unsigned)f.abandoned);
  if (f.flights || f.waiters) fault(c, "left at the end", "flights");
  bool seen = c->joined && c->kept && c->left && c->failed && f.abandoned;
  if (!seen) fault(c, "not seen", "all that can happen");
  printf("fetch: %u faults\n", c->faults);
  return c->faults > 0;
}

int main(void)
{
  static const struct worker_hooks hooks = {start, stop};
  static struct crew crew;
  struct worker workers[WORKERS];
  struct error err;
  struct upstream_set *set = upstream_set_new(1);
  policy_init(&crew.policy, SLICE("stress"));
  crew.policy.attempt_ms = 6;
  crew.policy.retry_attempts = 1;
  crew.policy.breaker_consecutive = 0;
  crew.policy.breaker_min_calls = 10000;
  crew.policy.cache_ttl_ms = 4;
  crew.policy.cache_stale_ms = 3;
  crew.policy.cache_stale_if_error_ms = 10;
  crew.shared = fetch_shared_new(1 << 20, 7);
  if (!set || !crew.shared) return 1;
  crew.upstream = upstream_get(set, SLICE("up"), &crew.policy, 0);
  for (unsigned i = 0; i < WORKERS; i++)
    if (worker_start(&workers[i], i, &hooks, &crew, &err)) return 1;
  for (unsigned i = 0; i < WORKERS; i++)
    worker_await(&workers[i]);
  for (unsigned i = 0; i < WORKERS; i++)
    worker_join(&workers[i]);
  int status = verdict(&crew);
  fetch_shared_free(crew.shared);
  upstream_set_free(set);
  return status;
}
