// errand_wait.c -- whoever waits for the end of an errand.
//
// A waiter is in the errand's list, or its message is under way, or it has been
// called: then it is freed.

#include <stdlib.h>

#include "base/fault.h"
#include "mcp/errand_inside.h"

static void call(struct errand_waiter *w)
{
  void (*fn)(void *ctx) = w->fn;
  void *ctx = w->ctx;
  free(w);
  if (fn) fn(ctx);
}

static void on_note(struct message *message)
{
  call(LIST_ITEM(message, struct errand_waiter, note));
}

static void wake(struct errand_waiter *w, struct list *inline_ones)
{
  list_remove(&w->link);
  if (w->mailbox)
    mailbox_post(w->mailbox, &w->note);
  else
    list_append(inline_ones, &w->link);
}

void errand_wake(struct errand *e, struct list *inline_ones)
{
  LIST_EACH (it, &e->waiters)
    wake(LIST_ITEM(it, struct errand_waiter, link), inline_ones);
}

void errand_wake_for_change(struct errand *e, struct list *inline_ones)
{
  LIST_EACH (it, &e->waiters) {
    struct errand_waiter *w = LIST_ITEM(it, struct errand_waiter, link);
    if (w->changes) wake(w, inline_ones);
  }
}

void errand_wake_inline(struct list *inline_ones)
{
  while (!list_empty(inline_ones)) {
    struct list *it = inline_ones->next;
    list_remove(it);
    call(LIST_ITEM(it, struct errand_waiter, link));
  }
}

static struct errand_waiter *make(struct errand_store *s,
                                  const struct errand_wake *how)
{
  struct errand_waiter *w = fault_calloc(1, sizeof(*w));
  if (!w) return NULL;
  list_init(&w->link);
  w->store = s;
  w->mailbox = how->mailbox;
  w->note.fn = on_note;
  w->fn = how->fn;
  w->ctx = how->ctx;
  w->changes = how->changes;
  return w;
}

enum errand_found errand_wait(struct errand_store *s,
                              const struct errand_key *key,
                              const struct errand_wake *how,
                              struct errand_waiter **waiter)
{
  struct errand_waiter *w = *waiter = make(s, how);
  pthread_mutex_lock(&s->lock);
  struct errand *e = errand_find(s, key);
  bool waits = e && !errand_is_over(e->status);
  if (waits && w) list_append(&e->waiters, &w->link);
  pthread_mutex_unlock(&s->lock);
  if (waits) return ERRAND_FOUND;
  free(w);
  *waiter = NULL;
  return e ? ERRAND_OVER : ERRAND_NONE;
}

// On the thread that is called: either it is still in a list, or its message
// comes later, to nobody.
void errand_wait_stop(struct errand_waiter *w)
{
  struct errand_store *s = w->store;
  pthread_mutex_lock(&s->lock);
  bool linked = !list_empty(&w->link);
  list_remove(&w->link);
  w->fn = NULL;
  pthread_mutex_unlock(&s->lock);
  if (linked) free(w);
}
