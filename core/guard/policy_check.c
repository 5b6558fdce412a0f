// policy_check.c -- see policy_check.h for the contract.

#include "guard/policy_check.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX 320

struct checking {
  const struct policy *policy;
  uint64_t said;
  policy_say_fn say;
  void *ctx;
};

static void say(struct checking *c, bool refuse, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct checking *c, bool refuse, const char *format, ...)
{
  char message[MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof(message), format, args);
  va_end(args);
  c->say(c->ctx, refuse, message);
}

static size_t field_of(const char *path)
{
  size_t i = 0;
  while (i < policy_field_count && strcmp(policy_fields[i].path, path))
    i++;
  assert(i < policy_field_count);
  return i;
}

static bool is_said(const struct checking *c, const char *path)
{
  return c->said >> field_of(path) & 1;
}

static int64_t value_of(const struct checking *c, const char *path)
{
  const struct policy_field *field = &policy_fields[field_of(path)];
  int64_t value;
  memcpy(&value, (const char *)c->policy + field->offset, sizeof(value));
  return value;
}

// --- what always ends first ---

static const struct {
  const char *inner, *outer, *why;
} pairs[] = {
    {"attempt.timeout_ms", "deadline_ms", "which always ends it first"},
    {"attempt.connect_ms", "attempt.timeout_ms", "which always ends it first"},
    {"attempt.first_byte_ms", "attempt.timeout_ms",
     "which always ends it first"},
    {"breaker.slow_ms", "attempt.timeout_ms",
     "so no answer can ever be that slow"},
    {"limiter.max_wait_ms", "deadline_ms", "which always ends the wait first"},
    {"bulkhead.max_wait_ms", "deadline_ms", "which always ends the wait first"},
    {"adaptive.initial", "bulkhead.concurrent", "which is the most it can be"},
    {"adaptive.least", "bulkhead.concurrent",
     "which is the most there can be of them"},
    {"retry.base_ms", "retry.max_ms", "which caps it"},
    {"retry.throttled_base_ms", "retry.max_ms", "which caps it"},
    {"breaker.open_ms", "breaker.max_open_ms", "which caps it"},
    {"breaker.probes", "bulkhead.concurrent",
     "which is the most there can be at a time"},
    {"cache.ttl_ms", "cache.max_ttl_ms", "which caps it"},
    {"cache.negative_ms", "cache.max_ttl_ms", "which caps it"},
};

static void check_pairs(struct checking *c)
{
  for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
    const char *inner = pairs[i].inner, *outer = pairs[i].outer;
    int64_t x = value_of(c, inner), y = value_of(c, outer);
    if (is_said(c, inner) && is_said(c, outer) && x > y)
      say(c, true, "%s (%lld) is above %s (%lld), %s", inner, (long long)x,
          outer, (long long)y, pairs[i].why);
  }
}

// --- retries that cannot fit ---

static void check_retries(struct checking *c)
{
  const struct policy *p = c->policy;
  long long n = p->retry_attempts, each = p->attempt_ms, all = p->deadline_ms;
  if (!is_said(c, "retry.attempts") || n == 1 || each > all) return;
  if (!is_said(c, "attempt.timeout_ms") || !is_said(c, "deadline_ms")) return;
  if (2 * each > all)
    say(c, true,
        "retry.attempts (%lld) cannot fit: after one attempt of %lld ms the "
        "deadline_ms of %lld leaves %lld ms for the next; lower "
        "attempt.timeout_ms to %lld or raise deadline_ms to %lld",
        n, each, all, all - each, all / n, n * each);
  else if (n * each > all)
    say(c, false,
        "retry.attempts: %lld attempts of %lld ms are %lld ms, above "
        "deadline_ms (%lld): when all of them time out, the last is cut short",
        n, each, n * each, all);
}

// --- waits that are never so long ---

static const struct {
  const char *wait, *what;
  int64_t part; // of what is left of the call: guard/attempt.h
} waits[] = {
    {"limiter.max_wait_ms", "its turn at most half", 2},
    {"bulkhead.max_wait_ms", "a place at most a quarter", 4},
};

static void check_waits(struct checking *c)
{
  long long all = c->policy->deadline_ms;
  for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
    long long wait = value_of(c, waits[i].wait), part = waits[i].part;
    if (!is_said(c, waits[i].wait) || !is_said(c, "deadline_ms")) continue;
    if (wait > all || wait * part <= all) continue;
    say(c, true,
        "%s (%lld) is never waited for so long: an attempt waits for %s of "
        "what is left, %lld ms / %lld = %lld ms; lower it to that or raise "
        "deadline_ms to %lld",
        waits[i].wait, wait, waits[i].what, all, part, all / part, wait * part);
  }
}

static void check_turns(struct checking *c)
{
  const struct policy *p = c->policy;
  long long wait = p->limiter_max_wait_ms, limit = p->limiter_limit;
  if (!is_said(c, "limiter.max_wait_ms") || wait == 0 || limit == 0) return;
  if (wait * limit >= p->limiter_period_ms) return;
  say(c, true,
      "limiter.max_wait_ms (%lld): nobody waits so short, for behind the burst "
      "the next turn is in %lld ms / %lld = %.6g ms; raise it to that or set "
      "it to 0",
      wait, (long long)p->limiter_period_ms, limit,
      (double)p->limiter_period_ms / (double)limit);
}

// --- a breaker that no volume opens ---

static void say_volume(struct checking *c, bool refuse, long long most)
{
  const struct policy *p = c->policy;
  long long burst = p->limiter_burst ? p->limiter_burst : p->limiter_limit;
  say(c, refuse,
      "%s: the limiter lets at most %lld + %lld x %lld ms / %lld ms = %lld "
      "attempts into breaker.window_ms, below breaker.min_calls (%lld)%s",
      refuse ? "the breaker can never open"
             : "no share of failures or slow answers can open the breaker",
      burst, (long long)p->limiter_limit, (long long)p->breaker_window_ms,
      (long long)p->limiter_period_ms, most, (long long)p->breaker_min_calls,
      refuse ? ", and breaker.consecutive is 0" : "");
}

static void check_breaker(struct checking *c)
{
  const struct policy *p = c->policy;
  if (p->limiter_limit == 0) return;
  long long burst = p->limiter_burst ? p->limiter_burst : p->limiter_limit;
  long long most =
      burst + p->limiter_limit * p->breaker_window_ms / p->limiter_period_ms;
  if (p->breaker_min_calls <= most) return;
  bool share = is_said(c, "breaker.min_calls") ||
               is_said(c, "breaker.fail_percent") ||
               is_said(c, "breaker.slow_percent");
  if (p->breaker_consecutive == 0)
    say_volume(c, true, most);
  else if (share)
    say_volume(c, false, most);
}

// --- hedges that never come ---

static void check_hedge_delay(struct checking *c)
{
  const struct policy *p = c->policy;
  long long delay = p->hedge_delay_ms;
  if (!is_said(c, "hedge.delay_ms") || delay == 0) return;
  if (p->hedge_extra == 0)
    say(c, false, "hedge.delay_ms (%lld) without hedge.extra: nothing hedges",
        delay);
  else if (delay >= p->attempt_ms)
    say(c, true,
        "hedge.delay_ms (%lld) is not below attempt.timeout_ms (%lld), so the "
        "first try has always ended before another one is sent",
        delay, (long long)p->attempt_ms);
  else if (2 * delay > p->deadline_ms)
    say(c, true,
        "hedge.delay_ms: nothing hedges with less than twice the delay left, "
        "2 x %lld ms = %lld ms, and deadline_ms is %lld",
        delay, 2 * delay, (long long)p->deadline_ms);
}

static void check_hedge(struct checking *c)
{
  const struct policy *p = c->policy;
  long long extra = p->hedge_extra, all = p->retry_attempts;
  if (is_said(c, "hedge.extra") && extra > 0 && extra >= all)
    say(c, true,
        "hedge.extra (%lld) cannot fit: retry.attempts (%lld) counts all "
        "tries, which leaves %lld beside the first; raise retry.attempts to "
        "%lld or lower hedge.extra",
        extra, all, all - 1, extra + 1);
  check_hedge_delay(c);
}

// --- places that are not learned ---

static void check_adaptive(struct checking *c)
{
  const struct policy *p = c->policy;
  long long first = p->adaptive_initial, least = p->adaptive_least;
  if (is_said(c, "adaptive.least") && first > 0 && least > first)
    say(c, true,
        "adaptive.least (%lld) is above adaptive.initial (%lld): it would "
        "begin with fewer places than it may ever have",
        least, first);
}

// --- faults that are none ---

static void check_chaos(struct checking *c)
{
  const struct policy *p = c->policy;
  long long status = p->chaos_status;
  if (is_said(c, "chaos.status") && status > 0 && status < 400)
    say(c, true,
        "chaos.status (%lld) is no failure; it must be 400 to 599, or 0 for a "
        "refused connection",
        status);
}

// --- a queue without a wait, a wait without a queue ---

static void check_bulkhead(struct checking *c)
{
  const struct policy *p = c->policy;
  if (!is_said(c, "bulkhead.queue") || !is_said(c, "bulkhead.max_wait_ms"))
    return;
  if ((p->bulkhead_queue == 0) == (p->bulkhead_max_wait_ms == 0)) return;
  say(c, true,
      "bulkhead.queue (%lld) and bulkhead.max_wait_ms (%lld): one of them is "
      "0, "
      "so nothing ever waits; set both or none",
      (long long)p->bulkhead_queue, (long long)p->bulkhead_max_wait_ms);
}

// --- what is kept for nothing ---

static void check_cache_on(struct checking *c)
{
  static const char *const more[] = {
      "cache.max_ttl_ms",  "cache.stale_ms", "cache.stale_if_error_ms",
      "cache.negative_ms", "cache.shared",   "cache.coalesce"};
  if (is_said(c, "cache.on") || is_said(c, "cache.ttl_ms")) return;
  for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
    if (!is_said(c, more[i])) continue;
    say(c, false,
        "%s (%lld) has no effect: nothing turns the cache on; say cache.ttl_ms "
        "(how long an answer is fresh), or cache.on = 1 to keep answers as "
        "long as they say themselves",
        more[i], (long long)value_of(c, more[i]));
    return;
  }
}

static void check_stale(struct checking *c)
{
  const struct policy *p = c->policy;
  long long ttl = p->cache_ttl_ms, stale = p->cache_stale_ms;
  long long resort = p->cache_stale_if_error_ms;
  if (is_said(c, "cache.stale_if_error_ms") && is_said(c, "cache.stale_ms") &&
      resort > 0 && resort <= stale)
    say(c, true,
        "cache.stale_if_error_ms (%lld) is not above cache.stale_ms (%lld): "
        "until then an answer is served in any case, so it is never a last "
        "resort; raise the one or lower the other",
        resort, stale);
  if (is_said(c, "cache.stale_ms") && ttl > 0 && stale > ttl)
    say(c, false,
        "cache.stale_ms (%lld) is above cache.ttl_ms (%lld): an answer that "
        "does not say more itself is served stale for %lld ms, as long as it "
        "was fresh",
        stale, ttl, ttl);
}

void policy_check(const struct policy *p, uint64_t said, policy_say_fn say_fn,
                  void *ctx)
{
  struct checking c = {p, said, say_fn, ctx};
  check_pairs(&c);
  check_retries(&c);
  check_waits(&c);
  check_turns(&c);
  check_breaker(&c);
  check_hedge(&c);
  check_adaptive(&c);
  check_chaos(&c);
  check_bulkhead(&c);
  check_cache_on(&c);
  check_stale(&c);
}
