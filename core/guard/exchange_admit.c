// exchange_admit.c -- the steps before the wire, in their order.

#include <stdlib.h>

#include "guard/exchange_inside.h"
#include "guard/memory.h"
#include "loop/clock.h"

// A place in the bulkhead, or in its queue. It is apart from the exchange: a
// hand-over can be on its way from another thread when the exchange ends, and
// must find the waiter where it was.
struct place {
  struct bulkhead_waiter waiter;
  struct message granted;
  struct mailbox *mailbox;
  struct exchange *exchange; // NULL: given up; the message frees it
};

static uint64_t now_of(const struct exchange *x)
{
  return loop_now(x->options.loop);
}

static uint64_t left_of(const struct exchange *x)
{
  uint64_t now = now_of(x), deadline = x->options.deadline_ns;
  return deadline > now ? deadline - now : 0;
}

static bool is_retry(const struct exchange *x)
{
  return x->attempts > 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

// --- 6: the permit, and off it goes ---

static void send(struct exchange *x)
{
  struct breaker_options options = policy_breaker(x->options.policy);
  struct breaker_permit permit = breaker_acquire(
      &x->options.upstream->breaker, &options, is_retry(x), now_of(x));
  if (!permit.ok) {
    admit_give_place(x);
    exchange_refuse(x, REJECT_BREAKER, permit.wait_ns);
    return;
  }
  x->token = permit.token;
  if (exchange_send(x)) return;
  breaker_release(&x->options.upstream->breaker, &x->token);
  admit_give_place(x);
  exchange_finish(x, E_NO_MEMORY, REJECT_NONE, -1);
}

// --- 5: the place ---

static void on_granted(struct message *message)
{
  struct place *place = LIST_ITEM(message, struct place, granted);
  struct exchange *x = place->exchange;
  if (!x) {
    free(place);
    return;
  }
  timer_stop(&x->timer);
  x->state = EXCHANGE_IDLE;
  send(x);
}

// On whichever thread gave its place away.
static void on_grant(struct bulkhead_waiter *waiter)
{
  struct place *place = LIST_ITEM(waiter, struct place, waiter);
  mailbox_post(place->mailbox, &place->granted);
}

static bool take_place(struct exchange *x)
{
  struct place *place = guard_memory(sizeof(*place));
  if (!place) return false;
  *place = (struct place){
      .waiter = {.grant = on_grant,
                 .deadline_ns = x->options.deadline_ns - MIN_USEFUL_NS},
      .granted = {.fn = on_granted},
      .mailbox = x->options.mailbox,
      .exchange = x,
  };
  x->place = place;
  return true;
}

static void enter_bulkhead(struct exchange *x)
{
  if (!take_place(x)) {
    exchange_finish(x, E_NO_MEMORY, REJECT_NONE, -1);
    return;
  }
  uint64_t now = now_of(x);
  struct bulkhead_options options = policy_bulkhead(x->options.policy);
  struct bulkhead_waiter *w = &x->place->waiter;
  switch (bulkhead_enter(&x->options.upstream->bulkhead, &options, w, now)) {
  case BULKHEAD_GO: send(x); return;
  case BULKHEAD_WAIT:
    exchange_wait(x, EXCHANGE_AT_BULKHEAD,
                  w->deadline_ns > now ? w->deadline_ns - now : 0,
                  TRAIL_BULKHEAD);
    return;
  case BULKHEAD_FULL: break;
  }
  free(x->place);
  x->place = NULL;
  exchange_refuse(x, REJECT_BULKHEAD, 0);
}

void admit_give_place(struct exchange *x)
{
  struct place *place = x->place;
  if (!place) return;
  x->place = NULL;
  bool was_waiting = x->state == EXCHANGE_AT_BULKHEAD;
  struct bulkhead_options options = policy_bulkhead(x->options.policy);
  enum bulkhead_exit left = bulkhead_exit(&x->options.upstream->bulkhead,
                                          &options, &place->waiter, now_of(x));
  // It was handed over while we gave up: the message is still to come.
  if (was_waiting && left == BULKHEAD_RELEASED)
    place->exchange = NULL;
  else
    free(place);
}

// --- 4: the limiter ---

static void ask_limiter(struct exchange *x)
{
  const struct policy *p = x->options.policy;
  struct limiter_options options = policy_limiter(p);
  if (options.interval_ns == 0) {
    enter_bulkhead(x);
    return;
  }
  uint64_t patience =
      smaller((uint64_t)p->limiter_max_wait_ms * NS_PER_MS, left_of(x) / 2);
  x->slot = limiter_reserve(&x->options.upstream->limiter, &options, 1,
                            now_of(x), patience);
  if (x->slot.verdict != LIMITER_GO)
    exchange_refuse(x, REJECT_LIMITER, x->slot.wait_ns);
  else if (x->slot.wait_ns > 0)
    exchange_wait(x, EXCHANGE_AT_LIMITER, x->slot.wait_ns, TRAIL_LIMITER);
  else
    enter_bulkhead(x);
}

// --- 3: the gate ---

static void pass_gate(struct exchange *x)
{
  uint64_t left = left_of(x);
  uint64_t patience = left > MIN_USEFUL_NS ? left - MIN_USEFUL_NS : 0;
  x->gate = gate_pass(&x->options.upstream->gate, GATE_SPACING_NS, now_of(x),
                      patience);
  if (!x->gate.ok)
    exchange_refuse(x, REJECT_GATE, x->gate.wait_ns);
  else if (x->gate.wait_ns > 0)
    exchange_wait(x, EXCHANGE_AT_GATE, x->gate.wait_ns, TRAIL_GATE);
  else
    ask_limiter(x);
}

// --- 1, 2: time, and the breaker without taking a permit ---

void admit_begin(struct exchange *x)
{
  uint64_t wait;
  struct breaker_options options = policy_breaker(x->options.policy);
  x->state = EXCHANGE_IDLE;
  if (left_of(x) < MIN_USEFUL_NS)
    exchange_refuse(x, REJECT_DEADLINE, 0);
  else if (!breaker_peek(&x->options.upstream->breaker, &options, is_retry(x),
                         now_of(x), &wait))
    exchange_refuse(x, REJECT_BREAKER, wait);
  else
    pass_gate(x);
}

void admit_go_on(struct exchange *x)
{
  switch (x->state) {
  case EXCHANGE_AT_GATE:
    // Another answer may have closed it again meanwhile.
    if (gate_closed(&x->options.upstream->gate, now_of(x)))
      pass_gate(x);
    else
      ask_limiter(x);
    return;
  case EXCHANGE_AT_LIMITER: enter_bulkhead(x); return;
  case EXCHANGE_AT_BULKHEAD:
    admit_give_place(x);
    exchange_refuse(x, REJECT_BULKHEAD, 0);
    return;
  case EXCHANGE_IDLE:
  case EXCHANGE_IN_BACKOFF:
  case EXCHANGE_SENT:
  case EXCHANGE_ENDED: return;
  }
}

void admit_leave(struct exchange *x)
{
  struct upstream *u = x->options.upstream;
  timer_stop(&x->timer);
  if (x->state == EXCHANGE_AT_GATE)
    gate_leave(&u->gate, &x->gate, GATE_SPACING_NS);
  if (x->state == EXCHANGE_AT_LIMITER) limiter_cancel(&u->limiter, &x->slot);
  admit_give_place(x);
}
