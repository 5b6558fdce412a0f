// prove_cache.c -- answers that are kept: how long, for whom, and shared how.
//
// The service says that its answers are good for years, so that the policy's own
// limits are what ends it.

#include "app/prove_inside.h"

#include "guard/fetch.h"

#define ANN  SLICE("ann")
#define BOB  SLICE("bob")
#define MOST INT64_C(604800000) // the range of all these times, a week

static struct behaviour for_years(int status)
{
  struct behaviour does = lab_status(status);
  does.head = SLICE("Cache-Control: max-age=315360000\n");
  return does;
}

static bool keeps_nothing(const struct lab *lab, struct proof *p)
{
  bool on = policy_cache(&lab->policy).on;
  if (on && lab->reads) return false;
  if (on)
    proof_say(p, PROOF_NEVER, "never used: only answers to reads are kept");
  else if (p->said && p->value != p->field->value)
    proof_say(p, PROOF_NEVER, "never used: neither cache.on nor cache.ttl_ms");
  else
    proof_say(p, PROOF_OFF, "nothing is kept");
  return true;
}

// --- asking twice ---

struct twice {
  bool asked_again; // the second was not answered from the cache alone
  bool at_once;     // the second had its answer without waiting
  bool ok;          // and a good one, not by the fallback
};

static bool fell_back(const struct probe *p)
{
  for (uint32_t i = 0; i < p->trail.count; i++)
    if (p->trail.steps[i].kind == TRAIL_FALLBACK) return true;
  return false;
}

// One call, and another so much later, when the service does something else.
static struct twice ask_twice(struct lab *lab, struct behaviour first,
                              uint64_t later_ns, struct behaviour then)
{
  struct twice seen = {0};
  lab_fresh(lab, 0);
  lab->does = first;
  struct probe *p = lab_start_same(lab, ANN);
  if (!p) return seen;
  lab_wait(p);
  uint64_t sent = lab_sent(lab);
  lab_until(lab, p->end_ns + later_ns);
  lab->does = then;
  p = lab_start_same(lab, ANN);
  if (!p) return seen;
  uint64_t start = lab_now(lab);
  lab_settle(lab);
  seen.at_once = p->done && p->end_ns == start;
  seen.asked_again = lab_sent(lab) > sent;
  lab_wait(p);
  seen.ok = p->ok && !fell_back(p);
  return seen;
}

static uint64_t ms_of(int64_t ms)
{
  return (uint64_t)ms * NS_PER_MS;
}

static bool fresh_at(struct lab *lab, struct behaviour answer, int64_t ms)
{
  return !ask_twice(lab, answer, ms_of(ms), lab_good()).asked_again;
}

// Up to when it is so: the last millisecond, 0 if never, by halving.
typedef bool (*holds_fn)(struct lab *lab, int64_t ms);

static int64_t last_ms(struct lab *lab, holds_fn holds, int64_t most)
{
  int64_t low = 0, high = most + 1;
  while (high - low > 1 && !lab->broken) {
    int64_t middle = low + (high - low) / 2;
    if (holds(lab, middle))
      low = middle;
    else
      high = middle;
  }
  return low;
}

// An answer's time is up to a tenth shorter, by chance.
static void judge_fresh(struct proof *p, int64_t ms, const char *what)
{
  bool is = ms + 1 >= p->value - p->value / 10 && ms <= p->value;
  if (is)
    proof_say(p, PROOF_FIRES,
              "fires: %s for %s (up to a tenth less, by chance)", what,
              shown_ms(ms).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: %s for %s", what,
              shown_ms(ms).text);
}

// `ms`: how much longer than it was fresh.
static void judge_stale(struct proof *p, int64_t ms, const char *what)
{
  bool is = ms + 1 >= p->value && ms <= p->value + 1;
  if (is)
    proof_say(p, PROOF_FIRES, "fires: %s for %s more", what, shown_ms(ms).text);
  else
    proof_say(p, PROOF_NEVER, "never reached: %s for %s more", what,
              shown_ms(ms).text);
}

// --- fresh ---

static bool long_lived(struct lab *lab, int64_t ms)
{
  return fresh_at(lab, for_years(200), ms);
}

static bool unsaid(struct lab *lab, int64_t ms)
{
  return fresh_at(lab, lab_good(), ms);
}

static bool missing(struct lab *lab, int64_t ms)
{
  return fresh_at(lab, for_years(404), ms);
}

static void on(struct lab *lab, struct proof *p)
{
  if (keeps_nothing(lab, p)) return;
  if (p->value == 0)
    proof_say(p, PROOF_OFF, "cache.ttl_ms keeps answers all the same");
  else if (long_lived(lab, 1))
    proof_say(p, PROOF_FIRES, "fires: the service is not asked again");
  else
    proof_say(p, PROOF_NEVER, "never used: the service is asked again");
}

static void ttl(struct lab *lab, struct proof *p)
{
  if (keeps_nothing(lab, p)) return;
  if (p->value == 0)
    proof_say(p, PROOF_OFF, "only what says so itself is kept");
  else
    judge_fresh(p, last_ms(lab, unsaid, MOST),
                "an answer that says nothing is fresh");
}

static void max_ttl(struct lab *lab, struct proof *p)
{
  if (keeps_nothing(lab, p)) return;
  judge_fresh(p, last_ms(lab, long_lived, MOST),
              "what is good for years is fresh");
}

static void negative(struct lab *lab, struct proof *p)
{
  if (keeps_nothing(lab, p)) return;
  if (p->value == 0)
    proof_say(p, PROOF_OFF, "no 404 is kept");
  else
    judge_fresh(p, last_ms(lab, missing, MOST), "a 404 is kept");
}

// --- stale ---

static bool stale_at(struct lab *lab, int64_t ms)
{
  return ask_twice(lab, for_years(200), ms_of(ms), lab_hangs()).at_once;
}

static bool saved_at(struct lab *lab, int64_t ms)
{
  return ask_twice(lab, for_years(200), ms_of(ms), lab_status(500)).ok;
}

static int64_t longer_than_fresh(struct lab *lab, holds_fn holds)
{
  int64_t fresh = last_ms(lab, long_lived, MOST);
  return last_ms(lab, holds, 2 * MOST) - fresh;
}

static void stale(struct lab *lab, struct proof *p)
{
  if (keeps_nothing(lab, p)) return;
  if (p->value == 0)
    proof_say(p, PROOF_OFF, "nothing stale is served");
  else
    judge_stale(p, longer_than_fresh(lab, stale_at),
                "served while a refresh hangs");
}

// Without retries: the time that they take would be missing at the end.
static int64_t saved_for(struct lab *lab)
{
  lab->policy.retry_attempts = 1;
  int64_t ms = longer_than_fresh(lab, saved_at);
  lab_restore(lab);
  return ms;
}

static void stale_if_error(struct lab *lab, struct proof *p)
{
  if (keeps_nothing(lab, p)) return;
  if (p->value == 0)
    proof_say(p, PROOF_OFF, "a failure is not hidden");
  else
    judge_stale(p, saved_for(lab), "served if the service fails");
}

// --- for whom ---

// So many calls at once, of so many principals; how many requests that takes.
static uint64_t requests_for(struct lab *lab, int calls, bool others)
{
  lab_fresh(lab, 0);
  lab->does = for_years(200);
  lab->does.delay_ns = 20 * NS_PER_MS;
  for (int i = 0; i < calls; i++)
    lab_start_same(lab, others && i % 2 ? BOB : ANN);
  lab_until(lab, lab_now(lab) + 40 * NS_PER_MS);
  return lab_sent(lab);
}

static uint64_t requests_of_both(struct lab *lab)
{
  lab_fresh(lab, 0);
  lab->does = for_years(200);
  struct probe *p = lab_start_same(lab, ANN);
  if (p) lab_wait(p);
  p = lab_start_same(lab, BOB);
  if (p) lab_wait(p);
  return lab_sent(lab);
}

static void shared(struct lab *lab, struct proof *p)
{
  if (keeps_nothing(lab, p)) return;
  uint64_t sent = requests_of_both(lab);
  if (p->value == 0 && sent == 2)
    proof_say(p, PROOF_OFF, "each principal is served its own answers");
  else if (p->value == 1 && sent == 1)
    proof_say(p, PROOF_FIRES, "fires: one principal's answer serves another");
  else
    proof_say(p, PROOF_NEVER, "never used: two principals, %llu requests",
              (unsigned long long)sent);
}

#define CROWD 10

static void coalesce(struct lab *lab, struct proof *p)
{
  if (keeps_nothing(lab, p)) return;
  uint64_t sent = requests_for(lab, CROWD, false);
  if (p->value == 0 && sent == CROWD)
    proof_say(p, PROOF_OFF, "who asks for the same has a request of its own");
  else if (p->value == 1 && sent == 1)
    proof_say(p, PROOF_FIRES, "fires: %d calls at once are one request", CROWD);
  else
    proof_say(p, PROOF_NEVER, "never used: %d calls at once are %llu requests",
              CROWD, (unsigned long long)sent);
}

const struct prove_scenario prove_cache[] = {
    {"cache.on", on},
    {"cache.ttl_ms", ttl},
    {"cache.max_ttl_ms", max_ttl},
    {"cache.stale_ms", stale},
    {"cache.stale_if_error_ms", stale_if_error},
    {"cache.negative_ms", negative},
    {"cache.shared", shared},
    {"cache.coalesce", coalesce},
    {0},
};
