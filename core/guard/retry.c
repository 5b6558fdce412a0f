// retry.c -- see retry.h for the contract.

#include "guard/retry.h"

#include <assert.h>

#define MS UINT64_C(1000000)

static const struct {
  const char *name;
  int rule;
} table[] = {
#define X(constant, name, rule) [constant] = {name, rule},
    RETRY_LIST(X)
#undef X
};

const char *retry_name(enum retry_verdict v)
{
  assert(v < RETRY_VERDICTS);
  return table[v].name;
}

int retry_rule(enum retry_verdict v)
{
  assert(v < RETRY_VERDICTS);
  return table[v].rule;
}

const char *retry_plea_name(enum retry_plea p)
{
  static const char *const names[] = {
#define X(constant, name) [constant] = (name),
      PLEA_LIST(X)
#undef X
  };
  assert(p < PLEAS);
  return names[p];
}

static bool is_free(const struct retry_facts *f)
{
  return outcome_row(f->outcome)->charge == CHARGE_FREE && !f->free_used;
}

// Rule 3. An unsafe request gets here on proof alone, so all of its repeats so
// far were on proof.
static bool may_repeat(const struct retry_facts *f)
{
  if (f->repeatable) return true;
  return outcome_row(f->outcome)->retry == RETRY_ANY &&
         f->attempts_done <= RETRY_UNSAFE;
}

// Rules 1 to 4: what the request and its outcome say.
static enum retry_verdict of_request(const struct retry_facts *f)
{
  if (f->attempts_done >= f->max_attempts) return RETRY_NO_ATTEMPTS;
  if (f->plea == PLEA_NONE && outcome_row(f->outcome)->retry == RETRY_NEVER)
    return RETRY_NO_OUTCOME;
  if (!may_repeat(f)) return RETRY_NO_UNSAFE;
  if (f->handed_on) return RETRY_NO_HANDED_ON;
  return f->body_replayable ? RETRY_YES : RETRY_NO_BODY;
}

// Rules 5 and 6: what the world says.
static enum retry_verdict of_world(const struct retry_facts *f,
                                   uint64_t wait_ns)
{
  if (f->cancelled) return RETRY_NO_CANCELLED;
  if (f->draining) return RETRY_NO_DRAINING;
  if (f->breaker_open) return RETRY_NO_BREAKER;
  if (f->gate_ns >= f->deadline_ns) return RETRY_NO_GATE;
  if (f->now_ns >= f->deadline_ns) return RETRY_NO_TIME;

  uint64_t left = f->deadline_ns - f->now_ns;
  bool fits = wait_ns <= left && f->min_useful_ns <= left - wait_ns;
  return fits ? RETRY_YES : RETRY_NO_TIME;
}

static uint64_t later(uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

static uint64_t wait_of(const struct retry_facts *f,
                        const struct backoff_options *o)
{
  bool throttled = f->outcome == OUTCOME_THROTTLED || f->plea == PLEA_RUNNING;
  uint64_t base = throttled ? o->base_throttled_ns : o->base_ns;
  uint64_t bound = backoff_bound_ns(base, o->cap_ns, f->attempts_done);
  uint64_t wait = is_free(f) ? 0 : backoff_ns(bound, f->unit);
  if (!throttled) return backoff_hinted_ns(wait, f->hint_ms);

  if (f->hint_ms > 0) wait = later(wait, (uint64_t)f->hint_ms * MS);
  return f->gate_ns > f->now_ns ? later(wait, f->gate_ns - f->now_ns) : wait;
}

static int64_t cost_of(const struct retry_facts *f)
{
  if (is_free(f)) return 0;
  bool part = outcome_row(f->outcome)->charge == CHARGE_PART && f->hint_ms >= 0;
  return part ? BUDGET_COST_PART : BUDGET_COST;
}

struct retry_answer retry_decide(const struct retry_facts *f,
                                 const struct backoff_options *backoff,
                                 struct budget *budget,
                                 const struct budget_options *budget_options)
{
  struct retry_answer answer = {.verdict = of_request(f)};
  if (answer.verdict != RETRY_YES) return answer;

  answer.wait_ns = wait_of(f, backoff);
  answer.verdict = of_world(f, answer.wait_ns);
  if (answer.verdict != RETRY_YES) return answer;

  answer.free = is_free(f);
  answer.cost = cost_of(f);
  if (answer.cost == 0 ||
      budget_withdraw(budget, budget_options, answer.cost, f->now_ns))
    return answer;
  answer.verdict = RETRY_NO_BUDGET;
  answer.cost = 0;
  return answer;
}
