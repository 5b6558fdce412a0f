// t_shed.c -- shows guard/shed, guard/idempotency and guard/chaos to the specs.

#include <stdbool.h>
#include <stdint.h>

#include "guard/chaos.h"
#include "guard/idempotency.h"
#include "guard/shed.h"
#include "testing/t_base.h"
#include "testing/t_fields.h"

#define SHED  "T.shed"
#define CHAOS "T.chaos"
#define RULES 8

int t_shed(lua_State *L);

static int new_shed(lua_State *L)
{
  struct shed *s = t_new(L, sizeof(*s), SHED); // shed
  shed_init(s, 0);
  return 1;
}

// lag(lag_ns, now_ns): the level
static int lag(lua_State *L)
{
  struct shed_options o;
  shed_options_default(&o);
  struct shed *s = t_self(L, SHED);
  shed_lag(s, &o, (uint64_t)luaL_checkinteger(L, 2),
           (uint64_t)luaL_checkinteger(L, 3));
  lua_pushinteger(L, shed_level(s));
  return 1;
}

// memory(used, most): the level
static int memory(lua_State *L)
{
  struct shed *s = t_self(L, SHED);
  shed_memory(s, (uint64_t)luaL_checkinteger(L, 2),
              (uint64_t)luaL_checkinteger(L, 3));
  lua_pushinteger(L, shed_level(s));
  return 1;
}

// admits(class[, is_retry]): yes or no, how many of that class were shed
static int admits(lua_State *L)
{
  static const char *const classes[] = {"critical", "interactive", "batch",
                                        "background", NULL};
  struct shed *s = t_self(L, SHED);
  enum shed_class c = (enum shed_class)luaL_checkoption(L, 2, NULL, classes);
  lua_pushboolean(L, shed_admits(s, c, lua_toboolean(L, 3)));
  lua_pushinteger(L, (lua_Integer)s->shed[c]);
  return 2;
}

static int worst(lua_State *L)
{
  lua_pushinteger(L, (lua_Integer)shed_take_worst(t_self(L, SHED)));
  return 1;
}

static int retry_after(lua_State *L)
{
  lua_pushinteger(L, shed_retry_after_s(luaL_checknumber(L, 1)));
  return 1;
}

// --- idempotency ---

// random_key(16 bytes)
static int random_key(lua_State *L)
{
  struct idempotency_key key;
  struct slice chance = t_slice(L, 1);
  luaL_argcheck(L, chance.len == 16, 1, "16 bytes");
  idempotency_random(&key, (const unsigned char *)chance.data);
  lua_pushstring(L, key.text);
  return 1;
}

// derived_key(secret, tenant, run, step, ordinal)
static int derived_key(lua_State *L)
{
  struct idempotency_key key;
  struct idempotency_step step = {t_slice(L, 2), t_slice(L, 3), t_slice(L, 4),
                                  (uint64_t)luaL_checkinteger(L, 5)};
  if (!idempotency_derived(&key, t_slice(L, 1), &step)) return 0;
  lua_pushstring(L, key.text);
  return 1;
}

// spell(16 bytes, quoted)
static int spell(lua_State *L)
{
  struct idempotency_key key;
  idempotency_random(&key, (const unsigned char *)t_slice(L, 1).data);
  lua_pushstring(L, idempotency_spell(&key, lua_toboolean(L, 2)).text);
  return 1;
}

static int answer(lua_State *L)
{
  static const char *const names[] = {"nothing", "running", "mismatch"};
  lua_pushstring(L, names[idempotency_answer((int)luaL_checkinteger(L, 1))]);
  return 1;
}

// known(created_ns, now_ns)
static int known(lua_State *L)
{
  lua_pushboolean(L, idempotency_known((uint64_t)luaL_checkinteger(L, 1),
                                       IDEMPOTENCY_RETENTION_NS,
                                       (uint64_t)luaL_checkinteger(L, 2)));
  return 1;
}

// --- chaos ---

struct box {
  struct chaos chaos;
  struct chaos_rule rules[RULES];
};

static enum chaos_kind kind_field(lua_State *L)
{
  static const char *const names[] = {
#define X(constant, name, early) name,
      CHAOS_LIST(X)
#undef X
          NULL};
  lua_getfield(L, -1, "kind"); // rule kind
  int kind = luaL_checkoption(L, -1, NULL, names);
  lua_pop(L, 1); // rule
  return (enum chaos_kind)kind;
}

// The rule on top. Its operation is borrowed from the table.
static struct chaos_rule rule_arg(lua_State *L)
{
  struct chaos_rule r = {
      .per_million = (uint32_t)t_integer(L, -1, "per_million", 1000000),
      .kind = kind_field(L),
      .status = (int)t_integer(L, -1, "status", 503),
      .spread = (enum chaos_spread)t_integer(L, -1, "spread", CHAOS_FIXED),
      .delay_ns = (uint64_t)t_integer(L, -1, "delay", 0),
      .sigma = t_number(L, -1, "sigma", 1),
      .expires_ns = (uint64_t)t_integer(L, -1, "expires", INT64_MAX),
  };
  lua_getfield(L, -1, "operation"); // rule operation
  if (!lua_isnil(L, -1)) r.operation = t_slice(L, -1);
  lua_pop(L, 1); // rule
  return r;
}

// chaos(rules, seed[, active_max]); the rules must outlive it
static int new_chaos(lua_State *L)
{
  struct chaos_rule rules[RULES];
  size_t count = lua_rawlen(L, 1);
  luaL_argcheck(L, count <= RULES, 1, "at most 8 rules");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 1, (lua_Integer)i + 1); // rule
    rules[i] = rule_arg(L);
    lua_pop(L, 1); //
  }
  uint64_t seed = (uint64_t)luaL_checkinteger(L, 2);
  uint32_t most = (uint32_t)luaL_optinteger(L, 3, 1000000000);
  struct box *b = t_new(L, sizeof(*b), CHAOS); // chaos
  for (size_t i = 0; i < count; i++)
    b->rules[i] = rules[i];
  chaos_init(&b->chaos, seed, b->rules, count, most);
  chaos_switch(&b->chaos, true);
  return 1;
}

static int turn(lua_State *L)
{
  struct box *b = t_self(L, CHAOS);
  chaos_switch(&b->chaos, lua_toboolean(L, 2));
  return 0;
}

// decide(operation, call, attempt, now_ns[, keep]): kind, delay_ns, injected;
// `keep`: it stays active
static int decide(lua_State *L)
{
  struct box *b = t_self(L, CHAOS);
  struct chaos_attempt a = {t_slice(L, 2), (uint64_t)luaL_checkinteger(L, 3),
                            (uint32_t)luaL_checkinteger(L, 4)};
  struct chaos_plan p =
      chaos_decide(&b->chaos, &a, (uint64_t)luaL_checkinteger(L, 5));
  lua_pushstring(L, chaos_name(p.kind));       // kind
  lua_pushinteger(L, (lua_Integer)p.delay_ns); // kind delay
  lua_pushboolean(L, p.injected);              // kind delay injected
  if (!lua_toboolean(L, 6)) chaos_end(&b->chaos, &p);
  return 3;
}

int t_shed(lua_State *L)
{
  static const luaL_Reg sheds[] = {{"lag", lag},
                                   {"memory", memory},
                                   {"admits", admits},
                                   {"worst", worst},
                                   {NULL, NULL}};
  static const luaL_Reg chaoses[] = {
      {"decide", decide}, {"switch", turn}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", new_shed},
                                       {"retry_after", retry_after},
                                       {"random_key", random_key},
                                       {"derived_key", derived_key},
                                       {"spell", spell},
                                       {"answer", answer},
                                       {"known", known},
                                       {"chaos", new_chaos},
                                       {NULL, NULL}};
  t_type(L, SHED, sheds);
  t_type(L, CHAOS, chaoses);
  luaL_newlib(L, functions);
  return 1;
}
