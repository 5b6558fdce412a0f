// errand_ask.c -- what an errand asks its client, and the answers' way back.

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "mcp/errand_inside.h"

static struct slice key_of(const struct errand_question *q)
{
  return (struct slice){q->text, q->key_len};
}

void errand_put_questions(struct buf *out, const struct errand_view *v)
{
  buf_putc(out, '{');
  LIST_EACH (it, v->questions) {
    const struct errand_question *q =
        LIST_ITEM(it, struct errand_question, link);
    json_sep(out);
    json_put_string(out, key_of(q));
    buf_putc(out, ':');
    buf_append(out, q->text + q->key_len, q->request_len);
  }
  buf_putc(out, '}');
}

void errand_each_question(const struct errand_view *v, errand_question_fn fn,
                          void *ctx)
{
  LIST_EACH (it, v->questions) {
    const struct errand_question *q =
        LIST_ITEM(it, struct errand_question, link);
    fn(ctx, key_of(q), (struct slice){q->text + q->key_len, q->request_len});
  }
}

static struct errand_question *find(const struct errand *e, struct slice key)
{
  LIST_EACH (it, &e->questions) {
    struct errand_question *q = LIST_ITEM(it, struct errand_question, link);
    if (slice_eq(key_of(q), key)) return q;
  }
  return NULL;
}

static void follow(struct errand *e, int64_t wall_ms)
{
  if (errand_is_over(e->status)) return;
  e->status = list_empty(&e->questions) ? ERRAND_WORKING : ERRAND_ASKING;
  errand_changed(e, wall_ms);
}

bool errand_ask(struct errand *e, struct slice key, struct slice request,
                int64_t wall_ms)
{
  struct errand_question *q =
      fault_calloc(1, sizeof(*q) + key.len + request.len);
  if (!q) return false;
  q->key_len = key.len;
  q->request_len = request.len;
  memcpy(q->text, key.data, key.len);
  memcpy(q->text + key.len, request.data, request.len);
  struct list inline_ones;
  list_init(&inline_ones);
  pthread_mutex_lock(&e->store->lock);
  bool room = errand_charge(e, sizeof(*q) + key.len + request.len);
  if (room) {
    list_append(&e->questions, &q->link);
    follow(e, wall_ms);
    errand_wake_for_change(e, &inline_ones);
  }
  pthread_mutex_unlock(&e->store->lock);
  if (!room) free(q);
  errand_wake_inline(&inline_ones);
  return room;
}

// It may have been asked again: under its key, a # and how often.
static bool is_named(const struct errand_question *q, struct slice key)
{
  struct slice name = key_of(q);
  if (name.len < key.len || memcmp(name.data, key.data, key.len)) return false;
  return name.len == key.len || name.data[key.len] == '#';
}

void errand_unask(struct errand *e, struct slice key, int64_t wall_ms)
{
  bool any = false;
  struct list inline_ones;
  list_init(&inline_ones);
  pthread_mutex_lock(&e->store->lock);
  LIST_EACH (it, &e->questions) {
    struct errand_question *q = LIST_ITEM(it, struct errand_question, link);
    if (!is_named(q, key)) continue;
    errand_free_question(e, q);
    any = true;
  }
  if (any) follow(e, wall_ms);
  if (any) errand_wake_for_change(e, &inline_ones);
  pthread_mutex_unlock(&e->store->lock);
  errand_wake_inline(&inline_ones);
}

// --- answers on their way to the owner ---

struct answer_note {
  struct message message;
  struct errand *errand;
  bool error;
  size_t question_len, text_len;
  char bytes[]; // question, text
};

static void deliver(struct answer_note *note)
{
  struct errand *e = note->errand;
  struct errand_answer answer = {
      {note->bytes, note->question_len},
      {note->bytes + note->question_len, note->text_len},
      note->error};
  e->on_answer(e->ctx, &answer);
}

static void on_note(struct message *message)
{
  struct answer_note *note = (struct answer_note *)(void *)message;
  struct errand *e = note->errand;
  struct errand_store *s = e->store;
  pthread_mutex_lock(&s->lock);
  e->notes--;
  bool running = e->running, dead = errand_is_dead(e);
  pthread_mutex_unlock(&s->lock);
  if (running) deliver(note);
  if (dead) errand_free(e);
  free(note);
}

static struct answer_note *make(const struct errand_answer *a)
{
  struct answer_note *note =
      fault_calloc(1, sizeof(*note) + a->question.len + a->text.len);
  if (!note) return NULL;
  note->message.fn = on_note;
  note->error = a->error;
  note->question_len = a->question.len;
  note->text_len = a->text.len;
  memcpy(note->bytes, a->question.data, a->question.len);
  memcpy(note->bytes + a->question.len, a->text.data, a->text.len);
  return note;
}

// Under the lock: the first answer to an open question counts.
static struct errand *take_answer(struct errand_store *s,
                                  const struct errand_key *key,
                                  struct answer_note *note)
{
  struct slice name = {note->bytes, note->question_len};
  struct errand *e = errand_find(s, key);
  struct errand_question *q = e && e->running ? find(e, name) : NULL;
  if (!q) return NULL;
  errand_free_question(e, q);
  follow(e, key->wall_ms);
  note->errand = e;
  e->notes++;
  if (e->mailbox) mailbox_post(e->mailbox, &note->message);
  return e;
}

bool errand_answer(struct errand_store *s, const struct errand_key *key,
                   const struct errand_answer *answer)
{
  struct answer_note *note = make(answer);
  if (!note) return false;
  struct list inline_ones;
  list_init(&inline_ones);
  pthread_mutex_lock(&s->lock);
  struct errand *e = take_answer(s, key, note);
  bool at_once = e && !e->mailbox;
  if (e) errand_wake_for_change(e, &inline_ones);
  pthread_mutex_unlock(&s->lock);
  errand_wake_inline(&inline_ones);
  if (!e)
    free(note);
  else if (at_once)
    on_note(&note->message);
  return true;
}
