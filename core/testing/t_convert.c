// t_convert.c -- shows script/convert to the specs, in the spec's own state.

#include <lauxlib.h>

#include "script/convert.h"

int t_convert(lua_State *L);

static struct slice check_slice(lua_State *L, int arg)
{
  struct slice s;
  s.data = luaL_checklstring(L, arg, &s.len);
  return s;
}

// push(json): the value. The arena is lost if it raises; specs do not let it.
static int push(lua_State *L)
{
  struct arena arena = {0};
  struct json_doc doc;
  struct error err;
  struct slice text = check_slice(L, 1);
  if (json_parse(&doc, text, (struct json_limits){0}, &arena, &err)) {
    arena_finish(&arena);
    return luaL_error(L, "%s", err.message);
  }
  convert_push(L, &doc, 0, &arena);
  arena_finish(&arena);
  return 1;
}

// put(value [, schema]): the JSON; or nil and the message
static int put(lua_State *L)
{
  struct schema *schema = NULL;
  struct error err;
  struct buf out = {0};
  if (!lua_isnoneornil(L, 2) &&
      schema_compile(check_slice(L, 2), &schema, &err))
    return luaL_error(L, "%s", err.message);
  lua_settop(L, 1);
  enum error_code code = convert_put(L, 1, schema, &out, &err);
  int left = lua_gettop(L) - 1;
  schema_free(schema);
  if (code) {
    lua_pushnil(L);                 // value nil
    lua_pushstring(L, err.message); // value nil message
  } else {
    lua_pushlstring(L, buf_slice(&out).data, out.len); // value json
  }
  buf_finish(&out);
  if (left) return luaL_error(L, "%d values left on the stack", left);
  return code ? 2 : 1;
}

static enum error_code hook(lua_State *L, int index, struct buf *out,
                            struct error *err)
{
  if (lua_rawlen(L, index) > 1) return error_set(err, E_INVALID, "too big");
  buf_puts(out, "[\"hooked\"]");
  return OK;
}

// hooked(size): a userdata with a hook; too big above one byte
static int hooked(lua_State *L)
{
  lua_newuserdatauv(L, (size_t)luaL_checkinteger(L, 1), 0); // ud
  lua_newtable(L);                                          // ud meta
  convert_set_hook(L, hook);
  lua_setmetatable(L, -2); // ud
  return 1;
}

static int mark(lua_State *L)
{
  lua_settop(L, 1);
  convert_mark_array(L);
  return 1;
}

int t_convert(lua_State *L)
{
  static const luaL_Reg functions[] = {{"push", push},
                                       {"put", put},
                                       {"hooked", hooked},
                                       {"mark", mark},
                                       {NULL, NULL}};
  luaL_newlib(L, functions); // t
  return 1;
}
