// secret_value.c -- a secret as a Lua value; see secret_value.h.

#include "script/secret_value.h"

#include <lauxlib.h>
#include <string.h>

#include "script/convert.h"
#include "script/vm.h"

static const char set_key; // its address: where joined secrets go

static int push_protected(lua_State *L)
{
  struct secret *secret = lua_touserdata(L, 1);
  struct secret **value = lua_newuserdatauv(L, sizeof(struct secret *), 0);
  *value = NULL;
  luaL_setmetatable(L, SECRET_TYPE);
  *value = secret; // from here on it is collected
  return 1;
}

void secret_value_push(lua_State *L, struct secret *secret)
{
  lua_pushcfunction(L, push_protected); // fn
  lua_pushlightuserdata(L, secret);     // fn secret
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return;
  secret_unref(secret);
  lua_error(L);
}

void secret_value_push_bytes(lua_State *L, struct slice bytes)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &set_key); // set
  struct secret *secret = secret_new(lua_touserdata(L, -1), bytes);
  lua_pop(L, 1); //
  if (!secret) luaL_error(L, "not enough memory");
  secret_value_push(L, secret); // secret
}

struct slice secret_value_hide(lua_State *L, struct slice text,
                               struct arena *arena)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &set_key); // set
  const struct secret_set *set = lua_touserdata(L, -1);
  lua_pop(L, 1); //
  if (!secret_found(set, text)) return text;
  struct buf clean = {0};
  secret_scrub(set, text, &clean);
  struct slice copy = {0};
  if (buf_ok(&clean)) copy = arena_copy(arena, buf_slice(&clean));
  buf_finish(&clean);
  return copy;
}

struct secret *secret_value(lua_State *L, int index)
{
  struct secret **value = luaL_testudata(L, index, SECRET_TYPE);
  return value ? *value : NULL;
}

// --- what a script can do with one ---

static int collect(lua_State *L)
{
  struct secret **value = luaL_checkudata(L, 1, SECRET_TYPE);
  secret_unref(*value);
  *value = NULL;
  return 0;
}

static int print(lua_State *L)
{
  lua_pushliteral(L, "***");
  return 1;
}

static int refuse(lua_State *L)
{
  return luaL_error(L, "a secret cannot be read or compared; give it to auth, "
                       "a header or tide.hash.hmac as it is");
}

static void add_operand(lua_State *L, int index, struct buf *out)
{
  const struct secret *s = secret_value(L, index);
  struct slice bytes;
  if (s) {
    bytes = secret_reveal(s);
  } else {
    bytes.data = luaL_checklstring(L, index, &bytes.len);
  }
  buf_add(out, bytes);
}

// "Bearer " .. secret
static int join(lua_State *L)
{
  struct buf *joined = vm_buf(vm_of(L));
  add_operand(L, 1, joined);
  add_operand(L, 2, joined);
  if (!buf_ok(joined)) return luaL_error(L, "not enough memory");
  secret_value_push_bytes(L, buf_slice(joined)); // a b secret
  explicit_bzero(joined->data, joined->len);
  return 1;
}

static enum error_code to_json(lua_State *L, int index, struct buf *out,
                               struct error *err)
{
  (void)L, (void)index, (void)out;
  return error_set(err, E_INVALID, "a secret cannot become JSON");
}

void secret_value_open(lua_State *L, struct secret_set *set)
{
  static const luaL_Reg methods[] = {{"__gc", collect},   {"__tostring", print},
                                     {"__concat", join},  {"__len", refuse},
                                     {"__lt", refuse},    {"__le", refuse},
                                     {"__index", refuse}, {NULL, NULL}};
  lua_pushlightuserdata(L, set);               // set
  lua_rawsetp(L, LUA_REGISTRYINDEX, &set_key); //
  luaL_newmetatable(L, SECRET_TYPE);           // meta
  luaL_setfuncs(L, methods, 0);                // meta
  lua_pushboolean(L, 0);                       // meta false
  lua_setfield(L, -2, "__metatable");          // meta
  convert_set_hook(L, to_json);
  lua_pop(L, 1); //
}
