// cache_rule.c -- see cache_rule.h for the contract.

#include "guard/cache_rule.h"

#include <assert.h>

#include "guard/retry_after.h"

#define S           UINT64_C(1000000000)
#define SECONDS_MAX (UINT64_C(1) << 31) // RFC 9111, 1.2.2: as good as for ever

// --- Cache-Control ---

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
  while (s.len > 0 && is_blank(s.data[0])) {
    s.data++;
    s.len--;
  }
  while (s.len > 0 && is_blank(s.data[s.len - 1]))
    s.len--;
  return s;
}

static bool read_seconds(struct slice s, uint64_t *seconds)
{
  uint64_t n = 0;
  for (size_t i = 0; i < s.len; i++) {
    if (s.data[i] < '0' || s.data[i] > '9') return false;
    n = n * 10 + (uint64_t)(s.data[i] - '0');
    if (n > SECONDS_MAX) n = SECONDS_MAX;
  }
  *seconds = n;
  return s.len > 0;
}

static struct slice unquote(struct slice s)
{
  if (s.len < 2 || s.data[0] != '"' || s.data[s.len - 1] != '"') return s;
  return (struct slice){s.data + 1, s.len - 2};
}

// The first word counts, as the cautious one: two that differ are an error.
static void take_seconds(struct slice value, bool *has, uint64_t *seconds)
{
  uint64_t n;
  if (!read_seconds(unquote(value), &n)) n = 0;
  *seconds = *has && *seconds < n ? *seconds : n;
  *has = true;
}

static void take_flag(struct cache_control *cc, struct slice name)
{
  const struct {
    const char *name;
    bool *flag;
  } flags[] = {{"no-store", &cc->no_store},
               {"no-cache", &cc->no_cache},
               {"private", &cc->is_private},
               {"public", &cc->is_public},
               {"must-revalidate", &cc->must_revalidate},
               {"proxy-revalidate", &cc->must_revalidate}};
  for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
    if (slice_eq_nocase(name, slice_of(flags[i].name))) *flags[i].flag = true;
}

static void take_time(struct cache_control *cc, struct slice name,
                      struct slice value)
{
  const struct {
    const char *name;
    bool *has;
    uint64_t *seconds;
  } times[] = {{"max-age", &cc->has_max_age, &cc->max_age_s},
               {"s-maxage", &cc->has_s_maxage, &cc->s_maxage_s},
               {"stale-while-revalidate", &cc->has_swr, &cc->swr_s},
               {"stale-if-error", &cc->has_sie, &cc->sie_s}};
  for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
    if (slice_eq_nocase(name, slice_of(times[i].name)))
      take_seconds(value, times[i].has, times[i].seconds);
}

static void take_directive(struct cache_control *cc, struct slice directive)
{
  struct slice name = directive, value = {"", 0};
  for (size_t i = 0; i < directive.len; i++) {
    if (directive.data[i] != '=') continue;
    name.len = i;
    value = (struct slice){directive.data + i + 1, directive.len - i - 1};
    break;
  }
  take_flag(cc, trim(name));
  take_time(cc, trim(name), trim(value));
}

// Where the directive ends that begins at `from`: at a comma outside of quotes.
static size_t end_of(struct slice value, size_t from)
{
  bool quoted = false;
  size_t i = from;
  for (; i < value.len && (quoted || value.data[i] != ','); i++) {
    if (value.data[i] == '"') quoted = !quoted;
    if (quoted && value.data[i] == '\\') i++;
  }
  return i < value.len ? i : value.len;
}

void cache_control_read(struct cache_control *cc, struct slice value)
{
  for (size_t at = 0; at < value.len;) {
    size_t end = end_of(value, at);
    take_directive(cc, trim((struct slice){value.data + at, end - at}));
    at = end + 1;
  }
}

// --- the rule ---

static const char *const names[] = {
#define X(constant, name) [constant] = (name),
    CACHE_RULE_LIST(X)
#undef X
};

const char *cache_verdict_name(enum cache_verdict v)
{
  assert(v < CACHE_VERDICTS);
  return names[v];
}

static bool is_kept(int status)
{
  return status == 200 || status == 203 || status == 204 || status == 300 ||
         status == 301 || status == 308;
}

static bool is_failure(int status)
{
  return status == 404 || status == 410;
}

static bool is_read(const struct cache_answer *a)
{
  return slice_is(a->method, "GET") || slice_is(a->method, "HEAD") ||
         (slice_is(a->method, "POST") && a->declared_safe);
}

static bool varies_by_anything(struct slice vary)
{
  return vary.data && memchr(vary.data, '*', vary.len) != NULL;
}

static enum cache_verdict may_keep(const struct cache_answer *a)
{
  if (!is_read(a)) return CACHE_NO_METHOD;
  if (!is_kept(a->status) && !is_failure(a->status)) return CACHE_NO_STATUS;
  if (a->control.no_store || a->control.no_cache) return CACHE_NO_STORE;
  if (a->sets_cookie) return CACHE_NO_COOKIE;
  return varies_by_anything(a->vary) ? CACHE_NO_VARY : CACHE_KEEP;
}

// What the answer says; false if nothing.
static bool said_seconds(const struct cache_answer *a, uint64_t *seconds)
{
  const struct cache_control *cc = &a->control;
  *seconds = cc->has_s_maxage ? cc->s_maxage_s : cc->max_age_s;
  if (cc->has_s_maxage || cc->has_max_age) return true;
  if (!a->expires.data) return false;
  int64_t ms = a->date.data ? retry_after_ms(a->expires, a->date, 0) : -1;
  bool is_seconds = read_seconds(a->expires, seconds); // "0": long past
  *seconds = ms > 0 && !is_seconds ? (uint64_t)ms / 1000 : 0;
  return true;
}

static uint64_t lifetime_ns(const struct cache_rule_options *o,
                            const struct cache_answer *a)
{
  uint64_t seconds, age = 0, ns = o->ttl_ns;
  if (said_seconds(a, &seconds)) {
    if (a->age.data && !read_seconds(trim(a->age), &age)) age = seconds;
    ns = (seconds > age ? seconds - age : 0) * S;
  }
  if (is_failure(a->status) && ns > o->negative_ns) ns = o->negative_ns;
  return ns < o->ttl_max_ns ? ns : o->ttl_max_ns;
}

static uint64_t least(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

static void allow_stale(struct cache_rule *rule,
                        const struct cache_rule_options *o,
                        const struct cache_control *cc)
{
  if (cc->must_revalidate || cc->has_s_maxage || rule->negative) return;
  rule->swr_ns = cc->has_swr ? cc->swr_s * S : least(o->swr_ns, rule->fresh_ns);
  rule->sie_ns = cc->has_sie ? cc->sie_s * S : o->sie_ns;
}

struct cache_rule cache_rule(const struct cache_rule_options *o,
                             const struct cache_answer *a)
{
  struct cache_rule rule = {.verdict = may_keep(a)};
  if (rule.verdict != CACHE_KEEP) return rule;
  rule.negative = is_failure(a->status);
  rule.shared = o->shared || (a->control.is_public && !a->control.is_private);
  rule.fresh_ns = lifetime_ns(o, a);
  allow_stale(&rule, o, &a->control);
  if (rule.fresh_ns == 0) rule.verdict = CACHE_NO_LIFETIME;
  return rule;
}
