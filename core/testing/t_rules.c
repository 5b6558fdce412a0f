// t_rules.c -- shows guard/deadline, guard/cache_rule and guard/ratelimit to the
// specs.

#include <stdbool.h>
#include <stdint.h>

#include "guard/cache_rule.h"
#include "guard/deadline.h"
#include "guard/ratelimit.h"
#include "testing/t_base.h"
#include "testing/t_fields.h"

int t_rules(lua_State *L);

// The field as a slice; absent if there is none. The table keeps the string.
static struct slice text(lua_State *L, int table, const char *name)
{
  lua_getfield(L, table, name); // value
  struct slice s = {NULL, 0};
  if (!lua_isnil(L, -1)) s = t_slice(L, -1);
  lua_pop(L, 1); //
  return s;
}

// --- deadline ---

// attempt(deadline_ns, now_ns, timeout_ms, useful_ns): useful, cut, ms
static int attempt(lua_State *L)
{
  struct deadline_share s = deadline_attempt(
      (uint64_t)luaL_checkinteger(L, 1), (uint64_t)luaL_checkinteger(L, 2),
      (uint32_t)luaL_checkinteger(L, 3), (uint64_t)luaL_checkinteger(L, 4));
  lua_pushboolean(L, s.useful);
  lua_pushboolean(L, s.cut);
  lua_pushinteger(L, s.ms);
  return 3;
}

static int after(lua_State *L)
{
  lua_pushinteger(
      L, (lua_Integer)deadline_after((uint64_t)luaL_checkinteger(L, 1),
                                     (uint64_t)luaL_checkinteger(L, 2)));
  return 1;
}

// waits(deadline_ns, now_ns, median_ns?): queue (at most 100 ms), limiter (at
// most 1 s), told in ms
static int waits(lua_State *L)
{
  uint64_t deadline = (uint64_t)luaL_checkinteger(L, 1);
  uint64_t now = (uint64_t)luaL_checkinteger(L, 2);
  uint64_t median = (uint64_t)luaL_optinteger(L, 3, 0);
  lua_pushinteger(L, (lua_Integer)deadline_queue_ns(deadline, now, 100000000));
  lua_pushinteger(L,
                  (lua_Integer)deadline_limiter_ns(deadline, now, 1000000000));
  lua_pushinteger(L, (lua_Integer)deadline_told_ms(deadline, now, median));
  return 3;
}

// learned(count, p50_ns, p999_ns, configured_ms): timeout in ms, useful in ns
static int learned(lua_State *L)
{
  struct latency_view v = {.count = (uint64_t)luaL_checkinteger(L, 1),
                           .p50_ns = (uint64_t)luaL_checkinteger(L, 2),
                           .p999_ns = (uint64_t)luaL_checkinteger(L, 3)};
  lua_pushinteger(L,
                  deadline_timeout_ms(&v, (uint32_t)luaL_checkinteger(L, 4)));
  lua_pushinteger(L, (lua_Integer)deadline_useful_ns(&v));
  return 2;
}

// --- cache_rule ---

static struct cache_answer answer_arg(lua_State *L)
{
  struct cache_answer a = {
      .method = text(L, 1, "method"),
      .declared_safe = t_flag(L, 1, "declared_safe", false),
      .status = (int)t_integer(L, 1, "status", 200),
      .expires = text(L, 1, "expires"),
      .date = text(L, 1, "date"),
      .age = text(L, 1, "age"),
      .vary = text(L, 1, "vary"),
      .sets_cookie = t_flag(L, 1, "sets_cookie", false),
  };
  if (!a.method.data) a.method = SLICE("GET");
  lua_getfield(L, 1, "control"); // control
  size_t n = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1); // control value
    cache_control_read(&a.control, t_slice(L, -1));
    lua_pop(L, 1); // control
  }
  lua_pop(L, 1); //
  return a;
}

// cache(answer, options): verdict, { fresh=, swr=, sie=, negative=, shared= }
static int cache(lua_State *L)
{
  struct cache_answer a = answer_arg(L);
  struct cache_rule_options o = {
      .ttl_ns = (uint64_t)t_integer(L, 2, "ttl", 0),
      .ttl_max_ns = (uint64_t)t_integer(L, 2, "ttl_max", 3600000000000),
      .swr_ns = (uint64_t)t_integer(L, 2, "swr", 60000000000),
      .sie_ns = (uint64_t)t_integer(L, 2, "sie", 0),
      .negative_ns = (uint64_t)t_integer(L, 2, "negative", 30000000000),
      .shared = t_flag(L, 2, "shared", false),
  };
  struct cache_rule r = cache_rule(&o, &a);
  lua_pushstring(L, cache_verdict_name(r.verdict)); // verdict
  lua_newtable(L);                                  // verdict rule
  lua_pushinteger(L, (lua_Integer)r.fresh_ns);
  lua_setfield(L, -2, "fresh");
  lua_pushinteger(L, (lua_Integer)r.swr_ns);
  lua_setfield(L, -2, "swr");
  lua_pushinteger(L, (lua_Integer)r.sie_ns);
  lua_setfield(L, -2, "sie");
  lua_pushboolean(L, r.negative);
  lua_setfield(L, -2, "negative");
  lua_pushboolean(L, r.shared);
  lua_setfield(L, -2, "shared");
  return 2;
}

// --- ratelimit ---

static struct ratelimit ratelimit_arg(lua_State *L)
{
  struct ratelimit_fields f = {
      .ratelimit = text(L, 1, "ratelimit"),
      .policy = text(L, 1, "policy"),
      .limit = text(L, 1, "limit"),
      .remaining = text(L, 1, "remaining"),
      .reset = text(L, 1, "reset"),
      .reset_is_epoch = t_flag(L, 1, "epoch", false),
  };
  return ratelimit_read(&f, t_integer(L, 1, "wall_ms", 0));
}

// ratelimit(fields): left, quota, reset_s; nothing if it is not known
static int ratelimit(lua_State *L)
{
  struct ratelimit r = ratelimit_arg(L);
  if (!r.known) return 0;
  lua_pushinteger(L, (lua_Integer)r.left);
  lua_pushinteger(L, (lua_Integer)r.quota);
  lua_pushinteger(L, (lua_Integer)r.reset_s);
  return 3;
}

// pace(fields, own_ns, unit): interval_ns, lasts_ns
static int pace(lua_State *L)
{
  struct ratelimit r = ratelimit_arg(L);
  lua_pushinteger(L, (lua_Integer)ratelimit_interval_ns(
                         &r, (uint64_t)luaL_checkinteger(L, 2)));
  lua_pushinteger(L,
                  (lua_Integer)ratelimit_lasts_ns(&r, luaL_optnumber(L, 3, 0)));
  return 2;
}

int t_rules(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"attempt", attempt}, {"after", after}, {"waits", waits},
      {"learned", learned}, {"cache", cache}, {"ratelimit", ratelimit},
      {"pace", pace},       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
