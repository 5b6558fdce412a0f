// loop.h -- one thread's turn-taking: time, timers, file descriptors, work to
// do before the next wait.
//
// Two drivers stand behind the same functions. The real one waits in libev.
// The simulated one has no file descriptors: when nothing is left to do it
// jumps to the next timer, so thirty seconds of backoff take no time and the
// same program gives the same order each run. Timers are our own heap in both,
// with absolute monotonic times: a long callback cannot make them fire early,
// and equal times fire in the order in which they were armed.
//
// A turn: (1) deferred work, until there is none; (2) wait; (3) due timers;
// (4) ready descriptors. Callbacks may start and stop anything, also
// themselves. Everything here is for the loop's own thread, except loop_wake()
// and loop_stop().

#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct loop;
struct ev_loop;

// NULL when out of memory or descriptors.
struct loop *loop_new(void);
// The clock begins at `start_ns` and `wall_ms`.
struct loop *loop_new_simulated(uint64_t start_ns, int64_t wall_ms);
// Nothing may be armed any more except deferred work, which is dropped.
void loop_free(struct loop *loop);

// Runs until loop_stop(), or (simulated) until nothing is armed.
void loop_run(struct loop *loop);
// Runs turns until loop_now() has reached `until_ns`; in a simulated loop the
// clock ends exactly there.
void loop_run_until(struct loop *loop, uint64_t until_ns);
// One turn. `wait`: may block for the next event.
void loop_turn(struct loop *loop, bool wait);
// Ends loop_run() after this turn, or the next one if it is not running. From
// any thread.
void loop_stop(struct loop *loop);
// From any thread: the loop's wait ends soon (real driver).
void loop_wake(struct loop *loop);

// Monotonic time of this turn. In a simulated loop: the simulated time.
uint64_t loop_now(const struct loop *loop);
// Monotonic time now, read exactly (simulated: the same as loop_now).
uint64_t loop_exact(const struct loop *loop);
// Wall clock in ms since 1970 (simulated: moves with the simulated time).
int64_t loop_wall_ms(const struct loop *loop);
// Somebody sets the clock of a simulated machine by that much.
void loop_step_wall(struct loop *loop, int64_t ms);
// After a callback of more than a millisecond: read the clock again.
void loop_refresh(struct loop *loop);

bool loop_simulated(const struct loop *loop);

// When there is something to do next: now if deferred work waits, else the time
// of the first timer; UINT64_MAX if there is nothing.
uint64_t loop_next(const struct loop *loop);
size_t loop_timers(const struct loop *loop); // how many are armed

// --- timers: one shot, embedded, never allocated ---

struct timer;
typedef void (*timer_fn)(struct timer *timer, void *ctx);

struct timer {
  struct loop *loop;
  timer_fn fn;
  void *ctx;
  uint64_t at_ns;
  uint64_t order; // equal times fire in arming order
  size_t place;   // 1-based in the heap; 0 when not armed
};

// Keeps `ctx`. A zeroed timer is not armed and may be stopped.
void timer_init(struct timer *t, struct loop *loop, timer_fn fn, void *ctx);
// Arms it, also when already armed. At `at_ns` or later; a past time fires in
// the next turn, never inline. False when there is no memory for the heap.
bool timer_start_at(struct timer *t, uint64_t at_ns);
bool timer_start(struct timer *t, uint64_t delay_ns);
void timer_stop(struct timer *t); // also when not armed
static inline bool timer_armed(const struct timer *t)
{
  return t->place != 0;
}

// --- deferred work: runs once before the next wait, in order ---

struct deferred;
typedef void (*deferred_fn)(void *ctx);

struct deferred {
  struct list link;
  deferred_fn fn;
  void *ctx;
};

void deferred_init(struct deferred *d, deferred_fn fn, void *ctx);
// Nothing happens if it is already queued.
void loop_defer(struct loop *loop, struct deferred *d);
void deferred_cancel(struct deferred *d);

// --- descriptors, real driver only ---

enum { IO_READ = 1, IO_WRITE = 2 };

struct io;
typedef void (*io_fn)(struct io *io, int events, void *ctx);

// Big enough for libev's watcher without showing libev to everybody.
struct io {
  struct loop *loop;
  io_fn fn;
  void *ctx;
  int fd;
  int events;
  union {
    void *align;
    unsigned char bytes[64];
  } watcher;
};

void io_init(struct io *io, struct loop *loop, int fd, io_fn fn, void *ctx);
// Sets what is watched; 0 stops. Does nothing when unchanged.
void io_watch(struct io *io, int events);
// Stops watching. The descriptor is the caller's to close, afterwards.
void io_finish(struct io *io);

// --- signals and file watching need libev itself; only loop/ and app/ ---

struct ev_loop *loop_libev(struct loop *loop); // NULL when simulated

#endif
