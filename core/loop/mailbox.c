// mailbox.c -- a stack that posters push on and the owner takes whole.
//
// The owner turns what it took upside down, so each poster's messages are
// delivered in the order in which it posted them, and there is no ABA problem:
// nobody pops single messages.

#include "loop/mailbox.h"

#include <stdlib.h>

#include "base/fault.h"
#include "loop/loop_inside.h"

struct mailbox {
  _Atomic(struct message *) newest;
  struct loop *loop;
  struct ev_async wake;      // real loop
  struct deferred simulated; // simulated: all posters are on this thread
};

static struct message *take_all(struct mailbox *box)
{
  struct message *newest =
      atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
  struct message *oldest = NULL;
  while (newest) {
    struct message *next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  return oldest;
}

static void deliver(void *ctx)
{
  struct message *message = take_all(ctx);
  while (message) {
    struct message *next = message->next;
    message->fn(message);
    message = next;
  }
}

static void on_wake(struct ev_loop *ev, struct ev_async *w, int events)
{
  (void)ev, (void)events;
  deliver(w->data);
}

struct mailbox *mailbox_new(struct loop *loop)
{
  struct mailbox *box = fault_now() ? NULL : calloc(1, sizeof(*box));
  if (!box) return NULL;
  atomic_init(&box->newest, NULL);
  box->loop = loop;
  deferred_init(&box->simulated, deliver, box);
  if (loop->ev) {
    ev_async_init(&box->wake, on_wake);
    box->wake.data = box;
    ev_async_start(loop->ev, &box->wake);
  }
  return box;
}

void mailbox_free(struct mailbox *box)
{
  if (!box) return;
  while (atomic_load(&box->newest))
    deliver(box);
  deferred_cancel(&box->simulated);
  if (box->loop->ev) ev_async_stop(box->loop->ev, &box->wake);
  free(box);
}

void mailbox_post(struct mailbox *box, struct message *message)
{
  struct message *newest =
      atomic_load_explicit(&box->newest, memory_order_relaxed);
  do
    message->next = newest;
  while (!atomic_compare_exchange_weak_explicit(&box->newest, &newest, message,
                                                memory_order_release,
                                                memory_order_relaxed));
  if (newest) return; // who found it empty has woken the owner
  if (box->loop->ev)
    ev_async_send(box->loop->ev, &box->wake);
  else
    loop_defer(box->loop, &box->simulated);
}
