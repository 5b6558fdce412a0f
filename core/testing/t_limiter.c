// t_limiter.c -- shows guard/limiter and guard/gate to the specs.

#include <stdbool.h>
#include <stdint.h>

#include "guard/gate.h"
#include "guard/limiter.h"
#include "testing/t_fields.h"

#define TYPE "T.limiter"
#define SLOT "T.limiter.slot"
#define GATE "T.gate"

int t_limiter(lua_State *L);

struct box {
  struct limiter limiter;
  struct limiter_options options;
};

// new(interval_ns, burst)
static int new (lua_State *L)
{
  struct limiter_options options = {(uint64_t)luaL_checkinteger(L, 1),
                                    (uint32_t)luaL_checkinteger(L, 2)};
  luaL_argcheck(L, limiter_valid(&options), 1, "not valid");
  struct box *b = t_new(L, sizeof(*b), TYPE); // limiter
  b->options = options;
  limiter_init(&b->limiter);
  return 1;
}

// valid(interval_ns, burst)
static int valid(lua_State *L)
{
  struct limiter_options options = {(uint64_t)luaL_checkinteger(L, 1),
                                    (uint32_t)luaL_checkinteger(L, 2)};
  lua_pushboolean(L, limiter_valid(&options));
  return 1;
}

// interval(period_ns, limit)
static int interval(lua_State *L)
{
  lua_pushinteger(
      L, (lua_Integer)limiter_interval_ns((uint64_t)luaL_checkinteger(L, 1),
                                          (uint64_t)luaL_checkinteger(L, 2)));
  return 1;
}

// reserve(units, now_ns, max_wait_ns): verdict, wait_ns, slot
static int reserve(lua_State *L)
{
  static const char *const verdicts[] = {"go", "later", "never"};
  struct box *b = t_self(L, TYPE);
  struct limiter_slot s = limiter_reserve(
      &b->limiter, &b->options, (uint32_t)luaL_checkinteger(L, 2),
      (uint64_t)luaL_checkinteger(L, 3), (uint64_t)luaL_optinteger(L, 4, 0));
  lua_pushstring(L, verdicts[s.verdict]);     // verdict
  lua_pushinteger(L, (lua_Integer)s.wait_ns); // verdict wait
  struct limiter_slot *slot = lua_newuserdatauv(L, sizeof(s), 0);
  *slot = s; // verdict wait slot
  luaL_setmetatable(L, SLOT);
  return 3;
}

static int cancel(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  lua_pushboolean(L, limiter_cancel(&b->limiter, luaL_checkudata(L, 2, SLOT)));
  return 1;
}

static int adjust(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  limiter_adjust(&b->limiter, &b->options, (int32_t)luaL_checkinteger(L, 2),
                 (uint64_t)luaL_checkinteger(L, 3));
  return 0;
}

// counts(): refused, lost
static int counts(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  lua_pushinteger(L, (lua_Integer)b->limiter.refused);
  lua_pushinteger(L, (lua_Integer)b->limiter.lost);
  return 2;
}

// --- gate ---

static int gate(lua_State *L)
{
  struct gate *g = t_new(L, sizeof(*g), GATE); // gate
  gate_init(g);
  return 1;
}

// close(until_ns, now_ns)
static int shut(lua_State *L)
{
  struct gate *g = t_self(L, GATE);
  lua_pushboolean(L, gate_close(g, (uint64_t)luaL_checkinteger(L, 2),
                                (uint64_t)luaL_checkinteger(L, 3)));
  return 1;
}

// pass(spacing_ns, now_ns, max_wait_ns): ok, wait_ns, mark
static int pass(lua_State *L)
{
  struct gate *g = t_self(L, GATE);
  struct gate_place p = gate_pass(g, (uint64_t)luaL_checkinteger(L, 2),
                                  (uint64_t)luaL_checkinteger(L, 3),
                                  (uint64_t)luaL_checkinteger(L, 4));
  lua_pushboolean(L, p.ok);                   // ok
  lua_pushinteger(L, (lua_Integer)p.wait_ns); // ok wait
  lua_pushinteger(L, (lua_Integer)p.mark_ns); // ok wait mark
  return 3;
}

// leave(mark, spacing_ns)
static int leave(lua_State *L)
{
  struct gate *g = t_self(L, GATE);
  struct gate_place p = {true, 0, (uint64_t)luaL_checkinteger(L, 2)};
  gate_leave(g, &p, (uint64_t)luaL_checkinteger(L, 3));
  return 0;
}

// closed(now_ns): closed, when it opens
static int closed(lua_State *L)
{
  struct gate *g = t_self(L, GATE);
  uint64_t now = (uint64_t)luaL_checkinteger(L, 2);
  lua_pushboolean(L, gate_closed(g, now));
  lua_pushinteger(L, (lua_Integer)gate_opens_ns(g, now));
  return 2;
}

int t_limiter(lua_State *L)
{
  static const luaL_Reg methods[] = {{"reserve", reserve},
                                     {"cancel", cancel},
                                     {"adjust", adjust},
                                     {"counts", counts},
                                     {NULL, NULL}};
  static const luaL_Reg gates[] = {{"close", shut},
                                   {"pass", pass},
                                   {"leave", leave},
                                   {"closed", closed},
                                   {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", new},
                                       {"valid", valid},
                                       {"interval", interval},
                                       {"gate", gate},
                                       {NULL, NULL}};
  t_type(L, TYPE, methods);
  t_type(L, GATE, gates);
  t_type(L, SLOT, none);
  luaL_newlib(L, functions);
  return 1;
}
