// secret_value.h -- a secret as a Lua value.
//
// A userdata with the metatable "tide.Secret" that holds one reference. It
// prints "***", and nothing a script can do with it shows what is inside: it
// cannot be indexed, measured, compared or made JSON, and what is joined to it
// with `..` becomes a secret too.

#ifndef SCRIPT_SECRET_VALUE_H
#define SCRIPT_SECRET_VALUE_H

#include <lua.h>

#include "base/arena.h"
#include "base/secret.h"
#include "base/slice.h"

#define SECRET_TYPE "tide.Secret"

// Makes the type, once per VM; joined secrets go into `set` (keeps). -0 +0
void secret_value_open(lua_State *L, struct secret_set *set);

// Takes one reference of `secret`. Raises only "not enough memory", and then
// the reference is ended. +1
void secret_value_push(lua_State *L, struct secret *secret);

// Pushes a new secret with these bytes. Raises only "not enough memory". +1
void secret_value_push_bytes(lua_State *L, struct slice bytes);

// The secret at `index`, NULL if it is none. Borrows.
struct secret *secret_value(lua_State *L, int index);

// The text with every secret of the VM's set as "***": itself, or a copy in
// `arena`; absent without memory. For what is cut to be shown: half of a secret
// is known to nobody any more.
struct slice secret_value_hide(lua_State *L, struct slice text,
                               struct arena *arena);

#endif
