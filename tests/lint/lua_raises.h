// lua_raises.h -- tells clang-tidy which functions of Lua do not return.
//
// Given with -include by `./dev lint`; nothing is compiled with it. Without
// it the analyzer walks on behind a failed luaL_argcheck().

#ifndef LINT_LUA_RAISES_H
#define LINT_LUA_RAISES_H

struct lua_State;

_Noreturn int lua_error(struct lua_State *L);
_Noreturn int luaL_error(struct lua_State *L, const char *format, ...);
_Noreturn int luaL_argerror(struct lua_State *L, int arg, const char *extra);
_Noreturn int luaL_typeerror(struct lua_State *L, int arg, const char *name);

#endif
