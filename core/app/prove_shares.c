// prove_shares.c -- the breaker's window: shares of failures and of slow answers.
//
// Whether it was the share that opened it, and not the row of failures, shows a
// run with the same requests and without the share (min_calls as large as can
// be): it must stay closed for longer.

#include "app/prove_inside.h"

#include <stdio.h>

#define SHARE_MAX 2000 // larger windows would take seconds

// --- failures among successes ---

// Which of the requests 1..n fail.
typedef bool (*fails_fn)(int64_t i, int64_t n, int64_t failures,
                         const struct policy *p);

// Spread evenly, the last one being one: before it the share is never larger.
static bool spread(int64_t i, int64_t n, int64_t failures,
                   const struct policy *p)
{
  (void)p;
  return i * failures / n > (i - 1) * failures / n;
}

// As many as can be without `consecutive` in a row, and the last one.
static bool dense(int64_t i, int64_t n, int64_t failures,
                  const struct policy *p)
{
  (void)failures;
  int64_t row = p->breaker_consecutive;
  if (row == 0) return true;
  return row == 1 ? i == n : (n - i) % row != row - 1;
}

struct layout {
  int64_t n, failures;
  fails_fn fails;
  uint64_t pause_ns; // before the last
};

// The request that opened the breaker; n + 1 if none did.
static int64_t send(struct lab *lab, const struct layout *l)
{
  lab_fresh(lab, 0);
  for (int64_t i = 1; i <= l->n && !lab->broken; i++) {
    if (i == l->n) lab_until(lab, lab_now(lab) + l->pause_ns);
    bool fails = l->fails(i, l->n, l->failures, &lab->policy);
    struct lab_try a = lab_attempt(lab, fails ? lab_status(500) : lab_good());
    if (prove_is_open(lab)) return i;
    if (a.answered) continue;
    if (a.wait_ns == 0) break;
    i--; // not even sent: the limiter
    lab_until(lab, lab_now(lab) + a.wait_ns + NS_PER_MS);
    if (lab->calls > 4 * l->n + 100) break;
  }
  return l->n + 1;
}

// The same, if the share opened it; n + 1 if nothing or something else did.
static int64_t opened_by_share(struct lab *lab, const struct layout *l)
{
  int64_t with = send(lab, l);
  if (with > l->n) return with;
  lab->policy.breaker_min_calls = 10000000;
  int64_t without = send(lab, l);
  lab_restore(lab);
  return without > with ? with : l->n + 1;
}

static bool too_large(const struct lab *lab, struct proof *p)
{
  if (lab->policy.breaker_min_calls <= SHARE_MAX) return false;
  proof_say(p, PROOF_UNTRIED,
            "breaker.min_calls is too large to be tried here");
  return true;
}

static void say_other_rule(const struct lab *lab, struct proof *p)
{
  if (lab->policy.limiter_limit)
    proof_say(p, PROOF_NEVER,
              "never reached: the limiter lets %lld in %s pass, "
              "breaker.min_calls %lld are wanted in %s",
              (long long)lab->policy.limiter_limit,
              shown_ms(lab->policy.limiter_period_ms).text,
              (long long)lab->policy.breaker_min_calls,
              shown_ms(lab->policy.breaker_window_ms).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: %lld in a row open it before",
              (long long)lab->policy.breaker_consecutive);
}

static struct layout dense_layout(const struct lab *lab)
{
  int64_t n = lab->policy.breaker_min_calls;
  return (struct layout){.n = n, .fails = dense};
}

static void min_calls(struct lab *lab, struct proof *p)
{
  if (too_large(lab, p)) return;
  struct layout l = dense_layout(lab);
  if (opened_by_share(lab, &l) == p->value)
    proof_say(p, PROOF_FIRES,
              "fires: failures open it at the %lldth request, not before",
              (long long)p->value);
  else
    say_other_rule(lab, p);
}

static void fail_percent(struct lab *lab, struct proof *p)
{
  if (too_large(lab, p)) return;
  int64_t n = lab->policy.breaker_min_calls;
  if (n < 100 && !lab->policy.limiter_limit) n = 100;
  int64_t f = (n * p->value + 99) / 100;
  struct layout enough = {.n = n, .failures = f, .fails = spread};
  struct layout fewer = {.n = n, .failures = f - 1, .fails = spread};
  bool opens = opened_by_share(lab, &enough) <= n;
  bool stays = f == 1 || opened_by_share(lab, &fewer) > n;
  if (opens && stays)
    proof_say(p, PROOF_FIRES,
              "fires: opens when %lld of %lld fail, not when %lld do",
              (long long)f, (long long)n, (long long)f - 1);
  else
    say_other_rule(lab, p);
}

// How old the first request is when the last comes, and whether it opened.
static bool opens_after(struct lab *lab, struct layout *l, uint64_t *age)
{
  bool opens = opened_by_share(lab, l) <= l->n;
  send(lab, l);
  uint64_t sent = lab_sent(lab);
  *age = sent ? lab_sent_at(lab, sent - 1) - lab_sent_at(lab, 0) : 0;
  return opens;
}

// Everything but the last failure is so old; is it still counted?
static void window(struct lab *lab, struct proof *p)
{
  if (too_large(lab, p)) return;
  struct layout l = dense_layout(lab);
  uint64_t all = (uint64_t)p->value * NS_PER_MS, counted = 0, age = 0;
  int by = l.n > 200 ? 4 : 1;
  bool ever = false, opens = true;
  for (int i = 0; i <= 12 && opens; i += by) {
    l.pause_ns = (uint64_t)i * (all / 10);
    opens = opens_after(lab, &l, &age);
    ever |= opens;
    if (opens) counted = age;
  }
  if (!ever)
    say_other_rule(lab, p);
  else if (!opens && counted <= all && age + all / 10 >= all)
    proof_say(p, PROOF_FIRES, "fires: failures count for %s, not for %s",
              shown_ns(counted).text, shown_ns(age).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: failures count for %s",
              shown_ns(counted).text);
}

// --- slow answers ---

struct slow {
  int64_t slow, fast;
  uint64_t takes_ns;
};

// One slow request on the wire, if there is a place for it now.
static bool begin_slow(struct lab *lab, const struct slow *s)
{
  lab->does = lab_good();
  lab->does.body_ns = s->takes_ns;
  uint32_t before = lab_on_wire(lab);
  struct probe *p = lab_start(lab, &lab->tool);
  if (!p) return false;
  lab_settle(lab);
  if (lab_on_wire(lab) > before) return true;
  lab_drop(p);
  lab_settle(lab);
  return false;
}

// Slow ones as fast as they are let in, the fast ones just before the last of
// them ends. Did it open?
static bool slow_opens(struct lab *lab, const struct slow *s)
{
  int64_t begun = 0;
  lab_fresh(lab, 0);
  uint64_t give_up = lab_now(lab) + 30 * (s->takes_ns + NS_PER_S);
  while (begun < s->slow && !prove_is_open(lab) && lab_now(lab) < give_up) {
    if (begin_slow(lab, s))
      begun++;
    else
      lab_step(lab, lab_now(lab) + s->takes_ns / 4 + NS_PER_MS);
  }
  if (s->takes_ns > NS_PER_MS)
    lab_until(lab, lab_now(lab) + s->takes_ns - NS_PER_MS);
  for (int64_t i = 0; i < s->fast; i++)
    lab_attempt(lab, lab_good());
  lab_until(lab, lab_now(lab) + 2 * NS_PER_MS);
  return prove_is_open(lab);
}

static void say_no_slow(const struct lab *lab, struct proof *p)
{
  proof_say(p, PROOF_NEVER,
            "never reached: with %lld at a time, fewer than breaker.min_calls "
            "(%lld) answers of %s end within %s%s",
            (long long)lab->integration.policy->bulkhead_concurrent,
            (long long)lab->policy.breaker_min_calls,
            shown_ns(policy_slow_ns(&lab->policy)).text,
            shown_ms(lab->policy.breaker_window_ms).text,
            lab->policy.limiter_limit ? ", as the limiter lets them in" : "");
}

static void slow_ms(struct lab *lab, struct proof *p)
{
  if (too_large(lab, p)) return;
  uint64_t from = policy_slow_ns(&lab->policy);
  struct slow slow = {.slow = 3 * lab->policy.breaker_min_calls,
                      .takes_ns = from};
  bool opens = slow_opens(lab, &slow);
  slow.takes_ns = from > NS_PER_MS ? from - NS_PER_MS : 0;
  if (!opens)
    say_no_slow(lab, p);
  else if (slow_opens(lab, &slow))
    proof_say(p, PROOF_NEVER, "never reached: faster answers open it as well");
  else
    proof_say(p, PROOF_FIRES, "fires: answers that take %s open it, %s do not",
              shown_ns(from).text, shown_ns(slow.takes_ns).text);
}

static void slow_percent(struct lab *lab, struct proof *p)
{
  if (too_large(lab, p)) return;
  int64_t n = lab->policy.breaker_min_calls, s = (n * p->value + 99) / 100;
  struct slow slow = {s, n - s, policy_slow_ns(&lab->policy)};
  bool opens = slow_opens(lab, &slow);
  slow.slow--;
  slow.fast++;
  if (!opens)
    say_no_slow(lab, p);
  else if (slow_opens(lab, &slow))
    proof_say(p, PROOF_NEVER, "never reached: %lld slow of %lld open it",
              (long long)s - 1, (long long)n);
  else
    proof_say(p, PROOF_FIRES,
              "fires: opens when %lld of %lld are slow, not when %lld are",
              (long long)s, (long long)n, (long long)s - 1);
}

const struct prove_scenario prove_shares[] = {
    {"breaker.min_calls", min_calls},
    {"breaker.fail_percent", fail_percent},
    {"breaker.window_ms", window},
    {"breaker.slow_ms", slow_ms},
    {"breaker.slow_percent", slow_percent},
    {0},
};
