// bind_policy.c -- tide.policy.extend: one policy made from another.

#include <lauxlib.h>

#include "bind/bind.h"
#include "script/policy_value.h"

void bind_policy_open(lua_State *L)
{
  /// tide.policy.extend(base: table, more: table, ...): table
  /// A new policy: the settings of `base`, over them those of `more`.
  static const luaL_Reg functions[] = {{"extend", policy_value_extend},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);     // tide policy
  lua_setfield(L, -2, "policy"); // tide
}
