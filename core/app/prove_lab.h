// prove_lab.h -- where a policy meets a service that misbehaves, in virtual time.
//
// A lab is one worker without its socket: a simulated loop, a scripted service,
// a VM with a handler that makes one request, the real script/call, ctx.http and
// guard above that, with all the settings of a tool's policy on at once. Nothing
// of the tool's own script runs: its credentials are not sent, its arguments not
// needed. Each request is for another path and goes past the cache, or that would
// answer in place of the service; lab_start_same() is for scenarios of the cache.
//
// lab_fresh() begins a scenario: no call runs, the guard knows nothing, chance
// begins with the seed. The clock goes on, which nothing can see. Whoever finds
// the lab `broken` (out of memory, or time stood still) gets zeroes from
// everything and says so once, at the end.
//
// Not thread-safe; the loop is the lab's own.

#ifndef APP_PROVE_LAB_H
#define APP_PROVE_LAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "bind/bind.h"
#include "guard/fetch.h"
#include "guard/upstream.h"
#include "loop/clock.h"
#include "net/scripted.h"
#include "script/call.h"

// So many calls at a time, and so many in one scenario: what needs more is not
// proven.
#define LAB_CALLS       12000
#define LAB_CALLS_TOTAL 60000
#define FOR_EVER        (UINT64_C(1000000) * NS_PER_S) // from now

struct lab {
  struct loop *loop;
  struct log *log; // silent
  struct bind_env bind;
  struct vm *vm;
  struct mailbox *mailbox;
  struct scripted *service;
  struct http_client *client;
  struct prng chance;
  struct generation generation;
  struct fetch_shared *fetches;
  struct fetcher *fetcher;
  struct upstream_set *set;
  struct upstream *upstream; // of this scenario
  struct integration integration;
  const struct tool *real;
  struct tool tool;     // one request
  struct tool same;     // the same one each time
  struct tool restless; // requests until it is stopped
  struct policy policy; // the tool's, or what a counterfactual makes of it
  struct json_doc doc;  // the arguments
  struct slice principal;
  struct arena arena; // theirs
  struct buf text;
  struct list probes;
  struct behaviour does; // what the service does with the next request
  uint64_t seed;
  uint64_t began_ns; // this scenario
  uint64_t virtual_ns;
  uint32_t calls; // in this scenario
  bool reads;
  bool repeatable; // may a request be sent twice?
  bool as_task;    // calls run on as tasks
  bool kept;       // this scenario has used the cache
  bool broken;
};

// One call. Freed by the next lab_fresh(), or lab_drop().
struct probe {
  struct list link;
  struct lab *lab;
  struct call *call; // NULL once it has ended
  bool done, ok;
  uint64_t start_ns, end_ns;
  struct error error;
  uint32_t attempts;
  struct trail trail; // once it has ended
};

// False: no memory.
bool lab_open(struct lab *lab, const struct bind_env *bind, uint64_t seed);
void lab_close(struct lab *lab);

// From now on: this tool. `reads`: GET, else POST. Begins a scenario.
void lab_take(struct lab *lab, const struct tool *tool, bool reads);
// The policy as it is, after a counterfactual.
void lab_restore(struct lab *lab);
// `plus` makes another sequence of chance.
void lab_fresh(struct lab *lab, uint64_t plus);

// --- what the service does ---

struct behaviour lab_good(void);
struct behaviour lab_status(int status);
// The same, and may be asked again at once.
struct behaviour lab_again(int status);
struct behaviour lab_hangs(void);
// A failure after which the engine would try again, whatever the method.
struct behaviour lab_failing(const struct lab *lab);

// --- calls ---

// NULL: broken, or too many.
struct probe *lab_start(struct lab *lab, const struct tool *tool);
// The same request each time, which may be kept and shared.
struct probe *lab_start_same(struct lab *lab, struct slice principal);
// Cancels it if it runs, and frees it.
void lab_drop(struct probe *probe);
// All that happens without time going by.
void lab_settle(struct lab *lab);
// Until it has ended.
void lab_wait(struct probe *probe);
// Until the next thing happens, but no later.
void lab_step(struct lab *lab, uint64_t until_ns);
void lab_until(struct lab *lab, uint64_t until_ns);
uint64_t lab_now(const struct lab *lab);
uint32_t lab_on_wire(const struct lab *lab);
uint64_t lab_sent(const struct lab *lab); // requests of this scenario
// The time of the nth of them (0, 1, ...), since the scenario began.
uint64_t lab_sent_at(const struct lab *lab, uint64_t n);

const struct trail *probe_trail(const struct probe *probe);
// The nth step of that kind (0, 1, ...); NULL if there is none (yet).
const struct trail_step *probe_step(const struct probe *probe,
                                    enum trail_kind kind, uint32_t n);
// Until it has such a step or has ended; the step or NULL.
const struct trail_step *lab_wait_step(struct probe *probe,
                                       enum trail_kind kind, uint32_t n);

// --- one attempt: a call whose client leaves after the first answer ---

struct lab_try {
  bool answered;
  bool injected;  // by chaos.*
  int64_t status; // 0: no answer of the service
  uint64_t took_ns;
  char why[TRAIL_LABEL + 1]; // what it was refused by, if not answered
  uint64_t wait_ns;          // come again then
};

struct lab_try lab_attempt(struct lab *lab, struct behaviour does);

#endif
