// bulkhead.c -- see bulkhead.h for the contract.
//
// Both counts are one word, so that "a slot is free and nobody waits" is one
// decision. `queued` changes under the lock only, and while it is not 0 slots
// are given and taken under the lock too: no wake-up is lost between a check
// and a wait.

#include "guard/bulkhead.h"

#include <assert.h>

#define ONE_IN_FLIGHT (UINT64_C(1) << 32)
#define ONE_QUEUED    UINT64_C(1)

static uint32_t in_flight(uint64_t word)
{
  return (uint32_t)(word >> 32);
}

static uint32_t queued(uint64_t word)
{
  return (uint32_t)word;
}

static uint64_t load(struct bulkhead *b)
{
  return atomic_load_explicit(&b->word, memory_order_acquire);
}

static bool swap(struct bulkhead *b, uint64_t *old, uint64_t next)
{
  return atomic_compare_exchange_weak_explicit(
      &b->word, old, next, memory_order_acq_rel, memory_order_acquire);
}

static uint32_t limit_of(struct bulkhead *b)
{
  return atomic_load_explicit(&b->limit, memory_order_relaxed);
}

static _Atomic uint32_t *held_by(struct bulkhead *b,
                                 const struct bulkhead_waiter *w)
{
  return &b->held[w->tenant % BULKHEAD_TENANTS];
}

static void count(atomic_uint_fast64_t *counter)
{
  atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void note_high_water(struct bulkhead *b, uint32_t n)
{
  uint32_t high = atomic_load_explicit(&b->high_water, memory_order_relaxed);
  while (n > high)
    if (atomic_compare_exchange_weak_explicit(&b->high_water, &high, n,
                                              memory_order_relaxed,
                                              memory_order_relaxed))
      return;
}

static void hold(struct bulkhead *b, struct bulkhead_waiter *w, uint32_t n)
{
  w->place = PLACE_HOLDS;
  if (w->tenant)
    atomic_fetch_add_explicit(held_by(b, w), 1, memory_order_relaxed);
  note_high_water(b, n);
}

static void unhold(struct bulkhead *b, struct bulkhead_waiter *w)
{
  w->place = PLACE_NONE;
  if (w->tenant)
    atomic_fetch_sub_explicit(held_by(b, w), 1, memory_order_relaxed);
}

bool bulkhead_init(struct bulkhead *b, uint32_t limit, uint64_t now_ns)
{
  *b = (struct bulkhead){.limit = limit};
  list_init(&b->queue);
  codel_empty(&b->codel, now_ns);
  return pthread_mutex_init(&b->lock, NULL) == 0;
}

void bulkhead_finish(struct bulkhead *b)
{
  assert(load(b) == 0);
  pthread_mutex_destroy(&b->lock);
}

// --- entering ---

// A free slot, if nobody waits for one.
static bool take_slot(struct bulkhead *b, struct bulkhead_waiter *w)
{
  uint64_t old = load(b);
  while (queued(old) == 0 && in_flight(old) < limit_of(b)) {
    if (!swap(b, &old, old + ONE_IN_FLIGHT)) continue;
    hold(b, w, in_flight(old) + 1);
    return true;
  }
  return false;
}

// A place in the queue. False: a slot became free instead. Locked.
static bool take_place(struct bulkhead *b)
{
  uint64_t old = load(b);
  do {
    if (queued(old) == 0 && in_flight(old) < limit_of(b)) return false;
  } while (!swap(b, &old, old + ONE_QUEUED));
  return true;
}

static void enqueue(struct bulkhead *b, const struct bulkhead_options *o,
                    struct bulkhead_waiter *w, uint64_t now_ns)
{
  if (list_empty(&b->queue)) codel_empty(&b->codel, now_ns);
  uint64_t latest = now_ns + codel_wait_ns(&b->codel, &o->wait, now_ns);
  if (latest < w->deadline_ns) w->deadline_ns = latest;
  w->place = PLACE_QUEUED;
  w->waited = true;
  list_append(&b->queue, &w->link);
}

static enum bulkhead_answer enter_locked(struct bulkhead *b,
                                         const struct bulkhead_options *o,
                                         struct bulkhead_waiter *w,
                                         uint64_t now_ns)
{
  bool may_wait = w->grant && w->deadline_ns > now_ns;
  for (;;) {
    if (take_slot(b, w)) return BULKHEAD_GO;
    if (!may_wait || queued(load(b)) >= o->queue_max) return BULKHEAD_FULL;
    if (take_place(b)) break;
  }
  enqueue(b, o, w, now_ns);
  return BULKHEAD_WAIT;
}

bool bulkhead_try(struct bulkhead *b, struct bulkhead_waiter *w)
{
  w->waited = false;
  list_init(&w->link);
  return take_slot(b, w);
}

enum bulkhead_answer bulkhead_enter(struct bulkhead *b,
                                    const struct bulkhead_options *o,
                                    struct bulkhead_waiter *w, uint64_t now_ns)
{
  if (bulkhead_try(b, w)) return BULKHEAD_GO;

  pthread_mutex_lock(&b->lock);
  enum bulkhead_answer answer = enter_locked(b, o, w, now_ns);
  pthread_mutex_unlock(&b->lock);
  if (answer == BULKHEAD_FULL) count(&b->full);
  return answer;
}

// --- handing over ---

static struct bulkhead_waiter *waiter_of(struct list *link)
{
  return LIST_ITEM(link, struct bulkhead_waiter, link);
}

// Out of the queue, not yet anywhere else. Locked.
static void unqueue(struct bulkhead *b, struct bulkhead_waiter *w,
                    uint64_t now_ns)
{
  list_remove(&w->link);
  atomic_fetch_sub_explicit(&b->word, ONE_QUEUED, memory_order_acq_rel);
  if (list_empty(&b->queue)) codel_empty(&b->codel, now_ns);
}

static void drop_expired(struct bulkhead *b, uint64_t now_ns)
{
  LIST_EACH (it, &b->queue) {
    struct bulkhead_waiter *w = waiter_of(it);
    if (w->deadline_ns > now_ns) continue;
    w->place = PLACE_NONE;
    unqueue(b, w, now_ns);
    count(&b->timed_out);
  }
}

static bool has_its_share(struct bulkhead *b, const struct bulkhead_waiter *w)
{
  if (!w->tenant) return false;
  uint32_t held = atomic_load_explicit(held_by(b, w), memory_order_relaxed);
  return held >= (limit_of(b) + 1) / 2;
}

// The oldest, or the newest of a standing queue; one that has its share only if
// all have. NULL: nobody waits.
static struct bulkhead_waiter *pick(struct bulkhead *b,
                                    const struct bulkhead_options *o,
                                    uint64_t now_ns)
{
  drop_expired(b, now_ns);
  if (list_empty(&b->queue)) return NULL;
  bool newest = codel_standing(&b->codel, &o->wait, now_ns);
  struct list *first = newest ? b->queue.prev : b->queue.next;
  for (struct list *it = first; it != &b->queue;
       it = newest ? it->prev : it->next)
    if (!has_its_share(b, waiter_of(it))) return waiter_of(it);
  return waiter_of(first);
}

// Free slots to waiters, who are moved to `granted`. Locked; while anybody is
// queued nobody else takes a slot.
static void hand_over(struct bulkhead *b, const struct bulkhead_options *o,
                      uint64_t now_ns, struct list *granted)
{
  while (queued(load(b)) > 0 && in_flight(load(b)) < limit_of(b)) {
    struct bulkhead_waiter *w = pick(b, o, now_ns);
    if (!w) return;
    uint64_t old = atomic_fetch_add_explicit(&b->word, ONE_IN_FLIGHT,
                                             memory_order_acq_rel);
    unqueue(b, w, now_ns);
    hold(b, w, in_flight(old) + 1);
    list_append(granted, &w->link);
    count(&b->handed_over);
  }
}

// Not locked: grant() may do as it likes.
static void tell(struct list *granted)
{
  LIST_EACH (it, granted) {
    list_remove(it);
    waiter_of(it)->grant(waiter_of(it));
  }
}

// --- leaving ---

static bool release_unless_queued(struct bulkhead *b)
{
  uint64_t old = load(b);
  while (queued(old) == 0) {
    assert(in_flight(old) > 0);
    if (swap(b, &old, old - ONE_IN_FLIGHT)) return true;
  }
  return false;
}

static enum bulkhead_exit exit_locked(struct bulkhead *b,
                                      const struct bulkhead_options *o,
                                      struct bulkhead_waiter *w,
                                      uint64_t now_ns, struct list *granted)
{
  switch (w->place) {
  case PLACE_NONE: return w->waited ? BULKHEAD_LEFT : BULKHEAD_NOTHING;
  case PLACE_QUEUED:
    w->place = PLACE_NONE;
    unqueue(b, w, now_ns);
    return BULKHEAD_LEFT;
  case PLACE_HOLDS:
    unhold(b, w);
    atomic_fetch_sub_explicit(&b->word, ONE_IN_FLIGHT, memory_order_acq_rel);
    hand_over(b, o, now_ns, granted);
    return BULKHEAD_RELEASED;
  }
  return BULKHEAD_NOTHING;
}

enum bulkhead_exit bulkhead_exit(struct bulkhead *b,
                                 const struct bulkhead_options *o,
                                 struct bulkhead_waiter *w, uint64_t now_ns)
{
  if (!w->waited && w->place == PLACE_NONE) return BULKHEAD_NOTHING;
  if (!w->waited && release_unless_queued(b)) {
    unhold(b, w);
    return BULKHEAD_RELEASED;
  }
  struct list granted;
  list_init(&granted);
  pthread_mutex_lock(&b->lock);
  enum bulkhead_exit did = exit_locked(b, o, w, now_ns, &granted);
  pthread_mutex_unlock(&b->lock);
  w->waited = false;
  tell(&granted);
  return did;
}

void bulkhead_resize(struct bulkhead *b, const struct bulkhead_options *o,
                     uint32_t limit, uint64_t now_ns)
{
  if (limit_of(b) == limit) return;
  struct list granted;
  list_init(&granted);
  pthread_mutex_lock(&b->lock);
  atomic_store_explicit(&b->limit, limit, memory_order_relaxed);
  hand_over(b, o, now_ns, &granted);
  pthread_mutex_unlock(&b->lock);
  tell(&granted);
}

uint32_t bulkhead_limit(struct bulkhead *b)
{
  return limit_of(b);
}

uint32_t bulkhead_in_flight(struct bulkhead *b)
{
  return in_flight(load(b));
}

uint32_t bulkhead_queued(struct bulkhead *b)
{
  return queued(load(b));
}
