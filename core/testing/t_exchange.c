// t_exchange.c -- T.exchange: exchanges over a scripted upstream, many at a
// time, with the gauges of all that guards them.
//
// world{ policy = { ["retry.attempts"] = 3, ... }, seed =, wall_ms = } has one
// upstream. What that does is drawn by weight from the list of world:behave(),
// or, with service_ms, comes from a server that does one request after another,
// also those that nobody waits for any more.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard/exchange.h"
#include "loop/clock.h"
#include "net/scripted.h"
#include "testing/t_base.h"
#include "testing/t_fields.h"

#define WORLD     "T.exchange.world"
#define START_NS  (1000 * NS_PER_S)
#define WALL_MS   INT64_C(1767225600000)
#define WAYS_MAX  16
#define HINT_SIZE 64

int t_exchange(lua_State *L);

struct way {
  uint32_t weight;
  struct behaviour does;
  char head[HINT_SIZE];
};

struct totals {
  lua_Integer calls, attempts, ok, ended;
};

// What half-open breakers were seen to let through.
struct probes {
  uint32_t generation, sent;
  uint64_t neutral; // before this generation
  lua_Integer most_at_once, too_many;
};

struct xworld {
  struct loop *loop;
  struct mailbox *mailbox;
  struct prng chance, fate;
  struct scripted *scripted;
  struct http_client *client;
  struct upstream_set *set;
  struct upstream *upstream;
  struct policy policy;
  struct way ways[WAYS_MAX];
  size_t way_count;
  uint64_t service_ns, free_ns;
  uint64_t slow_ns, slow_from_ns, slow_to_ns; // a brown-out
  struct totals totals;
  struct probes probes;
  struct run **runs; // by number
  size_t run_count, run_room;
  enum outcome said; // of classify
};

struct run {
  struct exchange exchange;
  struct trail trail;
  struct xworld *world;
  bool done, forget;
  uint64_t began_ns, ended_ns;
  struct exchange_result result; // without its answer
  int status;
};

static struct xworld *check_world(lua_State *L)
{
  struct xworld *w = *(struct xworld **)luaL_checkudata(L, 1, WORLD);
  luaL_argcheck(L, w, 1, "it is closed");
  return w;
}

// --- the upstream ---

// A probe on its way: how many of them are there, of this generation?
static void watch_probes(struct xworld *w)
{
  struct breaker *b = &w->upstream->breaker;
  struct breaker_options o = policy_breaker(&w->policy);
  struct breaker_stats stats;
  if (breaker_state(b) != BREAKER_HALF_OPEN) return;
  breaker_stats(b, &stats);
  uint32_t generation = breaker_generation(b);
  struct probes *p = &w->probes;
  if (generation != p->generation) {
    p->generation = generation;
    p->sent = 0;
    p->neutral = stats.probes_neutral;
  }
  p->sent++;
  if (breaker_probes(b) > p->most_at_once) p->most_at_once = breaker_probes(b);
  if (breaker_probes(b) > o.probes) p->too_many++;
  if (p->sent > o.admitted + (stats.probes_neutral - p->neutral)) p->too_many++;
}

static void serve_in_order(struct xworld *w, struct behaviour *out)
{
  uint64_t now = loop_now(w->loop);
  uint64_t begin = now > w->free_ns ? now : w->free_ns;
  bool slow = begin >= w->slow_from_ns && begin < w->slow_to_ns;
  w->free_ns = begin + (slow ? w->slow_ns : w->service_ns);
  *out = (struct behaviour){
      .status = 200, .sent = true, .delay_ns = w->free_ns - now};
}

static void on_ask(void *ctx, const struct scripted_request *request,
                   struct behaviour *out)
{
  struct xworld *w = ctx;
  uint32_t all = 0;
  (void)request;
  w->totals.attempts++;
  watch_probes(w);
  if (w->service_ns > 0) {
    serve_in_order(w, out);
    return;
  }
  for (size_t i = 0; i < w->way_count; i++)
    all += w->ways[i].weight;
  uint64_t drawn = prng_below(&w->fate, all > 0 ? all : 1);
  size_t i = 0;
  while (i + 1 < w->way_count && drawn >= w->ways[i].weight)
    drawn -= w->ways[i++].weight;
  *out = w->ways[i].does;
}

static enum http_end end_field(lua_State *L)
{
  lua_getfield(L, -1, "fail"); // way name?
  const char *name = luaL_optstring(L, -1, NULL);
  lua_pop(L, 1); // way
  for (int e = 0; name && e < HTTP_ENDS; e++)
    if (!strcmp(http_end_name((enum http_end)e), name)) return (enum http_end)e;
  return HTTP_ANSWERED;
}

static void read_way(lua_State *L, struct way *way)
{
  int at = lua_gettop(L);
  lua_Integer later = t_integer(L, at, "retry_after_s", -1);
  *way = (struct way){
      .weight = (uint32_t)t_integer(L, at, "weight", 1),
      .does = {.end = end_field(L),
               .status = (int)t_integer(L, at, "status", 200),
               .delay_ns =
                   (uint64_t)t_integer(L, at, "delay_ms", 0) * NS_PER_MS,
               .hang = t_flag(L, at, "hang", false),
               .sent = t_flag(L, at, "sent", true)}};
  if (later < 0) return;
  int n = snprintf(way->head, HINT_SIZE, "Retry-After: %d\n", (int)later);
  way->does.head = (struct slice){way->head, (size_t)n};
}

// world:behave{ service_ms = n, slow_ms =, slow_from_ms =, slow_to_ms = } or world:behave{ way, ... }; a way is { weight
// =, status =, delay_ms =, retry_after_s =, fail =, sent =, hang = }
static int behave(lua_State *L)
{
  struct xworld *w = check_world(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  w->service_ns = (uint64_t)t_integer(L, 2, "service_ms", 0) * NS_PER_MS;
  w->slow_ns = (uint64_t)t_integer(L, 2, "slow_ms", 0) * NS_PER_MS;
  w->slow_from_ns =
      START_NS + (uint64_t)t_integer(L, 2, "slow_from_ms", 0) * NS_PER_MS;
  w->slow_to_ns =
      START_NS + (uint64_t)t_integer(L, 2, "slow_to_ms", 0) * NS_PER_MS;
  w->way_count = 0;
  for (lua_Integer i = 1; i <= luaL_len(L, 2) && i <= WAYS_MAX; i++) {
    lua_geti(L, 2, i); // way
    read_way(L, &w->ways[w->way_count++]);
    lua_pop(L, 1); //
  }
  return 0;
}

// --- exchanges ---

static void on_done(void *ctx, const struct exchange_result *result)
{
  struct run *run = ctx;
  struct xworld *w = run->world;
  run->result = *result;
  run->status = result->answer->status;
  run->done = true;
  run->ended_ns = loop_now(w->loop);
  w->totals.ended++;
  w->totals.ok += result->code == OK;
  if (run->forget) free(run);
}

static enum outcome on_classify(void *ctx, const struct http_answer *answer,
                                enum outcome by_table, struct trail *trail)
{
  struct xworld *w = ctx;
  (void)answer, (void)by_table, (void)trail;
  return w->said;
}

static bool begin(struct xworld *w, struct run *run,
                  const struct exchange_options *more, uint64_t deadline_ms)
{
  struct exchange_options o = *more;
  uint64_t now = loop_now(w->loop);
  o.loop = w->loop;
  o.mailbox = w->mailbox;
  o.chance = &w->chance;
  o.client = w->client;
  o.upstream = w->upstream;
  o.trail = &run->trail;
  o.policy = &w->policy;
  o.deadline_ns = now + deadline_ms * NS_PER_MS;
  o.label = SLICE("/");
  o.attempt.url = SLICE("https://x.example/");
  run->world = w;
  run->began_ns = now;
  w->totals.calls++;
  trail_begin(&run->trail, now);
  return exchange_start(&run->exchange, &o, on_done, run);
}

static struct run *new_run(lua_State *L, struct xworld *w)
{
  if (w->run_count == w->run_room) {
    size_t room = w->run_room ? w->run_room * 2 : 64;
    struct run **more = realloc(w->runs, room * sizeof(*more));
    if (!more) luaL_error(L, "out of memory");
    w->runs = more;
    w->run_room = room;
  }
  struct run *run = calloc(1, sizeof(*run));
  if (!run) luaL_error(L, "out of memory");
  w->runs[w->run_count++] = run;
  return run;
}

static struct slice method_arg(lua_State *L, int index)
{
  static const char *const names[] = {"GET", "POST", "PUT", "DELETE", NULL};
  lua_getfield(L, index, "method"); // method?
  int i = lua_isnil(L, -1) ? 0 : luaL_checkoption(L, -1, NULL, names);
  lua_pop(L, 1); //
  return slice_of(names[i]);
}

// world:start{ method =, deadline_ms =, idempotent =, keyed =, says = number of
// an outcome }: number of the exchange
static int start(lua_State *L)
{
  struct xworld *w = check_world(L);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_newtable(L);
    lua_replace(L, 2);
  }
  lua_Integer says = t_integer(L, 2, "says", -1);
  w->said = (enum outcome)says;
  struct exchange_options more = {
      .idempotent = t_flag(L, 2, "idempotent", false),
      .keyed = t_flag(L, 2, "keyed", false),
      .classify = says >= 0 ? on_classify : NULL,
      .classify_ctx = w,
      .attempt.method = method_arg(L, 2),
  };
  struct run *run = new_run(L, w);
  uint64_t ms = (uint64_t)t_integer(L, 2, "deadline_ms",
                                    (lua_Integer)w->policy.deadline_ms);
  lua_pushinteger(L, (lua_Integer)w->run_count);
  if (!begin(w, run, &more, ms)) luaL_error(L, "out of memory");
  return 1;
}

static struct run *run_arg(lua_State *L, struct xworld *w)
{
  lua_Integer n = luaL_checkinteger(L, 2);
  luaL_argcheck(L, n >= 1 && (size_t)n <= w->run_count, 2, "no such exchange");
  return w->runs[n - 1];
}

// world:cancel(number[, expired]): if it still runs
static int cancel(lua_State *L)
{
  struct run *run = run_arg(L, check_world(L));
  if (run->done) return 0;
  if (lua_toboolean(L, 3))
    exchange_expire(&run->exchange);
  else
    exchange_cancel(&run->exchange);
  return 0;
}

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
  lua_pushinteger(L, value); // value
  lua_setfield(L, -2, name); //
}

static void set_string(lua_State *L, const char *name, const char *value)
{
  lua_pushstring(L, value);  // value
  lua_setfield(L, -2, name); //
}

// world:result(number): nil while it runs, or { code, outcome, reject, status,
// attempts, side_effect, retry_after_ms, ms, trail }
static int result(lua_State *L)
{
  const struct run *run = run_arg(L, check_world(L));
  struct buf trail = {0};
  if (!run->done) return 0;
  lua_newtable(L); // result
  set_string(L, "code", error_name(run->result.code));
  set_string(L, "outcome", outcome_name(run->result.outcome));
  set_string(L, "reject", reject_name(run->result.reject));
  set_string(L, "side_effect", side_effect_name(run->result.side_effect));
  set_integer(L, "status", run->status);
  set_integer(L, "attempts", run->result.attempts);
  set_integer(L, "retry_after_ms", run->result.retry_after_ms);
  set_integer(L, "ms",
              (lua_Integer)((run->ended_ns - run->began_ns) / NS_PER_MS));
  trail_print(&run->trail, &trail);
  lua_pushlstring(L, buf_slice(&trail).data, trail.len); // result trail
  buf_finish(&trail);
  lua_setfield(L, -2, "trail"); // result
  return 1;
}

// --- time ---

// world:advance(ms)
static int advance(lua_State *L)
{
  struct xworld *w = check_world(L);
  loop_run_until(w->loop, loop_now(w->loop) +
                              (uint64_t)luaL_checkinteger(L, 2) * NS_PER_MS);
  return 0;
}

// world:step_wall(ms): somebody sets the clock of the machine
static int step_wall(lua_State *L)
{
  loop_step_wall(check_world(L)->loop, luaL_checkinteger(L, 2));
  return 0;
}

// world:load(calls a second, seconds): GETs, evenly; nothing is kept of them
static int load(lua_State *L)
{
  struct xworld *w = check_world(L);
  uint64_t rate = (uint64_t)luaL_checkinteger(L, 2);
  uint64_t calls = rate * (uint64_t)luaL_checkinteger(L, 3);
  uint64_t from = loop_now(w->loop);
  struct exchange_options more = {.attempt.method = SLICE("GET")};
  for (uint64_t i = 0; i < calls; i++) {
    loop_run_until(w->loop, from + i * NS_PER_S / rate);
    struct run *run = malloc(sizeof(*run));
    if (!run) return luaL_error(L, "out of memory");
    run->forget = true;
    if (!begin(w, run, &more, (uint64_t)w->policy.deadline_ms))
      return luaL_error(L, "out of memory");
  }
  loop_run_until(w->loop, from + calls * NS_PER_S / rate);
  return 0;
}

// --- looking ---

// world:gauges(): { calls, attempts, ok, ended, in_flight, queued, probes,
// transfers, timers, breaker, opened, budget, limit, most_probes, too_many }
static int gauges(lua_State *L)
{
  struct xworld *w = check_world(L);
  struct upstream *u = w->upstream;
  struct budget_options budget = policy_budget(&w->policy);
  struct breaker_stats stats;
  breaker_stats(&u->breaker, &stats);
  lua_newtable(L); // gauges
  set_integer(L, "calls", w->totals.calls);
  set_integer(L, "attempts", w->totals.attempts);
  set_integer(L, "ok", w->totals.ok);
  set_integer(L, "ended", w->totals.ended);
  set_integer(L, "in_flight", bulkhead_in_flight(&u->bulkhead));
  set_integer(L, "queued", bulkhead_queued(&u->bulkhead));
  set_integer(L, "limit", bulkhead_limit(&u->bulkhead));
  set_integer(L, "probes", breaker_probes(&u->breaker));
  set_integer(L, "transfers", http_client_stats(w->client).running);
  set_integer(L, "timers", (lua_Integer)loop_timers(w->loop));
  set_string(L, "breaker", breaker_state_name(breaker_state(&u->breaker)));
  set_integer(L, "opened", (lua_Integer)stats.opened);
  set_integer(L, "budget",
              budget_balance(&u->budget, &budget, loop_now(w->loop)));
  set_integer(L, "most_probes", w->probes.most_at_once);
  set_integer(L, "too_many", w->probes.too_many);
  return 1;
}

// --- a world ---

static void read_policy(lua_State *L, struct xworld *w)
{
  policy_init(&w->policy, SLICE("spec"));
  lua_getfield(L, 1, "policy"); // policy?
  for (size_t i = 0; lua_istable(L, -1) && i < policy_field_count; i++) {
    const struct policy_field *f = &policy_fields[i];
    *policy_member(&w->policy, f) =
        t_integer(L, lua_gettop(L), f->path, f->value);
  }
  lua_pop(L, 1); //
}

// world:reload{ policy = {...} }: another generation brings this policy. Nothing
// may run.
static int reload(lua_State *L)
{
  struct xworld *w = check_world(L);
  lua_remove(L, 1); // options
  read_policy(L, w);
  upstream_get(w->set, SLICE("x"), &w->policy, loop_now(w->loop));
  return 0;
}

static void open_parts(lua_State *L, struct xworld *w)
{
  uint64_t seed = (uint64_t)t_integer(L, 1, "seed", 1);
  w->loop = loop_new_simulated(START_NS, t_integer(L, 1, "wall_ms", WALL_MS));
  w->mailbox = mailbox_new(w->loop);
  w->scripted = scripted_new(w->loop);
  w->client = scripted_client(w->scripted);
  w->set = upstream_set_new(seed);
  upstream_set_chaos(
      w->set, START_NS + (uint64_t)t_integer(L, 1, "chaos_ms", 0) * NS_PER_MS);
  w->upstream = upstream_get(w->set, SLICE("x"), &w->policy, START_NS);
  prng_seed(&w->chance, seed);
  prng_seed(&w->fate, seed + 1);
  struct behaviour asks = {.ask = on_ask, .ask_ctx = w};
  scripted_add(w->scripted, SLICE("*"), SLICE("*"), &asks, 1);
  w->ways[0] = (struct way){.weight = 1, .does = {.status = 200, .sent = true}};
  w->way_count = 1;
}

static int world(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  struct xworld **box = lua_newuserdatauv(L, sizeof(*box), 0); // world
  *box = NULL;
  luaL_setmetatable(L, WORLD);
  struct xworld *w = calloc(1, sizeof(*w));
  if (!w) return luaL_error(L, "out of memory");
  *box = w;
  read_policy(L, w);
  open_parts(L, w);
  return 1;
}

// world:close(): ends what runs
static int close_world(lua_State *L)
{
  struct xworld **box = luaL_checkudata(L, 1, WORLD);
  struct xworld *w = *box;
  if (!w) return 0;
  *box = NULL;
  for (size_t i = 0; i < w->run_count; i++)
    if (!w->runs[i]->done) exchange_cancel(&w->runs[i]->exchange);
  loop_run(w->loop);
  for (size_t i = 0; i < w->run_count; i++)
    free(w->runs[i]);
  free(w->runs);
  http_client_free(w->client);
  mailbox_free(w->mailbox);
  upstream_set_free(w->set);
  loop_free(w->loop);
  free(w);
  return 0;
}

int t_exchange(lua_State *L)
{
  static const luaL_Reg methods[] = {
      {"behave", behave},       {"start", start},      {"cancel", cancel},
      {"result", result},       {"advance", advance},  {"load", load},
      {"step_wall", step_wall}, {"gauges", gauges},    {"close", close_world},
      {"reload", reload},       {"__gc", close_world}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"world", world}, {NULL, NULL}};
  t_type(L, WORLD, methods);
  luaL_newlib(L, functions);
  return 1;
}
