// pending.c -- see pending.h for the contract.

#include "mcp/pending.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/fault.h"
#include "base/random.h"

enum { BUCKETS = 256, ID_BYTES = 18 };

struct pending_set {
  pthread_mutex_t lock;
  struct list buckets[BUCKETS];
};

struct pending_set *pending_set_new(void)
{
  struct pending_set *s = fault_calloc(1, sizeof(*s));
  if (!s) return NULL;
  pthread_mutex_init(&s->lock, NULL);
  for (size_t i = 0; i < BUCKETS; i++)
    list_init(&s->buckets[i]);
  return s;
}

void pending_set_free(struct pending_set *s)
{
  if (!s) return;
  pthread_mutex_destroy(&s->lock);
  free(s);
}

// The ids are random, so any of their bytes are a hash.
static struct list *bucket_of(struct pending_set *s, struct slice id)
{
  uint32_t hash = 0;
  for (size_t i = 0; i < id.len; i++)
    hash = (hash ^ (unsigned char)id.data[i]) * 16777619U;
  return &s->buckets[(hash >> 8) % BUCKETS];
}

struct slice pending_make_id(struct arena *arena)
{
  unsigned char bytes[ID_BYTES];
  struct buf text = {0};
  struct slice id = {0};
  if (random_bytes(bytes, sizeof(bytes))) {
    buf_putc(&text, '"');
    base64url_put(&text, (struct slice){(const char *)bytes, sizeof(bytes)});
    buf_putc(&text, '"');
    if (buf_ok(&text)) id = arena_copy(arena, buf_slice(&text));
  }
  buf_finish(&text);
  return id;
}

void pending_add(struct pending_set *s, struct pending *p)
{
  p->added = true;
  p->answered = false;
  pthread_mutex_lock(&s->lock);
  list_append(bucket_of(s, p->id), &p->link);
  pthread_mutex_unlock(&s->lock);
}

void pending_remove(struct pending_set *s, struct pending *p)
{
  if (!p->added) return;
  p->added = false;
  pthread_mutex_lock(&s->lock);
  list_remove(&p->link);
  pthread_mutex_unlock(&s->lock);
}

static struct pending *find(struct pending_set *s,
                            const unsigned char session[], struct slice id)
{
  LIST_EACH (it, bucket_of(s, id)) {
    struct pending *p = LIST_ITEM(it, struct pending, link);
    if (!memcmp(p->session, session, PENDING_SESSION_LEN) &&
        slice_eq(p->id, id))
      return p;
  }
  return NULL;
}

// An answer on its way to the worker that owns the question. It names the
// question and holds no pointer to it, which may be gone before this arrives.
struct note {
  struct message message;
  struct pending_set *set;
  struct mailbox *mailbox;
  unsigned char session[PENDING_SESSION_LEN];
  bool error;
  size_t id_len, text_len;
  char bytes[]; // the id, the text
};

// Only the owner removes a question, so on its thread what was found stays
// valid without the lock.
static void on_note(struct message *message)
{
  struct note *note = (struct note *)(void *)message;
  struct slice id = {note->bytes, note->id_len};
  struct slice text = {note->bytes + note->id_len, note->text_len};
  pthread_mutex_lock(&note->set->lock);
  struct pending *p = find(note->set, note->session, id);
  bool mine = p && p->mailbox == note->mailbox;
  pthread_mutex_unlock(&note->set->lock);

  if (mine) {
    pending_remove(note->set, p);
    p->answer(p, text, note->error);
  }
  free(note);
}

static struct note *new_note(struct pending_set *s, const struct pending *p,
                             struct slice text, bool error)
{
  struct note *note = fault_calloc(1, sizeof(*note) + p->id.len + text.len);
  if (!note) return NULL;
  note->message.fn = on_note;
  note->set = s;
  note->mailbox = p->mailbox;
  note->error = error;
  memcpy(note->session, p->session, PENDING_SESSION_LEN);
  note->id_len = p->id.len;
  note->text_len = text.len;
  memcpy(note->bytes, p->id.data, p->id.len);
  memcpy(note->bytes + p->id.len, text.data, text.len);
  return note;
}

// The note is posted under the lock, so that the owner, which must take the
// lock to leave, is still there to get it.
bool pending_answer(struct pending_set *s, const unsigned char session[],
                    struct slice id, struct slice text, bool error)
{
  pthread_mutex_lock(&s->lock);
  struct pending *p = find(s, session, id);
  if (p && p->answered) p = NULL;
  bool remote = p && p->mailbox;
  struct note *note = remote ? new_note(s, p, text, error) : NULL;
  if (note) p->answered = true;
  if (note) mailbox_post(note->mailbox, &note->message);
  pthread_mutex_unlock(&s->lock);

  if (!p || remote) return note;
  pending_remove(s, p);
  p->answer(p, text, error);
  return true;
}
