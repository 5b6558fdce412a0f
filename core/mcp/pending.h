// pending.h -- questions to legacy clients that wait for their answer.
//
// The answer comes as a POST of its own and may reach any worker: the question
// is found here by its session and id, and its owner told through its mailbox.
// An answer to a question that was never asked, was answered already or is given
// up finds nothing, nothing happens, and nothing of it is kept. Safe for threads; a mutex, on paths that
// only legacy clients take.

#ifndef MCP_PENDING_H
#define MCP_PENDING_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/slice.h"
#include "loop/mailbox.h"

#define PENDING_SESSION_LEN 16

struct pending_set;

// Embedded in whatever waits.
struct pending {
  struct list link;        // under the lock, even to read: neighbours write it
  bool added;              // the owner's thread only
  bool answered;           // under the lock: an answer is on its way
  struct mailbox *mailbox; // of its worker; NULL: answered inline
  unsigned char session[PENDING_SESSION_LEN];
  struct slice id; // of the request, as it was sent, quotes included
  // On the owner's thread, once; it was removed before. `error`: the text is the
  // error object instead of the result.
  void (*answer)(struct pending *p, struct slice text, bool error);
};

// A new id, as it is sent, in `arena`; absent without memory or randomness.
// Unguessable: whoever is not the client that was asked cannot answer.
struct slice pending_make_id(struct arena *arena);

struct pending_set *pending_set_new(void);    // NULL when out of memory
void pending_set_free(struct pending_set *s); // NULL is fine

// Keeps `p` until it is answered or removed.
void pending_add(struct pending_set *s, struct pending *p);
// Owner's thread; also when it was never added but zeroed.
void pending_remove(struct pending_set *s, struct pending *p);
// Any worker: has the question answered on its own thread, now or soon. False:
// there is none, or no memory.
bool pending_answer(struct pending_set *s, const unsigned char session[],
                    struct slice id, struct slice text, bool error);

#endif
