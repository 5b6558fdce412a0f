// response.h -- an upstream's answer as a Lua value.
//
// A response is a userdata that owns the bytes of one answer. It belongs to
// the call that made the exchange: when the call ends its bytes are freed at
// once (the collector may come much later), and a script that kept the value
// gets an error. While the call runs nothing is decoded until it is asked for:
// `body` makes the Lua string, `json` parses; a response that is returned
// untouched is spliced into the result.

#ifndef SCRIPT_RESPONSE_H
#define SCRIPT_RESPONSE_H

#include <lua.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/list.h"
#include "guard/fetch.h"
#include "net/http_client.h"
#include "script/call.h"

#define RESPONSE_TYPE "tide.Response"

struct response {
  struct call_part part; // in its call's list while the bytes are there
  struct http_answer answer;
  struct arena
      scratch; // while `json` is made; here so that a raise leaks nothing
  bool ended;  // the call is over, the bytes are gone
  enum fetch_source source;
  uint64_t age_ns; // if it was kept
};

// Makes the metatable; once per VM. -0 +0
void response_open(lua_State *L);

// Pushes an empty response of that call; its answer is filled in later. +1
struct response *response_push(lua_State *L, struct call *call);
// Moves the answer in.
void response_fill(struct response *r, struct http_answer *answer);

// Pushes a view of an answer that belongs to somebody else: good until
// response_take_back(), which is called whatever has happened to it. One at a
// time in a VM. +1
void response_lend(lua_State *L, const struct http_answer *answer);
void response_take_back(lua_State *L);

// Where it came from; without it: the wire.
void response_set_source(struct response *r, enum fetch_source source,
                         uint64_t age_ns);

// The response at `index`, NULL if it is none. Does not raise.
struct response *response_at(lua_State *L, int index);

// Says the content type that it is JSON, or (without one) does it look so?
bool response_is_json(const struct response *r);

#endif
