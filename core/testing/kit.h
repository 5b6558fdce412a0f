// kit.h -- what the files of the kit share (see kit.c).

#ifndef TESTING_KIT_H
#define TESTING_KIT_H

#include <lua.h>

#include "testing/scripted.h"

// Reads a behaviour: { status =, headers =, json = or body =, delay_ms =,
// hang = true } or { fail = "reset", sent = true } with an end of
// http_client.h. Texts are kept in `arena`. Raises for anything else.
void kit_read_behaviour(lua_State *L, int index, struct arena *arena,
                        struct behaviour *out);

// Pushes "Name: value\n" lines as a table with lower-case names. +1
void kit_push_headers(lua_State *L, struct slice lines);

#endif
