// subscriptions.h -- which resources the legacy sessions of HTTP watch, for all
// workers of the process.
//
// A session subscribes through any worker, and that worker tells it of updates
// (news.h); so that it is not told twice, and can unsubscribe through another,
// what it watches stands here. Each subscription has a serial number: whoever
// serves it stops when that number is called, and not when the same resource was
// subscribed to again meanwhile.
//
// Bounded: SUBSCRIPTIONS_MAX in all, SUBSCRIPTION_URIS of a session, and they
// expire with it. Sessions cost nothing to get, so where there are too many in
// all those of sessions that nobody listens for make way (news.c). Safe for threads. Times: wall clock, ms.

#ifndef MCP_SUBSCRIPTIONS_H
#define MCP_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "mcp/events.h"

#define SUBSCRIPTIONS_MAX    65536
#define SUBSCRIPTION_URIS    256
#define SUBSCRIPTION_URI_LEN 2048 // bytes of a URI
#define SUBSCRIPTION_URI_SUM (16u << 10)

struct subscriptions;

// NULL when out of memory.
struct subscriptions *subscriptions_new(void);
void subscriptions_free(struct subscriptions *all); // NULL is fine
// How many in all, for specs: SUBSCRIPTIONS_MAX.
void subscriptions_limit(struct subscriptions *all, uint32_t most);

struct session_key {
  const unsigned char *id; // EVENTS_ID_LEN bytes
  int64_t expires_ms;
};

// SUB_TOO_MANY: of the session; SUB_FULL: in all.
enum subscribed { SUB_NEW, SUB_THERE, SUB_TOO_MANY, SUB_FULL, SUB_NO_MEMORY };

// SUB_NEW: with its serial, never 0.
enum subscribed subscriptions_add(struct subscriptions *all,
                                  struct session_key session, struct slice uri,
                                  uint64_t *serial, int64_t now_ms);
// The serial of what was there and is no more; 0 if there was none.
uint64_t subscriptions_remove(struct subscriptions *all,
                              const unsigned char session[EVENTS_ID_LEN],
                              struct slice uri);
// For whoever makes room: the one that was not looked at for longest, and its
// end. False: there is none.
struct subscription {
  unsigned char session[EVENTS_ID_LEN];
  uint64_t serial;
};
bool subscriptions_look(struct subscriptions *all, struct subscription *seen);
bool subscriptions_drop(struct subscriptions *all,
                        const struct subscription *seen);
// A number that is greater than all before, for what else must be told apart.
uint64_t subscriptions_serial(struct subscriptions *all);
// All of a session.
void subscriptions_end(struct subscriptions *all,
                       const unsigned char session[EVENTS_ID_LEN]);
// Forgets what has expired. True if any are left.
bool subscriptions_sweep(struct subscriptions *all, int64_t now_ms);

#endif
