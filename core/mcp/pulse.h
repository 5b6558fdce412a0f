// pulse.h -- a sign of life for streams that say nothing, by one timer.
//
// Intermediaries cut a stream that is silent for too long, and a peer that is
// no more is noticed by writing to it. Each stream has a beat; `fn` is called
// for it when nothing was said for `every_ms`. All intervals are equal, so the
// beats are a queue by their time, and one timer waits for the first: it fires
// four times a second at most and for PULSE_BATCH beats at most, however many
// there are, and not at all when there are none.
//
// For one thread.

#ifndef MCP_PULSE_H
#define MCP_PULSE_H

#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"

#define PULSE_SLACK_MS 250
#define PULSE_BATCH    256

struct beat { // embedded; a zeroed one is not beating
  struct list link;
  uint64_t due_ns;
};

typedef void (*beat_fn)(struct beat *beat);

struct pulse {
  struct timer timer;
  struct list beats; // in the order of their time
  uint64_t every_ns;
  beat_fn fn; // may stop any beat
};

void pulse_init(struct pulse *p, struct loop *loop, uint32_t every_ms,
                beat_fn fn);
// Its beats are stopped, or are freed without a word. Zeroed is fine.
void pulse_finish(struct pulse *p);

// Something was just said: the beat comes `every_ms` from now. Also begins it.
void pulse_touch(struct pulse *p, struct beat *beat);
// No beat comes any more. Also when it does not beat.
void pulse_stop(struct beat *beat);

#endif
