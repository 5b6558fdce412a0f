// scripted.h -- the second transport: an upstream that does as it is told, in
// simulated time. The kit for specs and `tidegate check --prove` run on it.
//
// A rule matches requests by method and URL pattern and has a list of
// behaviours; the n-th matching request gets the n-th, the last one stays. A
// behaviour is an answer or a way of failing, after a delay, or a function that
// decides when the request is there. The times of the attempt hold as they do
// on the wire: what takes longer than `connect_ms`, `first_byte_ms` or
// `total_ms` ends as the timeout that libcurl would report. Every attempt that
// is started is kept for the spec to look at. Same inputs, same outcome: there
// is no chance in it.

#ifndef NET_SCRIPTED_H
#define NET_SCRIPTED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "loop/loop.h"
#include "net/http_client.h"

struct scripted_request {
  struct slice method, url, headers, body; // headers: "Name: value\n" lines
  bool has_body;
  bool replayable;
  bool matched; // by a rule; else the service is not there
  uint64_t at_ns;
};

struct behaviour;
// Fills `out`; what it points to is copied at once. The request lives until
// scripted_clear().
typedef void (*behaviour_fn)(void *ctx, const struct scripted_request *request,
                             struct behaviour *out);

struct behaviour {
  enum http_end end; // HTTP_ANSWERED: status, head and body count
  int status;
  struct slice head; // "Name: value\n" lines
  struct slice body;
  uint64_t body_bytes; // pretends that the body is at least so long
  uint64_t delay_ns;   // from the start until the head comes, or the failure
  uint64_t body_ns;    // from the head until the body is whole
  bool hang;           // never ends by itself
  bool sent;           // false: it fails before the request goes out
  behaviour_fn ask;    // NULL, or decides in place of all this
  void *ask_ctx;
};

struct scripted;

// Keeps the loop. NULL: no memory.
struct scripted *scripted_new(struct loop *loop);
// The client takes it: http_client_free() frees it.
struct http_client *scripted_client(struct scripted *s);

// Copies all. `url` may hold '*', which stands for any bytes; one without '?'
// matches whatever the query is. A rule added later is looked at first. False:
// no memory.
bool scripted_add(struct scripted *s, struct slice method, struct slice url,
                  const struct behaviour *list, size_t n);
// Forgets rules and requests. What runs goes on.
void scripted_clear(struct scripted *s);

// Is it one that a rule of scripted_add() would be for?
bool scripted_is(const struct scripted_request *request, struct slice method,
                 struct slice url);

// What was started so far, oldest first; borrows until scripted_clear() or the
// end of the client.
const struct scripted_request *scripted_requests(const struct scripted *s,
                                                 size_t *n);

#endif
