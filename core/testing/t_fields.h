// t_fields.h -- options of a C struct from the fields of a Lua table.

#ifndef TESTING_T_FIELDS_H
#define TESTING_T_FIELDS_H

#include <lauxlib.h>

// The field as an integer, `otherwise` if the table (or nil) has none.
static inline lua_Integer t_integer(lua_State *L, int table, const char *name,
                                    lua_Integer otherwise)
{
  if (lua_isnoneornil(L, table)) return otherwise;
  lua_getfield(L, table, name); // value
  lua_Integer n = luaL_optinteger(L, -1, otherwise);
  lua_pop(L, 1); //
  return n;
}

static inline double t_number(lua_State *L, int table, const char *name,
                              double otherwise)
{
  if (lua_isnoneornil(L, table)) return otherwise;
  lua_getfield(L, table, name); // value
  double n = luaL_optnumber(L, -1, otherwise);
  lua_pop(L, 1); //
  return n;
}

static inline bool t_flag(lua_State *L, int table, const char *name,
                          bool otherwise)
{
  if (lua_isnoneornil(L, table)) return otherwise;
  lua_getfield(L, table, name); // value
  bool set = lua_isnil(L, -1) ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1); //
  return set;
}

// A type of userdata whose methods are found by name. -0 +0
static inline void t_type(lua_State *L, const char *type,
                          const luaL_Reg *methods)
{
  luaL_newmetatable(L, type);     // meta
  luaL_setfuncs(L, methods, 0);   // meta
  lua_pushvalue(L, -1);           // meta meta
  lua_setfield(L, -2, "__index"); // meta
  lua_pop(L, 1);                  //
}

// Memory that a struct with cache lines of its own may live in: a userdata is
// aligned to 16. Pushes the userdata of `type`. -0 +1
#define T_LINE 64
static inline void *t_aligned(void *p)
{
  return (void *)(((uintptr_t)p + T_LINE - 1) & ~(uintptr_t)(T_LINE - 1));
}

static inline void *t_new(lua_State *L, size_t size, const char *type)
{
  void *p = lua_newuserdatauv(L, size + T_LINE, 0); // userdata
  luaL_setmetatable(L, type);
  return t_aligned(p);
}

static inline void *t_self(lua_State *L, const char *type)
{
  return t_aligned(luaL_checkudata(L, 1, type));
}

#endif
