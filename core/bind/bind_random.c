// bind_random.c -- tide.random and tide.uuid.
//
// In a call they are drawn from the call's run, so that a handler that is
// replayed with an answer draws the same again (script/ask.h).

#include <lauxlib.h>
#include <stdio.h>

#include "bind/bind.h"
#include "script/call.h"

static struct prng *prng_of(lua_State *L)
{
  struct call *call = task_owner(L);
  struct prng *p = call ? asking_chance(call_asking(call)) : NULL;
  return p ? p : lua_touserdata(L, lua_upvalueindex(1));
}

/// tide.random(): number -- uniform in [0, 1)
/// tide.random(low: integer, high: integer): integer -- both may come
static int random_number(lua_State *L)
{
  if (lua_gettop(L) == 0) {
    lua_pushnumber(L, prng_unit(prng_of(L)));
    return 1;
  }
  lua_Integer low = luaL_checkinteger(L, 1), high = luaL_checkinteger(L, 2);
  luaL_argcheck(L, low <= high, 2, "must not be below the first");
  uint64_t width = (uint64_t)high - (uint64_t)low + 1; // 0: all there are
  uint64_t drawn =
      width ? prng_below(prng_of(L), width) : prng_next(prng_of(L));
  lua_pushinteger(L, (lua_Integer)((uint64_t)low + drawn));
  return 1;
}

// With a seed a simulated run gets the same ones each time.
static void seeded_uuid(struct prng *p, char out[UUID_LEN + 1])
{
  uint64_t a = prng_next(p), b = prng_next(p);
  snprintf(out, UUID_LEN + 1, "%08x-%04x-4%03x-%04x-%012llx",
           (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xFFFF),
           (unsigned)(a & 0xFFF), (unsigned)(b >> 48 & 0x3FFF) | 0x8000U,
           (unsigned long long)(b & 0xFFFFFFFFFFFF));
}

/// tide.uuid(): string -- version 4
static int uuid(lua_State *L)
{
  char text[UUID_LEN + 1];
  struct call *call = task_owner(L);
  if (call && asking_uuid(call_asking(call), text)) {
    lua_pushlstring(L, text, UUID_LEN);
    return 1;
  }
  if (lua_toboolean(L, lua_upvalueindex(2))) {
    seeded_uuid(prng_of(L), text);
  } else if (!random_uuid(text)) {
    return luaL_error(L, "tide.uuid: the system has no random bytes to give");
  }
  lua_pushlstring(L, text, UUID_LEN);
  return 1;
}

void bind_random_open(lua_State *L, const struct bind_env *env)
{
  static const luaL_Reg functions[] = {
      {"random", random_number}, {"uuid", uuid}, {NULL, NULL}};
  struct prng *prng = lua_newuserdatauv(L, sizeof(*prng), 0); // tide prng
  uint64_t seed = env->seed;
  if (!seed && !random_bytes(&seed, sizeof(seed)))
    luaL_error(L, "the system has no random bytes to give");
  prng_seed(prng, seed);
  lua_pushboolean(L, env->seed != 0); // tide prng seeded
  luaL_setfuncs(L, functions, 2);     // tide
}
