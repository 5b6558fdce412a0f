// errand.h -- calls that run on after their answer. MCP calls them tasks; here
// a task is a coroutine, so they are errands.
//
//   WORKING <-> ASKING -> COMPLETED | FAILED | CANCELLED
//
// One store per process. An errand is run by one worker, its owner, and looked
// at, answered and cancelled by requests that any worker gets: they find it
// here by its id, and the owner is told through its mailbox. Ids are 128 random
// bits, and only good for the principal that began it; whatever is wrong with
// one, the answer is the same: there is no such task.
//
// Bounded in count and bytes: when it is full nothing new begins. What is in it
// stays for its time (ttl_ms from its beginning, by the monotonic clock), then a
// sweep takes it out; one that still runs then is stopped. Nothing survives the
// process.
//
// Safe for threads, by one mutex that is held for a few copies. Functions for
// the owner are called on its thread; stop() and wakers are called on the
// thread whose mailbox was given (inline without a mailbox).

#ifndef MCP_ERRAND_H
#define MCP_ERRAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/slice.h"
#include "loop/mailbox.h"
#include "mcp/revision.h"
#include "script/call.h"

#define ERRAND_ID_LEN      32 // characters
#define ERRAND_SESSION_LEN 16
#define ERRAND_SAYS_MAX    256
#define ERRANDS_MAX        10000
#define ERRAND_BYTES_MAX   (64u << 20)

enum errand_status {
  ERRAND_WORKING,
  ERRAND_ASKING, // input_required
  ERRAND_COMPLETED,
  ERRAND_FAILED,
  ERRAND_CANCELLED
};

static inline bool errand_is_over(enum errand_status status)
{
  return status >= ERRAND_COMPLETED;
}

struct errand;
struct errand_store;

struct errand_limits {
  uint32_t count; // ERRANDS_MAX
  size_t bytes;   // of results, questions and what an errand itself needs;
                  // ERRAND_BYTES_MAX
};

// NULL when out of memory.
struct errand_store *errand_store_new(void);
void errand_store_limit(struct errand_store *s, struct errand_limits limits);
// After every owner has ended. NULL is fine.
void errand_store_free(struct errand_store *s);

// Told of each change, under the lock: may not call back. Keeps; before the
// first errand.
struct errand_view;
typedef void (*errand_view_fn)(void *ctx, const struct errand_view *v);
void errand_store_tell(struct errand_store *s, errand_view_fn fn, void *ctx);

// --- who asks, and for what ---

struct errand_key {
  struct slice id; // as the client sent it; lists ignore it
  struct slice principal;
  enum era era; // one of another era is none
  uint64_t now_ns;
  int64_t wall_ms;
  // For lists alone: what this session began. NULL: whatever the principal did.
  const unsigned char *session;
};

// What can be seen of an errand; good inside the callback.
struct errand_view {
  struct slice id;
  enum errand_status status;
  struct slice says;              // statusMessage; absent if none
  int64_t created_ms, changed_ms; // wall clock
  int64_t ttl_ms;
  uint32_t poll_ms;
  struct slice outcome; // COMPLETED, FAILED: the result or the error, JSON
  bool fault;           // it is an error of the protocol
  const struct list *questions; // for errand_put_questions()
  uint64_t number;              // grows with each that begins
  enum era era;
  const unsigned char *session; // that began it; NULL: none
};
// Appends those that wait for an answer, as inputRequests.
void errand_put_questions(struct buf *out, const struct errand_view *v);
typedef void (*errand_question_fn)(void *ctx, struct slice name,
                                   struct slice request);
void errand_each_question(const struct errand_view *v, errand_question_fn fn,
                          void *ctx);

// --- any thread ---

// Shows it to `fn`, under the lock. False: there is none.
bool errand_see(struct errand_store *s, const struct errand_key *key,
                errand_view_fn fn, void *ctx);

// Tells of it once more, as if it had changed.
void errand_repeat(struct errand_store *s, const struct errand_key *key);

// Shows those behind number `after`, oldest first, at most `most`. True: there
// are more.
struct errand_page {
  uint64_t after;
  size_t most;
};
bool errand_list(struct errand_store *s, const struct errand_key *key,
                 struct errand_page page, errand_view_fn fn, void *ctx);

enum errand_found { ERRAND_NONE, ERRAND_FOUND, ERRAND_OVER };

// From now on it is cancelled, and what runs is stopped soon. ERRAND_OVER: it
// had ended, and is as it was.
enum errand_found errand_cancel(struct errand_store *s,
                                const struct errand_key *key);

// The client's answer to one question, its result object, or the error that it
// gave instead; the owner hears of it. Nothing happens if that was not asked, or
// is answered already. False: no memory.
struct errand_answer {
  struct slice question, text;
  bool error;
};
bool errand_answer(struct errand_store *s, const struct errand_key *key,
                   const struct errand_answer *answer);

// Takes out what is due. When the next is, UINT64_MAX if there is none.
uint64_t errand_sweep(struct errand_store *s, uint64_t now_ns);

struct errand_stats {
  uint32_t count, running;
  size_t bytes;
};
struct errand_stats errand_stats(struct errand_store *s);

// --- waiting for the end of one ---

struct errand_waiter;
struct errand_wake {
  struct mailbox *mailbox; // of the thread on which fn is called
  void (*fn)(void *ctx);
  void *ctx;    // keeps
  bool changes; // also when it asks or says something
};
// `fn` is called once, when it is over or gone, unless it is stopped before.
// ERRAND_OVER: it is already, and nobody waits. `*waiter` is NULL when out of
// memory.
enum errand_found errand_wait(struct errand_store *s,
                              const struct errand_key *key,
                              const struct errand_wake *wake,
                              struct errand_waiter **waiter);
void errand_wait_stop(struct errand_waiter *w); // before fn has been called

// --- the owner ---

struct errand_begin {
  struct slice principal;
  const unsigned char *session; // NULL: none
  enum era era;
  int64_t ttl_ms;
  uint32_t poll_ms;
  uint64_t now_ns;
  int64_t wall_ms;
  struct mailbox *mailbox;
  void *ctx;
  void (*stop)(void *ctx); // cancelled, or its time is over
  void (*on_answer)(void *ctx, const struct errand_answer *answer);
};

// NULL: the store is full (`*full`), or there is no memory. The errand is the
// owner's until errand_end(): `ctx` is kept.
struct errand *errand_begin(struct errand_store *s,
                            const struct errand_begin *b, bool *full);
struct slice errand_id(const struct errand *e);
// How it goes, for people.
void errand_say(struct errand *e, struct slice text, int64_t wall_ms);
// A question is open: JSON of {method, params} under a key that is unique in the
// errand. False: no room or no memory.
bool errand_ask(struct errand *e, struct slice key, struct slice request,
                int64_t wall_ms);
// Nobody wants the answer any more; also when it was answered. With it go those
// that are named key#...: the same, asked again.
void errand_unask(struct errand *e, struct slice key, int64_t wall_ms);
struct errand_result {
  enum errand_status status; // that is over
  struct slice outcome;      // copied; COMPLETED, FAILED
  bool fault;                // it is an error of the protocol
  struct slice says;
  int64_t wall_ms;
};
// It is over. Counts for nothing if it was cancelled. An outcome that does not
// fit makes it FAILED with an error that says so. Touch it no more.
void errand_end(struct errand *e, const struct errand_result *r);
// As if it had never begun.
void errand_drop(struct errand *e);

// --- pure functions (errand_put.c) ---

// How far a call is, for `says`.
void errand_put_progress(struct buf *out, const struct call_progress *p);
// Is it no answer of the tool's? Then the modern dialect says `failed`.
bool errand_is_fault(enum error_code code);

#endif
