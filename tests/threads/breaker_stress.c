// breaker_stress.c -- four threads and one breaker that opens all the time.
//
// At every moment: no more than three probes out, over all generations; no more
// than N admitted per generation but for those given back. At the end: each
// transition was made once, each token ended once, no slot is taken; and once
// the upstream is well, it closes. Then all of it again with leases that run
// out, when a probe that is out may have been given up.

#include "crowd.h"
#include "guard/breaker.h"

#define ROUNDS      100000
#define GENERATIONS 0x80000
#define MS          UINT64_C(1000000)

static const struct breaker_options patient = {
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
static const struct breaker_options hasty = {
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
    .failures = 2,
    .lease_ms = 1,
};

struct shared {
  struct breaker breaker;
  const struct breaker_options *options;
  atomic_int out;       // probes
  atomic_int *admitted; // per generation
  atomic_uint issued, recorded, stale, released;
};

static void take_probe(struct crowd *c, struct shared *s, uint32_t generation)
{
  int out = atomic_fetch_add(&s->out, 1) + 1;
  crowd_check(c, out <= 3 || s->options == &hasty, "three probes at most");
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
      breaker_record(&s->breaker, s->options, t, &r, now);
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
        breaker_acquire(&s->breaker, s->options, false, now);
    if (!p.ok) continue;
    atomic_fetch_add(&s->issued, 1);
    *t = p.token;
    if (t->kind == TOKEN_PROBE) take_probe(m->crowd, s, t->generation);
  }
}

static void recover(struct crowd *c, struct shared *s)
{
  for (uint64_t n = 0; n < 30; n++) {
    uint64_t wait, now = c->clock_ns + n * 50 * MS;
    if (!breaker_peek(&s->breaker, s->options, false, now, &wait)) continue;
    struct breaker_permit p =
        breaker_acquire(&s->breaker, s->options, false, now);
    struct breaker_result good = {VERDICT_GOOD, false, -1};
    if (p.ok) breaker_record(&s->breaker, s->options, &p.token, &good, now);
  }
  crowd_check(c, breaker_state(&s->breaker) == BREAKER_CLOSED, "it recovers");
}

static void check_end(struct crowd *c, struct shared *s)
{
  struct breaker_stats n;
  breaker_stats(&s->breaker, &n);
  uint64_t transitions = n.opened + n.half_opened + n.closed;
  printf("breaker: %llu transitions, %u tokens, %u stale, %u leases ran out\n",
         (unsigned long long)transitions, s->issued, s->stale,
         (unsigned)n.probes_expired);
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

static int stress(const struct breaker_options *options)
{
  static const struct shared zero;
  struct shared *s = aligned_alloc(64, sizeof(*s));
  struct crowd c = {.shared = s};
  if (!s) abort();
  *s = zero;
  s->options = options;
  s->admitted = calloc(GENERATIONS, sizeof(*s->admitted));
  if (!s->admitted) abort();
  breaker_init(&s->breaker, 1, 0);
  crowd_run(&c, run);
  check_end(&c, s);
  recover(&c, s);
  free(s->admitted);
  free(s);
  return crowd_end(&c, "breaker");
}

int main(void)
{
  return stress(&patient) | stress(&hasty);
}
