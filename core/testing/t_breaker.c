// t_breaker.c -- shows guard/breaker to the specs.

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "guard/breaker.h"
#include "testing/t_fields.h"

#define TYPE  "T.breaker"
#define TOKEN "T.breaker.token"

int t_breaker(lua_State *L);

struct box {
  struct breaker breaker;
  struct breaker_options options;
};

static enum breaker_mode mode_arg(lua_State *L, int index)
{
  static const char *const names[] = {
#define X(constant, name) name,
      BREAKER_MODE_LIST(X)
#undef X
          "none",
      NULL};
  return (enum breaker_mode)luaL_checkoption(L, index, "full", names);
}

static struct breaker_options options_arg(lua_State *L)
{
  return (struct breaker_options){
      .bucket_ms = (uint32_t)t_integer(L, 1, "bucket_ms", 1000),
      .min_calls = (uint32_t)t_integer(L, 1, "min_calls", 20),
      .consecutive = (uint32_t)t_integer(L, 1, "consecutive", 8),
      .fail_ratio = t_number(L, 1, "fail_ratio", 0.5),
      .slow_ratio = t_number(L, 1, "slow_ratio", 0.8),
      .base_open_ms = (uint32_t)t_integer(L, 1, "base_open_ms", 5000),
      .max_open_ms = (uint32_t)t_integer(L, 1, "max_open_ms", 60000),
      .probes = (uint32_t)t_integer(L, 1, "probes", 3),
      .admitted = (uint32_t)t_integer(L, 1, "admitted", 10),
      .successes = (uint32_t)t_integer(L, 1, "successes", 3),
      .failures = (uint32_t)t_integer(L, 1, "failures", 1),
      .lease_ms = (uint32_t)t_integer(L, 1, "lease_ms", 11000),
  };
}

// new(options[, mode[, seed[, now_ns]]])
static int new (lua_State *L)
{
  struct breaker_options options = options_arg(L);
  options.mode = mode_arg(L, 2);
  uint64_t seed = (uint64_t)luaL_optinteger(L, 3, 1);
  uint64_t now = (uint64_t)luaL_optinteger(L, 4, 0);
  luaL_argcheck(L, breaker_valid(&options), 1, "not valid");
  struct box *b = t_new(L, sizeof(*b), TYPE); // breaker
  b->options = options;
  breaker_init(&b->breaker, seed, now);
  return 1;
}

// acquire(now_ns[, is_retry]): token and its kind, or nil and the wait
static int acquire(lua_State *L)
{
  static const char *const kinds[] = {"none", "plain", "probe", "uncounted"};
  struct box *b = t_self(L, TYPE);
  struct breaker_permit p =
      breaker_acquire(&b->breaker, &b->options, lua_toboolean(L, 3),
                      (uint64_t)luaL_checkinteger(L, 2));
  if (!p.ok) {
    lua_pushnil(L);                             // nil
    lua_pushinteger(L, (lua_Integer)p.wait_ns); // nil wait
    return 2;
  }
  struct breaker_token *t = lua_newuserdatauv(L, sizeof(*t), 0); // token
  *t = p.token;
  luaL_setmetatable(L, TOKEN);
  lua_pushstring(L, kinds[t->kind]); // token kind
  return 2;
}

static int peek(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  uint64_t wait;
  bool ok = breaker_peek(&b->breaker, &b->options, lua_toboolean(L, 3),
                         (uint64_t)luaL_checkinteger(L, 2), &wait);
  lua_pushboolean(L, ok);                // ok
  lua_pushinteger(L, (lua_Integer)wait); // ok wait
  return 2;
}

// record(token, "good" | "bad" | "neutral", now_ns[, slow[, hint_ms]])
static int record(lua_State *L)
{
  static const char *const verdicts[] = {"neutral", "good", "bad", NULL};
  static const char *const effects[] = {"counted", "stale", "released",
                                        "opened", "closed"};
  struct box *b = t_self(L, TYPE);
  struct breaker_token *t = luaL_checkudata(L, 2, TOKEN);
  struct breaker_result r = {
      (enum breaker_verdict)luaL_checkoption(L, 3, NULL, verdicts),
      lua_toboolean(L, 5), luaL_optinteger(L, 6, -1)};
  lua_pushstring(L, effects[breaker_record(&b->breaker, &b->options, t, &r,
                                           (uint64_t)luaL_checkinteger(L, 4))]);
  return 1;
}

static int release(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  breaker_release(&b->breaker, luaL_checkudata(L, 2, TOKEN));
  return 0;
}

static int force(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  breaker_force(&b->breaker, mode_arg(L, 2), (uint64_t)luaL_checkinteger(L, 3));
  return 0;
}

static int gossip(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  lua_pushboolean(L, breaker_gossip(&b->breaker, &b->options,
                                    (uint64_t)luaL_checkinteger(L, 2),
                                    (uint64_t)luaL_checkinteger(L, 3)));
  return 1;
}

// state(): name, generation, reopen_ns, probes in flight
static int state(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  lua_pushstring(L, breaker_state_name(breaker_state(&b->breaker))); // name
  lua_pushinteger(L, breaker_generation(&b->breaker));
  lua_pushinteger(L, (lua_Integer)breaker_reopen_ns(&b->breaker));
  lua_pushinteger(L, breaker_probes(&b->breaker));
  return 4;
}

// window(now_ns): total, failed, slow, in a row
static int window(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  struct breaker_window w = breaker_window(&b->breaker, &b->options,
                                           (uint64_t)luaL_checkinteger(L, 2));
  lua_pushinteger(L, w.total);
  lua_pushinteger(L, w.failed);
  lua_pushinteger(L, w.slow);
  lua_pushinteger(L, w.in_a_row);
  return 4;
}

static int stats(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  struct breaker_stats s;
  breaker_stats(&b->breaker, &s);
  const struct {
    const char *name;
    uint64_t value;
  } fields[] = {{"opened", s.opened},
                {"half_opened", s.half_opened},
                {"closed", s.closed},
                {"rejected", s.rejected},
                {"stale", s.stale},
                {"would_reject", s.would_reject},
                {"good", s.probes_good},
                {"bad", s.probes_bad},
                {"neutral", s.probes_neutral},
                {"expired", s.probes_expired}};
  lua_newtable(L); // stats
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
    lua_pushinteger(L, (lua_Integer)fields[i].value); // stats value
    lua_setfield(L, -2, fields[i].name);              // stats
  }
  return 1;
}

// judge(outcome, elapsed_ns, slow_ns, first): verdict, slow
static int judge(lua_State *L)
{
  static const char *const verdicts[] = {"neutral", "good", "bad"};
  const char *name = luaL_checkstring(L, 1);
  for (int o = 0; o < OUTCOMES; o++) {
    if (strcmp(name, outcome_name((enum outcome)o)) != 0) continue;
    struct breaker_result r =
        breaker_judge((enum outcome)o, (uint64_t)luaL_checkinteger(L, 2),
                      (uint64_t)luaL_checkinteger(L, 3), lua_toboolean(L, 4));
    lua_pushstring(L, verdicts[r.verdict]); // verdict
    lua_pushboolean(L, r.slow);             // verdict slow
    return 2;
  }
  return luaL_error(L, "no outcome %s", name);
}

int t_breaker(lua_State *L)
{
  static const luaL_Reg methods[] = {{"acquire", acquire}, {"peek", peek},
                                     {"record", record},   {"release", release},
                                     {"force", force},     {"gossip", gossip},
                                     {"state", state},     {"window", window},
                                     {"stats", stats},     {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"new", new}, {"judge", judge}, {NULL, NULL}};
  t_type(L, TYPE, methods);
  t_type(L, TOKEN, none);
  luaL_newlib(L, functions);
  return 1;
}
