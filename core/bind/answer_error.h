// answer_error.h -- an answer that is a failure, as the error a script gets.

#ifndef BIND_ANSWER_ERROR_H
#define BIND_ANSWER_ERROR_H

#include <lua.h>

#include "bind/outgoing.h"

// Pushes the error object for a failed exchange: its code by the outcome and
// the status, refined by the integration's table of statuses; a sentence for
// the model; details.upstream_message if the service said why in JSON. +1
void answer_error_push(lua_State *L, const struct outgoing *o);

#endif
