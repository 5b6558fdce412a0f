// scripted.h -- the second transport: an upstream that does as it is told, in
// simulated time.
//
// A rule matches requests by method and URL pattern and has a list of
// behaviours; the n-th matching request gets the n-th, the last one stays. A
// behaviour is an answer or a way of failing, after a delay; the times of the
// attempt hold as they do on the wire, so a delay beyond them is a timeout.
// Every attempt that is started is kept for the spec to look at. Same inputs,
// same outcome: there is no chance in it.

#ifndef TESTING_SCRIPTED_H
#define TESTING_SCRIPTED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "loop/loop.h"
#include "net/http_client.h"

struct behaviour {
  enum http_end end; // HTTP_ANSWERED: status, head and body count
  int status;
  struct slice head; // "Name: value\n" lines
  struct slice body;
  uint64_t delay_ns; // from the start to the end
  bool hang;         // never ends by itself
  bool sent;         // for failures: did the request go out?
};

struct scripted_request {
  struct slice method, url, headers, body; // headers: "Name: value\n" lines
  uint64_t at_ns;
  bool replayable;
};

struct scripted;

// Keeps the loop. NULL: no memory.
struct scripted *scripted_new(struct loop *loop);
// The client takes it: http_client_free() frees it.
struct http_client *scripted_client(struct scripted *s);

// Copies all. `url` may hold '*', which stands for any bytes; a rule added later
// is looked at first. False: no memory.
bool scripted_add(struct scripted *s, struct slice method, struct slice url,
                  const struct behaviour *list, size_t n);

// What was started so far; borrows until the client is freed.
const struct scripted_request *scripted_requests(const struct scripted *s,
                                                 size_t *n);

#endif
