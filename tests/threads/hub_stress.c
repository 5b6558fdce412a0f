// hub_stress.c -- four workers and a loader publish to each other's streams,
// which come and go, and at the end the workers leave in the middle of it.
//
// For ThreadSanitizer (preset tsan). Ends with 1 when somebody is told on
// another thread than its worker's, after it was finished, of what it does not
// watch, or when a counter goes backwards.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "loop/worker.h"
#include "mcp/hub.h"

enum { WORKERS = 4, STREAMS = 64, STEPS = 20000, KEYS = 8 };

struct crew {
  struct hub *hub;
  atomic_uint running, told, faults, counter[KEYS];
  atomic_bool over;
};

struct stream {
  struct hub_sub sub;
  struct hand *hand;
  char key;
  unsigned last;
  bool open;
};

struct hand {
  struct crew *crew;
  struct hub_port *port;
  struct prng chance;
  struct stream streams[STREAMS];
  struct timer timer;
  unsigned steps;
  pthread_t thread;
};

static void fault(struct crew *crew, const char *what)
{
  if (atomic_fetch_add(&crew->faults, 1) < 10)
    fprintf(stderr, "not so: %s\n", what);
}

static void close_stream(struct stream *s)
{
  hub_sub_finish(&s->sub);
  s->open = false;
}

static void check_event(struct stream *s, const struct hub_event *e)
{
  struct crew *crew = s->hand->crew;
  unsigned number = 0;
  if (e->payload.len == sizeof(number))
    memcpy(&number, e->payload.data, sizeof(number));
  if (e->key.len != 1 || e->key.data[0] != s->key) fault(crew, "another's key");
  if (e->topic == HUB_TASK) {
    // Publishers race for the order in which two numbers go out, but a stream
    // never sees the same event twice.
    if (number == s->last) fault(crew, "an event twice");
    s->last = number;
  }
}

static void on_event(struct hub_sub *sub, const struct hub_event *e)
{
  struct stream *s = LIST_ITEM(sub, struct stream, sub);
  struct crew *crew = s->hand->crew;
  atomic_fetch_add(&crew->told, 1);
  if (!pthread_equal(pthread_self(), s->hand->thread))
    fault(crew, "another thread");
  if (!s->open) fault(crew, "a stream that is closed");
  if (e->topic >= HUB_LISTS) check_event(s, e);
  if (prng_below(&s->hand->chance, 16) == 0)
    close_stream(&s->hand->streams[prng_below(&s->hand->chance, STREAMS)]);
}

static void open_stream(struct hand *h, struct stream *s)
{
  s->key = (char)('a' + prng_below(&h->chance, KEYS));
  s->last = 0;
  s->open = true;
  hub_sub_init(&s->sub, h->port, on_event);
  hub_watch(&s->sub, HUB_TOOLS, SLICE(""));
  hub_watch(&s->sub, HUB_TASK, (struct slice){&s->key, 1});
  hub_watch(&s->sub, HUB_SESSION, (struct slice){&s->key, 1});
}

static void publish_some(struct crew *crew, struct prng *chance)
{
  unsigned k = (unsigned)prng_below(chance, KEYS);
  char key = (char)('a' + k);
  unsigned number = atomic_fetch_add(&crew->counter[k], 1) + 1;
  struct slice payload = {(const char *)&number, sizeof(number)};
  hub_publish(crew->hub, HUB_TASK, (struct slice){&key, 1}, payload);
  hub_publish(crew->hub, HUB_SESSION, (struct slice){&key, 1}, payload);
  if (prng_below(chance, 4) == 0)
    hub_publish(crew->hub, HUB_TOOLS, SLICE(""), SLICE(""));
}

static void step(struct timer *timer, void *ctx)
{
  struct hand *h = ctx;
  for (unsigned i = 0; i < 20; i++) {
    struct stream *s = &h->streams[prng_below(&h->chance, STREAMS)];
    if (s->open)
      close_stream(s);
    else
      open_stream(h, s);
    publish_some(h->crew, &h->chance);
  }
  if (++h->steps < STEPS / 20)
    timer_start(timer, 1000);
  else
    atomic_fetch_sub(&h->crew->running, 1);
}

static enum error_code on_start(struct worker *w, void *ctx, struct error *err)
{
  struct hand *h = ctx;
  (void)err;
  h->thread = pthread_self();
  h->port = hub_join(h->crew->hub, w->mailbox);
  prng_seed(&h->chance, w->index + 1);
  for (unsigned i = 0; i < STREAMS; i++)
    h->streams[i].hand = h;
  timer_init(&h->timer, w->loop, step, h);
  timer_start(&h->timer, 1000);
  return h->port ? OK : E_NO_MEMORY;
}

// While the loader still publishes.
static void on_stop(struct worker *w, void *ctx)
{
  (void)w;
  struct hand *h = ctx;
  for (unsigned i = 0; i < STREAMS; i++)
    close_stream(&h->streams[i]);
  hub_leave(h->port);
}

static void *load(void *arg)
{
  struct crew *crew = arg;
  struct prng chance;
  prng_seed(&chance, 99);
  while (!atomic_load(&crew->over))
    publish_some(crew, &chance);
  return NULL;
}

int main(void)
{
  static const struct worker_hooks hooks = {on_start, on_stop};
  struct crew crew = {.hub = hub_new()};
  struct hand *hands = calloc(WORKERS, sizeof(*hands));
  struct worker workers[WORKERS];
  struct error err;
  pthread_t loader;
  if (!crew.hub || !hands) return 1;
  atomic_store(&crew.running, WORKERS);
  for (unsigned i = 0; i < WORKERS; i++) {
    hands[i].crew = &crew;
    if (worker_start(&workers[i], i, &hooks, &hands[i], &err) != OK) return 1;
  }
  if (pthread_create(&loader, NULL, load, &crew)) return 1;
  struct timespec pause = {.tv_nsec = 1000000};
  while (atomic_load(&crew.running))
    nanosleep(&pause, NULL);
  for (unsigned i = 0; i < WORKERS; i++)
    worker_stop(&workers[i]);
  for (unsigned i = 0; i < WORKERS; i++)
    worker_await(&workers[i]);
  atomic_store(&crew.over, true);
  pthread_join(loader, NULL);
  for (unsigned i = 0; i < WORKERS; i++)
    worker_join(&workers[i]);
  unsigned told = atomic_load(&crew.told), faults = atomic_load(&crew.faults);
  printf("hub: %u events told, %u faults\n", told, faults);
  free(hands);
  hub_free(crew.hub);
  return faults || !told;
}
