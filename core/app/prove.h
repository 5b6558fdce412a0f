// prove.h -- does each setting of a policy ever do anything? Run and see.
//
// A policy is a dozen numbers that stand in each other's way: a retry after the
// deadline, a breaker behind a limiter that lets too little through. So each
// setting is run, through the complete chain with all others on, against a
// service that misbehaves in the way that should make it fire (prove_lab.h), in
// virtual time. What is printed was measured: in trails, in what the service was
// sent, on the virtual clock. A setting that a policy states and that fires for
// no tool that has that policy is a fault.
//
// There is one row for every setting (prove_rows); a spec compares the rows with
// policy_fields. Tools with the same policy, kind of request, policy of the
// integration and fallback are one group, proven once; so are resources and
// prompts, as what reads. Same seed, same output.

#ifndef APP_PROVE_H
#define APP_PROVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "bind/bind.h"
#include "guard/policy.h"
#include "script/catalog.h"

// X(constant, name)
#define VERDICT_LIST(X)                                                        \
  X(PROOF_FIRES, "fires")                                                      \
  X(PROOF_NEVER, "never")                                                      \
  X(PROOF_OFF, "off")         /* the setting says so */                        \
  X(PROOF_UNTRIED, "untried") /* too large to be run, or nothing to run */

enum proof_verdict {
#define X(constant, name) constant,
  VERDICT_LIST(X)
#undef X
};

#define PROOF_WORDS 240

struct proof {
  const char *setting;              // "retry.attempts"; "fallback"
  const struct policy_field *field; // NULL: no setting of the policy
  int64_t value;                    // if there is a field
  bool said;                        // by the policy, else it is a default
  enum proof_verdict verdict;
  bool fault;     // stated, and fires for no tool with that policy
  bool elsewhere; // never here, but for another tool with that policy
  char words[PROOF_WORDS];
};

// Tools that are proven together.
struct proof_group {
  const struct tool *const *tools;
  size_t count;
  bool reads; // GET, else POST
};

struct proof_sink {
  void (*group)(void *ctx, const struct proof_group *group);
  void (*proof)(void *ctx, const struct proof *proof);
  // Behind all groups: a policy that nothing has.
  void (*unused)(void *ctx, const struct policy *policy);
  void *ctx;
};

struct prove_options {
  const struct catalog *catalog;
  const struct bind_env *bind;
  const struct tool *only; // shown, that is; NULL: all
  const char *setting;     // NULL: all
  uint64_t seed;
};

struct prove_sum {
  size_t groups, fire, faults; // of what was told
  uint64_t virtual_ns;
};

// Tells the sink groups and their proofs in order. False: no memory.
bool prove(const struct prove_options *options, const struct proof_sink *sink,
           struct prove_sum *sum);

const char *proof_verdict_name(enum proof_verdict v);

// The rows, for the spec that compares them with the settings of a policy:
// NULL from the end on.
const char *prove_row(size_t i);

// --- printing (prove_print.c) ---

// Sinks that append to a buffer: for people, and a JSON object.
struct prove_printer {
  struct buf *out;
  bool json;
  size_t groups, unused; // so far
};
struct proof_sink prove_printer_sink(struct prove_printer *p);
// What comes last.
void prove_print_end(struct prove_printer *p, const struct prove_sum *sum);

#endif
