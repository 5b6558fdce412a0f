// secret_value.h -- a secret as a Lua value.
//
// A userdata with the metatable "tide.Secret" that holds one reference. It
// prints "***", and nothing a script can do with it shows what is inside.

#ifndef SCRIPT_SECRET_VALUE_H
#define SCRIPT_SECRET_VALUE_H

#include <lua.h>

#include "base/secret.h"

#define SECRET_TYPE "tide.Secret"

// Takes one reference of `secret`. Raises only "not enough memory", and then
// the reference is ended. +1
void secret_value_push(lua_State *L, struct secret *secret);

// The secret at `index`, NULL if it is none. Borrows.
struct secret *secret_value(lua_State *L, int index);

#endif
