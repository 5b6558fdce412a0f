// lag.c -- see lag.h for the contract.

#include "guard/lag.h"

#include "loop/clock.h"

#define SAMPLES_MAX 100 // of one delay: a second, and the rest says no more

static void arm(struct lag *l)
{
  l->due_ns = loop_now(l->options.loop) + LAG_PERIOD_NS;
  timer_start_at(&l->timer, l->due_ns);
}

// Those that were missed were late too, each by a period less.
static void sample(struct lag *l, uint64_t late_ns, uint64_t now)
{
  for (int i = 0; i < SAMPLES_MAX; i++) {
    shed_lag(&l->shed, &l->levels, late_ns, now);
    if (late_ns < LAG_PERIOD_NS) return;
    late_ns -= LAG_PERIOD_NS;
  }
}

static void on_timer(struct timer *timer, void *ctx)
{
  (void)timer;
  struct lag *l = ctx;
  uint64_t now = loop_now(l->options.loop);
  uint32_t before = shed_level(&l->shed);
  sample(l, now > l->due_ns ? now - l->due_ns : 0, now);
  uint32_t level = shed_level(&l->shed);
  if (level != before && l->options.on_level)
    l->options.on_level(l->options.ctx, level, l->shed.lag_ns);
  if (level > 0 || l->options.busy(l->options.ctx)) arm(l);
}

void lag_init(struct lag *l, const struct lag_options *options)
{
  uint64_t most = options->most_ms * NS_PER_MS;
  *l = (struct lag){.options = *options};
  shed_options_default(&l->levels);
  l->levels.lag_ns[0] = most / 5;
  l->levels.lag_ns[1] = most / 2;
  l->levels.lag_ns[2] = most;
  shed_init(&l->shed, loop_now(options->loop));
  timer_init(&l->timer, options->loop, on_timer, l);
}

void lag_wake(struct lag *l)
{
  if (!timer_armed(&l->timer)) arm(l);
}

void lag_stop(struct lag *l)
{
  timer_stop(&l->timer);
}
