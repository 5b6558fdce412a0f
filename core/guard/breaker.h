// breaker.h -- stop calling an upstream that keeps failing.
//
//   CLOSED --trip--> OPEN --time is over, on demand--> HALF_OPEN --S good--> CLOSED
//                     ^---------F bad, or a lease that ran out----|
//
// CLOSED lets every attempt pass and counts. It trips, when a failure or a slow
// answer is recorded and never otherwise, if of at least `min_calls` in the
// last ten buckets of time `fail_ratio` failed or `slow_ratio` were slow, or if
// `consecutive` failures came in a row (below min_calls a ratio never trips).
//
// OPEN refuses for min(max_open, base_open * 2^(k-1)) * U(0.8, 1.2), k being
// the times it opened without five minutes closed between; or until the
// upstream's own hint if that is later. No timer: the first acquire after that
// turns it HALF_OPEN.
//
// HALF_OPEN lets probes through: at most `probes` at a time, `admitted` per
// generation. Each holds a lease; one that runs out is a failure, so a probe
// that hangs cannot wedge the breaker. A probe that is released without a
// verdict gives both back. A slow success is a failure here.
//
// Every transition begins a generation with empty windows. A token carries the
// generation that issued it; a result of an older one is counted as stale and
// changes nothing, so late answers of the CLOSED era cannot close or open it.
//
// Example: min_calls 4, fail_ratio 0.5. good, bad, good: closed, three calls.
// bad: 2 of 4 failed, OPEN for 4 to 6 s. A call at +1 s is refused and told
// when to come. At +6 s three calls pass as probes, a fourth is refused. Three
// good: CLOSED, empty windows.
//
// Shared by all workers, one per upstream and endpoint group; any thread. State,
// generation and counters of HALF_OPEN are one word, changed by
// compare-and-swap; a bucket of the window is one word too, with the generation
// in it. Options come with each call: a reload changes them and not the state.
// The same ones must be passed for a token as it was acquired with.
//
// Differs from resilience.md: (1) the slots of probes stay taken until their
// token ends or its lease runs out, also when the generation has ended, so
// never more than `probes` are on the wire from two generations together; (2)
// times are whole milliseconds since breaker_init (38 bits, eight years), so
// that they fit into the word; (3) a bucket counts to 4095 and is then halved,
// which keeps its ratio.
//
// Defaults: resilience.md, section 7.2, with the projects they are taken from.

#ifndef GUARD_BREAKER_H
#define GUARD_BREAKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "guard/outcome.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

// X(constant, name)
#define BREAKER_MODE_LIST(X)                                                   \
  X(BREAKER_FULL, "full")                 /* as above */                       \
  X(BREAKER_RETRIES_ONLY, "retries_only") /* refuses retries only */           \
  X(BREAKER_METRICS_ONLY, "metrics_only") /* refuses nothing, counts */        \
  X(BREAKER_DISABLED, "disabled")         /* refuses nothing, never trips */   \
  X(BREAKER_FORCED_OPEN, "forced_open")   /* refuses all */

enum breaker_mode {
#define X(constant, name) constant,
  BREAKER_MODE_LIST(X)
#undef X
      BREAKER_MODES
};

#define BREAKER_BUCKETS    10
#define BREAKER_PROBES_MAX 8
#define BREAKER_ADMIT_MAX  255

struct breaker_options {
  enum breaker_mode mode;
  uint32_t bucket_ms;   // of the window's ten; 1000
  uint32_t min_calls;   // 20, at most 10000; ratios count from here on
  uint32_t consecutive; // 8; failures in a row; 0: does not matter
  double fail_ratio;    // 0.5
  double slow_ratio;    // 0.8
  uint32_t base_open_ms, max_open_ms; // 5000, 60000
  uint32_t probes;    // 3; at a time, at most BREAKER_PROBES_MAX
  uint32_t admitted;  // 10; per generation, at most BREAKER_ADMIT_MAX
  uint32_t successes; // 3; close it
  uint32_t failures;  // 1; open it again
  uint32_t lease_ms;  // attempt timeout + 1 s
};

// Why a result was not counted, or what it did.
enum breaker_effect {
  BREAKER_COUNTED,
  BREAKER_STALE,    // of an older generation, or its lease had run out
  BREAKER_RELEASED, // neutral
  BREAKER_OPENED,   // this one tripped it, or failed the probe
  BREAKER_RECLOSED, // this probe was the last one needed
};

enum breaker_kind { TOKEN_NONE, TOKEN_PLAIN, TOKEN_PROBE, TOKEN_UNCOUNTED };

// The right to one attempt, and the duty to end it: breaker_record() or
// breaker_release(). Lives in the attempt. A zeroed one has ended.
struct breaker_token {
  enum breaker_kind kind;
  uint32_t generation;
  uint32_t slot; // of a probe
  uint64_t lease;
};

enum breaker_verdict { VERDICT_NEUTRAL, VERDICT_GOOD, VERDICT_BAD };

struct breaker_result {
  enum breaker_verdict verdict;
  bool slow;
  int64_t hint_ms; // Retry-After; -1: none
};

struct breaker_stats {
  uint64_t opened, half_opened, closed; // transitions into
  uint64_t rejected, stale, would_reject;
  uint64_t probes_good, probes_bad, probes_neutral, probes_expired;
};

// The last member of each line's group pads it: what all workers write must
// not share a line with what they only read.
struct breaker {
  _Alignas(64) _Atomic uint64_t word; // see breaker.c
  _Atomic uint32_t forced;            // 1 + enum breaker_mode; 0: not forced
  uint64_t start_ns, seed;
  _Alignas(64) _Atomic uint64_t buckets[BREAKER_BUCKETS];
  _Atomic uint64_t in_a_row; // generation << 32 | failures
  _Alignas(64) _Atomic uint64_t leases[BREAKER_PROBES_MAX]; // 0: free
  _Alignas(64) _Atomic uint64_t stats[10]; // as in struct breaker_stats
};

// `seed`: for the jitter of the time it stays open.
void breaker_init(struct breaker *b, uint64_t seed, uint64_t now_ns);

// Would an attempt be let through? Takes nothing; for failing before waiting in
// queues. `*wait_ns`: when to come again, if not.
bool breaker_peek(struct breaker *b, const struct breaker_options *o,
                  bool is_retry, uint64_t now_ns, uint64_t *wait_ns);

struct breaker_permit {
  bool ok;
  struct breaker_token token; // if ok
  uint64_t wait_ns;           // if not: come again then
};

// Right before the attempt is sent.
struct breaker_permit breaker_acquire(struct breaker *b,
                                      const struct breaker_options *o,
                                      bool is_retry, uint64_t now_ns);

// What the outcome says about the upstream. `first`: no stale connection
// before in this call. `slow_ns`: from there on an answer is slow; for streams
// `elapsed_ns` is the time to the first byte.
struct breaker_result breaker_judge(enum outcome o, uint64_t elapsed_ns,
                                    uint64_t slow_ns, bool first);

// Ends the token. A neutral result, and a second end, release.
enum breaker_effect breaker_record(struct breaker *b,
                                   const struct breaker_options *o,
                                   struct breaker_token *token,
                                   const struct breaker_result *result,
                                   uint64_t now_ns);
void breaker_release(struct breaker *b, struct breaker_token *token);

// By an operator; `mode` BREAKER_MODES ends it. Both begin a generation CLOSED.
void breaker_force(struct breaker *b, enum breaker_mode mode, uint64_t now_ns);

// Another replica has opened. Opens this one until then, if it has failed at
// least once in its own window too (one broken replica must not open all).
bool breaker_gossip(struct breaker *b, const struct breaker_options *o,
                    uint64_t until_ns, uint64_t now_ns);

enum breaker_state breaker_state(struct breaker *b);
const char *breaker_state_name(enum breaker_state state);
uint32_t breaker_generation(struct breaker *b);
uint64_t breaker_reopen_ns(struct breaker *b); // 0 unless OPEN
uint32_t breaker_probes(struct breaker *b);    // in flight
void breaker_stats(struct breaker *b, struct breaker_stats *out);

struct breaker_window {
  uint32_t total, failed, slow, in_a_row;
};
struct breaker_window breaker_window(struct breaker *b,
                                     const struct breaker_options *o,
                                     uint64_t now_ns);

// Numbers in their ranges, and enough admitted probes for a verdict:
// admitted >= successes + failures - 1.
bool breaker_valid(const struct breaker_options *o);

#endif
