// outgoing_options.h -- the options table of ctx.http, read strictly.

#ifndef BIND_OUTGOING_OPTIONS_H
#define BIND_OUTGOING_OPTIONS_H

#include <lua.h>

#include "bind/outgoing.h"

// Reads query, headers, json, form, body, timeout_ms, deadline_ms, attempts,
// idempotent, idempotency_key and cache from the table at `options` into `o`.
// Raises for anything else, and for values that cannot be sent.
void outgoing_options(lua_State *L, struct outgoing *o, int options);

#endif
