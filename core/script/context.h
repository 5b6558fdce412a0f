// context.h -- `ctx`, the first argument of every handler.
//
// One userdata per VM and kind: what it shows is looked up in the call of the
// running task each time, so a `ctx` that a script keeps never shows another
// caller's call. Its fields come from bind/.

#ifndef SCRIPT_CONTEXT_H
#define SCRIPT_CONTEXT_H

#include <lua.h>

enum context_kind {
  CONTEXT_CALL, // what handlers, fallbacks and error functions get
  CONTEXT_AUTH  // what an auth function gets: its http has no credentials
};

// Makes both values; once per VM. -0 +0
void context_open(lua_State *L);

// Pushes it. +1. Allocates nothing.
void context_push(lua_State *L, enum context_kind kind);

// `ctx.<name>` is the value on the top (-1), the same for every call.
void context_set_field(lua_State *L, enum context_kind kind, const char *name);
// `ctx.<name>` is what `get(L)` pushes, asked each time.
void context_set_getter(lua_State *L, enum context_kind kind, const char *name,
                        lua_CFunction get);

#endif
