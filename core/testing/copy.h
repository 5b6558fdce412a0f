// copy.h -- values of one lua_State in another, for the specs.

#ifndef TESTING_COPY_H
#define TESTING_COPY_H

#include <lua.h>

// Pushes on `to` a copy of the value at `index` of `from`: nil, booleans,
// numbers, strings, tables of these; anything else becomes "<type>". Raw, so no
// metamethod of `from` runs.
void copy_value(lua_State *from, int index, lua_State *to);

#endif
