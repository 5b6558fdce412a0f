// loop_inside.h -- what the files of loop/ share about a loop; nobody else
// includes it.

#ifndef LOOP_LOOP_INSIDE_H
#define LOOP_LOOP_INSIDE_H

#include <ev.h>
#include <stdatomic.h>

#include "base/list.h"
#include "loop/loop.h"

struct loop {
  struct ev_loop *ev; // NULL: simulated
  uint64_t now;
  struct list deferred;
  atomic_bool stopping;

  // a binary heap by (at_ns, order); places are counted from 1
  struct timer **heap;
  size_t armed, room;
  uint64_t order; // of the next timer to be armed

  // simulated
  uint64_t start;
  int64_t start_wall_ms;

  // real
  struct ev_check check; // the clock is read and timers fire behind the wait
  struct ev_timer alarm; // ends the wait for the earliest of our timers
  struct ev_async wake;
};

// The timer that is due first; NULL if none is armed.
static inline struct timer *timers_first(const struct loop *loop)
{
  return loop->armed ? loop->heap[0] : NULL;
}

// Fires what is due at loop->now. What is armed meanwhile waits for the next
// turn, also if it is due at once.
void timers_fire(struct loop *loop);

#endif
