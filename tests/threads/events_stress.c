// events_stress.c -- four workers write streams, end them, come back to those
// of others and end sessions, through one struct event_store.
//
// For ThreadSanitizer (preset tsan). Ends with 1 when a reader misses an event,
// is given one twice, is woken on another thread, or never reads anything.

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "loop/worker.h"
#include "mcp/events.h"

enum { WORKERS = 4, STREAMS = 8, READERS = 6, STEPS = 20000, SESSIONS = 3 };

// A stream and who writes it; others see its place under the lock.
struct channel {
  struct event_place place;
  unsigned char session[EVENTS_ID_LEN];
  bool open;
};

struct crew {
  struct event_store *store;
  pthread_mutex_t lock;
  struct channel channels[STREAMS];
  atomic_uint running, given, lost, faults;
};

struct hand;

struct reading {
  struct hand *hand;
  struct event_reader *reader;
  uint64_t next;
};

struct hand {
  struct crew *crew;
  struct worker *worker;
  struct prng prng;
  struct reading readings[READERS];
  struct timer timer;
  unsigned steps;
  int64_t now;
  pthread_t thread;
};

static void fault(struct hand *h)
{
  atomic_fetch_add(&h->crew->faults, 1);
}

static void stop_reading(struct reading *r)
{
  event_reader_free(r->reader, r->hand->now);
  r->reader = NULL;
}

static void read_all(struct reading *r)
{
  struct hand *h = r->hand;
  struct event_place place;
  enum event_next next;
  do {
    struct buf data = {0};
    next = event_reader_next(r->reader, &data, &place);
    if (next == EVENT_GIVEN) {
      uint64_t said = 0;
      memcpy(&said, data.data, sizeof(said));
      if (place.number != r->next || said != place.number) fault(h);
      r->next++;
      atomic_fetch_add(&h->crew->given, 1);
    }
    buf_finish(&data);
  } while (next == EVENT_GIVEN);
  if (next == EVENT_OVER) stop_reading(r);
}

static void on_wake(void *ctx)
{
  struct reading *r = ctx;
  if (!pthread_equal(pthread_self(), r->hand->thread) || !r->reader)
    fault(r->hand);
  else
    read_all(r);
}

// Workers 0..3 write channels w and w + 4.
static struct channel *own_channel(struct hand *h)
{
  unsigned half = (unsigned)prng_below(&h->prng, STREAMS / WORKERS);
  return &h->crew->channels[h->worker->index + half * WORKERS];
}

static struct channel look(struct hand *h, const struct channel *c)
{
  pthread_mutex_lock(&h->crew->lock);
  struct channel copy = *c;
  pthread_mutex_unlock(&h->crew->lock);
  return copy;
}

static void write_one(struct hand *h)
{
  struct channel *c = own_channel(h);
  struct channel now = look(h, c);
  if (now.open && prng_below(&h->prng, 100)) {
    uint64_t number = now.place.number + 1;
    struct slice data = {(const char *)&number, sizeof(number)};
    struct event_added added =
        event_stream_add(h->crew->store, now.place.stream, data, h->now);
    if (added.number && added.number != number) fault(h);
    now.open = added.number != 0; // or the session was ended
    now.place.number = number;
  } else if (now.open) {
    event_stream_end(h->crew->store, now.place.stream, h->now);
    now.open = false;
  } else {
    now.session[0] = (unsigned char)prng_below(&h->prng, SESSIONS);
    now.open = event_stream_open(h->crew->store, now.session, EVENTS_ANSWER,
                                 &now.place, h->now);
  }
  pthread_mutex_lock(&h->crew->lock);
  *c = now;
  pthread_mutex_unlock(&h->crew->lock);
}

static void begin_reading(struct hand *h, struct reading *r)
{
  struct channel c = look(h, &h->crew->channels[prng_below(&h->prng, STREAMS)]);
  uint64_t back = prng_below(&h->prng, 4);
  c.place.number = c.place.number > back ? c.place.number - back : 0;
  char name[EVENTS_NAME_MAX];
  struct slice text = {name, event_name(&c.place, name)};
  struct event_wake wake = {h->worker->mailbox, on_wake, r};
  r->next = c.place.number + 1;
  if (event_reader_new(h->crew->store, c.session, text, wake, &r->reader) !=
      EVENTS_FOUND)
    atomic_fetch_add(&h->crew->lost, 1);
  else
    read_all(r);
}

static void step(struct timer *timer, void *ctx)
{
  struct hand *h = ctx;
  for (unsigned i = 0; i < 20; i++) {
    struct reading *r = &h->readings[prng_below(&h->prng, READERS)];
    write_one(h);
    if (!r->reader)
      begin_reading(h, r);
    else if (!prng_below(&h->prng, 10))
      stop_reading(r);
  }
  unsigned char session[EVENTS_ID_LEN] = {0};
  if (!prng_below(&h->prng, 20)) event_session_end(h->crew->store, session);
  event_store_sweep(h->crew->store, ++h->now);
  if (++h->steps < STEPS / 20) {
    timer_start(timer, 1000);
    return;
  }
  for (unsigned i = 0; i < READERS; i++)
    if (h->readings[i].reader) stop_reading(&h->readings[i]);
  atomic_fetch_sub(&h->crew->running, 1);
}

static enum error_code on_start(struct worker *w, void *ctx, struct error *err)
{
  struct hand *h = ctx;
  (void)err;
  h->worker = w;
  h->thread = pthread_self();
  prng_seed(&h->prng, w->index + 1);
  for (unsigned i = 0; i < READERS; i++)
    h->readings[i].hand = h;
  timer_init(&h->timer, w->loop, step, h);
  timer_start(&h->timer, 1000);
  return OK;
}

static int verdict(struct crew *crew)
{
  unsigned given = atomic_load(&crew->given);
  unsigned faults = atomic_load(&crew->faults);
  printf("events: %u given, %u readers too late, %u faults\n", given,
         atomic_load(&crew->lost), faults);
  return faults || !given;
}

int main(void)
{
  static const struct worker_hooks hooks = {.start = on_start};
  struct event_limits limits = {.stream_bytes = 4096, .keep_ms = 20};
  struct crew crew = {.store = event_store_new(limits)};
  struct hand *hands = calloc(WORKERS, sizeof(*hands));
  struct worker workers[WORKERS];
  struct error err;
  if (!crew.store || !hands) return 1;
  pthread_mutex_init(&crew.lock, NULL);
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
  pthread_mutex_destroy(&crew.lock);
  free(hands);
  event_store_free(crew.store);
  return verdict(&crew);
}
