// posts_stress.c -- four workers open and close boxes and post to each other's,
// through one struct posts.
//
// For ThreadSanitizer (preset tsan). Ends with 1 when a post reaches another
// thread than its box's, a box that is closed, or out of order.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "loop/worker.h"
#include "mcp/posts.h"

enum { WORKERS = 4, BOXES = 4, LIVES = 3, STEPS = 20000 };

struct crew {
  struct posts *posts;
  atomic_uint running, delivered, refused, faults;
};

struct hand;

struct holder {
  struct post_box box;
  struct hand *hand;
  unsigned last[WORKERS]; // what each worker posted last
  unsigned openings;
  bool used;
};

struct hand {
  struct crew *crew;
  struct worker *worker;
  struct prng prng;
  struct holder holders[BOXES];
  struct timer timer;
  unsigned steps, sent;
  pthread_t thread;
};

struct letter {
  unsigned from, number;
};

static void deliver(struct post_box *box, struct post *post)
{
  struct holder *holder = LIST_ITEM(box, struct holder, box);
  struct hand *h = holder->hand;
  struct letter letter;
  memcpy(&letter, post->text, sizeof(letter));
  if (!pthread_equal(pthread_self(), h->thread) || !holder->used ||
      letter.number <= holder->last[letter.from])
    atomic_fetch_add(&h->crew->faults, 1);
  holder->last[letter.from] = letter.number;
  posts_done(h->crew->posts, box, post);
  atomic_fetch_add(&h->crew->delivered, 1);
  free(post);
}

// Each opening has an id of its own, though one of few that others guess.
static void turn(struct hand *h, unsigned n)
{
  struct holder *holder = &h->holders[n];
  if (holder->used) {
    posts_close(h->crew->posts, &holder->box);
    holder->used = false;
    return;
  }
  holder->box =
      (struct post_box){.mailbox = h->worker->mailbox, .deliver = deliver};
  holder->box.id[0] = (unsigned char)(h->worker->index * BOXES + n);
  holder->box.id[1] = (unsigned char)(holder->openings++ % LIVES);
  holder->used = true;
  posts_open(h->crew->posts, &holder->box);
}

static void post_one(struct hand *h)
{
  unsigned char id[POSTS_ID_LEN] = {0};
  struct letter letter = {h->worker->index, ++h->sent};
  id[0] = (unsigned char)prng_below(&h->prng, WORKERS * BOXES);
  id[1] = (unsigned char)prng_below(&h->prng, LIVES);
  struct slice text = {(const char *)&letter, sizeof(letter)};
  if (posts_send(h->crew->posts, id, text) != POST_SENT)
    atomic_fetch_add(&h->crew->refused, 1);
}

static void step(struct timer *timer, void *ctx)
{
  struct hand *h = ctx;
  for (unsigned i = 0; i < 20; i++)
    post_one(h);
  turn(h, (unsigned)prng_below(&h->prng, BOXES));
  if (++h->steps < STEPS / 20) {
    timer_start(timer, 1000);
    return;
  }
  for (unsigned i = 0; i < BOXES; i++)
    if (h->holders[i].used) turn(h, i);
  atomic_fetch_sub(&h->crew->running, 1);
}

static enum error_code on_start(struct worker *w, void *ctx, struct error *err)
{
  struct hand *h = ctx;
  (void)err;
  h->worker = w;
  h->thread = pthread_self();
  prng_seed(&h->prng, w->index + 1);
  for (unsigned i = 0; i < BOXES; i++)
    h->holders[i].hand = h;
  timer_init(&h->timer, w->loop, step, h);
  timer_start(&h->timer, 1000);
  return OK;
}

int main(void)
{
  static const struct worker_hooks hooks = {.start = on_start};
  struct crew crew = {.posts = posts_new()};
  struct hand *hands = calloc(WORKERS, sizeof(*hands));
  struct worker workers[WORKERS];
  struct error err;
  if (!crew.posts || !hands) return 1;
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
  unsigned delivered = atomic_load(&crew.delivered);
  unsigned faults = atomic_load(&crew.faults);
  printf("posts: %u delivered, %u refused, %u faults\n", delivered,
         atomic_load(&crew.refused), faults);
  free(hands);
  posts_free(crew.posts);
  return faults || !delivered;
}
