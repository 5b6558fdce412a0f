// fetch.c -- see fetch.h for the contract: looking, going, ending.

#include "guard/fetch.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "guard/fetch_inside.h"
#include "loop/clock.h"

// So long before its time is over a call is given what is kept: before its
// fallback begins (script/call.c), which is the next best.
#define RESERVE_NS (40 * NS_PER_MS)

static const char *const source_names[] = {
#define X(constant, name) [constant] = (name),
    FETCH_SOURCE_LIST(X)
#undef X
};

const char *fetch_source_name(enum fetch_source s)
{
  assert(s < FETCH_SOURCES);
  return source_names[s];
}

struct fetcher *fetcher_new(struct fetch_shared *s, struct loop *loop,
                            struct mailbox *mailbox, struct prng *chance)
{
  struct fetcher *f = fault_calloc(1, sizeof(*f));
  if (!f) return NULL;
  *f = (struct fetcher){
      .shared = s, .loop = loop, .mailbox = mailbox, .chance = chance};
  list_init(&f->running);
  return f;
}

struct fetch_shared *fetcher_shared(struct fetcher *f)
{
  return f->shared;
}

unsigned fetcher_running(const struct fetcher *f)
{
  unsigned n = 0;
  for (const struct list *l = f->running.next; l != &f->running; l = l->next)
    n++;
  return n;
}

// --- looking ---

static uint64_t now_of(const struct fetch *f)
{
  return loop_now(f->options.fetcher->loop);
}

static uint64_t age_ns(const struct fetch *f)
{
  uint64_t now = now_of(f), stored = f->kept ? f->kept->stored_ns : now;
  return now > stored ? now - stored : 0; // another worker's turn may be ahead
}

static void say(const struct fetch *f, enum trail_kind kind,
                enum error_code code, const char *label)
{
  trail_add(f->options.trail, loop_exact(f->options.fetcher->loop), kind, code,
            (int64_t)(age_ns(f) / NS_PER_MS), 0, slice_of(label));
}

static struct cache_key found_key(const struct fetch *f)
{
  const struct cache_key *key = &f->options.key;
  return f->everyones ? fetch_everyones(key) : *key;
}

// Under the principal's own key, else under everyone's.
static struct cache_hit find(struct fetch *f)
{
  struct fetcher *fetcher = f->options.fetcher;
  struct cache *cache = fetch_cache(fetcher->shared);
  double unit = prng_unit(fetcher->chance);
  struct cache_hit hit = cache_get(cache, &f->options.key, now_of(f), unit);
  bool both = f->options.rules.trusts_public && f->options.key.principal.data;
  if (hit.state != CACHE_MISS || !both) return hit;
  f->everyones = true;
  struct cache_key all = found_key(f);
  hit = cache_get(cache, &all, now_of(f), unit);
  f->everyones = hit.state != CACHE_MISS;
  return hit;
}

static void say_found(const struct fetch *f)
{
  static const char *const names[] = {[CACHE_MISS] = "miss",
                                      [CACHE_FRESH] = "fresh",
                                      [CACHE_STALE] = "stale",
                                      [CACHE_LAST_RESORT] = "too_old"};
  bool negative = f->kept && f->kept->negative;
  say(f, TRAIL_CACHE, OK, negative ? "negative" : names[f->state]);
}

// A refresh may outlive its lease: then another joins its flight.
static bool claim(struct fetch *f, const struct cache_hit *hit)
{
  struct cache_key key = found_key(f);
  uint64_t now = now_of(f), deadline = f->options.deadline_ns;
  uint64_t lease = deadline > now ? deadline - now : 0;
  return hit->refresh && cache_claim(fetch_cache(f->options.fetcher->shared),
                                     &key, now, lease + NS_PER_S);
}

enum fetch_found fetch_look(struct fetch *f, const struct fetch_options *o)
{
  memset(f, 0, offsetof(struct fetch, exchange));
  f->options = *o;
  struct cache_hit hit = find(f);
  f->kept = hit.value;
  f->state = hit.state;
  say_found(f);
  if (hit.state == CACHE_MISS || hit.state == CACHE_LAST_RESORT)
    return FETCH_GO;
  return claim(f, &hit) ? FETCH_BEHIND : FETCH_SERVED;
}

static void release(void *shared)
{
  cache_unref(shared);
}

static enum fetch_source source_of(enum cache_state state)
{
  if (state == CACHE_FRESH) return FETCH_FRESH;
  return state == CACHE_STALE ? FETCH_STALE : FETCH_LAST_RESORT;
}

void fetch_take(struct fetch *f, struct fetch_result *result,
                struct http_answer *answer)
{
  struct cache_value *v = f->kept;
  // Nobody writes them; see http_client.h.
  *answer = (struct http_answer){
      .end = HTTP_ANSWERED,
      .status = v->status,
      .head = {.data = (char *)(uintptr_t)v->meta.data, .len = v->meta.len},
      .body = {.data = (char *)(uintptr_t)v->body.data, .len = v->body.len},
      .release = release,
      .shared = v,
  };
  enum outcome outcome = outcome_of(answer, false);
  *result = (struct fetch_result){
      .of = {.code = outcome_error(outcome, v->status),
             .outcome = outcome,
             .answer = answer,
             .retry_after_ms = -1},
      .source = source_of(f->state),
      .age_ns = age_ns(f),
  };
  f->kept = NULL;
}

// --- the last resort ---

static bool is_good(const struct fetch *f)
{
  return f->kept && f->state == CACHE_LAST_RESORT &&
         now_of(f) < f->kept->sie_ns;
}

static void take_last(struct fetch *f, enum error_code why,
                      struct fetch_result *result, struct http_answer *answer)
{
  uint32_t attempts = result->of.attempts;
  say(f, TRAIL_CACHE, why, "last_resort");
  fetch_take(f, result, answer);
  result->of.attempts = attempts;
}

bool fetch_rescue(struct fetch *f, enum error_code why,
                  struct fetch_result *result, struct http_answer *answer)
{
  if (!error_may_retry(why) || !is_good(f)) return false;
  *result = (struct fetch_result){0};
  take_last(f, why, result, answer);
  return true;
}

// --- the end ---

static void finish(struct fetch *f, struct fetch_result *result)
{
  struct http_answer kept = {0};
  timer_stop(&f->timer);
  bool failed = f->late || fetch_failed(&result->of);
  if (failed && is_good(f)) take_last(f, result->of.code, result, &kept);
  f->done(f->ctx, result); // f may be gone from here on
  http_answer_finish(&kept);
}

void fetch_landed(struct fetch *f, struct fetch_result *result,
                  struct http_answer *answer)
{
  result->of.answer = answer;
  finish(f, result);
  http_answer_finish(answer);
}

static void on_alone(void *ctx, const struct exchange_result *exchanged)
{
  struct fetch *f = ctx;
  struct fetch_result result = {.of = *exchanged};
  f->alone = false;
  if (f->options.rules.on)
    fetch_store(&f->job, f->options.fetcher, exchanged, f->options.trail);
  finish(f, &result);
}

static void end_with(struct fetch *f, enum error_code code, enum reject reject)
{
  struct http_answer none = {.end = f->late ? HTTP_TIMEOUT : HTTP_CANCELLED};
  enum outcome outcome = f->late ? OUTCOME_DEADLINE : OUTCOME_CANCELLED;
  struct fetch_result result = {
      .of = {.code = code,
             .reject = reject,
             .outcome = reject ? OUTCOME_LOCAL_REJECT : outcome,
             .answer = &none,
             .retry_after_ms = -1}};
  finish(f, &result);
}

// Time is up, but for what is kept.
static void on_late(struct timer *timer, void *ctx)
{
  (void)timer;
  struct fetch *f = ctx;
  f->late = true;
  fetch_expire(f);
}

// --- going ---

static bool go_alone(struct fetch *f, const struct exchange_options *request)
{
  f->alone = true;
  if (exchange_start(&f->exchange, request, on_alone, f)) return true;
  f->alone = false;
  timer_stop(&f->timer);
  return false;
}

static bool go(struct fetch *f, const struct exchange_options *request)
{
  struct fetcher *fetcher = f->options.fetcher;
  fetch_job_begin(&f->job, fetcher);
  f->joined_ns = loop_exact(fetcher->loop);
  if (!f->job.rules.coalesce) return go_alone(f, request);
  switch (fetch_board(fetcher, f, &f->job, request)) {
  case FETCH_IN: return true;
  case FETCH_NO_FLIGHT: return go_alone(f, request);
  case FETCH_FULL: end_with(f, E_UNAVAILABLE, REJECT_CROWD); return true;
  }
  return true;
}

// What an answer means only the caller's script can say: then it asks itself.
static bool needs_caller(const struct exchange_options *request)
{
  return request->classify && !request->classify_keep;
}

static void begin_job(struct fetch *f, const struct exchange_options *request)
{
  f->job = (struct fetch_job){
      .key = f->options.key,
      .rules = f->options.rules,
      .method = request->attempt.method,
      .replaces = f->state != CACHE_MISS,
  };
  if (needs_caller(request)) f->job.rules.coalesce = false;
}

// An exchange of our own keeps to its deadline by itself.
static void watch_time(struct fetch *f)
{
  uint64_t deadline = f->options.deadline_ns;
  bool resort = is_good(f) && deadline > now_of(f) + 2 * RESERVE_NS;
  if (!resort && !f->job.rules.coalesce) return;
  timer_init(&f->timer, f->options.fetcher->loop, on_late, f);
  timer_start_at(&f->timer, resort ? deadline - RESERVE_NS : deadline);
}

bool fetch_start(struct fetch *f, const struct exchange_options *request,
                 fetch_done_fn done, void *ctx)
{
  f->done = done;
  f->ctx = ctx;
  if (!f->options.rules.on) return go_alone(f, request);
  f->options.deadline_ns = request->deadline_ns;
  begin_job(f, request);
  watch_time(f);
  return go(f, request);
}

// A refresh is the first thing that a worker leaves out when it is late.
static bool is_shed(const struct exchange_options *request)
{
  return request->shed && !shed_admits(request->shed, SHED_BACKGROUND, false);
}

void fetch_refresh(struct fetch *f, const struct exchange_options *request)
{
  begin_job(f, request);
  fetch_job_begin(&f->job, f->options.fetcher);
  if (is_shed(request)) {
    fetch_forgo(f);
    return;
  }
  say(f, TRAIL_REFRESH, OK, f->state == CACHE_STALE ? "stale" : "early");
  if (needs_caller(request) ||
      fetch_board(f->options.fetcher, NULL, &f->job, request) != FETCH_IN)
    fetch_forgo(f);
}

void fetch_forgo(struct fetch *f)
{
  struct cache_key key = found_key(f);
  cache_unclaim(fetch_cache(f->options.fetcher->shared), &key);
}

bool fetch_go_again(struct fetch *f, const struct exchange_options *request)
{
  bool useful = f->options.deadline_ns > now_of(f) + FETCH_USEFUL_NS;
  if (f->again || !useful) return false;
  f->again = true;
  if (!go(f, request)) end_with(f, E_NO_MEMORY, REJECT_NONE);
  return true;
}

// --- giving up ---

static void stop(struct fetch *f, void (*stop_exchange)(struct exchange *x))
{
  if (f->alone) {
    stop_exchange(&f->exchange);
    return;
  }
  fetch_leave(f);
  end_with(f, f->late ? E_TIMEOUT : E_CANCELLED, REJECT_NONE);
}

void fetch_cancel(struct fetch *f)
{
  stop(f, exchange_cancel);
}

void fetch_expire(struct fetch *f)
{
  stop(f, exchange_expire);
}

void fetch_finish(struct fetch *f)
{
  cache_unref(f->kept);
  f->kept = NULL;
}
