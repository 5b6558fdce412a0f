// gate.h -- the penalty gate: the upstream said "later", so all wait.
//
// A throttled answer closes the gate until its Retry-After is over (or our own
// throttled backoff if it gave none). While it is closed a call waits if it can,
// else it is told when to come. Those who wait are let out one by one, `spacing`
// apart, from the moment it opens. Who comes after that moment passes at once,
// also while they still leave: comers are spread already, and behind a queue that
// never ends more than one a spacing would never be let through again. An open
// gate costs a load.
//
// Example: spacing 10 ms, closed until 1000 ms. Calls at 200, 300 and 400 ms get
// 1000, 1010 and 1020 ms; one at 1005 ms passes at once.
//
// One who wakes asks gate_closed() first: another answer may have closed it
// again. Whoever passes still goes through the limiter, where a slot can be
// lost as here: only the newest can be given back.
//
// Shared by all workers, one per key; any thread, no locks. A wait is capped at
// six hours, as guard/retry_after.h caps the header.

#ifndef GUARD_GATE_H
#define GUARD_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define GATE_MAX_NS     (UINT64_C(6) * 3600 * 1000000000)
#define GATE_SPACING_NS UINT64_C(10000000)

struct gate {
  _Alignas(64) _Atomic uint64_t next_ns; // after the last place given
  _Atomic uint64_t until_ns;             // closed until then
  atomic_uint_fast64_t closings, refused;
};

struct gate_place {
  bool ok;
  uint64_t wait_ns; // if ok: 0 means now; if not: come again then
  uint64_t mark_ns; // for gate_leave(); 0 if there was no wait
};

void gate_init(struct gate *g);

// Closed at least until then. False: it was already.
bool gate_close(struct gate *g, uint64_t until_ns, uint64_t now_ns);

struct gate_place gate_pass(struct gate *g, uint64_t spacing_ns,
                            uint64_t now_ns, uint64_t max_wait_ns);
// A place that is not used after all.
void gate_leave(struct gate *g, const struct gate_place *place,
                uint64_t spacing_ns);

bool gate_closed(struct gate *g, uint64_t now_ns);
// When one that comes now would get out; 0: at once.
uint64_t gate_opens_ns(struct gate *g, uint64_t now_ns);

#endif
