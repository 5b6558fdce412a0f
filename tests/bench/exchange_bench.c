// exchange_bench.c -- what a request costs in guard/ from exchange_start() to
// done, where the service answers well at the first attempt.
//
// The transport answers inline with a usual head; it alone is the first line, to
// be taken off the others. exchange_bench OPERATION ROUNDS: runs it and prints
// nothing, for counting instructions (tests/bench/guard).

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guard/exchange.h"

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
  struct policy plain, full;
  struct exchange exchange;
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

static void run(struct bench *b, const struct policy *p, struct upstream *u)
{
  struct exchange_options options = {
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
  trail_begin(&b->trail, loop_now(b->loop));
  exchange_start(&b->exchange, &options, on_done, b);
  answer(&b->instant);
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
  return b;
}

static void free_bench(struct bench *b)
{
  http_client_free(b->client);
  mailbox_free(b->mailbox);
  upstream_set_free(b->set);
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
