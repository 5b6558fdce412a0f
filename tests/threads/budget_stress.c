// budget_stress.c -- four threads draw on one budget.
//
// The balance never leaves its bounds, and over the whole time no more is drawn
// than the cap, the deposits and the floor together.

#include "crowd.h"
#include "guard/budget.h"

#define ROUNDS 300000
#define US     UINT64_C(1000)

static const struct budget_options options = {
    .cap = 5 * BUDGET_TOKEN, .deposit = 100, .floor_per_s = 500};

struct shared {
  struct budget budget;
  atomic_int_fast64_t drawn, deposited, given_back;
};

static void run(struct member *m)
{
  struct shared *s = m->crowd->shared;
  for (unsigned i = 0; i < ROUNDS; i++) {
    uint64_t now = crowd_tick(m, 100 * US);
    if (one_in(m, 3)) {
      atomic_fetch_add(&s->deposited, options.deposit);
      budget_deposit(&s->budget, &options);
    }
    int64_t cost = one_in(m, 2) ? BUDGET_COST : BUDGET_COST_PART;
    if (budget_withdraw(&s->budget, &options, cost, now)) {
      atomic_fetch_add(&s->drawn, cost);
      if (one_in(m, 10)) {
        atomic_fetch_add(&s->given_back, cost);
        budget_return(&s->budget, &options, cost);
      }
    }
    int64_t balance = budget_balance(&s->budget, &options, now);
    crowd_check(m->crowd, balance >= 0 && balance <= options.cap, "in bounds");
  }
}

int main(void)
{
  static const struct shared zero;
  struct shared *s = aligned_alloc(64, sizeof(*s));
  struct crowd c = {.shared = s};
  if (!s) return 1;
  *s = zero;
  budget_init(&s->budget, &options, 0);
  crowd_run(&c, run);

  uint64_t seconds = c.clock_ns / (1000000 * US) + 1;
  int64_t most = options.cap + s->deposited + s->given_back +
                 options.floor_per_s * (int64_t)seconds;
  printf("budget: %lld drawn of %lld\n", (long long)s->drawn, (long long)most);
  crowd_check(&c, s->drawn <= most, "no more than the bound");
  crowd_check(&c, s->drawn >= most * 9 / 10, "most of it could be used");
  free(s);
  return crowd_end(&c, "budget");
}
