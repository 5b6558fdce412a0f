// events_reader.c -- see events.h for the contract: who comes back, and names.

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "mcp/events.h"
#include "mcp/events_inside.h"

// --- waking ---

// On the owner's thread. A reader that was freed meanwhile waited for this.
static void on_message(struct message *message)
{
  struct event_reader *r = LIST_ITEM(message, struct event_reader, message);
  if (r->dead) {
    free(r);
    return;
  }
  pthread_mutex_lock(&r->store->lock);
  r->woken = false;
  pthread_mutex_unlock(&r->store->lock);
  r->wake.fn(r->wake.ctx);
}

static void wake(struct event_reader *r)
{
  if (r->woken) return;
  r->woken = true;
  mailbox_post(r->wake.mailbox, &r->message);
}

void events_wake(struct event_stream *stream)
{
  if (stream->reader) wake(stream->reader);
}

void events_part(struct event_stream *stream)
{
  struct event_reader *r = stream->reader;
  if (!r) return;
  stream->reader = NULL;
  r->stream = NULL;
  wake(r);
}

// --- coming back, and leaving ---

void events_leave(struct event_store *s, struct event_stream *stream,
                  int64_t now_ms)
{
  stream->unread_since = now_ms;
  if (stream->kind == EVENTS_OWN) list_append(&s->unread, &stream->unread);
}

static void attach(struct event_stream *stream, struct event_reader *r,
                   uint64_t next)
{
  events_part(stream);
  list_remove(&stream->unread);
  stream->reader = r;
  stream->taken = true;
  r->stream = stream;
  r->next = next;
}

// The same answer for what never was and what is another's.
static enum event_verdict find(struct event_store *s, const unsigned char id[],
                               const struct event_place *place,
                               struct event_stream **found)
{
  struct event_stream *st = events_find_stream(s, place->stream);
  if (!st || memcmp(st->session->id, id, EVENTS_ID_LEN) ||
      place->number > st->last)
    return EVENTS_UNKNOWN;
  *found = st;
  return place->number + 1 < st->first ? EVENTS_FORGOTTEN : EVENTS_FOUND;
}

static enum event_verdict find_own(struct event_store *s,
                                   const unsigned char id[],
                                   struct event_stream **found)
{
  const struct event_session *session = events_find_session(s, id);
  struct event_stream *st = session ? events_own_stream(session) : NULL;
  if (!st) return EVENTS_UNKNOWN;
  *found = st;
  return st->reader ? EVENTS_BUSY : EVENTS_FOUND;
}

static struct event_reader *make(struct event_store *s, struct event_wake wake)
{
  assert(wake.mailbox && wake.fn);
  struct event_reader *r = fault_calloc(1, sizeof(*r));
  if (!r) return NULL;
  r->store = s;
  r->wake = wake;
  r->message.fn = on_message;
  return r;
}

// Where its last reader was; what is forgotten since is passed over.
static uint64_t own_next(const struct event_stream *st)
{
  return st->given + 1 > st->first ? st->given + 1 : st->first;
}

// A new reader, or none; without a place, of the session's own stream.
static enum event_verdict come(struct event_store *s, const unsigned char id[],
                               const struct event_place *place,
                               struct event_wake wake,
                               struct event_reader **reader)
{
  struct event_reader *r = make(s, wake);
  if (!r) return EVENTS_NO_MEMORY;
  struct event_stream *st = NULL;
  pthread_mutex_lock(&s->lock);
  enum event_verdict verdict =
      place ? find(s, id, place, &st) : find_own(s, id, &st);
  if (verdict == EVENTS_FOUND)
    attach(st, r, place ? place->number + 1 : own_next(st));
  pthread_mutex_unlock(&s->lock);
  if (verdict == EVENTS_FOUND)
    *reader = r;
  else
    free(r);
  return verdict;
}

enum event_verdict event_reader_new(struct event_store *s,
                                    const unsigned char session[EVENTS_ID_LEN],
                                    struct slice name, struct event_wake wake,
                                    struct event_reader **reader)
{
  struct event_place place;
  if (!event_name_parse(name, &place)) return EVENTS_UNKNOWN;
  return come(s, session, &place, wake, reader);
}

enum event_verdict event_reader_own(struct event_store *s,
                                    const unsigned char session[EVENTS_ID_LEN],
                                    struct event_wake wake,
                                    struct event_reader **reader)
{
  return come(s, session, NULL, wake, reader);
}

void event_reader_free(struct event_reader *r, int64_t now_ms)
{
  if (!r) return;
  pthread_mutex_lock(&r->store->lock);
  if (r->stream) {
    r->stream->reader = NULL;
    events_leave(r->store, r->stream, now_ms);
  }
  bool on_its_way = r->woken;
  pthread_mutex_unlock(&r->store->lock);
  if (on_its_way)
    r->dead = true;
  else
    free(r);
}

// --- reading ---

bool event_reader_is_own(const struct event_reader *r)
{
  pthread_mutex_lock(&r->store->lock);
  bool own = r->stream && r->stream->kind == EVENTS_OWN;
  pthread_mutex_unlock(&r->store->lock);
  return own;
}

void event_reader_place(const struct event_reader *r, struct event_place *place)
{
  pthread_mutex_lock(&r->store->lock);
  *place = (struct event_place){.number = r->next - 1};
  if (r->stream) memcpy(place->stream, r->stream->id, EVENTS_ID_LEN);
  pthread_mutex_unlock(&r->store->lock);
}

static const struct event *next_of(struct event_reader *r)
{
  const struct event_stream *st = r->stream;
  const struct list *it = r->at ? r->at->link.next : st->events.next;
  for (; it != &st->events; it = it->next) {
    const struct event *e =
        (const struct event *)(const void *)((const char *)it -
                                             offsetof(struct event, link));
    if (e->number >= r->next) return e;
  }
  return NULL;
}

static enum event_next next_locked(struct event_reader *r, struct buf *data,
                                   struct event_place *place)
{
  struct event_stream *st = r->stream;
  if (!st || r->next < st->first) return EVENT_OVER; // forgotten meanwhile
  if (r->next > st->last) return st->ended ? EVENT_OVER : EVENT_LATER;
  const struct event *e = next_of(r);
  buf_append(data, e->data, e->len);
  memcpy(place->stream, st->id, EVENTS_ID_LEN);
  place->number = e->number;
  r->at = e;
  r->next = e->number + 1;
  if (e->number > st->given) st->given = e->number;
  return EVENT_GIVEN;
}

enum event_next event_reader_next(struct event_reader *r, struct buf *data,
                                  struct event_place *place)
{
  pthread_mutex_lock(&r->store->lock);
  enum event_next next = next_locked(r, data, place);
  pthread_mutex_unlock(&r->store->lock);
  return next;
}

// --- names: 32 hex digits, '-', the number ---

enum { HEX_LEN = 2 * EVENTS_ID_LEN, DIGITS_MAX = 15 };

size_t event_name(const struct event_place *place, char out[EVENTS_NAME_MAX])
{
  for (size_t i = 0; i < EVENTS_ID_LEN; i++) {
    out[2 * i] = "0123456789abcdef"[place->stream[i] >> 4];
    out[2 * i + 1] = "0123456789abcdef"[place->stream[i] & 15];
  }
  int n = snprintf(out + HEX_LEN, EVENTS_NAME_MAX - HEX_LEN, "-%llu",
                   (unsigned long long)place->number);
  return HEX_LEN + (size_t)n;
}

static bool get_digit(char c, unsigned *value)
{
  if (c >= '0' && c <= '9')
    *value = (unsigned)(c - '0');
  else if (c >= 'a' && c <= 'f')
    *value = (unsigned)(c - 'a') + 10;
  else
    return false;
  return true;
}

static bool parse_stream(const char *text, unsigned char out[EVENTS_ID_LEN])
{
  for (size_t i = 0; i < EVENTS_ID_LEN; i++) {
    unsigned high, low;
    if (!get_digit(text[2 * i], &high) || !get_digit(text[2 * i + 1], &low))
      return false;
    out[i] = (unsigned char)(high << 4 | low);
  }
  return true;
}

// As we write it, and in no other way.
static bool parse_number(struct slice text, uint64_t *number)
{
  if (!text.len || text.len > DIGITS_MAX) return false;
  if (text.data[0] == '0' && text.len > 1) return false;
  *number = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    *number = *number * 10 + (unsigned)(text.data[i] - '0');
  }
  return true;
}

bool event_name_parse(struct slice name, struct event_place *place)
{
  if (name.len < HEX_LEN + 2 || name.data[HEX_LEN] != '-') return false;
  struct slice digits = {name.data + HEX_LEN + 1, name.len - HEX_LEN - 1};
  return parse_stream(name.data, place->stream) &&
         parse_number(digits, &place->number);
}
