// events.c -- see events.h for the contract: streams and their limits.

#include "mcp/events.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/random.h"
#include "mcp/events_inside.h"

// --- finding ---

// The ids are random, so any of their bytes are a hash.
static struct list *bucket_of(struct list buckets[EVENTS_BUCKETS],
                              const unsigned char id[EVENTS_ID_LEN])
{
  uint32_t hash;
  memcpy(&hash, id, sizeof(hash));
  return &buckets[hash % EVENTS_BUCKETS];
}

struct event_stream *events_find_stream(struct event_store *s,
                                        const unsigned char id[EVENTS_ID_LEN])
{
  LIST_EACH (it, bucket_of(s->streams, id)) {
    struct event_stream *stream = LIST_ITEM(it, struct event_stream, link);
    if (!memcmp(stream->id, id, EVENTS_ID_LEN)) return stream;
  }
  return NULL;
}

struct event_session *events_find_session(struct event_store *s,
                                          const unsigned char id[EVENTS_ID_LEN])
{
  LIST_EACH (it, bucket_of(s->sessions, id)) {
    struct event_session *session = LIST_ITEM(it, struct event_session, link);
    if (!memcmp(session->id, id, EVENTS_ID_LEN)) return session;
  }
  return NULL;
}

struct event_stream *events_own_stream(const struct event_session *session)
{
  LIST_EACH (it, &session->streams) {
    struct event_stream *st = LIST_ITEM(it, struct event_stream, of_session);
    if (st->kind == EVENTS_OWN) return st;
  }
  return NULL;
}

// --- forgetting ---

static void count_bytes(struct event_store *s, struct event_stream *stream,
                        size_t more, size_t less)
{
  stream->bytes += more - less;
  stream->session->bytes += more - less;
  s->counts.bytes += more - less;
}

static void drop_oldest(struct event_store *s, struct event_stream *stream)
{
  struct event *e = LIST_ITEM(stream->events.next, struct event, link);
  if (stream->reader && stream->reader->at == e) stream->reader->at = NULL;
  stream->first = e->number + 1;
  list_remove(&e->link);
  count_bytes(s, stream, 0, sizeof(*e) + e->len);
  s->counts.events--;
  free(e);
}

static void drop_events(struct event_store *s, struct event_stream *stream)
{
  while (!list_empty(&stream->events))
    drop_oldest(s, stream);
}

static void drop_session(struct event_store *s, struct event_session *session)
{
  list_remove(&session->link);
  s->counts.sessions--;
  free(session);
}

static void drop_stream(struct event_store *s, struct event_stream *stream)
{
  struct event_session *session = stream->session;
  events_part(stream);
  drop_events(s, stream);
  list_remove(&stream->link);
  list_remove(&stream->of_session);
  list_remove(&stream->age);
  list_remove(&stream->unread);
  s->counts.streams--;
  free(stream);
  if (--session->count == 0) drop_session(s, session);
}

static void drop_expired(struct event_store *s, int64_t now_ms)
{
  while (!list_empty(&s->ended)) {
    struct event_stream *st =
        LIST_ITEM(s->ended.next, struct event_stream, age);
    if (st->expires > now_ms) return;
    drop_stream(s, st);
  }
}

// The own streams that nobody has read for long.
static void drop_unread(struct event_store *s, int64_t now_ms)
{
  while (!list_empty(&s->unread)) {
    struct event_stream *st =
        LIST_ITEM(s->unread.next, struct event_stream, unread);
    if (now_ms - st->unread_since < s->limits.keep_ms) return;
    drop_stream(s, st);
  }
}

// The first of the list that has events.
static struct event_stream *with_events(struct list *list, size_t offset)
{
  LIST_EACH (it, list) {
    struct event_stream *st =
        (struct event_stream *)(void *)((char *)it - offset);
    if (!list_empty(&st->events)) return st;
  }
  return NULL;
}

#define FIRST_OF(list, member)                                                 \
  with_events((list), offsetof(struct event_stream, member))

// Lets old events go until `size` bytes more are allowed. False: they never are.
static bool make_room(struct event_store *s, struct event_stream *stream,
                      size_t size)
{
  const struct event_limits *l = &s->limits;
  if (size > l->stream_bytes || size > l->session_bytes ||
      size > l->total_bytes)
    return false;
  while (stream->bytes + size > l->stream_bytes)
    drop_oldest(s, stream);
  while (stream->session->bytes + size > l->session_bytes)
    drop_oldest(s, FIRST_OF(&stream->session->streams, of_session));
  while (s->counts.bytes + size > l->total_bytes) {
    struct event_stream *oldest = FIRST_OF(&s->ended, age);
    drop_oldest(s, oldest ? oldest : FIRST_OF(&s->live, age));
  }
  return true;
}

// --- opening ---

static struct event_session *take_session(struct event_store *s,
                                          const unsigned char id[])
{
  struct event_session *session = events_find_session(s, id);
  if (session) return session;
  session = fault_calloc(1, sizeof(*session));
  if (!session) return NULL;
  memcpy(session->id, id, EVENTS_ID_LEN);
  list_init(&session->streams);
  list_append(bucket_of(s->sessions, id), &session->link);
  s->counts.sessions++;
  return session;
}

// May it make way for another of this session, which must not go with its last?
static bool may_go(const struct event_stream *st,
                   const struct event_session *session)
{
  return st->session != session || session->count > 1;
}

// The first of the list that may go does. One at most may not.
static bool drop_first(struct event_store *s, struct list *list, size_t offset,
                       const struct event_session *session)
{
  LIST_EACH (it, list) {
    struct event_stream *st =
        (struct event_stream *)(void *)((char *)it - offset);
    if (!may_go(st, session)) continue;
    drop_stream(s, st);
    return true;
  }
  return false;
}

// Those that have ended make way for new ones; if there are too many in all, so
// do sessions' own that nobody reads. Else who opens those would shut out all
// others.
static bool has_place(struct event_store *s, struct event_session *session)
{
  LIST_EACH (it, &session->streams) {
    struct event_stream *st = LIST_ITEM(it, struct event_stream, of_session);
    if (session->count < s->limits.session_streams) break;
    if (st->ended && session->count > 1) drop_stream(s, st);
  }
  if (s->counts.streams >= s->limits.total_streams &&
      !drop_first(s, &s->ended, offsetof(struct event_stream, age), session))
    drop_first(s, &s->unread, offsetof(struct event_stream, unread), session);
  return session->count < s->limits.session_streams &&
         s->counts.streams < s->limits.total_streams;
}

static struct event_stream *add_stream(struct event_store *s,
                                       struct event_session *session,
                                       enum event_kind kind, int64_t now_ms)
{
  struct event_stream *st = fault_calloc(1, sizeof(*st));
  if (!st) return NULL;
  if (!random_bytes(st->id, sizeof(st->id))) {
    free(st);
    return NULL;
  }
  st->session = session;
  st->kind = kind;
  st->first = 1;
  list_init(&st->unread);
  list_init(&st->events);
  list_append(bucket_of(s->streams, st->id), &st->link);
  list_append(&session->streams, &st->of_session);
  list_append(&s->live, &st->age);
  session->count++;
  s->counts.streams++;
  events_leave(s, st, now_ms);
  return st;
}

static bool open_locked(struct event_store *s, const unsigned char id[],
                        enum event_kind kind, struct event_place *place,
                        int64_t now_ms)
{
  drop_expired(s, now_ms);
  struct event_session *session = take_session(s, id);
  if (!session) return false;
  struct event_stream *st = NULL;
  bool there = kind == EVENTS_OWN && events_own_stream(session);
  if (!there && has_place(s, session))
    st = add_stream(s, session, kind, now_ms);
  if (!st) {
    if (!session->count) drop_session(s, session);
    return false;
  }
  memcpy(place->stream, st->id, EVENTS_ID_LEN);
  place->number = 0;
  return true;
}

bool event_stream_open(struct event_store *s,
                       const unsigned char session[EVENTS_ID_LEN],
                       enum event_kind kind, struct event_place *place,
                       int64_t now_ms)
{
  pthread_mutex_lock(&s->lock);
  bool opened = open_locked(s, session, kind, place, now_ms);
  pthread_mutex_unlock(&s->lock);
  return opened;
}

// --- writing ---

// Without a place for it, what came before is of no use either: a reader must
// not miss one in the middle.
static void keep(struct event_store *s, struct event_stream *stream,
                 struct slice data)
{
  size_t size = sizeof(struct event) + data.len;
  struct event *e = NULL;
  if (make_room(s, stream, size) && !fault_now()) e = malloc(size);
  if (!e) {
    drop_events(s, stream);
    stream->first = stream->last + 1;
    return;
  }
  e->number = stream->last;
  e->len = data.len;
  memcpy(e->data, data.data, data.len);
  list_append(&stream->events, &e->link);
  count_bytes(s, stream, size, 0);
  s->counts.events++;
}

static void move_to_end(struct list *list, struct list *link)
{
  list_remove(link);
  list_append(list, link);
}

static struct event_added add(struct event_store *s, struct event_stream *st,
                              struct slice data)
{
  struct event_added added = {++st->last, st->taken};
  keep(s, st, data);
  move_to_end(&st->session->streams, &st->of_session);
  move_to_end(&s->live, &st->age);
  events_wake(st);
  return added;
}

struct event_added event_stream_add(struct event_store *s,
                                    const unsigned char id[EVENTS_ID_LEN],
                                    struct slice data, int64_t now_ms)
{
  struct event_added added = {0};
  pthread_mutex_lock(&s->lock);
  drop_expired(s, now_ms);
  struct event_stream *st = events_find_stream(s, id);
  if (st) added = add(s, st, data);
  pthread_mutex_unlock(&s->lock);
  return added;
}

static struct event_stream *find_own(struct event_store *s,
                                     const unsigned char id[])
{
  const struct event_session *session = events_find_session(s, id);
  return session ? events_own_stream(session) : NULL;
}

bool event_session_add(struct event_store *s,
                       const unsigned char session[EVENTS_ID_LEN],
                       struct slice data, int64_t now_ms)
{
  pthread_mutex_lock(&s->lock);
  drop_expired(s, now_ms);
  struct event_stream *st = find_own(s, session);
  if (st) add(s, st, data);
  pthread_mutex_unlock(&s->lock);
  return st;
}

bool event_session_has_own(struct event_store *s,
                           const unsigned char session[EVENTS_ID_LEN])
{
  pthread_mutex_lock(&s->lock);
  bool has = find_own(s, session);
  pthread_mutex_unlock(&s->lock);
  return has;
}

void event_stream_end(struct event_store *s,
                      const unsigned char id[EVENTS_ID_LEN], int64_t now_ms)
{
  pthread_mutex_lock(&s->lock);
  struct event_stream *st = events_find_stream(s, id);
  if (st && !st->ended) {
    st->ended = true;
    st->expires = now_ms + s->limits.keep_ms;
    move_to_end(&s->ended, &st->age);
    events_wake(st);
  }
  pthread_mutex_unlock(&s->lock);
}

int64_t event_stream_unread_ms(struct event_store *s,
                               const unsigned char id[EVENTS_ID_LEN],
                               int64_t now_ms)
{
  pthread_mutex_lock(&s->lock);
  struct event_stream *st = events_find_stream(s, id);
  int64_t ms = -1;
  if (st) ms = st->reader ? 0 : now_ms - st->unread_since;
  pthread_mutex_unlock(&s->lock);
  return ms;
}

void event_session_end(struct event_store *s,
                       const unsigned char id[EVENTS_ID_LEN])
{
  pthread_mutex_lock(&s->lock);
  struct event_session *session = events_find_session(s, id);
  while (session) {
    struct list *link = session->streams.next;
    if (session->count == 1) session = NULL; // dropped with its last
    drop_stream(s, LIST_ITEM(link, struct event_stream, of_session));
  }
  pthread_mutex_unlock(&s->lock);
}

// --- the store ---

bool event_store_sweep(struct event_store *s, int64_t now_ms)
{
  pthread_mutex_lock(&s->lock);
  drop_expired(s, now_ms);
  drop_unread(s, now_ms);
  bool any = s->counts.streams > 0;
  pthread_mutex_unlock(&s->lock);
  return any;
}

struct event_counts event_store_counts(struct event_store *s)
{
  pthread_mutex_lock(&s->lock);
  struct event_counts counts = s->counts;
  pthread_mutex_unlock(&s->lock);
  return counts;
}

static void fill_defaults(struct event_limits *l)
{
  if (!l->stream_bytes) l->stream_bytes = (size_t)4 << 20;
  if (!l->session_bytes) l->session_bytes = (size_t)8 << 20;
  if (!l->total_bytes) l->total_bytes = (size_t)64 << 20;
  if (!l->session_streams) l->session_streams = 64;
  if (!l->total_streams) l->total_streams = 16384;
  if (!l->keep_ms) l->keep_ms = 2 * 60 * 1000;
}

struct event_store *event_store_new(struct event_limits limits)
{
  struct event_store *s = fault_calloc(1, sizeof(*s));
  if (!s) return NULL;
  fill_defaults(&limits);
  s->limits = limits;
  pthread_mutex_init(&s->lock, NULL);
  list_init(&s->live);
  list_init(&s->ended);
  list_init(&s->unread);
  for (size_t i = 0; i < EVENTS_BUCKETS; i++) {
    list_init(&s->streams[i]);
    list_init(&s->sessions[i]);
  }
  return s;
}

void event_store_free(struct event_store *s)
{
  if (!s) return;
  while (!list_empty(&s->live))
    drop_stream(s, LIST_ITEM(s->live.next, struct event_stream, age));
  while (!list_empty(&s->ended))
    drop_stream(s, LIST_ITEM(s->ended.next, struct event_stream, age));
  pthread_mutex_destroy(&s->lock);
  free(s);
}
