// shared.c -- see shared.h for the contract.

#include "mcp/shared.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "mcp/errand.h"
#include "mcp/posts.h"
#include "mcp/subscriptions.h"

enum { WAYS = 8, SETS = MCP_ENDED_MAX / WAYS, BUCKETS = 256 };

// What is known of a session: that it ended, or its level.
struct ended {
  unsigned char id[SESSION_ID_LEN];
  int64_t expires_ms; // 0: free
  int level;
};

struct mcp_shared {
  atomic_bool any_ended; // so that nobody locks before the first end
  pthread_mutex_t lock;
  struct errand_store *errands;
  struct list running[BUCKETS];
  struct event_store *events;
  struct subscriptions *subscriptions;
  struct posts *posts;
  struct ended ended[SETS][WAYS];
  struct pending_set *pending;
  struct ended levels[SETS][WAYS];
  struct ended spent[SETS][WAYS];
};

struct mcp_shared *mcp_shared_new(void)
{
  struct mcp_shared *s = calloc(1, sizeof(*s));
  if (!s) return NULL;
  pthread_mutex_init(&s->lock, NULL);
  for (size_t i = 0; i < BUCKETS; i++)
    list_init(&s->running[i]);
  s->events = event_store_new((struct event_limits){0});
  s->errands = errand_store_new();
  s->subscriptions = subscriptions_new();
  s->pending = pending_set_new();
  s->posts = posts_new();
  if (s->events && s->errands && s->subscriptions && s->pending && s->posts)
    return s;
  mcp_shared_free(s);
  return NULL;
}

void mcp_shared_free(struct mcp_shared *s)
{
  if (!s) return;
  event_store_free(s->events);
  errand_store_free(s->errands);
  subscriptions_free(s->subscriptions);
  pending_set_free(s->pending);
  posts_free(s->posts);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

struct event_store *mcp_shared_events(struct mcp_shared *s)
{
  return s->events;
}

struct errand_store *mcp_shared_errands(struct mcp_shared *s)
{
  return s->errands;
}

struct pending_set *mcp_shared_pending(struct mcp_shared *s)
{
  return s->pending;
}

struct subscriptions *mcp_shared_subscriptions(struct mcp_shared *s)
{
  return s->subscriptions;
}

struct posts *mcp_shared_posts(struct mcp_shared *s)
{
  return s->posts;
}

// --- ended sessions ---

// The ids are random, so any of their bytes are a hash.
static struct ended *bucket_of(struct ended table[SETS][WAYS],
                               const unsigned char id[SESSION_ID_LEN])
{
  uint32_t hash;
  memcpy(&hash, id, sizeof(hash));
  return table[hash % SETS];
}

static struct ended *find_ended(struct ended *bucket,
                                const unsigned char id[SESSION_ID_LEN])
{
  for (size_t i = 0; i < WAYS; i++)
    if (bucket[i].expires_ms && !memcmp(bucket[i].id, id, SESSION_ID_LEN))
      return &bucket[i];
  return NULL;
}

// A free place, an expired one, or the one that expires first.
static struct ended *make_place(struct ended *bucket, int64_t now_ms)
{
  struct ended *place = &bucket[0];
  for (size_t i = 0; i < WAYS; i++) {
    if (bucket[i].expires_ms <= now_ms) return &bucket[i];
    if (bucket[i].expires_ms < place->expires_ms) place = &bucket[i];
  }
  return place;
}

static void remember_ended(struct mcp_shared *s,
                           const unsigned char id[SESSION_ID_LEN],
                           int64_t expires_ms, int64_t now_ms)
{
  pthread_mutex_lock(&s->lock);
  struct ended *bucket = bucket_of(s->ended, id);
  struct ended *place = find_ended(bucket, id);
  if (!place) place = make_place(bucket, now_ms);
  memcpy(place->id, id, SESSION_ID_LEN);
  place->expires_ms = expires_ms;
  pthread_mutex_unlock(&s->lock);
  atomic_store_explicit(&s->any_ended, true, memory_order_release);
}

bool mcp_shared_session_ended(struct mcp_shared *s,
                              const unsigned char id[SESSION_ID_LEN],
                              int64_t now_ms)
{
  if (!atomic_load_explicit(&s->any_ended, memory_order_acquire)) return false;
  pthread_mutex_lock(&s->lock);
  const struct ended *place = find_ended(bucket_of(s->ended, id), id);
  bool ended = place && place->expires_ms > now_ms;
  pthread_mutex_unlock(&s->lock);
  return ended;
}

// --- states that were acted upon ---

bool mcp_shared_spend(struct mcp_shared *s,
                      const unsigned char run[SESSION_ID_LEN],
                      int64_t expires_ms, int64_t now_ms)
{
  pthread_mutex_lock(&s->lock);
  struct ended *bucket = bucket_of(s->spent, run);
  struct ended *place = find_ended(bucket, run);
  bool first = !place || place->expires_ms <= now_ms;
  if (first && !place) place = make_place(bucket, now_ms);
  if (first) memcpy(place->id, run, SESSION_ID_LEN);
  if (first) place->expires_ms = expires_ms;
  pthread_mutex_unlock(&s->lock);
  return first;
}

// --- levels ---

void mcp_shared_set_level(struct mcp_shared *s,
                          const unsigned char id[SESSION_ID_LEN], int level,
                          int64_t expires_ms, int64_t now_ms)
{
  pthread_mutex_lock(&s->lock);
  struct ended *bucket = bucket_of(s->levels, id);
  struct ended *place = find_ended(bucket, id);
  if (!place) place = make_place(bucket, now_ms);
  memcpy(place->id, id, SESSION_ID_LEN);
  place->expires_ms = expires_ms;
  place->level = level;
  pthread_mutex_unlock(&s->lock);
}

int mcp_shared_level(struct mcp_shared *s,
                     const unsigned char id[SESSION_ID_LEN], int64_t now_ms)
{
  pthread_mutex_lock(&s->lock);
  const struct ended *place = find_ended(bucket_of(s->levels, id), id);
  int level = place && place->expires_ms > now_ms ? place->level : -1;
  pthread_mutex_unlock(&s->lock);
  return level;
}

// --- calls that run ---

static struct list *running_of(struct mcp_shared *s,
                               const unsigned char session[SESSION_ID_LEN],
                               struct slice id)
{
  uint32_t hash;
  memcpy(&hash, session, sizeof(hash));
  for (size_t i = 0; i < id.len; i++)
    hash = (hash ^ (unsigned char)id.data[i]) * 16777619u;
  return &s->running[(hash >> 8) % BUCKETS];
}

void mcp_shared_add(struct mcp_shared *s, struct inflight *call)
{
  call->added = true;
  pthread_mutex_lock(&s->lock);
  list_append(running_of(s, call->session, call->id), &call->link);
  pthread_mutex_unlock(&s->lock);
}

void mcp_shared_remove(struct mcp_shared *s, struct inflight *call)
{
  if (!call->added) return;
  call->added = false;
  pthread_mutex_lock(&s->lock);
  list_remove(&call->link);
  pthread_mutex_unlock(&s->lock);
}

static struct inflight *find_running(struct mcp_shared *s,
                                     const unsigned char session[],
                                     struct slice id)
{
  LIST_EACH (it, running_of(s, session, id)) {
    struct inflight *call = LIST_ITEM(it, struct inflight, link);
    if (!memcmp(call->session, session, SESSION_ID_LEN) &&
        slice_eq(call->id, id))
      return call;
  }
  return NULL;
}

// A request to cancel on its way to the worker that owns the call. It names
// the call and holds no pointer to it: the call may end before this arrives.
struct cancel_note {
  struct message message;
  struct mcp_shared *shared;
  struct mailbox *mailbox;
  unsigned char session[SESSION_ID_LEN];
  size_t id_len;
  char id[];
};

// Only the owner removes a call, so on its thread what was found stays valid
// without the lock.
static void on_cancel_note(struct message *message)
{
  struct cancel_note *note = (struct cancel_note *)(void *)message;
  struct slice id = {note->id, note->id_len};
  pthread_mutex_lock(&note->shared->lock);
  struct inflight *call = find_running(note->shared, note->session, id);
  bool mine = call && call->mailbox == note->mailbox;
  pthread_mutex_unlock(&note->shared->lock);

  if (mine) call->cancel(call);
  free(note);
}

static struct cancel_note *new_note(struct mcp_shared *s,
                                    const struct inflight *call)
{
  struct cancel_note *note = calloc(1, sizeof(*note) + call->id.len);
  if (!note) return NULL;
  note->message.fn = on_cancel_note;
  note->shared = s;
  note->mailbox = call->mailbox;
  memcpy(note->session, call->session, SESSION_ID_LEN);
  note->id_len = call->id.len;
  memcpy(note->id, call->id.data, call->id.len);
  return note;
}

// The note is posted under the lock, so that the owner, which must take the
// lock to leave, is still there to get it.
void mcp_shared_cancel(struct mcp_shared *s,
                       const unsigned char session[SESSION_ID_LEN],
                       struct slice id)
{
  pthread_mutex_lock(&s->lock);
  struct inflight *call = find_running(s, session, id);
  bool remote = call && call->mailbox;
  struct cancel_note *note = remote ? new_note(s, call) : NULL;
  if (note) mailbox_post(note->mailbox, &note->message);
  pthread_mutex_unlock(&s->lock);

  if (call && !remote) call->cancel(call);
}

// --- the end of a session ---

static bool is_of(const struct inflight *call, const unsigned char session[])
{
  return !memcmp(call->session, session, SESSION_ID_LEN);
}

// Tells the workers that have calls of it.
static void post_cancels(struct mcp_shared *s,
                         const unsigned char session[SESSION_ID_LEN])
{
  pthread_mutex_lock(&s->lock);
  for (size_t i = 0; i < BUCKETS; i++)
    LIST_EACH (it, &s->running[i]) {
      const struct inflight *call = LIST_ITEM(it, struct inflight, link);
      if (!is_of(call, session) || !call->mailbox) continue;
      struct cancel_note *note = new_note(s, call);
      if (note) mailbox_post(note->mailbox, &note->message);
    }
  pthread_mutex_unlock(&s->lock);
}

// One of it that is cancelled inline.
static struct inflight *find_inline(struct mcp_shared *s,
                                    const unsigned char session[])
{
  struct inflight *found = NULL;
  pthread_mutex_lock(&s->lock);
  for (size_t i = 0; i < BUCKETS && !found; i++)
    LIST_EACH (it, &s->running[i]) {
      struct inflight *call = LIST_ITEM(it, struct inflight, link);
      if (is_of(call, session) && !call->mailbox) found = call;
    }
  pthread_mutex_unlock(&s->lock);
  return found;
}

void mcp_shared_end_session(struct mcp_shared *s,
                            const unsigned char id[SESSION_ID_LEN],
                            int64_t expires_ms, int64_t now_ms)
{
  remember_ended(s, id, expires_ms, now_ms);
  post_cancels(s, id);
  struct inflight *call;
  while ((call = find_inline(s, id)))
    call->cancel(call);
  event_session_end(s->events, id);
}
