// fetch_inside.h -- what fetch*.c share; nobody else includes it.

#ifndef GUARD_FETCH_INSIDE_H
#define GUARD_FETCH_INSIDE_H

#include "base/list.h"
#include "guard/fetch.h"

// Least time in which beginning again makes sense.
#define FETCH_USEFUL_NS UINT64_C(20000000)

struct fetcher {
  struct fetch_shared *shared;
  struct loop *loop;
  struct mailbox *mailbox;
  struct prng *chance;
  struct list running; // of struct trip
};

// --- fetch_store.c ---

// Notes what must be known before a request goes out, to store its answer.
void fetch_job_begin(struct fetch_job *job, struct fetcher *f);
// Keeps the answer if it may be kept, and says in the trail why not.
void fetch_store(const struct fetch_job *job, struct fetcher *f,
                 const struct exchange_result *result, struct trail *trail);
// The same entry for all principals.
struct cache_key fetch_everyones(const struct cache_key *key);
// Did the service fail, rather than say no?
bool fetch_failed(const struct exchange_result *r);

// --- fetch_flight.c ---

enum fetch_joined { FETCH_IN, FETCH_FULL, FETCH_NO_FLIGHT };

// Joins or leads; `f` NULL: a refresh, for which nobody waits. FETCH_NO_FLIGHT:
// there is no memory for it, so go alone.
enum fetch_joined fetch_board(struct fetcher *fetcher, struct fetch *f,
                              const struct fetch_job *job,
                              const struct exchange_options *request);
// Waits no more. `f->seat` is gone.
void fetch_leave(struct fetch *f);

// --- fetch.c ---

// The flight has landed. The answer is shared with others.
void fetch_landed(struct fetch *f, struct fetch_result *result,
                  struct http_answer *answer);
// It ended before it was done; `request` is the one that was given.
bool fetch_go_again(struct fetch *f, const struct exchange_options *request);

#endif
