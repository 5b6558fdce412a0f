// bulkhead_stress.c -- four threads, a few slots, a short queue, many cancels.
//
// Never more inside than the limit; grant() comes once for each who waited and
// was not refused, also when it left meanwhile; nobody waits for ever beside a
// free slot; at the end nobody is inside and nobody waits.

#include <sched.h>
#include <string.h>

#include "crowd.h"
#include "guard/bulkhead.h"

#define ROUNDS 100000
#define LIMIT  5
#define EACH   6 // waiters of a thread

static const struct bulkhead_options options = {
    .queue_max = 3,
    .wait = {.long_ns = 1000000, .short_ns = 1000, .standing_ns = 100000},
};

enum mood { IDLE, WAITING, INSIDE, LEAVING };

struct person {
  struct bulkhead_waiter waiter;
  struct mailbox *mailbox;
  struct person *next;
  enum mood mood;
};

struct mailbox { // of granted ones
  _Atomic(struct person *) first;
};

struct shared {
  struct bulkhead bulkhead;
  atomic_int inside;
  atomic_uint entered, granted, refused, left;
};

static void on_grant(struct bulkhead_waiter *w)
{
  struct person *p = (struct person *)(void *)w;
  struct person *first = atomic_load(&p->mailbox->first);
  do
    p->next = first;
  while (!atomic_compare_exchange_weak(&p->mailbox->first, &first, p));
}

static void come_in(struct crowd *c, struct person *p)
{
  struct shared *s = c->shared;
  p->mood = INSIDE;
  crowd_check(c, atomic_fetch_add(&s->inside, 1) < LIMIT, "limit");
}

static void take_mail(struct crowd *c, struct mailbox *box)
{
  struct shared *s = c->shared;
  struct person *p = atomic_exchange(&box->first, NULL);
  for (struct person *next; p; p = next) {
    next = p->next;
    atomic_fetch_add(&s->granted, 1);
    crowd_check(c, p->mood == WAITING || p->mood == LEAVING, "one grant");
    if (p->mood == WAITING)
      come_in(c, p);
    else
      p->mood = IDLE;
  }
}

static void enter(struct member *m, struct person *p, uint64_t now)
{
  struct shared *s = m->crowd->shared;
  p->waiter.deadline_ns = now + prng_below(&m->chance, 3000000);
  p->waiter.tenant = m->index % 3;
  p->mood = WAITING;
  atomic_fetch_add(&s->entered, 1);
  switch (bulkhead_enter(&s->bulkhead, &options, &p->waiter, now)) {
  case BULKHEAD_GO: come_in(m->crowd, p); break;
  case BULKHEAD_WAIT: break;
  case BULKHEAD_FULL:
    atomic_fetch_add(&s->refused, 1);
    p->mood = IDLE;
    break;
  }
}

static void leave(struct member *m, struct person *p, uint64_t now)
{
  struct shared *s = m->crowd->shared;
  bool inside = p->mood == INSIDE;
  if (inside) atomic_fetch_sub(&s->inside, 1);
  switch (bulkhead_exit(&s->bulkhead, &options, &p->waiter, now)) {
  case BULKHEAD_NOTHING:
    crowd_check(m->crowd, false, "it was somewhere");
    break;
  case BULKHEAD_LEFT:
    crowd_check(m->crowd, !inside, "who is inside holds a slot");
    atomic_fetch_add(&s->left, 1);
    p->mood = IDLE;
    break;
  case BULKHEAD_RELEASED: p->mood = inside ? IDLE : LEAVING; break;
  }
}

static bool all_idle(const struct person *people)
{
  for (unsigned i = 0; i < EACH; i++)
    if (people[i].mood != IDLE) return false;
  return true;
}

static void run(struct member *m)
{
  struct mailbox mailbox = {NULL};
  struct person people[EACH];
  memset(people, 0, sizeof(people));
  for (unsigned i = 0; i < EACH; i++) {
    people[i].waiter.grant = on_grant;
    people[i].mailbox = &mailbox;
  }
  for (unsigned i = 0; i < ROUNDS || !all_idle(people); i++) {
    take_mail(m->crowd, &mailbox);
    struct person *p = &people[prng_below(&m->chance, EACH)];
    uint64_t now = crowd_tick(m, 20000);
    if (p->mood == IDLE && i < ROUNDS)
      enter(m, p, now);
    else if (p->mood == INSIDE || p->mood == WAITING)
      leave(m, p, now);
  }
}

// Those who wait without a deadline get in when others leave, and only so.
static void run_patient(struct member *m)
{
  static const struct bulkhead_options patient = {
      .queue_max = THREADS,
      .wait = {UINT64_MAX / 4, UINT64_MAX / 4, UINT64_MAX / 4}};
  struct shared *s = m->crowd->shared;
  struct mailbox mailbox = {NULL};
  for (unsigned i = 0; i < ROUNDS / 10; i++) {
    struct person p = {.waiter = {.grant = on_grant, .deadline_ns = UINT64_MAX},
                       .mailbox = &mailbox,
                       .mood = WAITING};
    atomic_fetch_add(&s->entered, 1);
    if (bulkhead_enter(&s->bulkhead, &patient, &p.waiter, 1) == BULKHEAD_GO)
      come_in(m->crowd, &p);
    while (p.mood == WAITING) {
      sched_yield(); // to the one inside
      take_mail(m->crowd, &mailbox);
    }
    atomic_fetch_sub(&s->inside, 1);
    bulkhead_exit(&s->bulkhead, &patient, &p.waiter, 1);
  }
}

static void check_end(struct crowd *c, struct shared *s)
{
  crowd_check(c, bulkhead_in_flight(&s->bulkhead) == 0, "nobody is inside");
  crowd_check(c, bulkhead_queued(&s->bulkhead) == 0, "nobody waits");
  crowd_check(c, s->granted == s->bulkhead.handed_over, "each grant came");
  crowd_check(c, s->inside == 0, "all came out");
  for (unsigned i = 0; i < BULKHEAD_TENANTS; i++)
    crowd_check(c, s->bulkhead.held[i] == 0, "no tenant holds anything");
}

int main(void)
{
  static const struct shared zero;
  struct shared *s = aligned_alloc(64, sizeof(*s));
  struct crowd c = {.shared = s};
  if (!s) return 1;
  *s = zero;
  bulkhead_init(&s->bulkhead, LIMIT, 0);
  crowd_run(&c, run);
  check_end(&c, s);
  printf("bulkhead: %u entered, %u granted, %u left, %u refused\n", s->entered,
         s->granted, s->left, s->refused);

  bulkhead_resize(&s->bulkhead, &options, 1, 0);
  crowd_run(&c, run_patient);
  check_end(&c, s);
  printf("bulkhead: %u granted\n", s->granted);
  bulkhead_finish(&s->bulkhead);
  free(s);
  return crowd_end(&c, "bulkhead");
}
