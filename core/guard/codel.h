// codel.h -- is this queue a buffer, or a standing queue?
//
// A queue that was empty at some time in the last `standing` does its work: who
// comes may wait `long`. One that was not only adds delay: who comes may wait
// `short`, and the newest are served first, for they still have time (adaptive
// LIFO). The variant of "Fail at scale", with 5, 100 and 100 ms.
//
// Not thread-safe: the queue's owner keeps it under the queue's lock.

#ifndef GUARD_CODEL_H
#define GUARD_CODEL_H

#include <stdbool.h>
#include <stdint.h>

#define CODEL_LONG_NS     UINT64_C(100000000)
#define CODEL_SHORT_NS    UINT64_C(5000000)
#define CODEL_STANDING_NS UINT64_C(100000000)

struct codel_options {
  uint64_t long_ns, short_ns, standing_ns;
};

struct codel {
  uint64_t empty_ns; // when it was last seen empty
};

static inline void codel_empty(struct codel *c, uint64_t now_ns)
{
  c->empty_ns = now_ns;
}

// Only while the queue is not empty.
static inline bool codel_standing(const struct codel *c,
                                  const struct codel_options *o,
                                  uint64_t now_ns)
{
  return now_ns > c->empty_ns && now_ns - c->empty_ns > o->standing_ns;
}

static inline uint64_t codel_wait_ns(const struct codel *c,
                                     const struct codel_options *o,
                                     uint64_t now_ns)
{
  return codel_standing(c, o, now_ns) ? o->short_ns : o->long_ns;
}

#endif
