// prove_inside.h -- what the scenarios share; for prove*.c alone.

#ifndef APP_PROVE_INSIDE_H
#define APP_PROVE_INSIDE_H

#include "app/prove.h"
#include "app/prove_lab.h"

// A scenario gets a fresh lab and fills in the verdict and the words; it may
// begin afresh as often as it likes. `p->value` is the setting under proof.
typedef void (*scenario_fn)(struct lab *lab, struct proof *p);

struct prove_scenario {
  const char *setting; // a path of policy_fields, or a name of its own
  scenario_fn run;
};

// Each file's list; ends with a zeroed one.
extern const struct prove_scenario prove_times[];
extern const struct prove_scenario prove_retries[];
extern const struct prove_scenario prove_hedges[];
extern const struct prove_scenario prove_breaker[];
extern const struct prove_scenario prove_shares[];
extern const struct prove_scenario prove_limits[];
extern const struct prove_scenario prove_learned[];
extern const struct prove_scenario prove_cache[];
extern const struct prove_scenario prove_faults[];
extern const struct prove_scenario prove_tasks[];
extern const struct prove_scenario prove_extras[];

void proof_say(struct proof *p, enum proof_verdict verdict, const char *format,
               ...) __attribute__((format(printf, 3, 4)));

// "10.000 s", "31 ms": what was measured. The buffer is the caller's.
struct shown {
  char text[32];
};
struct shown shown_ns(uint64_t ns);
struct shown shown_ms(int64_t ms);

// Equal but for the millisecond that whole milliseconds cost.
bool about(uint64_t ns, int64_t ms);

// What ended or refused the call, by the last word of its trail on that, with
// the setting that it comes from: "the deadline is 12 s".
struct because {
  char text[96];
};
struct because probe_because(const struct lab *lab, const struct probe *probe);
struct because because_of(const struct lab *lab, const char *label);

// --- the breaker, opened (prove_breaker.c) ---

// Sends failures until it is open; how many that took, 0 if it stays closed.
uint32_t prove_open(struct lab *lab);
bool prove_is_open(struct lab *lab);
// Waits until it lets a probe through; false if it never does.
bool prove_half_open(struct lab *lab);

// --- as many calls as come in (prove_limits.c) ---

// How many are on the wire at a time if nothing is answered.
uint32_t prove_places(struct lab *lab);

#endif
