// fetch_store.c -- what is shared, and how an answer gets into the cache.

#include "base/hash.h"
#include "guard/fetch_inside.h"
#include "guard/memory.h"
#include "loop/clock.h"

#define VERSIONS 4096
// A value that is larger leaves too little room for others.
#define VALUE_SHARE 64
// After a fetch that failed, or an answer that may not be kept, its entry is
// left alone for so long.
#define MEMO_NS NS_PER_S

struct fetch_shared {
  struct cache *cache;
  struct flights *flights;
  uint64_t seed[2];
  _Atomic uint32_t versions[VERSIONS];
};

// --- what is shared ---

struct fetch_shared *fetch_shared_new(size_t bytes, uint64_t seed)
{
  struct fetch_shared *s = guard_memory(sizeof(*s));
  if (!s) return NULL;
  memset(s, 0, sizeof(*s));
  s->seed[0] = seed;
  s->seed[1] = ~seed;
  s->cache =
      cache_new(&(struct cache_options){.bytes = bytes,
                                        .value_bytes = bytes / VALUE_SHARE,
                                        .seed = {seed, ~seed}});
  s->flights = flights_new(s->seed, FLIGHT_WAITERS_MAX);
  if (s->cache && s->flights) return s;
  fetch_shared_free(s);
  return NULL;
}

void fetch_shared_free(struct fetch_shared *s)
{
  if (!s) return;
  cache_free(s->cache);
  flights_free(s->flights);
  free(s);
}

struct cache *fetch_cache(struct fetch_shared *s)
{
  return s->cache;
}

struct flights *fetch_flights(struct fetch_shared *s)
{
  return s->flights;
}

static _Atomic uint32_t *version_of(struct fetch_shared *s, struct slice space,
                                    struct slice path)
{
  uint64_t seed[2] = {s->seed[0], hash_table(s->seed, space)};
  return &s->versions[hash_table(seed, path) % VERSIONS];
}

uint32_t fetch_version(struct fetch_shared *s, struct slice space,
                       struct slice path)
{
  return atomic_load(version_of(s, space, path));
}

void fetch_changed(struct fetch_shared *s, struct slice space,
                   struct slice path)
{
  atomic_fetch_add(version_of(s, space, path), 1);
}

// --- rules ---

struct fetch_rules policy_cache(const struct policy *p)
{
  return (struct fetch_rules){
      .rule = {.ttl_ns = (uint64_t)p->cache_ttl_ms * NS_PER_MS,
               .ttl_max_ns = (uint64_t)p->cache_max_ttl_ms * NS_PER_MS,
               .swr_ns = (uint64_t)p->cache_stale_ms * NS_PER_MS,
               .sie_ns = (uint64_t)p->cache_stale_if_error_ms * NS_PER_MS,
               .negative_ns = (uint64_t)p->cache_negative_ms * NS_PER_MS,
               .shared = p->cache_shared},
      .on = p->cache_on || p->cache_ttl_ms > 0,
      .coalesce = p->cache_coalesce,
  };
}

struct cache_key fetch_everyones(const struct cache_key *key)
{
  return (struct cache_key){.space = key->space, .name = key->name};
}

bool fetch_failed(const struct exchange_result *r)
{
  switch (r->outcome) {
  case OUTCOME_THROTTLED:
  case OUTCOME_SERVER_ERROR:
  case OUTCOME_CONN_FAIL:
  case OUTCOME_REFUSED:
  case OUTCOME_STALE_REUSE:
  case OUTCOME_TIMEOUT:
  case OUTCOME_RESET_MID:
  case OUTCOME_DEADLINE:
  case OUTCOME_LOCAL_REJECT: return true;
  case OUTCOME_OK:
  case OUTCOME_APP_ERROR:
  case OUTCOME_NOT_IMPLEMENTED:
  case OUTCOME_TLS_TRUST:
  case OUTCOME_BAD_PAYLOAD:
  case OUTCOME_CANCELLED:
  case OUTCOMES: return false;
  }
  return false;
}

// --- storing ---

void fetch_job_begin(struct fetch_job *job, struct fetcher *f)
{
  struct cache *cache = f->shared->cache;
  job->start_ns = loop_now(f->loop);
  job->ticket = job->shared_ticket = cache_ticket(cache, &job->key);
  if (!job->key.principal.data || !job->rules.trusts_public) return;
  struct cache_key all = fetch_everyones(&job->key);
  job->shared_ticket = cache_ticket(cache, &all);
}

// Of several fields the first counts; but for these two.
static void read_field(struct cache_answer *out, const struct header *field)
{
  struct slice name = field->name;
  bool any = slice_eq_nocase(name, SLICE("vary")) &&
             memchr(field->value.data, '*', field->value.len);
  struct slice *once = NULL;
  if (slice_eq_nocase(name, SLICE("expires"))) once = &out->expires;
  if (slice_eq_nocase(name, SLICE("date"))) once = &out->date;
  if (slice_eq_nocase(name, SLICE("age"))) once = &out->age;
  if (once && !once->data) *once = field->value;
  if (any) out->vary = field->value;
  if (slice_eq_nocase(name, SLICE("set-cookie"))) out->sets_cookie = true;
  if (slice_eq_nocase(name, SLICE("cache-control")))
    cache_control_read(&out->control, field->value);
}

// `vary` only where it names more than headers: those are in the key.
static struct cache_answer describe(const struct fetch_job *job,
                                    const struct http_answer *a)
{
  struct cache_answer out = {.method = job->method,
                             .declared_safe = job->rules.safe,
                             .status = a->status};
  struct header field;
  for (size_t at = 0; http_answer_next(a, &at, &field);)
    read_field(&out, &field);
  return out;
}

static void say(struct trail *trail, const struct fetcher *f,
                const struct cache_rule *rule, size_t bytes, const char *what)
{
  trail_add(trail, loop_exact(f->loop), TRAIL_STORE, OK,
            (int64_t)(rule->fresh_ns / NS_PER_MS), (int64_t)bytes,
            slice_of(what));
}

static const char *put(const struct fetch_job *job, struct fetcher *f,
                       const struct cache_rule *rule,
                       const struct http_answer *a)
{
  static const char *const names[] = {[CACHE_STORED] = "kept",
                                      [CACHE_POINTLESS] = "no_lifetime",
                                      [CACHE_TOO_LARGE] = "too_large",
                                      [CACHE_OUTDATED] = "invalidated",
                                      [CACHE_NO_MEMORY] = "no_memory"};
  struct cache_key all = fetch_everyones(&job->key);
  bool everyones = rule->shared && job->rules.trusts_public;
  uint64_t now = loop_now(f->loop);
  struct cache_entry entry = {
      .body = buf_slice(&a->body),
      .meta = buf_slice(&a->head),
      .status = a->status,
      .negative = rule->negative,
      .fresh_for_ns = rule->fresh_ns,
      .swr_for_ns = rule->swr_ns,
      .sie_for_ns = rule->sie_ns,
      .took_ns = now - job->start_ns,
      .ticket = everyones ? job->shared_ticket : job->ticket,
      .unit = prng_unit(f->chance),
  };
  enum cache_stored stored =
      cache_put(f->shared->cache, everyones ? &all : &job->key, &entry, now);
  // One of both kinds, or the older would be found beside it.
  if (job->replaces && job->key.principal.data)
    cache_remove(f->shared->cache, everyones ? &job->key : &all);
  return names[stored];
}

static void drop(struct cache *cache, const struct cache_key *key)
{
  struct cache_key all = fetch_everyones(key);
  cache_remove(cache, key);
  cache_remove(cache, &all);
}

// Keeps others from trying at once what has just failed.
static void leave_alone(struct cache *cache, const struct cache_key *key,
                        uint64_t now)
{
  cache_unclaim(cache, key);
  cache_claim(cache, key, now, MEMO_NS);
}

void fetch_store(const struct fetch_job *job, struct fetcher *f,
                 const struct exchange_result *result, struct trail *trail)
{
  struct cache *cache = f->shared->cache;
  const struct http_answer *a = result->answer;
  // What was made up on purpose (guard/chaos.h) is nobody's answer.
  if (fetch_failed(result) || a->end != HTTP_ANSWERED || result->injected) {
    struct cache_key all = fetch_everyones(&job->key);
    if (!job->replaces) return;
    leave_alone(cache, &job->key, loop_now(f->loop));
    leave_alone(cache, &all, loop_now(f->loop));
    return;
  }
  struct cache_answer answer = describe(job, a);
  struct cache_rule rule = cache_rule(&job->rules.rule, &answer);
  // Who finds it in the cache does not ask the integration what it means.
  if (result->outcome != outcome_of(a, false)) rule.verdict = CACHE_NO_STATUS;
  if (rule.verdict == CACHE_KEEP) {
    say(trail, f, &rule, a->body.len, put(job, f, &rule, a));
    return;
  }
  say(trail, f, &rule, a->body.len, cache_verdict_name(rule.verdict));
  if (job->replaces) drop(cache, &job->key);
}
