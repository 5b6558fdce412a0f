// cache_rule.h -- may this answer be kept, for whom, and how long?
//
// RFC 9111 for a cache that is shared between tenants, and RFC 5861:
//
// - GET, HEAD, and a POST that the integration declares safe. Never 206, with
//   Set-Cookie, with `Vary: *`, with no-store, with no-cache (we keep no
//   validators).
// - Fresh for s-maxage, else max-age, else Expires less Date; less Age; else the
//   policy's ttl; else not at all: no heuristics. At most the policy's cap.
// - 404 and 410 are kept as failures, briefly; other failures are not.
// - Stale for as long as the answer or else the policy says, but not at all with
//   must-revalidate, proxy-revalidate or s-maxage.
// - Only `public` (or the policy) makes an answer everyone's; else the principal
//   is in the key. So `private` may be kept too, for that one.
//
// What cannot be read counts as the cautious reading: a broken max-age is 0, a
// field list after private or no-cache is ignored and the directive is not.
// Pure.

#ifndef GUARD_CACHE_RULE_H
#define GUARD_CACHE_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct cache_control { // zeroed: nothing was said
  bool no_store, no_cache, is_private, is_public, must_revalidate;
  bool has_max_age, has_s_maxage, has_swr, has_sie;
  uint64_t max_age_s, s_maxage_s, swr_s, sie_s;
};

// Reads one field; a message may have several.
void cache_control_read(struct cache_control *cc, struct slice value);

struct cache_rule_options {
  uint64_t ttl_ns;      // if the answer says nothing; 0: do not keep
  uint64_t ttl_max_ns;  // 1 h
  uint64_t swr_ns;      // 60 s, and never more than the ttl
  uint64_t sie_ns;      // 0
  uint64_t negative_ns; // 30 s
  bool shared;          // everyone's, says the integration
};

struct cache_answer { // what is known of the answer
  struct slice method;
  bool declared_safe; // a POST
  int status;
  struct cache_control control;
  struct slice expires, date, age, vary; // absent: none
  bool sets_cookie;
};

// X(constant, name)
#define CACHE_RULE_LIST(X)                                                     \
  X(CACHE_KEEP, "keep")                                                        \
  X(CACHE_NO_METHOD, "method")                                                 \
  X(CACHE_NO_STATUS, "status")                                                 \
  X(CACHE_NO_STORE, "no_store")                                                \
  X(CACHE_NO_COOKIE, "set_cookie")                                             \
  X(CACHE_NO_VARY, "vary_any")                                                 \
  X(CACHE_NO_LIFETIME, "no_lifetime")

enum cache_verdict {
#define X(constant, name) constant,
  CACHE_RULE_LIST(X)
#undef X
      CACHE_VERDICTS
};

struct cache_rule {
  enum cache_verdict verdict;
  bool negative, shared;
  uint64_t fresh_ns, swr_ns, sie_ns; // as in struct cache_entry
};

struct cache_rule cache_rule(const struct cache_rule_options *o,
                             const struct cache_answer *a);
const char *cache_verdict_name(enum cache_verdict v);

#endif
