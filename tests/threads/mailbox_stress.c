// mailbox_stress.c -- four threads post 200,000 messages to one owner.
//
// For ThreadSanitizer (preset tsan). Ends with 1 when a message is lost, comes
// twice or overtakes another one of the same poster; half of the messages are
// answered by one to the owner itself, from inside the delivery.

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop/mailbox.h"
#include "loop/worker.h"

#define POSTERS 4
#define EACH    50000
#define ECHOES  (POSTERS * EACH / 2)

struct owner {
  unsigned expected[POSTERS];
  unsigned delivered, echoed;
  bool in_order;
};

struct letter {
  struct message message;
  struct worker *worker;
  unsigned poster, number;
};

struct poster {
  struct worker *worker;
  struct letter *letters;
  unsigned index;
};

static void count(struct worker *w, unsigned *counter)
{
  const struct owner *owner = w->attached;
  (*counter)++;
  if (owner->delivered == POSTERS * EACH && owner->echoed == ECHOES)
    worker_stop(w);
}

static void on_echo(struct message *message)
{
  struct worker *w = ((struct letter *)message)->worker;
  count(w, &((struct owner *)w->attached)->echoed);
}

static void on_letter(struct message *message)
{
  struct letter *letter = (struct letter *)message;
  struct worker *w = letter->worker;
  struct owner *owner = w->attached;
  if (letter->number != owner->expected[letter->poster]++)
    owner->in_order = false;
  if (letter->number % 2) {
    letter->message.fn = on_echo;
    mailbox_post(w->mailbox, message);
  }
  count(w, &owner->delivered);
}

static void *post_all(void *arg)
{
  const struct poster *p = arg;
  for (unsigned i = 0; i < EACH; i++) {
    p->letters[i] = (struct letter){.message.fn = on_letter,
                                    .worker = p->worker,
                                    .poster = p->index,
                                    .number = i};
    mailbox_post(p->worker->mailbox, &p->letters[i].message);
  }
  return NULL;
}

static enum error_code on_start(struct worker *w, void *ctx, struct error *err)
{
  (void)err;
  w->attached = ctx;
  return OK;
}

static void run(struct worker *w, struct letter *letters)
{
  struct poster posters[POSTERS];
  pthread_t threads[POSTERS];
  for (unsigned i = 0; i < POSTERS; i++) {
    posters[i] = (struct poster){w, letters + (size_t)i * EACH, i};
    if (pthread_create(&threads[i], NULL, post_all, &posters[i])) abort();
  }
  for (unsigned i = 0; i < POSTERS; i++)
    pthread_join(threads[i], NULL);
  worker_join(w);
}

int main(void)
{
  static const struct worker_hooks hooks = {.start = on_start};
  struct owner owner = {.in_order = true};
  struct worker w;
  struct error err;
  struct letter *letters = calloc((size_t)POSTERS * EACH, sizeof(*letters));
  if (!letters || worker_start(&w, 0, &hooks, &owner, &err) != OK) return 1;
  run(&w, letters);
  free(letters);
  printf("mailbox: %u delivered, %u echoed, %s\n", owner.delivered,
         owner.echoed, owner.in_order ? "in order" : "OUT OF ORDER");
  return owner.in_order ? 0 : 1;
}
