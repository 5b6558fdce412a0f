// t_hash.c -- shows base/hash and base/random to the specs.

#include "base/hash.h"
#include "base/random.h"
#include "testing/t_base.h"

int t_hash(lua_State *L);

static int sha256(lua_State *L)
{
  unsigned char out[SHA256_LEN];
  if (!hash_sha256(t_slice(L, 1), out)) return 0;
  lua_pushlstring(L, (const char *)out, sizeof(out));
  return 1;
}

// hmac(key, text)
static int hmac(lua_State *L)
{
  unsigned char out[SHA256_LEN];
  if (!hash_hmac_sha256(t_slice(L, 1), t_slice(L, 2), out)) return 0;
  lua_pushlstring(L, (const char *)out, sizeof(out));
  return 1;
}

static int equal(lua_State *L)
{
  lua_pushboolean(L, hash_equal(t_slice(L, 1), t_slice(L, 2)));
  return 1;
}

// sip(k0, k1, text)
static int sip(lua_State *L)
{
  uint64_t key[2] = {(uint64_t)luaL_checkinteger(L, 1),
                     (uint64_t)luaL_checkinteger(L, 2)};
  lua_pushinteger(L, (lua_Integer)hash_table(key, t_slice(L, 3)));
  return 1;
}

static int bytes(lua_State *L)
{
  char out[1024];
  size_t len = (size_t)luaL_checkinteger(L, 1);
  luaL_argcheck(L, len <= sizeof(out), 1, "at most 1024");
  if (!random_bytes(out, len)) return 0;
  lua_pushlstring(L, out, len);
  return 1;
}

static int uuid(lua_State *L)
{
  char out[UUID_LEN + 1];
  if (!random_uuid(out)) return 0;
  lua_pushstring(L, out);
  return 1;
}

// prng(seed, n, limit?): a list of n numbers: whole below `limit`, else of the
// unit interval.
static int prng(lua_State *L)
{
  struct prng p;
  prng_seed(&p, (uint64_t)luaL_checkinteger(L, 1));
  lua_Integer n = luaL_checkinteger(L, 2);
  lua_settop(L, 3);
  lua_newtable(L); // seed n limit list
  for (lua_Integer i = 1; i <= n; i++) {
    if (lua_isnoneornil(L, 3))
      lua_pushnumber(L, prng_unit(&p));
    else
      lua_pushinteger(
          L, (lua_Integer)prng_below(&p, (uint64_t)luaL_checkinteger(L, 3)));
    lua_rawseti(L, -2, i); // list
  }
  return 1;
}

int t_hash(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"sha256", sha256}, {"hmac", hmac}, {"equal", equal}, {"sip", sip},
      {"bytes", bytes},   {"uuid", uuid}, {"prng", prng},   {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
