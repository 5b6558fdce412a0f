// pulse.c -- see pulse.h for the contract.

#include "mcp/pulse.h"

#include "loop/clock.h"

#define SLACK_NS (PULSE_SLACK_MS * (uint64_t)NS_PER_MS)

static struct beat *first_of(const struct pulse *p)
{
  return LIST_ITEM(p->beats.next, struct beat, link);
}

// Without memory for the timer it is armed by the next touch.
static void arm(struct pulse *p, uint64_t earliest_ns)
{
  if (list_empty(&p->beats)) return;
  uint64_t due = first_of(p)->due_ns;
  timer_start_at(&p->timer, due > earliest_ns ? due : earliest_ns);
}

// What is due a little later is taken along, so that many streams that began
// one after the other do not wake us one after the other.
static void on_timer(struct timer *timer, void *ctx)
{
  struct pulse *p = ctx;
  uint64_t now = loop_now(timer->loop);
  int left = PULSE_BATCH;
  while (left > 0 && !list_empty(&p->beats) &&
         first_of(p)->due_ns <= now + SLACK_NS) {
    struct beat *beat = first_of(p);
    pulse_touch(p, beat);
    p->fn(beat);
    left--;
  }
  arm(p, left ? now + SLACK_NS : now);
}

void pulse_init(struct pulse *p, struct loop *loop, uint32_t every_ms,
                beat_fn fn)
{
  *p = (struct pulse){.every_ns = every_ms * (uint64_t)NS_PER_MS, .fn = fn};
  list_init(&p->beats);
  timer_init(&p->timer, loop, on_timer, p);
}

void pulse_finish(struct pulse *p)
{
  timer_stop(&p->timer);
}

void pulse_touch(struct pulse *p, struct beat *beat)
{
  pulse_stop(beat);
  beat->due_ns = loop_now(p->timer.loop) + p->every_ns;
  list_append(&p->beats, &beat->link);
  if (!timer_armed(&p->timer)) arm(p, 0);
}

void pulse_stop(struct beat *beat)
{
  if (!beat->link.next) return;
  list_remove(&beat->link);
  beat->link.next = NULL;
}
