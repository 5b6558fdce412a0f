// breaker_stress.c -- four threads and one breaker that opens all the time.
//
// At every moment: no more than three probes out, over all generations; no more
// than N admitted per generation but for those given back. At the end: each
// transition was made once, each token ended once, no slot is taken.

#include "crowd.h"
#include "guard/breaker.h"

#define ROUNDS      100000
#define GENERATIONS 0x80000
#define MS          UINT64_C(1000000)

static const struct breaker_options options = {
    .bucket_ms = 1000,
    .min_calls = 20,
    .consecutive = 8,
    .fail_ratio = 0.5,
    .slow_ratio = 0.8,
    .base_open_ms = 20,
    .max_open_ms = 40,
    .probes = 3,
    .admitted = 4,
    .successes = 3,
    .failures = 1,
    .lease_ms = 3600000, // the clock never gets there
};

struct shared {
  struct breaker breaker;
  atomic_int out;       // probes
  atomic_int *admitted; // per generation
  atomic_uint issued, recorded, stale, released;
};

static void take_probe(struct crowd *c, struct shared *s, uint32_t generation)
{
  int out = atomic_fetch_add(&s->out, 1) + 1;
  crowd_check(c, out <= 3, "three probes at most");
  int n = atomic_fetch_add(&s->admitted[generation], 1) + 1;
  crowd_check(c, n <= 4, "four admitted at most");
}

static void end(struct member *m, struct breaker_token *t, uint64_t now)
{
  struct shared *s = m->crowd->shared;
  if (one_in(m, 4)) {
    if (t->kind == TOKEN_PROBE)
      atomic_fetch_sub(&s->admitted[t->generation], 1);
    breaker_release(&s->breaker, t);
    atomic_fetch_add(&s->released, 1);
    return;
  }
  bool sick = now / (500 * MS) % 2;
  struct breaker_result r = {sick && !one_in(m, 4) ? VERDICT_BAD : VERDICT_GOOD,
                             one_in(m, 10), -1};
  enum breaker_effect effect =
      breaker_record(&s->breaker, &options, t, &r, now);
  atomic_fetch_add(effect == BREAKER_STALE ? &s->stale : &s->recorded, 1);
}

static void run(struct member *m)
{
  struct shared *s = m->crowd->shared;
  struct breaker_token held[4] = {0};
  for (unsigned i = 0; i < ROUNDS + 4; i++) {
    struct breaker_token *t = &held[i % 4];
    uint64_t now = crowd_tick(m, MS);
    if (t->kind != TOKEN_NONE) {
      if (t->kind == TOKEN_PROBE) atomic_fetch_sub(&s->out, 1);
      end(m, t, now);
    }
    if (i >= ROUNDS) continue;
    struct breaker_permit p =
        breaker_acquire(&s->breaker, &options, false, now);
    if (!p.ok) continue;
    atomic_fetch_add(&s->issued, 1);
    *t = p.token;
    if (t->kind == TOKEN_PROBE) take_probe(m->crowd, s, t->generation);
  }
}

static void check_end(struct crowd *c, struct shared *s)
{
  struct breaker_stats n;
  breaker_stats(&s->breaker, &n);
  uint64_t transitions = n.opened + n.half_opened + n.closed;
  printf("breaker: %llu transitions, %u tokens, %u stale\n",
         (unsigned long long)transitions, s->issued, s->stale);
  crowd_check(c, transitions > 1000, "it opened often");
  crowd_check(
      c, (transitions & (GENERATIONS - 1)) == breaker_generation(&s->breaker),
      "one generation for each transition");
  crowd_check(c, n.opened - n.half_opened <= 1, "one winner of each opening");
  crowd_check(c, s->issued == s->recorded + s->stale + s->released,
              "each token ended once");
  crowd_check(c, n.stale == s->stale, "stale results are counted");
  crowd_check(c, breaker_probes(&s->breaker) == 0, "all slots are free");
}

int main(void)
{
  static const struct shared zero;
  struct shared *s = aligned_alloc(64, sizeof(*s));
  struct crowd c = {.shared = s};
  if (!s) return 1;
  *s = zero;
  s->admitted = calloc(GENERATIONS, sizeof(*s->admitted));
  if (!s->admitted) return 1;
  breaker_init(&s->breaker, 1, 0);
  crowd_run(&c, run);
  check_end(&c, s);
  free(s->admitted);
  free(s);
  return crowd_end(&c, "breaker");
}
