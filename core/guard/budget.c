// budget.c -- see budget.h for the contract.

#include "guard/budget.h"

#include <assert.h>

#define S UINT64_C(1000000000)

static int64_t load(struct budget *b)
{
  return atomic_load_explicit(&b->balance, memory_order_relaxed);
}

// Adds without passing the cap. A cap that a reload has lowered takes effect at
// the next deposit.
static void add(struct budget *b, int64_t cap, int64_t amount)
{
  int64_t old = load(b), next;
  do {
    if (old == cap) return; // the usual case writes nothing
    next = old < cap - amount ? old + amount : cap;
  } while (!atomic_compare_exchange_weak_explicit(
      &b->balance, &old, next, memory_order_relaxed, memory_order_relaxed));
}

static int64_t at_most(int64_t amount, int64_t cap)
{
  return amount < cap ? amount : cap;
}

void budget_init(struct budget *b, const struct budget_options *o,
                 uint64_t now_ns)
{
  assert(o->cap >= 0 && o->cap <= BUDGET_CAP_MAX);
  assert(o->deposit >= 0 && o->floor_per_s <= BUDGET_CAP_MAX);
  *b = (struct budget){.balance = o->cap, .floor_at_ns = now_ns};
}

void budget_deposit(struct budget *b, const struct budget_options *o)
{
  if (o->deposit > 0) add(b, o->cap, at_most(o->deposit, o->cap));
}

// What `elapsed` has earned, and in `*paid` the time that this stands for, so
// that no fraction of a token is lost or paid twice.
static int64_t earned(const struct budget_options *o, uint64_t elapsed,
                      uint64_t *paid)
{
  uint64_t rate = (uint64_t)o->floor_per_s, cap = (uint64_t)o->cap;
  *paid = elapsed;
  if (elapsed / S > cap / rate) return o->cap;

  uint64_t whole = elapsed / S * rate;
  uint64_t part = elapsed % S * rate / S;
  *paid = elapsed / S * S + (part * S + rate - 1) / rate;
  if (*paid > elapsed) *paid = elapsed;
  return at_most((int64_t)(whole + part), o->cap);
}

// Each nanosecond is paid once: by whoever moves floor_at_ns over it.
static void pay_floor(struct budget *b, const struct budget_options *o,
                      uint64_t now_ns)
{
  if (o->floor_per_s <= 0) return;
  uint64_t from = atomic_load_explicit(&b->floor_at_ns, memory_order_relaxed);
  while (now_ns > from) {
    uint64_t paid;
    int64_t amount = earned(o, now_ns - from, &paid);
    if (amount == 0) return;
    if (!atomic_compare_exchange_weak_explicit(
            &b->floor_at_ns, &from, from + paid, memory_order_relaxed,
            memory_order_relaxed))
      continue;
    add(b, o->cap, amount);
    return;
  }
}

bool budget_withdraw(struct budget *b, const struct budget_options *o,
                     int64_t cost, uint64_t now_ns)
{
  assert(cost >= 0);
  pay_floor(b, o, now_ns);
  int64_t old = load(b);
  do {
    if (old < cost) {
      atomic_fetch_add_explicit(&b->refused, 1, memory_order_relaxed);
      return false;
    }
  } while (!atomic_compare_exchange_weak_explicit(&b->balance, &old, old - cost,
                                                  memory_order_relaxed,
                                                  memory_order_relaxed));
  atomic_fetch_add_explicit(&b->withdrawn, 1, memory_order_relaxed);
  return true;
}

void budget_return(struct budget *b, const struct budget_options *o,
                   int64_t cost)
{
  if (cost > 0) add(b, o->cap, at_most(cost, o->cap));
}

int64_t budget_balance(struct budget *b, const struct budget_options *o,
                       uint64_t now_ns)
{
  pay_floor(b, o, now_ns);
  return load(b);
}
