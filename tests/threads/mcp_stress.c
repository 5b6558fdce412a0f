// mcp_stress.c -- four workers start, end and cancel legacy calls, and end
// sessions, through one struct mcp_shared.
//
// For ThreadSanitizer (preset tsan). Ends with 1 when a call is cancelled on
// another thread than its worker's, or an ended session is good again.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "loop/worker.h"
#include "mcp/shared.h"

enum { WORKERS = 4, CALLS = 32, STEPS = 20000, IDS = 8 };

struct crew {
  struct mcp_shared *shared;
  atomic_uint running, cancelled, faults;
};

// A call whose id is one of few, so that workers hit each other's.
struct slot {
  struct inflight call;
  struct hand *hand;
  char id;
  bool used;
};

struct hand {
  struct crew *crew;
  struct worker *worker;
  struct prng prng;
  struct slot slots[CALLS];
  struct timer timer;
  unsigned steps;
  pthread_t thread;
};

static void end_slot(struct slot *slot)
{
  mcp_shared_remove(slot->hand->crew->shared, &slot->call);
  slot->used = false;
}

static void on_cancel(struct inflight *call)
{
  struct slot *slot = LIST_ITEM(call, struct slot, call);
  struct crew *crew = slot->hand->crew;
  atomic_fetch_add(&crew->cancelled, 1);
  if (!pthread_equal(pthread_self(), slot->hand->thread) || !slot->used)
    atomic_fetch_add(&crew->faults, 1);
  end_slot(slot);
}

static void begin_slot(struct slot *slot)
{
  struct hand *h = slot->hand;
  slot->id = (char)('0' + prng_below(&h->prng, IDS));
  slot->used = true;
  slot->call = (struct inflight){
      .mailbox = h->worker->mailbox, .id = {&slot->id, 1}, .cancel = on_cancel};
  slot->call.session[0] = (unsigned char)prng_below(&h->prng, 2);
  mcp_shared_add(h->crew->shared, &slot->call);
}

static void cancel_some(struct hand *h)
{
  unsigned char session[SESSION_ID_LEN] = {0};
  session[0] = (unsigned char)prng_below(&h->prng, 2);
  char id = (char)('0' + prng_below(&h->prng, IDS));
  mcp_shared_cancel(h->crew->shared, session, (struct slice){&id, 1});
}

// Nobody else ends this session, so it must be ended as soon as we say so.
static void end_session(struct hand *h)
{
  unsigned char id[SESSION_ID_LEN] = {0};
  uint64_t random = prng_next(&h->prng);
  memcpy(id, &random, sizeof(random));
  id[SESSION_ID_LEN - 1] = (unsigned char)h->worker->index;
  mcp_shared_end_session(h->crew->shared, id, 1000000, 1);
  if (!mcp_shared_session_ended(h->crew->shared, id, 1) ||
      mcp_shared_session_ended(h->crew->shared, id, 1000000))
    atomic_fetch_add(&h->crew->faults, 1);
}

static void step(struct timer *timer, void *ctx)
{
  struct hand *h = ctx;
  for (unsigned i = 0; i < 20; i++) {
    struct slot *slot = &h->slots[prng_below(&h->prng, CALLS)];
    if (slot->used)
      end_slot(slot);
    else
      begin_slot(slot);
    cancel_some(h);
  }
  if (h->steps % 8 == 0) end_session(h);
  if (++h->steps < STEPS / 20) {
    timer_start(timer, 1000);
    return;
  }
  for (unsigned i = 0; i < CALLS; i++)
    if (h->slots[i].used) end_slot(&h->slots[i]);
  atomic_fetch_sub(&h->crew->running, 1);
}

static enum error_code on_start(struct worker *w, void *ctx, struct error *err)
{
  struct hand *h = ctx;
  (void)err;
  h->worker = w;
  h->thread = pthread_self();
  prng_seed(&h->prng, w->index + 1);
  for (unsigned i = 0; i < CALLS; i++)
    h->slots[i].hand = h;
  timer_init(&h->timer, w->loop, step, h);
  timer_start(&h->timer, 1000);
  return OK;
}

int main(void)
{
  static const struct worker_hooks hooks = {.start = on_start};
  struct crew crew = {.shared = mcp_shared_new()};
  struct hand *hands = calloc(WORKERS, sizeof(*hands));
  struct worker workers[WORKERS];
  struct error err;
  if (!crew.shared || !hands) return 1;
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
  unsigned cancelled = atomic_load(&crew.cancelled);
  unsigned faults = atomic_load(&crew.faults);
  printf("mcp: %u calls cancelled, %u faults\n", cancelled, faults);
  free(hands);
  mcp_shared_free(crew.shared);
  return faults || !cancelled;
}
