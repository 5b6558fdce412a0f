// generation.h -- all scripts and policies, loaded together.
//
// generation_load() runs on the loader thread: it reads policies/*.lua and
// scripts/*.lua (and scripts/<name>/init.lua) into fresh VMs, one per worker,
// checks everything and builds the catalog. Any fault: no generation, and all
// faults in the list. Each VM then goes to its worker. A generation is freed
// when its last VM is.

#ifndef SCRIPT_GENERATION_H
#define SCRIPT_GENERATION_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/http_client.h"
#include "script/announcer.h"
#include "script/catalog.h"
#include "script/faults.h"
#include "script/vm.h"

struct generation_options {
  struct slice scripts_dir;  // must exist
  struct slice policies_dir; // may be absent: only the built-in "default"
  unsigned workers;          // 1..
  struct vm_options vm;
  // Where secrets come from (app/config). Gives a reference, or NULL if there
  // is none of that name; `hint` then says what to set ("GITHUB_TOKEN or
  // secrets/github_token").
  struct secret *(*find_secret)(void *ctx, struct slice name, char *hint,
                                size_t hint_size);
  void *secret_ctx;
};

struct generation {
  uint64_t number;
  struct catalog *catalog;
  struct vm **vms; // [workers]; taken by the workers
  unsigned workers;
  atomic_uint refs; // VMs not yet freed
};

struct fetcher; // guard/fetch.h
struct shed;    // guard/shed.h

// What a worker serves now. Swapped between two turns of its loop, on its own
// thread; a call holds the VM it began on (vm_hold).
struct live {
  struct generation *generation; // NULL before the first
  struct vm *vm;                 // this worker's
  // This worker's; they outlive the generations.
  struct http_client *http;
  struct mailbox *mailbox;
  struct prng *chance;
  struct fetcher *fetcher;           // NULL: nothing is kept, nothing is shared
  const struct announcer *announcer; // NULL: nobody is told of changes
  struct shed *shed;                 // NULL: nobody watches how late it is
};

// NULL on any error in `faults` (which may also hold warnings on success).
struct generation *generation_load(const struct generation_options *options,
                                   uint64_t number, struct faults *faults);
// Any thread: one worker's VM is gone (it frees the VM itself first).
void generation_unref(struct generation *g);

#endif
