// listen.c -- see listen.h for the contract.

#include "app/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/http_server.h"

static bool begins(struct slice s, const char *with)
{
  size_t len = strlen(with);
  return s.len >= len && !memcmp(s.data, with, len);
}

static bool is_loopback(struct slice address)
{
  return begins(address, "unix:") || begins(address, ":") ||
         begins(address, "127.") || begins(address, "[::1]:") ||
         begins(address, "localhost:");
}

static enum error_code check_safe(struct slice address, const struct options *o,
                                  struct log *log, struct error *err)
{
  if (is_loopback(address)) return OK;
  if (!o->allow_unauthenticated)
    return error_set(err, E_CONFIG,
                     "listen: %.*s can be reached from other machines and "
                     "nothing authenticates callers; listen on 127.0.0.1, or "
                     "say --allow-unauthenticated if a proxy in front does",
                     SLICE_ARG(address));
  log_warn(log, "app/listen",
           "ANYONE who reaches address=%.*s can call every "
           "tool: nothing authenticates callers",
           SLICE_ARG(address));
  return OK;
}

// Port 0: the first socket picks, the others must have the same.
static enum error_code open_row(struct listeners *l, size_t n,
                                struct slice address, struct error *err)
{
  char name[128];
  enum error_code code = http_listen(address, &l->fds[0][n], err);
  if (code != OK) return code;
  http_listener_name(l->fds[0][n], name, sizeof(name));
  for (unsigned w = 1; w < l->workers && code == OK; w++) {
    if (begins(address, "unix:")) {
      l->fds[w][n] = fcntl(l->fds[0][n], F_DUPFD_CLOEXEC, 0);
      if (l->fds[w][n] < 0)
        code = error_set(err, E_CONFIG, "listen: no more descriptors");
    } else {
      code = http_listen(slice_of(name), &l->fds[w][n], err);
    }
  }
  return code;
}

static void log_row(const struct listeners *l, size_t n, struct log *log)
{
  char name[128];
  http_listener_name(l->fds[0][n], name, sizeof(name));
  if (begins(slice_of(name), "unix:"))
    log_info(log, "app/listen", "listening address=%s path=/mcp", name);
  else // what clients want to be told
    log_info(log, "app/listen", "listening address=%s url=http://%s/mcp", name,
             name);
}

enum error_code listeners_open(struct listeners *l, const struct options *o,
                               unsigned workers, struct log *log,
                               struct error *err)
{
  *l = (struct listeners){.workers = workers};
  l->fds = calloc(workers, sizeof(*l->fds));
  if (!l->fds) return error_set(err, E_NO_MEMORY, "out of memory");
  for (unsigned w = 0; w < workers; w++)
    for (size_t n = 0; n < OPTION_ITEMS_MAX; n++)
      l->fds[w][n] = -1;

  enum error_code code = OK;
  for (; l->count < o->listen.count && code == OK; l->count++) {
    struct slice address = o->listen.items[l->count];
    code = http_listen_probe(address, err);
    if (code == OK) code = check_safe(address, o, log, err);
    if (code == OK) code = open_row(l, l->count, address, err);
  }
  for (size_t n = 0; n < l->count && code == OK; n++)
    log_row(l, n, log);
  if (code != OK) listeners_finish(l, true);
  return code;
}

void listeners_finish(struct listeners *l, bool close_all)
{
  for (unsigned w = 0; l->fds && close_all && w < l->workers; w++)
    for (size_t n = 0; n < OPTION_ITEMS_MAX; n++)
      if (l->fds[w][n] >= 0) close(l->fds[w][n]);
  free(l->fds);
  *l = (struct listeners){0};
}
