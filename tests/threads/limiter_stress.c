// limiter_stress.c -- four threads and one limiter, gate, adaptive limit, set of
// latencies and chaos.
//
// In every window of time at most burst + t/T were admitted, reservations
// counted when they go; the gate lets nobody out before it opens, nor two closer
// than its spacing; the learned limit never leaves its bounds.

#include "crowd.h"
#include "guard/adaptive.h"
#include "guard/chaos.h"
#include "guard/gate.h"
#include "guard/latency.h"
#include "guard/limiter.h"

#define ROUNDS  200000
#define US      UINT64_C(1000)
#define SPACING (1 * US)

static const struct limiter_options limits = {50 * US, 20};
static const struct adaptive_options learning = {.initial = 20,
                                                 .least = 4,
                                                 .most = 64,
                                                 .window_ns = 100 * US,
                                                 .samples = 10};

static const struct chaos_rule rule = {
    .per_million = 300000, .kind = CHAOS_STATUS, .expires_ns = UINT64_MAX};

struct shared {
  struct limiter limiter;
  struct gate gate;
  struct adaptive adaptive;
  struct latency latency;
  struct chaos chaos;
  atomic_uint admitted, waited;
  uint64_t *went, *left; // times
};

static void use_limiter(struct member *m, uint64_t now)
{
  struct shared *s = m->crowd->shared;
  uint64_t max_wait = one_in(m, 2) ? 0 : 300 * US;
  struct limiter_slot slot =
      limiter_reserve(&s->limiter, &limits, 1, now, max_wait);
  if (slot.verdict != LIMITER_GO) return;
  if (slot.wait_ns > 0 && one_in(m, 4) && limiter_cancel(&s->limiter, &slot))
    return;
  s->went[atomic_fetch_add(&s->admitted, 1)] = now + slot.wait_ns;
}

static void use_gate(struct member *m, uint64_t now)
{
  struct shared *s = m->crowd->shared;
  if (one_in(m, 500)) gate_close(&s->gate, now + 2000 * US, now);
  bool closed = gate_closed(&s->gate, now);
  struct gate_place place = gate_pass(&s->gate, SPACING, now, 4000 * US);
  if (!place.ok) return;
  crowd_check(m->crowd, !closed || place.wait_ns > 0, "waits at a closed gate");
  if (place.wait_ns > 0)
    s->left[atomic_fetch_add(&s->waited, 1)] = now + place.wait_ns;
}

static void use_adaptive(struct member *m, uint64_t now)
{
  struct shared *s = m->crowd->shared;
  struct adaptive_sample sample = {
      one_in(m, 100) ? ADAPTIVE_DROP : ADAPTIVE_FINE, US, 40};
  uint32_t limit = adaptive_record(&s->adaptive, &learning, &sample, now);
  crowd_check(m->crowd, limit >= learning.least && limit <= learning.most,
              "learned limit in bounds");
}

static void use_latency(struct member *m, uint64_t now)
{
  struct shared *s = m->crowd->shared;
  uint64_t minutes = now * 50000; // so that periods pass
  latency_record(&s->latency, prng_below(&m->chance, 1000 * US), minutes);
  struct latency_view v = latency_view(&s->latency, minutes);
  crowd_check(m->crowd, v.p95_ns <= 1125 * US, "no latency that never was");
}

static void use_chaos(struct member *m, uint64_t now)
{
  struct shared *s = m->crowd->shared;
  struct chaos_attempt a = {SLICE("GET /"), now, 1};
  struct chaos_plan plan = chaos_decide(&s->chaos, &a, now);
  unsigned active = atomic_load(&s->chaos.active);
  crowd_check(m->crowd, active <= s->chaos.active_max, "few faults at once");
  chaos_end(&s->chaos, &plan);
}

static void run(struct member *m)
{
  for (unsigned i = 0; i < ROUNDS; i++) {
    uint64_t now = crowd_tick(m, 10 * US);
    use_limiter(m, now);
    use_gate(m, now);
    use_adaptive(m, now);
    use_latency(m, now);
    use_chaos(m, now);
  }
}

static int compare(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

// Every window that begins with one admission and ends with a later one: with
// the bound's own clock, only the latest start that matters has to be kept.
static void check_windows(struct crowd *c, uint64_t *t, size_t n)
{
  qsort(t, n, sizeof(*t), compare);
  uint64_t tat = 0;
  for (size_t i = 0; i < n; i++) {
    uint64_t base = tat > t[i] ? tat : t[i];
    crowd_check(c, base - t[i] <= (limits.burst - 1) * limits.interval_ns,
                "burst + t/T in every window");
    tat = base + limits.interval_ns;
  }
}

static void check_spacing(struct crowd *c, uint64_t *t, size_t n)
{
  qsort(t, n, sizeof(*t), compare);
  for (size_t i = 1; i < n; i++)
    crowd_check(c, t[i] - t[i - 1] >= SPACING, "one by one out of the gate");
}

int main(void)
{
  static const struct shared zero;
  struct shared *s = aligned_alloc(64, sizeof(*s));
  struct crowd c = {.shared = s};
  if (!s) return 1;
  *s = zero;
  s->went = calloc(THREADS * ROUNDS, sizeof(*s->went));
  s->left = calloc(THREADS * ROUNDS, sizeof(*s->left));
  if (!s->went || !s->left) return 1;
  limiter_init(&s->limiter);
  gate_init(&s->gate);
  adaptive_init(&s->adaptive, &learning, 0);
  latency_init(&s->latency);
  chaos_init(&s->chaos, 1, &rule, 1, 2);
  chaos_switch(&s->chaos, true);
  crowd_run(&c, run);

  check_windows(&c, s->went, s->admitted);
  check_spacing(&c, s->left, s->waited);
  printf("limiter: %u admitted, %u waited at the gate, limit %u\n", s->admitted,
         s->waited, adaptive_limit(&s->adaptive));
  crowd_check(&c, s->admitted > c.clock_ns / limits.interval_ns * 9 / 10,
              "the rate is used");
  crowd_check(&c, s->chaos.active == 0, "no fault is left");
  free(s->went);
  free(s->left);
  free(s);
  return crowd_end(&c, "limiter");
}
