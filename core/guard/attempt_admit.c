// attempt_admit.c -- the steps before the wire, in their order.

#include <stdlib.h>

#include "guard/attempt_inside.h"
#include "guard/memory.h"

// A place in the bulkhead's queue, and then in it. It is apart from the attempt: a
// hand-over can be on its way from another thread when the attempt ends, and
// must find the waiter where it was.
struct place {
  struct bulkhead_waiter waiter;
  struct message granted;
  struct mailbox *mailbox;
  struct attempt *attempt; // NULL: given up; the message frees it
};

static bool is_retry(const struct attempt *a)
{
  return a->number > 1;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

// --- 6: the permit, and off it goes ---

// What is not sent has not used up its turn.
static void give_slot_back(struct attempt *a)
{
  limiter_cancel(a->limiter, &a->slot);
}

static void send(struct attempt *a)
{
  struct breaker_options options = policy_breaker(a->options->policy);
  struct breaker_permit permit = breaker_acquire(
      &a->options->upstream->breaker, &options, is_retry(a), attempt_now(a));
  if (!permit.ok) {
    give_slot_back(a);
    admit_give_place(a);
    attempt_refuse(a, REJECT_BREAKER, permit.wait_ns);
    return;
  }
  a->token = permit.token;
  if (a->token.kind == TOKEN_PROBE)
    attempt_step(a, TRAIL_BREAKER, 0, "half_open");
  attempt_send(a);
}

// --- 5: the place ---

static void on_granted(struct message *message)
{
  struct place *place = LIST_ITEM(message, struct place, granted);
  struct attempt *a = place->attempt;
  if (!a) {
    free(place);
    return;
  }
  timer_stop(&a->timer);
  a->state = ATTEMPT_IDLE;
  send(a);
}

// On whichever thread gave its place away.
static void on_grant(struct bulkhead_waiter *waiter)
{
  struct place *place = LIST_ITEM(waiter, struct place, waiter);
  mailbox_post(place->mailbox, &place->granted);
}

// A quarter of what is left is enough of waiting, whatever the policy says.
static uint64_t latest_start(const struct attempt *a)
{
  uint64_t now = attempt_now(a);
  if (attempt_left(a) < a->useful_ns) return 0;
  return now + deadline_queue_ns(a->options->deadline_ns, now, UINT64_MAX);
}

static bool take_place(struct attempt *a)
{
  struct place *place = guard_memory(sizeof(*place));
  if (!place) return false;
  *place = (struct place){
      .waiter = {.grant = on_grant, .deadline_ns = latest_start(a)},
      .granted = {.fn = on_granted},
      .mailbox = a->options->mailbox,
      .attempt = a,
  };
  a->place = place;
  return true;
}

static void enter_bulkhead(struct attempt *a)
{
  a->seat.tenant = 0;
  a->seated = bulkhead_try(&a->options->upstream->bulkhead, &a->seat);
  if (a->seated) {
    send(a);
    return;
  }
  if (!take_place(a)) {
    give_slot_back(a);
    attempt_no_memory(a);
    return;
  }
  uint64_t now = attempt_now(a);
  struct bulkhead_options options = policy_bulkhead(a->options->policy);
  struct bulkhead_waiter *w = &a->place->waiter;
  switch (bulkhead_enter(&a->options->upstream->bulkhead, &options, w, now)) {
  case BULKHEAD_GO: send(a); return;
  case BULKHEAD_WAIT:
    attempt_wait(a, ATTEMPT_AT_BULKHEAD,
                 w->deadline_ns > now ? w->deadline_ns - now : 0,
                 TRAIL_BULKHEAD);
    return;
  case BULKHEAD_FULL: break;
  }
  free(a->place);
  a->place = NULL;
  give_slot_back(a);
  attempt_refuse(a, REJECT_BULKHEAD, 0);
}

static enum bulkhead_exit exit_bulkhead(struct attempt *a,
                                        struct bulkhead_waiter *w)
{
  struct bulkhead_options options = policy_bulkhead(a->options->policy);
  return bulkhead_exit(&a->options->upstream->bulkhead, &options, w,
                       attempt_now(a));
}

void admit_give_place(struct attempt *a)
{
  if (a->seated) exit_bulkhead(a, &a->seat);
  a->seated = false;
  struct place *place = a->place;
  if (!place) return;
  a->place = NULL;
  bool was_waiting = a->state == ATTEMPT_AT_BULKHEAD;
  enum bulkhead_exit left = exit_bulkhead(a, &place->waiter);
  // It was handed over while we gave up: the message is still to come.
  if (was_waiting && left == BULKHEAD_RELEASED)
    place->attempt = NULL;
  else
    free(place);
}

// --- 4: the limiter ---

static void ask_limiter(struct attempt *a)
{
  const struct policy *p = a->options->policy;
  struct upstream *u = a->options->upstream;
  struct limiter_options options = policy_limiter(p);
  bool paced = pace_stretch(&u->pace, &options, attempt_now(a));
  if (options.interval_ns == 0) {
    a->slot.units = 0; // none
    enter_bulkhead(a);
    return;
  }
  uint64_t patience =
      deadline_limiter_ns(a->options->deadline_ns, attempt_now(a),
                          (uint64_t)p->limiter_max_wait_ms * NS_PER_MS);
  a->limiter = paced ? &u->pace.limiter : &u->limiter;
  a->slot = limiter_reserve(a->limiter, &options, 1, attempt_now(a), patience);
  if (a->slot.verdict != LIMITER_GO)
    attempt_refuse(a, paced ? REJECT_QUOTA : REJECT_LIMITER, a->slot.wait_ns);
  else if (a->slot.wait_ns > 0)
    attempt_wait(a, ATTEMPT_AT_LIMITER, a->slot.wait_ns, TRAIL_LIMITER);
  else
    enter_bulkhead(a);
}

// --- 3: the gate ---

static void pass_gate(struct attempt *a)
{
  uint64_t left = attempt_left(a);
  uint64_t patience = left > a->useful_ns ? left - a->useful_ns : 0;
  a->gate = gate_pass(&a->options->upstream->gate, GATE_SPACING_NS,
                      attempt_now(a), patience);
  if (!a->gate.ok)
    attempt_refuse(a, REJECT_GATE, a->gate.wait_ns);
  else if (a->gate.wait_ns > 0)
    attempt_wait(a, ATTEMPT_AT_GATE, a->gate.wait_ns, TRAIL_GATE);
  else
    ask_limiter(a);
}

// --- the timer of a wait ---

static void on_timer(struct timer *timer, void *ctx)
{
  (void)timer;
  struct attempt *a = ctx;
  switch (a->state) {
  case ATTEMPT_AT_GATE:
    // Another answer may have closed it again meanwhile.
    if (gate_closed(&a->options->upstream->gate, attempt_now(a)))
      pass_gate(a);
    else
      ask_limiter(a);
    return;
  case ATTEMPT_AT_LIMITER: enter_bulkhead(a); return;
  case ATTEMPT_AT_BULKHEAD:
    give_slot_back(a);
    admit_give_place(a);
    attempt_refuse(a, REJECT_BULKHEAD, 0);
    return;
  case ATTEMPT_AT_FAULT: attempt_fault_due(a); return;
  case ATTEMPT_IDLE:
  case ATTEMPT_SENT:
  case ATTEMPT_ENDED: return;
  }
}

// --- 1, 2: time, and the breaker without taking a permit ---

// What the upstream usually takes is what another try needs at least: less only
// burns its time. Not so the first try, and no more than half of its own timeout:
// the slow tools of a service, or an outage, must not lock out its fast ones, and
// an upstream that is never asked is never seen to be well again.
static uint64_t useful_of(const struct attempt *a, const struct latency_view *v)
{
  if (v->count < HEDGE_SAMPLES) return DEADLINE_USEFUL_NS;
  uint64_t half = a->timeout_ms * NS_PER_MS / 2;
  uint64_t useful = smaller(half, deadline_useful_ns(v));
  return useful > DEADLINE_USEFUL_NS ? useful : DEADLINE_USEFUL_NS;
}

uint64_t attempt_useful_again(const struct attempt *a)
{
  struct latency_view view =
      latency_view(&a->options->upstream->latency, attempt_now(a));
  return useful_of(a, &view);
}

static void take_times(struct attempt *a)
{
  const struct exchange_options *o = a->options;
  struct latency_view view =
      latency_view(&o->upstream->latency, attempt_now(a));
  uint32_t ms = (uint32_t)o->policy->attempt_ms;
  if (o->timeout_ms > 0 && o->timeout_ms < ms) ms = o->timeout_ms;
  bool learned = o->policy->attempt_learned;
  a->timeout_ms = learned ? deadline_timeout_ms(&view, ms) : ms;
  a->useful_ns = a->number == 1 ? DEADLINE_USEFUL_NS : useful_of(a, &view);
}

// What is not used yet is left as it is: this is the hot path.
static void reset(struct attempt *a)
{
  take_times(a);
  a->state = ATTEMPT_IDLE;
  a->stop = STOP_NOT;
  a->cut_by_deadline = false;
  a->seated = false;
  a->place = NULL;
  a->transfer = NULL;
  a->fault.injected = false;
  timer_init(&a->timer, a->options->loop, on_timer, a);
}

void attempt_begin(struct attempt *a)
{
  uint64_t wait;
  struct breaker_options options = policy_breaker(a->options->policy);
  reset(a);
  if (attempt_left(a) < a->useful_ns)
    attempt_refuse(a, REJECT_DEADLINE, 0);
  else if (!breaker_peek(&a->options->upstream->breaker, &options, is_retry(a),
                         attempt_now(a), &wait))
    attempt_refuse(a, REJECT_BREAKER, wait);
  else
    pass_gate(a);
}

void admit_leave(struct attempt *a)
{
  struct upstream *u = a->options->upstream;
  timer_stop(&a->timer);
  if (a->state == ATTEMPT_AT_GATE)
    gate_leave(&u->gate, &a->gate, GATE_SPACING_NS);
  if (a->state == ATTEMPT_AT_LIMITER || a->state == ATTEMPT_AT_BULKHEAD)
    give_slot_back(a);
  admit_give_place(a);
}
