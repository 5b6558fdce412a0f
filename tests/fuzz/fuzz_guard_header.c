// fuzz_guard_header.c -- what services say in headers about caching and quotas.
//
// The input is given to each reader as its field, whole and in halves.

#include <stdint.h>
#include <stdlib.h>

#include "guard/cache_key.h"
#include "guard/cache_rule.h"
#include "guard/ratelimit.h"
#include "guard/retry_after.h"

#define HOUR_NS (UINT64_C(3600) * 1000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
  if (!ok) abort();
}

static void read_cache(struct slice a, struct slice b)
{
  static const struct cache_rule_options o = {.ttl_ns = HOUR_NS,
                                              .ttl_max_ns = HOUR_NS};
  struct cache_answer answer = {.method = SLICE("GET"),
                                .status = 200,
                                .expires = b,
                                .date = a,
                                .age = b,
                                .vary = b};
  cache_control_read(&answer.control, a);
  cache_control_read(&answer.control, b);
  struct cache_rule r = cache_rule(&o, &answer);
  check(r.fresh_ns <= HOUR_NS);
  check(r.verdict != CACHE_KEEP || r.fresh_ns > 0);
  if (!answer.control.must_revalidate && !answer.control.has_s_maxage) return;
  check(r.swr_ns == 0 && r.sie_ns == 0);
}

static void read_quota(struct slice a, struct slice b)
{
  struct ratelimit_fields f = {a, b, b, a, b, true};
  struct ratelimit r = ratelimit_read(&f, 1700000000000);
  check(ratelimit_interval_ns(&r, 5) >= 5);
  check(ratelimit_lasts_ns(&r, 0.5) <= 169 * HOUR_NS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *)data;
  struct slice whole = {text, size}, none = {NULL, 0};
  struct slice head = {text, size / 2},
               tail = {text + size / 2, size - size / 2};
  read_cache(whole, none);
  read_cache(head, tail);
  read_quota(whole, none);
  read_quota(head, tail);
  int64_t ms = retry_after_ms(whole, none, 0);
  check(ms >= -1 && ms <= RETRY_AFTER_MAX_MS);
  if (size < 1000) cache_pattern_matches(head, tail);
  return 0;
}
