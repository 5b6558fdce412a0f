// outgoing.h -- a request that a script is about to send.
//
// Made from what ctx.http was given -- method, path and options -- and what the
// integration declares: base, headers, credentials. It lives on the heap and
// belongs to its call, so that a Lua error while it is being made leaks
// nothing: it ends with outgoing_free(), at the latest when the call ends.

#ifndef BIND_OUTGOING_H
#define BIND_OUTGOING_H

#include <lua.h>
#include <stdbool.h>

#include "guard/fetch.h"
#include "script/call.h"
#include "script/task.h"

#define OUTGOING_CACHE_TIMES 4

enum outgoing_cache_said {
  OUTGOING_CACHE_BY_POLICY,
  OUTGOING_CACHE_OFF,
  OUTGOING_CACHE_ON
};

struct outgoing_cache { // the option; see outgoing_cache.c
  enum outgoing_cache_said said;
  int64_t ms[OUTGOING_CACHE_TIMES]; // -1: not said
  int shared;                       // the same
  int safe;                         // a POST: it changes nothing
  struct slice key;
};

struct outgoing {
  struct call_part part; // in its call's list until freed
  struct arena arena;    // url and headers
  struct buf url, body;
  struct header *headers;
  size_t header_count, header_room;
  bool has_body, idempotent;
  bool plain;  // of an auth function: without credentials
  bool unsafe; // must not be sent twice
  uint32_t timeout_ms;
  struct slice method, path;
  struct slice shown; // the path, for log and trail

  struct outgoing_cache cache;

  struct fetch fetch;
  struct task_ticket ticket;
  bool behind;  // what is kept is served, and refreshed
  bool running; // the fetch has begun and not ended
  bool waiting; // a task waits for it

  struct exchange_result result;
  enum fetch_source source;
  uint64_t age_ns;
  struct http_answer answer;
};

// Raises when out of memory.
struct outgoing *outgoing_new(lua_State *L, struct call *call);
void outgoing_free(struct outgoing *o);
// Ends the fetch, if there is one.
void outgoing_stop(struct outgoing *o);

// Reads method (a string at `method`), path (`path`) and the options table at
// `options` (may be nil). Raises a Lua error for the script's mistakes: an
// unknown option, a path that leaves the base, a header that is not one.
void outgoing_read(lua_State *L, struct outgoing *o, int method, int path,
                   int options);

// A field that was not given; a script's field wins over an integration's, so
// nothing happens if the name is there. False: no memory.
bool outgoing_default_header(struct outgoing *o, struct slice name,
                             struct slice value);

// Adds the integration's credentials (all kinds but a function).
void outgoing_authorize(struct outgoing *o, const struct auth *auth);

#endif
