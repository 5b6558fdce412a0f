// errand.c -- see errand.h for the contract.
//
// An errand is freed when it is out of the index, its owner has ended it and no
// message to the owner is under way.

#include "mcp/errand.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/random.h"
#include "base/utf8.h"
#include "mcp/errand_inside.h"

struct errand_store *errand_store_new(void)
{
  struct errand_store *s = fault_calloc(1, sizeof(*s));
  if (!s) return NULL;
  pthread_mutex_init(&s->lock, NULL);
  for (size_t i = 0; i < ERRAND_BUCKETS; i++)
    list_init(&s->by_id[i]);
  list_init(&s->all);
  s->limits = (struct errand_limits){ERRANDS_MAX, ERRAND_BYTES_MAX};
  return s;
}

void errand_store_limit(struct errand_store *s, struct errand_limits limits)
{
  pthread_mutex_lock(&s->lock);
  s->limits = limits;
  pthread_mutex_unlock(&s->lock);
}

void errand_store_tell(struct errand_store *s, errand_view_fn fn, void *ctx)
{
  pthread_mutex_lock(&s->lock);
  s->tell = fn;
  s->tell_ctx = ctx;
  pthread_mutex_unlock(&s->lock);
}

void errand_free_question(struct errand *e, struct errand_question *q)
{
  errand_refund(e, sizeof(*q) + q->key_len + q->request_len);
  list_remove(&q->link);
  free(q);
}

void errand_free(struct errand *e)
{
  LIST_EACH (it, &e->questions) {
    list_remove(it);
    free(LIST_ITEM(it, struct errand_question, link));
  }
  assert(list_empty(&e->waiters));
  buf_finish(&e->outcome);
  free(e);
}

void errand_store_free(struct errand_store *s)
{
  if (!s) return;
  LIST_EACH (it, &s->all) {
    struct errand *e = LIST_ITEM(it, struct errand, all);
    assert(!e->running);
    list_remove(it);
    errand_free(e);
  }
  pthread_mutex_destroy(&s->lock);
  free(s);
}

// --- counting ---

bool errand_charge(struct errand *e, size_t more)
{
  struct errand_store *s = e->store;
  if (e->gone) return true; // it counts for nothing any more
  if (s->bytes + more > s->limits.bytes) return false;
  s->bytes += more;
  e->bytes += more;
  return true;
}

void errand_refund(struct errand *e, size_t less)
{
  if (e->gone) return;
  e->store->bytes -= less;
  e->bytes -= less;
}

bool errand_is_dead(const struct errand *e)
{
  return e->gone && !e->running && !e->notes;
}

struct errand_stats errand_stats(struct errand_store *s)
{
  pthread_mutex_lock(&s->lock);
  struct errand_stats stats = {s->count, s->running, s->bytes};
  pthread_mutex_unlock(&s->lock);
  return stats;
}

// --- looking ---

static struct errand_view view_of(const struct errand *e)
{
  struct errand_view v = {
      .id = {e->id, ERRAND_ID_LEN},
      .status = e->status,
      .created_ms = e->created_ms,
      .changed_ms = e->changed_ms,
      .ttl_ms = e->ttl_ms,
      .poll_ms = e->poll_ms,
      .outcome = buf_slice(&e->outcome),
      .fault = e->fault,
      .questions = &e->questions,
      .number = e->number,
      .era = e->era,
      .session = e->has_session ? e->session : NULL,
  };
  if (e->says_len) v.says = (struct slice){e->says, e->says_len};
  return v;
}

void errand_changed(struct errand *e, int64_t wall_ms)
{
  struct errand_store *s = e->store;
  e->changed_ms = wall_ms;
  if (!s->tell || e->gone) return;
  struct errand_view v = view_of(e);
  s->tell(s->tell_ctx, &v);
}

// The ids are random, so any of their characters are a hash.
static struct list *bucket_of(struct errand_store *s, const char *id)
{
  uint32_t hash = 0;
  for (int i = 0; i < 4; i++)
    hash = hash << 4 ^ (unsigned char)id[i];
  return &s->by_id[hash % ERRAND_BUCKETS];
}

static bool is_of(const struct errand *e, const struct errand_key *key)
{
  struct slice principal = {e->principal, e->principal_len};
  return e->era == key->era && slice_eq(principal, key->principal);
}

struct errand *errand_find(struct errand_store *s, const struct errand_key *key)
{
  if (key->id.len != ERRAND_ID_LEN) return NULL;
  LIST_EACH (it, bucket_of(s, key->id.data)) {
    struct errand *e = LIST_ITEM(it, struct errand, by_id);
    if (!memcmp(e->id, key->id.data, ERRAND_ID_LEN))
      return is_of(e, key) && e->expires_ns > key->now_ns ? e : NULL;
  }
  return NULL;
}

bool errand_see(struct errand_store *s, const struct errand_key *key,
                errand_view_fn fn, void *ctx)
{
  pthread_mutex_lock(&s->lock);
  const struct errand *e = errand_find(s, key);
  if (e) {
    struct errand_view v = view_of(e);
    fn(ctx, &v);
  }
  pthread_mutex_unlock(&s->lock);
  return e != NULL;
}

void errand_repeat(struct errand_store *s, const struct errand_key *key)
{
  pthread_mutex_lock(&s->lock);
  struct errand *e = errand_find(s, key);
  if (e) errand_changed(e, e->changed_ms);
  pthread_mutex_unlock(&s->lock);
}

static bool is_listed(const struct errand *e, const struct errand_key *key)
{
  if (!is_of(e, key) || e->expires_ns <= key->now_ns) return false;
  return !key->session || (e->has_session && !memcmp(e->session, key->session,
                                                     ERRAND_SESSION_LEN));
}

bool errand_list(struct errand_store *s, const struct errand_key *key,
                 struct errand_page page, errand_view_fn fn, void *ctx)
{
  bool more = false;
  pthread_mutex_lock(&s->lock);
  LIST_EACH (it, &s->all) {
    const struct errand *e = LIST_ITEM(it, struct errand, all);
    if (e->number <= page.after || !is_listed(e, key)) continue;
    more = page.most == 0;
    if (more) break;
    page.most--;
    struct errand_view v = view_of(e);
    fn(ctx, &v);
  }
  pthread_mutex_unlock(&s->lock);
  return more;
}

// --- stopping what runs ---

// Only the owner ends an errand, so on its thread one that runs stays one.
static void on_note(struct message *message)
{
  struct errand *e = LIST_ITEM(message, struct errand, note);
  struct errand_store *s = e->store;
  pthread_mutex_lock(&s->lock);
  e->notes--;
  bool running = e->running, dead = errand_is_dead(e);
  pthread_mutex_unlock(&s->lock);
  if (running) e->stop(e->ctx);
  if (dead) errand_free(e);
}

// Under the lock. True: there is no mailbox, so the caller must call stop when
// it has given the lock back.
static bool order_stop(struct errand *e)
{
  if (!e->running || e->noted) return false;
  e->noted = true;
  if (!e->mailbox) return true;
  e->notes++;
  e->note.fn = on_note;
  mailbox_post(e->mailbox, &e->note);
  return false;
}

enum errand_found errand_cancel(struct errand_store *s,
                                const struct errand_key *key)
{
  struct list inline_ones;
  list_init(&inline_ones);
  pthread_mutex_lock(&s->lock);
  struct errand *e = errand_find(s, key);
  bool over = e && errand_is_over(e->status);
  bool stop = false;
  if (e && !over) {
    e->status = ERRAND_CANCELLED;
    e->says_len = 0;
    errand_changed(e, key->wall_ms);
    errand_wake(e, &inline_ones);
    stop = order_stop(e);
  }
  pthread_mutex_unlock(&s->lock);
  if (stop) e->stop(e->ctx);
  errand_wake_inline(&inline_ones);
  if (!e) return ERRAND_NONE;
  return over ? ERRAND_OVER : ERRAND_FOUND;
}

// --- time ---

// Out of the index; to `dead` if nobody needs it, to `stop` if the caller must
// stop it.
static void take_out(struct errand *e, struct list *dead, struct list *stop,
                     struct list *inline_ones)
{
  struct errand_store *s = e->store;
  s->count--;
  s->bytes -= e->bytes;
  list_remove(&e->by_id);
  list_remove(&e->all);
  e->gone = true;
  errand_wake(e, inline_ones);
  if (errand_is_dead(e))
    list_append(dead, &e->all);
  else if (order_stop(e))
    list_append(stop, &e->all);
}

static void finish_out(struct list *dead, struct list *stop)
{
  LIST_EACH (it, stop) {
    struct errand *e = LIST_ITEM(it, struct errand, all);
    list_remove(it);
    e->stop(e->ctx);
  }
  LIST_EACH (it, dead) {
    list_remove(it);
    errand_free(LIST_ITEM(it, struct errand, all));
  }
}

uint64_t errand_sweep(struct errand_store *s, uint64_t now_ns)
{
  struct list dead, stop, inline_ones;
  uint64_t next = UINT64_MAX;
  list_init(&dead);
  list_init(&stop);
  list_init(&inline_ones);
  pthread_mutex_lock(&s->lock);
  LIST_EACH (it, &s->all) {
    struct errand *e = LIST_ITEM(it, struct errand, all);
    if (e->expires_ns <= now_ns)
      take_out(e, &dead, &stop, &inline_ones);
    else if (e->expires_ns < next)
      next = e->expires_ns;
  }
  pthread_mutex_unlock(&s->lock);
  finish_out(&dead, &stop);
  errand_wake_inline(&inline_ones);
  return next;
}

// --- the owner ---

static bool is_full(const struct errand_store *s, size_t more)
{
  return s->count >= s->limits.count || s->bytes + more > s->limits.bytes;
}

static bool make_id(char id[ERRAND_ID_LEN])
{
  unsigned char random[ERRAND_ID_LEN / 2];
  if (!random_bytes(random, sizeof(random))) return false;
  for (size_t i = 0; i < ERRAND_ID_LEN; i++)
    id[i] = "0123456789abcdef"[random[i / 2] >> (i % 2 * 4) & 15];
  return true;
}

static struct errand *make(struct errand_store *s, const struct errand_begin *b)
{
  struct errand *e = fault_calloc(1, sizeof(*e) + b->principal.len);
  if (!e || !make_id(e->id)) {
    free(e);
    return NULL;
  }
  e->store = s;
  e->era = b->era;
  e->running = true;
  e->has_session = b->session != NULL;
  if (b->session) memcpy(e->session, b->session, ERRAND_SESSION_LEN);
  e->created_ms = e->changed_ms = b->wall_ms;
  e->ttl_ms = b->ttl_ms;
  e->expires_ns = b->now_ns + (uint64_t)b->ttl_ms * UINT64_C(1000000);
  e->poll_ms = b->poll_ms;
  e->mailbox = b->mailbox;
  e->ctx = b->ctx;
  e->stop = b->stop;
  e->on_answer = b->on_answer;
  e->principal_len = b->principal.len;
  if (b->principal.len)
    memcpy(e->principal, b->principal.data, b->principal.len);
  list_init(&e->waiters);
  list_init(&e->questions);
  return e;
}

// Under the lock.
static bool put_in(struct errand_store *s, struct errand *e)
{
  size_t size = sizeof(*e) + e->principal_len;
  if (is_full(s, size)) return false;
  e->bytes = size;
  e->number = ++s->numbers;
  s->bytes += size;
  s->count++;
  s->running++;
  list_append(&s->all, &e->all);
  list_append(bucket_of(s, e->id), &e->by_id);
  return true;
}

struct errand *errand_begin(struct errand_store *s,
                            const struct errand_begin *b, bool *full)
{
  *full = false;
  struct errand *e = make(s, b);
  if (!e) return NULL;
  pthread_mutex_lock(&s->lock);
  bool in = put_in(s, e);
  pthread_mutex_unlock(&s->lock);
  if (!in && errand_sweep(s, b->now_ns)) { // what is due may make room
    pthread_mutex_lock(&s->lock);
    in = put_in(s, e);
    pthread_mutex_unlock(&s->lock);
  }
  if (in) return e;
  *full = true;
  errand_free(e);
  return NULL;
}

struct slice errand_id(const struct errand *e)
{
  return (struct slice){e->id, ERRAND_ID_LEN};
}

// As much as fits, without half a character.
static void set_says(struct errand *e, struct slice text)
{
  text = utf8_cut(text, ERRAND_SAYS_MAX);
  if (text.len) memcpy(e->says, text.data, text.len);
  e->says_len = text.len;
}

void errand_say(struct errand *e, struct slice text, int64_t wall_ms)
{
  struct list inline_ones;
  list_init(&inline_ones);
  pthread_mutex_lock(&e->store->lock);
  if (!errand_is_over(e->status)) {
    set_says(e, text);
    errand_changed(e, wall_ms);
    errand_wake_for_change(e, &inline_ones);
  }
  pthread_mutex_unlock(&e->store->lock);
  errand_wake_inline(&inline_ones);
}

static const char too_large[] =
    "{\"code\":-32603,\"message\":\"The result of this task is too large to be "
    "kept beside those of others\"}";

// The outcome, or why there is none.
static void set_outcome(struct errand *e, const struct errand_result *r)
{
  e->status = r->status;
  e->fault = r->fault;
  if (errand_charge(e, r->outcome.len)) {
    buf_add(&e->outcome, r->outcome);
    if (buf_ok(&e->outcome)) return;
    errand_refund(e, r->outcome.len);
  }
  buf_reset(&e->outcome, 0);
  buf_puts(&e->outcome, too_large);
  e->status = ERRAND_FAILED;
  e->fault = true;
}

void errand_end(struct errand *e, const struct errand_result *r)
{
  struct errand_store *s = e->store;
  struct list inline_ones;
  list_init(&inline_ones);
  pthread_mutex_lock(&s->lock);
  e->running = false;
  s->running--;
  LIST_EACH (it, &e->questions)
    errand_free_question(e, LIST_ITEM(it, struct errand_question, link));
  if (!errand_is_over(e->status)) {
    set_outcome(e, r);
    set_says(e, r->says);
    errand_changed(e, r->wall_ms);
    errand_wake(e, &inline_ones);
  }
  bool dead = errand_is_dead(e);
  pthread_mutex_unlock(&s->lock);
  if (dead) errand_free(e);
  errand_wake_inline(&inline_ones);
}

void errand_drop(struct errand *e)
{
  struct errand_store *s = e->store;
  struct list dead, stop, inline_ones;
  list_init(&dead);
  list_init(&stop);
  list_init(&inline_ones);
  pthread_mutex_lock(&s->lock);
  e->running = false;
  s->running--;
  if (!e->gone) take_out(e, &dead, &stop, &inline_ones);
  pthread_mutex_unlock(&s->lock);
  finish_out(&dead, &stop);
  errand_wake_inline(&inline_ones);
}
