// pending_stress.c -- four workers ask, answer each other's questions and give
// them up, through one struct pending_set.
//
// For ThreadSanitizer (preset tsan). Ends with 1 when an answer comes on another
// thread than that of the question's worker, to a question that nobody asks any
// more, twice, or with other bytes than were sent, or when more answers are taken
// than there were questions.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "loop/worker.h"
#include "mcp/pending.h"

enum { WORKERS = 4, QUESTIONS = 16, STEPS = 20000, IDS = 64 };

struct crew {
  struct pending_set *set;
  atomic_uint running, asked, taken, answered, faults;
};

// A question; its id is one of few, so that workers hit each other's.
struct slot {
  struct pending pending;
  struct hand *hand;
  char id;
  bool used;
};

struct hand {
  struct crew *crew;
  struct worker *worker;
  struct prng prng;
  struct slot slots[QUESTIONS];
  struct timer timer;
  unsigned steps;
  pthread_t thread;
};

static void on_answer(struct pending *p, struct slice text, bool error)
{
  struct slot *slot = LIST_ITEM(p, struct slot, pending);
  struct crew *crew = slot->hand->crew;
  bool mine = pthread_equal(pthread_self(), slot->hand->thread) && slot->used;
  bool whole = text.len == 100 && text.data[0] == slot->id &&
               text.data[99] == slot->id && error == (slot->id % 2 == 0);
  atomic_fetch_add(mine && whole ? &crew->answered : &crew->faults, 1);
  slot->used = false;
}

// Only its own worker uses an id, so that there are not two of one id.
static void ask(struct slot *slot, unsigned at)
{
  struct hand *h = slot->hand;
  slot->id = (char)(h->worker->index * QUESTIONS + at + 1);
  slot->used = true;
  slot->pending = (struct pending){
      .mailbox = h->worker->mailbox, .id = {&slot->id, 1}, .answer = on_answer};
  atomic_fetch_add(&h->crew->asked, 1);
  pending_add(h->crew->set, &slot->pending);
}

static void give_up(struct slot *slot)
{
  pending_remove(slot->hand->crew->set, &slot->pending);
  slot->used = false;
}

static void answer_some(struct hand *h)
{
  static const unsigned char session[PENDING_SESSION_LEN];
  char id = (char)(1 + prng_below(&h->prng, IDS)), text[100];
  memset(text, id, sizeof(text));
  for (int i = 0; i < 3; i++)
    if (pending_answer(h->crew->set, session, (struct slice){&id, 1},
                       (struct slice){text, sizeof(text)}, id % 2 == 0))
      atomic_fetch_add(&h->crew->taken, 1);
}

static void step(struct timer *timer, void *ctx)
{
  struct hand *h = ctx;
  for (unsigned i = 0; i < 20; i++) {
    unsigned at = (unsigned)prng_below(&h->prng, QUESTIONS);
    struct slot *slot = &h->slots[at];
    if (!slot->used)
      ask(slot, at);
    else if (prng_below(&h->prng, 4) == 0)
      give_up(slot);
    answer_some(h);
  }
  if (++h->steps < STEPS / 20) {
    timer_start(timer, 1000);
    return;
  }
  for (unsigned i = 0; i < QUESTIONS; i++)
    if (h->slots[i].used) give_up(&h->slots[i]);
  atomic_fetch_sub(&h->crew->running, 1);
}

static enum error_code on_start(struct worker *w, void *ctx, struct error *err)
{
  struct hand *h = ctx;
  (void)err;
  h->worker = w;
  h->thread = pthread_self();
  prng_seed(&h->prng, w->index + 1);
  for (unsigned i = 0; i < QUESTIONS; i++)
    h->slots[i].hand = h;
  timer_init(&h->timer, w->loop, step, h);
  timer_start(&h->timer, 1000);
  return OK;
}

int main(void)
{
  static const struct worker_hooks hooks = {.start = on_start};
  struct crew crew = {.set = pending_set_new()};
  struct hand *hands = calloc(WORKERS, sizeof(*hands));
  struct worker workers[WORKERS];
  struct error err;
  if (!crew.set || !hands) return 1;
  atomic_store(&crew.running, WORKERS);
  for (unsigned i = 0; i < WORKERS; i++) {
    hands[i].crew = &crew;
    if (worker_start(&workers[i], i, &hooks, &hands[i], &err) != OK) return 1;
  }
  struct timespec pause = {.tv_nsec = 1000000};
  while (atomic_load(&crew.running))
    nanosleep(&pause, NULL);
  for (unsigned i = 0; i < WORKERS; i++)
    worker_stop(&workers[i]);
  for (unsigned i = 0; i < WORKERS; i++)
    worker_join(&workers[i]);
  unsigned answered = atomic_load(&crew.answered);
  unsigned faults = atomic_load(&crew.faults);
  unsigned asked = atomic_load(&crew.asked), taken = atomic_load(&crew.taken);
  printf("pending: %u of %u questions answered, %u answers, %u faults\n",
         answered, asked, taken, faults);
  free(hands);
  pending_set_free(crew.set);
  return faults || !answered || taken > asked;
}
