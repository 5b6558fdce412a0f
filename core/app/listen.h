// listen.h -- opening what `--listen` names, safely.

#ifndef APP_LISTEN_H
#define APP_LISTEN_H

#include "app/options.h"
#include "base/log.h"

struct listeners {
  // [worker][n]; a unix socket is shared (dup), a TCP port has a socket per
  // worker (SO_REUSEPORT).
  int (*fds)[OPTION_ITEMS_MAX];
  size_t count;
  unsigned workers;
};

// Refuses an address beyond loopback unless --allow-unauthenticated: nothing
// authenticates callers yet. Logs each address that is open.
enum error_code listeners_open(struct listeners *l, const struct options *o,
                               unsigned workers, struct log *log,
                               struct error *err);
// Frees the table; the descriptors have been taken, or are closed here if
// `close_all`.
void listeners_finish(struct listeners *l, bool close_all);

#endif
