// gateway.h -- what one worker of `tidegate serve` does: HTTP or stdio in, MCP, calls.
//
// One gateway per worker, made and ended on the worker's thread by the hooks.
// The main thread talks to it by messages: a new generation, a drain.

#ifndef APP_GATEWAY_H
#define APP_GATEWAY_H

#include <stdatomic.h>

#include "app/engine.h"
#include "loop/worker.h"
#include "mcp/announce.h"
#include "mcp/server.h"

// Outlives the worker, since the main thread may read it late.
struct drained_report {
  struct message message;
  struct gateway_shared *shared;
};

// Shared by all workers; made by the main thread before they start.
struct gateway_shared {
  struct engine *engine;
  struct seal_ring *seals;
  struct mcp_shared *mcp;
  struct hub *hub;
  struct announcer announcer;     // into the hub
  struct generation *first;       // each worker takes its VM
  unsigned taken;                 // how many have; workers start one by one
  struct mailbox *main;           // where reports go
  struct drained_report *reports; // [workers]
  void (*on_drained)(void *ctx);  // on the main thread, once per worker
  void *ctx;
  // [worker][n]: open listeners; each worker takes its own.
  int (*listeners)[OPTION_ITEMS_MAX];
  size_t listener_count;
};

extern const struct worker_hooks gateway_hooks; // ctx: struct gateway_shared

// A reload on its way to all workers. When the last of them serves from it,
// clients are told what differs: before, one that asked again might be answered
// from the old lists.
struct reload {
  atomic_uint waiting; // workers, and whoever hands it out
  struct hub *hub;     // keeps
  struct catalog_digests before, after;
};

// NULL when out of memory.
struct reload *reload_new(struct hub *hub, const struct catalog_digests *before,
                          const struct catalog_digests *after);
// One less is waited for. Whoever made it calls this once, each swap once.
void reload_done(struct reload *reload);

// Main thread: the worker serves `generation` from its next turn on; calls that
// run finish on the old one. False when out of memory.
bool gateway_swap(struct worker *w, struct generation *generation,
                  struct reload *reload);
// Main thread: stop accepting, finish what runs, then report on_drained.
bool gateway_drain(struct worker *w, uint32_t deadline_ms);

#endif
