// fault.h -- an error as a Lua value, and back.
//
// In Lua an error is a table with the metatable "tide.Error": code, message,
// and where known status, details, retry_after_ms, attempts, side_effect. Its
// __tostring is "not_found: no such repository". Scripts get them as the second
// result of a failed operation, make them with tide.error, and hand them on
// with `return nil, err`, `assert` or `error`.

#ifndef SCRIPT_FAULT_H
#define SCRIPT_FAULT_H

#include <lua.h>
#include <stdbool.h>

#include "base/error.h"

#define FAULT_TYPE "tide.Error"

// Pushes an error object with code, message, status, retry_after_ms. +1
void fault_push(lua_State *L, const struct error *err);

// Is the value at `index` an error object?
bool fault_is(lua_State *L, int index);

// error_set() with what a script says. A message may be cut, and then no half of
// a secret must be left.
void fault_say(lua_State *L, struct error *err, enum error_code code,
               const char *message);

// Reads the error object at `index`; a field of the wrong type is ignored and
// an unknown code becomes E_SCRIPT. Not an object: false.
bool fault_read(lua_State *L, int index, struct error *err);

// Turns whatever was raised (at the top: -1 +1) into an error object: an
// object stays; a table with a `code` of the list becomes one; anything else
// becomes E_SCRIPT with a message for the agent that tells nothing of the
// inside. `log_text` (may be NULL) gets what belongs in the log: the raised
// text and the traceback of `L`.
struct buf;
void fault_wrap(lua_State *L, struct buf *log_text);

#endif
