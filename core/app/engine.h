// engine.h -- what the process shares, and the generation that is live.
//
// The engine belongs to the main thread, which is also the loader thread: it
// loads generations, one at a time, and hands their VMs to whoever serves:
// the workers of `serve`, or the one loop of `call`.

#ifndef APP_ENGINE_H
#define APP_ENGINE_H

#include "app/options.h"
#include "app/secrets.h"
#include "base/log.h"
#include "base/seal.h"
#include "bind/bind.h"
#include "guard/fetch.h"
#include "guard/upstream.h"
#include "script/generation.h"

struct engine {
  const struct options *options;
  struct secrets secrets;
  struct log *log; // of the main thread
  enum log_level log_level;
  struct bind_env bind;           // what the Lua API needs, shared by all VMs
  struct upstream_set *upstreams; // shared by all workers and generations
  struct fetch_shared *fetches;   // cache and flights: the same
  uint64_t number;                // of the newest generation
};

// Keeps `options` and `environment`. The log goes to descriptor 2. After an error
// there is nothing to finish.
enum error_code engine_init(struct engine *e, const struct options *options,
                            char **environment, struct error *err);
// Every VM must be gone.
void engine_finish(struct engine *e);

// Loads all scripts and policies for `workers` VMs. NULL if anything is wrong:
// then `faults` says what. Warnings may stand there in any case.
struct generation *engine_load(struct engine *e, unsigned workers,
                               struct faults *faults);

// Frees a generation whose VMs nobody has taken. NULL is fine.
void engine_discard(struct generation *g);
// The same for those from `first` on: the ones before have been taken.
void engine_discard_from(struct generation *g, unsigned first);

// Seals by --seal-key, or by a key of this process.
enum error_code engine_seals(struct engine *e, struct seal_ring **ring,
                             struct error *err);

// For what needs chance but no secrecy: jitter.
uint64_t engine_seed(void);

// The log of another thread. NULL when out of memory.
struct log *engine_new_log(const struct engine *e);

// One client for the integrations' upstreams. NULL when out of memory.
struct http_client *engine_new_client(const struct engine *e, struct loop *loop,
                                      struct log *log);

#endif
