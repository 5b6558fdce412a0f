// errand_inside.h -- for errand*.c alone: what the store is made of.

#ifndef MCP_ERRAND_INSIDE_H
#define MCP_ERRAND_INSIDE_H

#include <pthread.h>

#include "mcp/errand.h"

#define ERRAND_BUCKETS 4096

struct errand_store {
  pthread_mutex_t lock;
  struct list by_id[ERRAND_BUCKETS];
  struct list all; // in the order in which they began
  struct errand_limits limits;
  errand_view_fn tell;
  void *tell_ctx;
  uint64_t numbers;
  uint32_t count, running;
  size_t bytes;
};

// Everything under the lock, but for what never changes.
struct errand {
  struct list by_id, all;
  struct errand_store *store;
  uint64_t number, expires_ns;
  enum errand_status status;
  enum era era;
  bool has_session;
  bool running;   // its owner has not ended it
  bool gone;      // out of the index
  bool noted;     // it was told to stop
  bool fault;     // outcome is an error of the protocol
  uint32_t notes; // messages to the owner, under way
  uint32_t poll_ms;
  int64_t created_ms, changed_ms, ttl_ms;
  size_t bytes; // that it counts for
  struct list waiters, questions;
  struct buf outcome;
  struct mailbox *mailbox;
  void *ctx;
  void (*stop)(void *ctx);
  void (*on_answer)(void *ctx, const struct errand_answer *answer);
  struct message note;
  unsigned char session[ERRAND_SESSION_LEN];
  char id[ERRAND_ID_LEN];
  char says[ERRAND_SAYS_MAX];
  size_t says_len, principal_len;
  char principal[];
};

struct errand_question {
  struct list link;
  size_t key_len, request_len;
  char text[]; // key, request
};

struct errand_waiter {
  struct list link; // in the errand, or in a list of those to call
  struct errand_store *store;
  struct mailbox *mailbox;
  struct message note;
  void (*fn)(void *ctx); // NULL: stopped
  void *ctx;
  bool changes;
};

// The errand of that key, NULL if there is none. Under the lock.
struct errand *errand_find(struct errand_store *s,
                           const struct errand_key *key);
// Counts `more` bytes. False: there is no room.
bool errand_charge(struct errand *e, size_t more);
void errand_refund(struct errand *e, size_t less);
// It has changed: when, and whoever wants to know is told.
void errand_changed(struct errand *e, int64_t wall_ms);
// Nobody needs it any more.
bool errand_is_dead(const struct errand *e);
// Without the lock; dead, or never begun.
void errand_free(struct errand *e);
void errand_free_question(struct errand *e, struct errand_question *q);

// Those that wait are told, or moved to `inline_ones` to be called when the lock
// is given back: errand_wake_inline().
void errand_wake(struct errand *e, struct list *inline_ones);
// Those alone that want to hear of what happens before the end.
void errand_wake_for_change(struct errand *e, struct list *inline_ones);
void errand_wake_inline(struct list *inline_ones);

#endif
