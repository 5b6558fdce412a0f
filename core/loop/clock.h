// clock.h -- the only place that reads a clock.
//
// Decisions use loop_now() (monotonic, cached once per turn, the same in a
// simulated loop). clock_* read the hardware: for latency samples and logs.

#ifndef LOOP_CLOCK_H
#define LOOP_CLOCK_H

#include <stdint.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

uint64_t clock_mono_ns(void); // since some fixed point; never steps
int64_t clock_wall_ms(void);  // since 1970; may step
uint64_t clock_cpu_ns(void);  // that this thread has had the processor

#endif
