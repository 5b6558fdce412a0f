// exchange_bench.c -- what a request costs in guard/ from exchange_start() to
// done, where the service answers well at the first attempt; and what it costs
// from fetch_look() to done, with and without a cache.
//
// The transport answers inline with a usual head; it alone is the first line, to
// be taken off the others. exchange_bench OPERATION ROUNDS: runs it and prints
// nothing, for counting instructions (tests/bench/guard).

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guard/fetch.h"

#define ROUNDS 1000000
#define TRIES  5
#define S      UINT64_C(1000000000)

// --- a service that answers at once ---

struct instant {
  struct http_transfer base;
  http_done_fn done;
  void *ctx;
};

static const char head[] = "Server: nginx/1.22.1\n"
                           "Date: Fri, 20 Nov 2026 12:00:00 GMT\n"
                           "Content-Type: application/json; charset=utf-8\n"
                           "Content-Length: 150\n"
                           "Connection: keep-alive\n"
                           "Cache-Control: private, max-age=60\n"
                           "ETag: W/\"0815\"\n"
                           "Strict-Transport-Security: max-age=31536000\n"
                           "X-Content-Type-Options: nosniff\n"
                           "Vary: Accept, Authorization\n";

static struct http_transfer *start(void *self, const struct http_attempt *a,
                                   http_done_fn done, void *ctx)
{
  (void)a;
  struct instant *t = self;
  t->done = done;
  t->ctx = ctx;
  return &t->base;
}

static void answer(struct instant *t)
{
  struct http_answer answer = {
      .end = HTTP_ANSWERED, .status = 200, .sent = true, .total_ns = 1000000};
  buf_add(&answer.head, (struct slice){head, sizeof(head) - 1});
  t->done(t->ctx, &answer);
  http_answer_finish(&answer);
}

static void cancel(void *self, struct http_transfer *t)
{
  (void)self, (void)t;
}

static void free_all(void *self)
{
  (void)self;
}

static struct http_client_stats stats(const void *self)
{
  (void)self;
  return (struct http_client_stats){0};
}

static const struct http_transport transport = {start, cancel, free_all, stats};

// --- what is measured ---

struct bench {
  struct instant instant;
  struct loop *loop;
  struct mailbox *mailbox;
  struct prng chance;
  struct http_client *client;
  struct upstream_set *set;
  struct trail trail;
  struct policy plain, full, kept;
  struct exchange exchange;
  struct fetch_shared *shared;
  struct fetcher *fetcher;
  struct fetch fetch;
  uint64_t done;
};

static void on_done(void *ctx, const struct exchange_result *result)
{
  struct bench *b = ctx;
  b->done += result->code == OK;
}

static void on_nothing(void *ctx, struct http_answer *answer)
{
  struct bench *b = ctx;
  b->done += answer->status == 200;
}

static struct exchange_options options_of(struct bench *b,
                                          const struct policy *p,
                                          struct upstream *u)
{
  return (struct exchange_options){
      .loop = b->loop,
      .mailbox = b->mailbox,
      .chance = &b->chance,
      .client = b->client,
      .upstream = u,
      .trail = &b->trail,
      .policy = p,
      .deadline_ns = loop_now(b->loop) + 30 * S,
      .label = {"/items", 6},
      .attempt = {.method = {"GET", 3}, .url = {"http://x/items", 14}},
  };
}

static void run(struct bench *b, const struct policy *p, struct upstream *u)
{
  struct exchange_options options = options_of(b, p, u);
  trail_begin(&b->trail, loop_now(b->loop));
  exchange_start(&b->exchange, &options, on_done, b);
  answer(&b->instant);
}

static void on_fetched(void *ctx, const struct fetch_result *result)
{
  struct bench *b = ctx;
  b->done += result->of.code == OK;
}

// Without a cache it is not looked for; see bind/outgoing_cache.h.
static void op_fetch(struct bench *b, struct upstream *u)
{
  struct exchange_options options = options_of(b, &b->plain, u);
  trail_begin(&b->trail, loop_now(b->loop));
  fetch_start(&b->fetch, &options, on_fetched, b);
  answer(&b->instant);
}

static enum fetch_found look(struct bench *b)
{
  struct fetch_options options = {
      .fetcher = b->fetcher,
      .trail = &b->trail,
      .key = {{"x", 1}, {"ann", 3}, {"GET /items?state=open", 21}},
      .rules = policy_cache(&b->kept),
      .deadline_ns = loop_now(b->loop) + 30 * S,
  };
  trail_begin(&b->trail, loop_now(b->loop));
  return fetch_look(&b->fetch, &options);
}

// Leads a flight, whose answer is kept.
static void miss(struct bench *b, struct upstream *u)
{
  struct exchange_options options = options_of(b, &b->kept, u);
  fetch_start(&b->fetch, &options, on_fetched, b);
  answer(&b->instant);
  loop_turn(b->loop, false);
}

static void op_miss(struct bench *b, struct upstream *u)
{
  look(b);
  miss(b, u);
  cache_remove(fetch_cache(b->shared), &b->fetch.options.key);
}

static void op_hit(struct bench *b, struct upstream *u)
{
  struct fetch_result result;
  struct http_answer kept;
  if (look(b) == FETCH_GO) { // the first time
    miss(b, u);
    return;
  }
  fetch_take(&b->fetch, &result, &kept);
  http_answer_finish(&kept);
  b->done++;
}

static void op_transport(struct bench *b, struct upstream *u)
{
  (void)u;
  struct http_attempt attempt = {.method = {"GET", 3}};
  trail_begin(&b->trail, loop_now(b->loop));
  http_start(b->client, &attempt, on_nothing, b);
  answer(&b->instant);
}

static void op_plain(struct bench *b, struct upstream *u)
{
  run(b, &b->plain, u);
}

static void op_full(struct bench *b, struct upstream *u)
{
  run(b, &b->full, u);
}

static const struct {
  const char *name, *what;
  void (*run)(struct bench *b, struct upstream *u);
} ops[] = {
    {"transport", "the transport alone", op_transport},
    {"default", "exchange, default policy", op_plain},
    {"full", "exchange, hedge, limit, adaptive", op_full},
    {"fetch", "fetch, no cache in the policy", op_fetch},
    {"miss", "fetch, leads a flight, is kept", op_miss},
    {"hit", "fetch, from the cache", op_hit},
};

#define OPS (sizeof(ops) / sizeof(ops[0]))

// --- measuring ---

static struct bench *new_bench(void)
{
  struct bench *b = calloc(1, sizeof(*b));
  if (!b) abort();
  b->loop = loop_new_simulated(S, 0);
  b->mailbox = mailbox_new(b->loop);
  b->client = http_client_over(&transport, &b->instant);
  b->set = upstream_set_new(1);
  if (!b->mailbox || !b->client || !b->set) abort();
  prng_seed(&b->chance, 1);
  policy_init(&b->plain, (struct slice){"plain", 5});
  policy_init(&b->full, (struct slice){"full", 4});
  b->full.hedge_extra = 1;
  b->full.limiter_limit = 1000000;
  b->full.limiter_period_ms = 1;
  b->full.adaptive_initial = 20;
  policy_init(&b->kept, (struct slice){"kept", 4});
  b->kept.cache_ttl_ms = 3600000;
  b->shared = fetch_shared_new((size_t)64 << 20, 1);
  b->fetcher = fetcher_new(b->shared, b->loop, b->mailbox, &b->chance);
  if (!b->fetcher) abort();
  return b;
}

static void free_bench(struct bench *b)
{
  fetch_finish(&b->fetch);
  fetcher_free(b->fetcher);
  http_client_free(b->client);
  mailbox_free(b->mailbox);
  upstream_set_free(b->set);
  fetch_shared_free(b->shared);
  loop_free(b->loop);
  free(b);
}

static uint64_t clock_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * S + (uint64_t)t.tv_nsec;
}

static double once(size_t op, uint64_t rounds)
{
  struct bench *b = new_bench();
  const struct policy *p = ops[op].run == op_full ? &b->full : &b->plain;
  struct upstream *u =
      upstream_get(b->set, (struct slice){"x", 1}, p, loop_now(b->loop));
  if (!u) abort();
  uint64_t begin = clock_ns();
  for (uint64_t i = 0; i < rounds; i++)
    ops[op].run(b, u);
  double took = (double)(clock_ns() - begin) / (double)rounds;
  if (b->done != rounds) abort();
  free_bench(b);
  return took;
}

static double best(size_t op, uint64_t rounds)
{
  double least = once(op, rounds);
  for (int i = 1; i < TRIES; i++) {
    double ns = once(op, rounds);
    if (ns < least) least = ns;
  }
  return least;
}

int main(int argc, char **argv)
{
  if (argc > 2) {
    for (size_t i = 0; i < OPS; i++)
      if (!strcmp(argv[1], ops[i].name)) once(i, strtoull(argv[2], NULL, 10));
    return 0;
  }
  for (size_t i = 0; i < OPS; i++)
    printf("%-32s %10.1f\n", ops[i].what, best(i, ROUNDS));
  return 0;
}
