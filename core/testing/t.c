// t.c -- the Lua C module `T`: C modules shown to the specs, by name.
//
// Each t_<name>.c defines `int t_<name>(lua_State *L)`, which pushes one table
// of functions; `require "T"` gives { <name> = that table, ... }.

#include <lauxlib.h>

#define X(name) int t_##name(lua_State *L);
#include "t_list.h"
#undef X

static const struct {
  const char *name;
  lua_CFunction open;
} modules[] = {
#define X(name) {#name, t_##name},
#include "t_list.h"
#undef X
    {NULL, NULL},
};

int luaopen_T(lua_State *L);
int luaopen_T(lua_State *L)
{
  lua_newtable(L); // T
  for (int i = 0; modules[i].name; i++) {
    modules[i].open(L);                   // T module
    lua_setfield(L, -2, modules[i].name); // T
  }
  return 1;
}
