// watch.c -- see watch.h for the contract.

#include "app/watch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fault.h"
#include "loop/clock.h"

#define QUIET_NS (100 * NS_PER_MS)
#define EVENTS                                                                 \
  (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |      \
   IN_DELETE_SELF | IN_MOVE_SELF)

struct watch {
  struct io io;
  struct timer quiet;
  int fd;
  struct arena arena;
  struct slice folders[WATCH_FOLDERS_MAX];
  size_t count;
  void (*on_change)(void *ctx);
  void *ctx;
};

static void add(struct watch *w, const char *path)
{
  // A folder that is not there yet is seen when its parent's event comes.
  inotify_add_watch(w->fd, path, EVENTS | IN_ONLYDIR);
}

static void add_subfolders(struct watch *w, const char *folder)
{
  DIR *dir = opendir(folder);
  if (!dir) return;
  for (struct dirent *e; (e = readdir(dir));) {
    if (e->d_name[0] == '.') continue;
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
    if (len > 0 && (size_t)len < sizeof(path) && e->d_type != DT_REG)
      add(w, path);
  }
  closedir(dir);
}

static void add_all(struct watch *w)
{
  for (size_t i = 0; i < w->count; i++) {
    add(w, w->folders[i].data);
    add_subfolders(w, w->folders[i].data);
  }
}

// Scripts, folders, and the "..data" that Kubernetes swaps; not the temporary
// files of editors.
static bool matters(const struct inotify_event *e)
{
  if (e->mask & (IN_ISDIR | IN_DELETE_SELF | IN_MOVE_SELF | IN_Q_OVERFLOW))
    return true;
  if (e->len == 0) return false;
  struct slice name = slice_of(e->name);
  if (name.len > 2 && !memcmp(name.data, "..", 2)) return true;
  return name.data[0] != '.' && name.len > 4 &&
         !memcmp(name.data + name.len - 4, ".lua", 4);
}

static void on_quiet(struct timer *timer, void *ctx)
{
  (void)timer;
  struct watch *w = ctx;
  add_all(w); // folders may have come
  w->on_change(w->ctx);
}

static void on_events(struct io *io, int events, void *ctx)
{
  (void)io, (void)events;
  struct watch *w = ctx;
  union {
    struct inotify_event align;
    char bytes[4096];
  } buf;
  ssize_t n;
  while ((n = read(w->fd, buf.bytes, sizeof(buf.bytes))) > 0) {
    for (ssize_t at = 0; at < n;) {
      struct inotify_event *e = (void *)(buf.bytes + at);
      if (matters(e)) timer_start(&w->quiet, QUIET_NS);
      at += (ssize_t)(sizeof(*e) + e->len);
    }
  }
}

static bool keep_folders(struct watch *w, const struct slice *folders)
{
  for (size_t i = 0; i < WATCH_FOLDERS_MAX; i++) {
    if (folders[i].len == 0) continue;
    struct slice copy = arena_copy(&w->arena, folders[i]);
    if (!copy.data) return false;
    w->folders[w->count++] = copy;
  }
  return true;
}

static enum error_code give_up(struct watch *w, enum error_code code)
{
  arena_finish(&w->arena);
  free(w);
  return code;
}

enum error_code watch_new(const struct watch_options *o, struct watch **watch,
                          struct error *err)
{
  struct watch *w = fault_now() ? NULL : calloc(1, sizeof(*w));
  if (!w) return error_set(err, E_NO_MEMORY, "out of memory");
  if (!keep_folders(w, o->folders))
    return give_up(w, error_set(err, E_NO_MEMORY, "out of memory"));
  w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (w->fd < 0)
    return give_up(w, error_set(err, E_CONFIG,
                                "the kernel gives no inotify (errno %d); start "
                                "with --no-watch and reload with SIGHUP",
                                errno));
  w->on_change = o->on_change;
  w->ctx = o->ctx;
  timer_init(&w->quiet, o->loop, on_quiet, w);
  io_init(&w->io, o->loop, w->fd, on_events, w);
  io_watch(&w->io, IO_READ);
  add_all(w);
  *watch = w;
  return OK;
}

void watch_free(struct watch *w)
{
  if (!w) return;
  timer_stop(&w->quiet);
  io_finish(&w->io);
  close(w->fd);
  arena_finish(&w->arena);
  free(w);
}
