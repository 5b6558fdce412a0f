// timer.c -- the heap of timers behind loop.h.

#include <assert.h>
#include <stdlib.h>

#include "base/fault.h"
#include "loop/loop_inside.h"

#define FIRST_ROOM 64

static bool before(const struct timer *a, const struct timer *b)
{
  if (a->at_ns != b->at_ns) return a->at_ns < b->at_ns;
  return a->order < b->order;
}

static void put(struct loop *loop, size_t place, struct timer *t)
{
  loop->heap[place - 1] = t;
  t->place = place;
}

// Moves `t`, whose place is free or its own, towards the top.
static void rise(struct loop *loop, struct timer *t)
{
  size_t place = t->place;
  while (place > 1) {
    struct timer *parent = loop->heap[place / 2 - 1];
    if (!before(t, parent)) break;
    put(loop, place, parent);
    place /= 2;
  }
  put(loop, place, t);
}

static void sink(struct loop *loop, struct timer *t)
{
  size_t place = t->place;
  for (;;) {
    size_t child = place * 2;
    if (child > loop->armed) break;
    if (child < loop->armed && before(loop->heap[child], loop->heap[child - 1]))
      child++;
    if (!before(loop->heap[child - 1], t)) break;
    put(loop, place, loop->heap[child - 1]);
    place = child;
  }
  put(loop, place, t);
}

static bool make_room(struct loop *loop)
{
  if (loop->armed < loop->room) return true;
  size_t room = loop->room ? loop->room * 2 : FIRST_ROOM;
  void *heap =
      fault_now() ? NULL : realloc(loop->heap, room * sizeof(struct timer *));
  if (!heap) return false;
  loop->heap = heap;
  loop->room = room;
  return true;
}

void timer_init(struct timer *t, struct loop *loop, timer_fn fn, void *ctx)
{
  *t = (struct timer){.loop = loop, .fn = fn, .ctx = ctx};
}

bool timer_start_at(struct timer *t, uint64_t at_ns)
{
  struct loop *loop = t->loop;
  if (!t->place) {
    if (!make_room(loop)) return false;
    put(loop, ++loop->armed, t);
  }
  // a time in the past is "now": it must not overtake what is due already
  t->at_ns = at_ns < loop->now ? loop->now : at_ns;
  t->order = loop->order++;
  rise(loop, t);
  sink(loop, t);
  return true;
}

bool timer_start(struct timer *t, uint64_t delay_ns)
{
  uint64_t now = t->loop->now;
  return timer_start_at(t, delay_ns > UINT64_MAX - now ? UINT64_MAX
                                                       : now + delay_ns);
}

void timer_stop(struct timer *t)
{
  if (!t->place) return;
  struct loop *loop = t->loop;
  assert(loop->heap[t->place - 1] == t);
  struct timer *last = loop->heap[--loop->armed];
  if (last != t) {
    put(loop, t->place, last);
    rise(loop, last);
    sink(loop, last);
  }
  t->place = 0;
}

void timers_fire(struct loop *loop)
{
  uint64_t now = loop->now, order = loop->order;
  for (struct timer *t; (t = timers_first(loop)) != NULL;) {
    if (t->at_ns > now || t->order >= order) break;
    timer_stop(t);
    t->fn(t, t->ctx);
  }
}
