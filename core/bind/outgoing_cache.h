// outgoing_cache.h -- is the answer of a request kept, and what finds it again?
//
// The policy says it for reads; the option `cache` of one request overrides it.
// What finds it is all that the script asked for: method, path, query, headers,
// body -- as a hash, since any of it may be a secret -- and the principal. What
// the engine adds to log in is no part of it.

#ifndef BIND_OUTGOING_CACHE_H
#define BIND_OUTGOING_CACHE_H

#include <lua.h>

#include "bind/outgoing.h"

// Reads the option: false, or a table. Raises for anything else.
void outgoing_read_cache(lua_State *L, struct outgoing *o, int index);

// Looks whether the answer is there. Before the credentials are added; `own`:
// it is a request of an auth function, which only the option turns on. Raises
// where the option cannot be meant.
enum fetch_found outgoing_look(lua_State *L, struct outgoing *o, bool own);

// What the path shows has changed at the service, or may have.
void outgoing_changed(const struct outgoing *o);

#endif
