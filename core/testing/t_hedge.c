// t_hedge.c -- shows guard/latency and guard/hedge to the specs.

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "guard/hedge.h"
#include "testing/t_fields.h"

#define LATENCY "T.latency"
#define GROUP   "T.hedge.group"

int t_hedge(lua_State *L);

static int latency(lua_State *L)
{
  struct latency *l = t_new(L, sizeof(*l), LATENCY); // latency
  latency_init(l);
  return 1;
}

// record(elapsed_ns, now_ns)
static int record(lua_State *L)
{
  struct latency *l = t_self(L, LATENCY);
  latency_record(l, (uint64_t)luaL_checkinteger(L, 2),
                 (uint64_t)luaL_checkinteger(L, 3));
  return 0;
}

// view(now_ns): count, p50, p95, p99.9
static int view(lua_State *L)
{
  struct latency *l = t_self(L, LATENCY);
  struct latency_view v = latency_view(l, (uint64_t)luaL_checkinteger(L, 2));
  lua_pushinteger(L, (lua_Integer)v.count);
  lua_pushinteger(L, (lua_Integer)v.p50_ns);
  lua_pushinteger(L, (lua_Integer)v.p95_ns);
  lua_pushinteger(L, (lua_Integer)v.p999_ns);
  return 4;
}

// plan(facts): verdict, delay_ns
static int plan(lua_State *L)
{
  struct hedge_options o = {
      .extra = (uint32_t)t_integer(L, 1, "extra", 1),
      .min_delay_ns = HEDGE_MIN_DELAY_NS,
      .unknown_delay_ns = HEDGE_DELAY_NS,
  };
  struct hedge_facts f = {
      .safe = t_flag(L, 1, "safe", true),
      .breaker_closed = t_flag(L, 1, "breaker_closed", true),
      .shedding = t_flag(L, 1, "shedding", false),
      .throttled_ns = (uint64_t)t_integer(L, 1, "throttled", 0),
      .in_flight = (uint32_t)t_integer(L, 1, "in_flight", 1),
      .limit = (uint32_t)t_integer(L, 1, "limit", 64),
      .now_ns = (uint64_t)t_integer(L, 1, "now", 0),
      .deadline_ns = (uint64_t)t_integer(L, 1, "deadline", INT64_MAX),
      .latency = {.count = (uint64_t)t_integer(L, 1, "count", 100),
                  .p95_ns = (uint64_t)t_integer(L, 1, "p95", 50000000)},
  };
  struct hedge_plan p = hedge_plan(&o, &f);
  lua_pushstring(L, hedge_name(p.verdict));
  lua_pushinteger(L, (lua_Integer)p.delay_ns);
  return 2;
}

// pay(own tokens, shared tokens): paid, what is left of both
static int pay(lua_State *L)
{
  struct budget_options own_options = {luaL_checkinteger(L, 1), HEDGE_DEPOSIT,
                                       0};
  struct budget_options shared_options = {luaL_checkinteger(L, 2), 100, 0};
  struct budget own, shared;
  budget_init(&own, &own_options, 0);
  budget_init(&shared, &shared_options, 0);
  lua_pushboolean(L, hedge_pay((struct hedge_budget){&own, &own_options},
                               (struct hedge_budget){&shared, &shared_options},
                               0));
  lua_pushinteger(L, own.balance);
  lua_pushinteger(L, shared.balance);
  return 3;
}

// --- groups ---

static const char *const steps[] = {"wait", "launch", "win", "lose", "late"};

static int group(lua_State *L)
{
  uint32_t most = (uint32_t)luaL_checkinteger(L, 1);
  struct hedge_group *g = t_new(L, sizeof(*g), GROUP); // group
  hedge_begin(g, most);
  return 1;
}

static int may_launch(lua_State *L)
{
  lua_pushboolean(L, hedge_may_launch(t_self(L, GROUP)));
  return 1;
}

static int launched(lua_State *L)
{
  hedge_launched(t_self(L, GROUP));
  return 0;
}

static int refused(lua_State *L)
{
  lua_pushstring(L, steps[hedge_refused(t_self(L, GROUP))]);
  return 1;
}

static int ended(lua_State *L)
{
  struct hedge_group *g = t_self(L, GROUP);
  const char *name = luaL_checkstring(L, 2);
  for (int o = 0; o < OUTCOMES; o++) {
    if (strcmp(name, outcome_name((enum outcome)o)) != 0) continue;
    lua_pushstring(L, steps[hedge_ended(g, (enum outcome)o)]);
    return 1;
  }
  return luaL_error(L, "no outcome %s", name);
}

int t_hedge(lua_State *L)
{
  static const luaL_Reg latencies[] = {
      {"record", record}, {"view", view}, {NULL, NULL}};
  static const luaL_Reg groups[] = {{"may_launch", may_launch},
                                    {"launched", launched},
                                    {"refused", refused},
                                    {"ended", ended},
                                    {NULL, NULL}};
  static const luaL_Reg functions[] = {{"latency", latency},
                                       {"plan", plan},
                                       {"pay", pay},
                                       {"group", group},
                                       {NULL, NULL}};
  t_type(L, LATENCY, latencies);
  t_type(L, GROUP, groups);
  luaL_newlib(L, functions);
  return 1;
}
