// convert_inside.h -- what the two halves of convert share; nobody else
// includes it.

#ifndef SCRIPT_CONVERT_INSIDE_H
#define SCRIPT_CONVERT_INSIDE_H

#include <lua.h>
#include <stdbool.h>

extern const char convert_hook_key;

// Is the table at `index` marked as an array?
bool convert_is_array(lua_State *L, int index);

#endif
