// crowd.h -- what the stress programs share: four threads, and a verdict.

#ifndef TESTS_CROWD_H
#define TESTS_CROWD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"

#define THREADS 4

struct crowd {
  atomic_uint_fast64_t clock_ns; // a made-up time that only grows
  atomic_uint faults;
  void *shared;
};

struct member {
  struct crowd *crowd;
  struct prng chance;
  unsigned index;
  void (*run)(struct member *m);
};

static inline void *crowd_main(void *arg)
{
  struct member *m = arg;
  m->run(m);
  return NULL;
}

// Runs `run` in four threads and waits for them.
static inline void crowd_run(struct crowd *c, void (*run)(struct member *m))
{
  struct member members[THREADS];
  pthread_t ids[THREADS];
  for (unsigned i = 0; i < THREADS; i++) {
    members[i] = (struct member){.crowd = c, .index = i, .run = run};
    prng_seed(&members[i].chance, i + 1);
    if (pthread_create(&ids[i], NULL, crowd_main, &members[i])) abort();
  }
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join(ids[i], NULL);
}

// A time that no other thread has seen, up to `most_ns` later than the last.
static inline uint64_t crowd_tick(struct member *m, uint64_t most_ns)
{
  uint64_t step = 1 + prng_below(&m->chance, most_ns);
  return atomic_fetch_add(&m->crowd->clock_ns, step) + step;
}

static inline bool one_in(struct member *m, uint64_t n)
{
  return prng_below(&m->chance, n) == 0;
}

static inline void crowd_check(struct crowd *c, bool holds, const char *what)
{
  if (holds) return;
  if (atomic_fetch_add(&c->faults, 1) < 10)
    fprintf(stderr, "not so: %s\n", what);
}

static inline int crowd_end(struct crowd *c, const char *name)
{
  unsigned faults = atomic_load(&c->faults);
  printf("%s: %u faults\n", name, faults);
  return faults ? 1 : 0;
}

#endif
