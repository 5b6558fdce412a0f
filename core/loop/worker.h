// worker.h -- a thread with its own loop and mailbox.
//
// What a worker does is attached by the layer above: `start` runs on the new
// thread before its loop, `stop` after it. worker_stop() asks the loop to end;
// worker_join() waits for that. Signals are blocked in workers: the main
// thread handles them.

#ifndef LOOP_WORKER_H
#define LOOP_WORKER_H

#include "base/error.h"
#include "loop/loop.h"
#include "loop/mailbox.h"

struct worker {
  struct loop *loop;
  struct mailbox *mailbox;
  unsigned index; // 0 .. count-1
  void *attached; // of the layer above
  // private
  const struct worker_hooks *hooks;
  void *ctx;
  unsigned long thread;
  int started; // and not joined
  int ended;   // awaited
};

struct worker_hooks {
  // On the worker's thread. An error ends the thread; worker_start() reports it.
  enum error_code (*start)(struct worker *w, void *ctx, struct error *err);
  void (*stop)(struct worker *w, void *ctx);
};

// Starts the thread and waits until `start` has returned. Keeps hooks and ctx.
enum error_code worker_start(struct worker *w, unsigned index,
                             const struct worker_hooks *hooks, void *ctx,
                             struct error *err);
void worker_stop(struct worker *w); // any thread; returns at once
// The thread that started it: waits for the end, then frees loop and mailbox.
void worker_join(struct worker *w);
// Only waits. Workers that post to each other are all awaited before the first
// is joined, or a last message would find no mailbox.
void worker_await(struct worker *w);

#endif
