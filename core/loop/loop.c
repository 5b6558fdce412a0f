// loop.c -- turns, time and deferred work; see loop.h for the contract.

#include "loop/loop.h"

#include <assert.h>
#include <stdlib.h>

#include "base/fault.h"
#include "loop/clock.h"
#include "loop/loop_inside.h"

// Work that defers work runs in the same turn, but not so long that
// descriptors and timers starve.
#define LATE_DEFERRED_MAX 1000

static struct loop *make(void)
{
  struct loop *loop = fault_now() ? NULL : calloc(1, sizeof(*loop));
  if (!loop) return NULL;
  list_init(&loop->deferred);
  atomic_init(&loop->stopping, false);
  return loop;
}

static void on_check(struct ev_loop *ev, struct ev_check *w, int events)
{
  (void)ev, (void)events;
  struct loop *loop = w->data;
  loop->now = clock_mono_ns();
  timers_fire(loop);
}

static void on_alarm(struct ev_loop *ev, struct ev_timer *w, int events)
{
  (void)ev, (void)w, (void)events; // it has ended the wait; on_check does all
}

static void on_wake(struct ev_loop *ev, struct ev_async *w, int events)
{
  (void)ev, (void)w, (void)events;
}

struct loop *loop_new(void)
{
  struct loop *loop = make();
  if (!loop) return NULL;
  loop->ev = ev_loop_new(EVFLAG_NOENV);
  if (!loop->ev) {
    free(loop);
    return NULL;
  }
  loop->now = clock_mono_ns();
  ev_check_init(&loop->check, on_check);
  ev_set_priority(&loop->check, EV_MAXPRI); // timers before descriptors
  loop->check.data = loop;
  ev_check_start(loop->ev, &loop->check);
  ev_timer_init(&loop->alarm, on_alarm, 0., 0.);
  ev_async_init(&loop->wake, on_wake);
  ev_async_start(loop->ev, &loop->wake);
  return loop;
}

struct loop *loop_new_simulated(uint64_t start_ns, int64_t wall_ms)
{
  struct loop *loop = make();
  if (!loop) return NULL;
  loop->now = loop->start = start_ns;
  loop->start_wall_ms = wall_ms;
  return loop;
}

void loop_free(struct loop *loop)
{
  if (!loop) return;
  assert(loop->armed == 0);
  LIST_EACH (link, &loop->deferred)
    list_remove(link);
  if (loop->ev) ev_loop_destroy(loop->ev);
  free(loop->heap);
  free(loop);
}

// --- deferred work ---

void deferred_init(struct deferred *d, deferred_fn fn, void *ctx)
{
  list_init(&d->link);
  d->fn = fn;
  d->ctx = ctx;
}

void loop_defer(struct loop *loop, struct deferred *d)
{
  if (list_empty(&d->link)) list_append(&loop->deferred, &d->link);
}

void deferred_cancel(struct deferred *d)
{
  list_remove(&d->link);
}

// The fence stands behind what was queued when the turn began: only what comes
// after it counts against the limit. (A nested turn may take the fence away;
// then the work it did is counted there.)
static void run_deferred(struct loop *loop)
{
  if (list_empty(&loop->deferred)) return;
  struct deferred fence;
  deferred_init(&fence, NULL, NULL);
  list_append(&loop->deferred, &fence.link);
  unsigned late = 0;
  bool behind = false;
  while (!list_empty(&loop->deferred) && late < LATE_DEFERRED_MAX) {
    struct deferred *d = LIST_ITEM(loop->deferred.next, struct deferred, link);
    list_remove(&d->link);
    if (d->fn) d->fn(d->ctx);
    late += behind;
    behind = behind || d == &fence;
  }
}

// --- the real driver ---

static void set_alarm(struct loop *loop, uint64_t limit)
{
  const struct timer *first = timers_first(loop);
  uint64_t at = first && first->at_ns < limit ? first->at_ns : limit;
  ev_timer_stop(loop->ev, &loop->alarm);
  if (at == UINT64_MAX) return;
  // libev's own idea of now is as old as ours: both were read behind the last
  // wait, so the alarm rings at `at` however long the turn has taken since
  double delay = at > loop->now ? (double)(at - loop->now) * 1e-9 : 0.;
  ev_timer_set(&loop->alarm, delay, 0.);
  ev_timer_start(loop->ev, &loop->alarm);
}

static bool must_not_wait(const struct loop *loop)
{
  const struct timer *first = timers_first(loop);
  return !list_empty(&loop->deferred) || atomic_load(&loop->stopping) ||
         (first && first->at_ns <= loop->now);
}

static void turn_real(struct loop *loop, bool wait, uint64_t limit)
{
  run_deferred(loop);
  if (!wait || must_not_wait(loop)) {
    ev_run(loop->ev, EVRUN_NOWAIT);
    return;
  }
  set_alarm(loop, limit);
  ev_run(loop->ev, EVRUN_ONCE);
}

// --- the simulated driver ---

static void turn_simulated(struct loop *loop, bool wait, uint64_t limit)
{
  run_deferred(loop);
  const struct timer *first = timers_first(loop);
  if (wait && list_empty(&loop->deferred)) {
    uint64_t at = first ? first->at_ns : loop->now;
    if (at > limit) at = limit;
    if (at > loop->now) loop->now = at;
  }
  timers_fire(loop);
}

static bool simulation_is_over(const struct loop *loop, uint64_t limit)
{
  const struct timer *first = timers_first(loop);
  return list_empty(&loop->deferred) && (!first || first->at_ns > limit);
}

// --- turns ---

static void turn(struct loop *loop, bool wait, uint64_t limit)
{
  if (loop->ev)
    turn_real(loop, wait, limit);
  else
    turn_simulated(loop, wait, limit);
}

void loop_turn(struct loop *loop, bool wait)
{
  turn(loop, wait, UINT64_MAX);
}

static bool goes_on(const struct loop *loop)
{
  if (atomic_load(&loop->stopping)) return false;
  return loop->ev || !simulation_is_over(loop, UINT64_MAX);
}

void loop_run(struct loop *loop)
{
  while (goes_on(loop))
    turn(loop, true, UINT64_MAX);
  atomic_store(&loop->stopping, false);
}

void loop_run_until(struct loop *loop, uint64_t until_ns)
{
  if (loop->ev) {
    do
      turn(loop, true, until_ns);
    while (loop->now < until_ns);
    return;
  }
  while (!simulation_is_over(loop, until_ns))
    turn(loop, true, until_ns);
  if (loop->now < until_ns) loop->now = until_ns;
}

void loop_stop(struct loop *loop)
{
  atomic_store(&loop->stopping, true);
  loop_wake(loop);
}

void loop_wake(struct loop *loop)
{
  if (loop->ev) ev_async_send(loop->ev, &loop->wake);
}

// --- time ---

uint64_t loop_now(const struct loop *loop)
{
  return loop->now;
}

uint64_t loop_exact(const struct loop *loop)
{
  return loop->ev ? clock_mono_ns() : loop->now;
}

void loop_step_wall(struct loop *loop, int64_t ms)
{
  assert(!loop->ev);
  loop->start_wall_ms += ms;
}

int64_t loop_wall_ms(const struct loop *loop)
{
  if (loop->ev) return clock_wall_ms();
  return loop->start_wall_ms + (int64_t)((loop->now - loop->start) / NS_PER_MS);
}

void loop_refresh(struct loop *loop)
{
  if (!loop->ev) return;
  loop->now = clock_mono_ns();
  ev_now_update(loop->ev); // set_alarm() counts on both being as old
}

bool loop_simulated(const struct loop *loop)
{
  return !loop->ev;
}

uint64_t loop_next(const struct loop *loop)
{
  if (!list_empty(&loop->deferred)) return loop->now;
  const struct timer *first = timers_first(loop);
  return first ? first->at_ns : UINT64_MAX;
}

size_t loop_timers(const struct loop *loop)
{
  return loop->armed;
}

struct ev_loop *loop_libev(struct loop *loop)
{
  return loop->ev;
}
