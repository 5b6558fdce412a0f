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

struct classifier; // script/classify.h

struct outgoing {
  struct call_part part; // in its call's list until freed
  struct arena arena;    // url and headers
  struct buf url, body;
  struct header *headers;
  size_t header_count, header_room;
  bool has_body, idempotent;
  bool plain;           // of an auth function: neither credentials nor key
  bool unsafe;          // must not be sent twice
  bool no_key;          // the script wants none
  uint32_t timeout_ms;  // these three: 0, or less than the policy's
  uint32_t deadline_ms; // from when it is sent
  uint32_t attempts;
  struct slice key; // by which the service knows a repetition; absent: none
  struct classifier *classifier; // NULL: the integration has none
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

// When it must be over: at most when its call must.
uint64_t outgoing_deadline(const struct outgoing *o);

// Gives it the key by which the service knows a repetition, if the integration
// says that there is such a thing: the script's own, or for what must not be sent
// twice a new one. The same on all attempts, since it is made before the first.
//
// It is made of the call's run and of where in the handler it is (prepare, run or
// fallback, which of several side by side, the how manyth), of the principal, the
// tool and the operation. So no two requests of a call have the same, nor have
// two calls; but a handler that is run again in the same run, to go on after a
// question, says the same key when it comes to the same place. What it sends
// there must be the same, too: else the service refuses the key (422), which is
// better than doing it twice.
void outgoing_make_key(lua_State *L, struct outgoing *o);
// Puts the key into the header, in place of what may stand there. False: no
// memory.
bool outgoing_put_key(struct outgoing *o);

// Adds the integration's credentials (all kinds but a function).
void outgoing_authorize(struct outgoing *o, const struct auth *auth);

#endif
