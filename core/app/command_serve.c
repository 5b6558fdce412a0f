// command_serve.c -- `tidegate serve`: workers, signals, reloads, the end.
//
// The main thread loads generations and waits for signals; workers serve.

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/gateway.h"
#include "app/listen.h"
#include "app/report.h"
#include "app/watch.h"
#include "loop/clock.h"
#include "mcp/errand.h"

// What is open before the first connection, with room for a few of them.
#define DESCRIPTORS            32
#define DESCRIPTORS_PER_WORKER 16

struct serve {
  const struct options *options;
  struct engine engine;
  struct loop *loop;
  struct mailbox *mailbox;
  struct io signals;
  int signal_fd;
  struct watch *watch;
  struct listeners listeners;
  struct gateway_shared shared;
  struct worker *workers;
  struct catalog_digests digests; // of what is served
  unsigned count, running, drained;
  bool draining;
};

// --- reload ---

static void hand_out(struct serve *s, struct generation *g)
{
  struct catalog_digests digests = catalog_digests(g->catalog);
  struct reload *r = reload_new(s->shared.hub, &s->digests, &digests);
  s->digests = digests;
  for (unsigned i = 0; i < s->running; i++)
    if (!r || !gateway_swap(&s->workers[i], g, r))
      log_error(s->engine.log, "app/reload",
                "out of memory; worker %u keeps "
                "the old generation",
                i);
  if (r) reload_done(r);
}

static void reload(void *ctx)
{
  struct serve *s = ctx;
  if (s->draining) return;
  struct faults faults = {0};
  uint64_t begin = clock_mono_ns();
  struct generation *g = engine_load(&s->engine, s->count, &faults);
  report_log(s->engine.log, &faults);
  if (g) {
    log_info(s->engine.log, "app/reload",
             "loaded generation=%" PRIu64
             " integrations=%zu tools=%zu us=%" PRIu64,
             g->number, g->catalog->integration_count, g->catalog->tool_count,
             (clock_mono_ns() - begin) / 1000);
    hand_out(s, g);
  } else {
    log_error(s->engine.log, "app/reload",
              "not reloaded faults=%zu; generation %" PRIu64 " stays",
              faults.errors, s->engine.number);
  }
  log_flush(s->engine.log);
  faults_finish(&faults);
}

// --- the end ---

static void on_drained(void *ctx)
{
  struct serve *s = ctx;
  if (++s->drained == s->running) loop_stop(s->loop);
}

static void begin_drain(struct serve *s)
{
  log_info(s->engine.log, "app/serve",
           "stopping; running calls have %" PRId64 " ms", s->options->drain_ms);
  log_flush(s->engine.log);
  s->draining = true;
  for (unsigned i = 0; i < s->running; i++)
    gateway_drain(&s->workers[i], (uint32_t)s->options->drain_ms);
}

static void on_signal(struct io *io, int events, void *ctx)
{
  (void)events;
  struct serve *s = ctx;
  struct signalfd_siginfo info;
  while (read(io->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
    if (info.ssi_signo == SIGHUP)
      reload(s);
    else if (s->draining)
      loop_stop(s->loop); // told twice: now
    else
      begin_drain(s);
  }
}

// --- the beginning ---

static enum error_code watch_signals(struct serve *s, struct error *err)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, NULL); // workers inherit it
  signal(SIGPIPE, SIG_IGN);
  s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (s->signal_fd < 0)
    return error_set(err, E_CONFIG, "the kernel gives no signalfd");
  io_init(&s->signals, s->loop, s->signal_fd, on_signal, s);
  io_watch(&s->signals, IO_READ);
  return OK;
}

static enum error_code watch_files(struct serve *s, struct error *err)
{
  if (!s->options->watch) return OK;
  struct watch_options options = {
      .loop = s->loop,
      .folders = {s->options->scripts, s->options->policies},
      .on_change = reload,
      .ctx = s,
  };
  return watch_new(&options, &s->watch, err);
}

static enum error_code load_first(struct serve *s, struct error *err)
{
  struct faults faults = {0};
  s->shared.first = engine_load(&s->engine, s->count, &faults);
  report_log(s->engine.log, &faults);
  enum error_code code = OK;
  if (!s->shared.first)
    code = error_set(err, E_CONFIG, "%zu fault%s in the scripts and policies",
                     faults.errors, faults.errors == 1 ? "" : "s");
  else
    s->digests = catalog_digests(s->shared.first->catalog);
  faults_finish(&faults);
  return code;
}

static enum error_code start_workers(struct serve *s, struct error *err)
{
  enum error_code code = OK;
  for (; s->running < s->count && code == OK; s->running += code == OK)
    code = worker_start(&s->workers[s->running], s->running, &gateway_hooks,
                        &s->shared, err);
  return code;
}

static unsigned worker_count(const struct options *o)
{
  if (o->stdio) return 1;
  if (o->workers > 0) return (unsigned)o->workers;
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores > 0 && cores < 256 ? (unsigned)cores : 1;
}

// Descriptors: as many as the system lets us have, since the usual 1,024 are
// used up long before --max-connections. Too few to start at all is our error
// rather than libev's abort.
static enum error_code raise_limit(struct serve *s, struct error *err)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return OK;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  rlim_t least = DESCRIPTORS + DESCRIPTORS_PER_WORKER * (rlim_t)s->count;
  if (limit.rlim_cur < least)
    return error_set(
        err, E_CONFIG,
        "this process may have %llu open files; %u workers need at "
        "least %llu: raise `ulimit -n` or lower --workers",
        (unsigned long long)limit.rlim_cur, s->count,
        (unsigned long long)least);
  rlim_t needed = (rlim_t)s->options->max_connections + least;
  if (limit.rlim_cur < needed && !s->options->stdio)
    log_warn(s->engine.log, "app/serve",
             "files=%llu are open at most, max_connections=%" PRId64
             " needs %llu; raise ulimit -n or lower --max-connections",
             (unsigned long long)limit.rlim_cur, s->options->max_connections,
             (unsigned long long)needed);
  return OK;
}

static enum error_code prepare(struct serve *s, struct error *err)
{
  s->count = worker_count(s->options);
  enum error_code code = raise_limit(s, err);
  if (code != OK) return code;
  s->loop = loop_new();
  if (s->loop) s->mailbox = mailbox_new(s->loop);
  s->workers = calloc(s->count, sizeof(*s->workers));
  s->shared.reports = calloc(s->count, sizeof(*s->shared.reports));
  s->shared.mcp = mcp_shared_new();
  s->shared.hub = hub_new();
  if (s->shared.mcp)
    errand_store_limit(
        mcp_shared_errands(s->shared.mcp),
        (struct errand_limits){(uint32_t)s->options->max_tasks,
                               (size_t)s->options->max_tasks_mb << 20});
  s->shared.announcer = announce_to(s->shared.hub);
  if (!s->mailbox || !s->workers || !s->shared.reports || !s->shared.mcp ||
      !s->shared.hub)
    return error_set(err, E_NO_MEMORY, "out of memory");
  s->shared.engine = &s->engine;
  s->shared.main = s->mailbox;
  s->shared.on_drained = on_drained;
  s->shared.ctx = s;
  return engine_seals(&s->engine, &s->shared.seals, err);
}

static enum error_code start(struct serve *s, struct error *err)
{
  enum error_code code = prepare(s, err);
  if (code == OK) code = watch_signals(s, err);
  if (code == OK) code = load_first(s, err);
  if (code == OK && !s->options->stdio)
    code =
        listeners_open(&s->listeners, s->options, s->count, s->engine.log, err);
  if (code == OK) {
    s->shared.listeners = s->listeners.fds;
    s->shared.listener_count = s->listeners.count;
    code = start_workers(s, err);
  }
  if (code == OK) code = watch_files(s, err);
  return code;
}

static void log_started(const struct serve *s)
{
  const struct catalog *c = s->shared.first->catalog;
  log_info(s->engine.log, "app/serve",
           "serving version=" TIDEGATE_VERSION
           " workers=%u integrations=%zu tools=%zu generation=1",
           s->count, c->integration_count, c->tool_count);
  log_flush(s->engine.log);
}

static void finish(struct serve *s)
{
  for (unsigned i = 0; i < s->running; i++)
    worker_stop(&s->workers[i]);
  for (unsigned i = 0; i < s->running; i++)
    worker_await(&s->workers[i]);
  for (unsigned i = 0; i < s->running; i++)
    worker_join(&s->workers[i]);
  listeners_finish(&s->listeners, s->running == 0);
  // After a start that failed: with all VMs taken the generation is gone.
  if (s->shared.first && s->shared.taken < s->count)
    engine_discard_from(s->shared.first, s->shared.taken);
  watch_free(s->watch);
  if (s->signals.loop) io_finish(&s->signals);
  if (s->signal_fd >= 0) close(s->signal_fd);
  mcp_shared_free(s->shared.mcp);
  hub_free(s->shared.hub);
  seal_ring_free(s->shared.seals);
  free(s->workers);
  if (s->mailbox) mailbox_free(s->mailbox);
  free(s->shared.reports);
  loop_free(s->loop);
}

// What stands in tidegate.lua or the environment may be meant for another way of
// serving; a flag is meant for this one.
static bool check_stdio(const struct options *o)
{
  static const char *const of_http[] = {
      "listen",          "allow_host",
      "allow_origin",    "allow_unauthenticated",
      "max_connections", "header_timeout_ms",
      "idle_timeout_ms", "write_timeout_ms"};
  if (!o->stdio) return true;
  for (size_t i = 0; i < sizeof(of_http) / sizeof(of_http[0]); i++)
    if (option_flagged(o, of_http[i])) {
      fprintf(stderr,
              "tidegate serve: --stdio has no use for %s: it does not "
              "listen\n",
              of_http[i]);
      return false;
    }
  if (!option_flagged(o, "workers") || o->workers <= 1) return true;
  fputs("tidegate serve: --stdio has one client, and one worker\n", stderr);
  return false;
}

static bool check_line(const struct command_line *line)
{
  if (line->argc <= 1) return check_stdio(line->options);
  fprintf(stderr, "tidegate serve: takes no arguments (got '%s')\n",
          line->argv[1]);
  return false;
}

int command_serve(const struct command_line *line)
{
  struct serve s = {.options = line->options, .signal_fd = -1};
  struct error err;
  if (!check_line(line)) return 2;
  if (engine_init(&s.engine, line->options, line->environment, &err) != OK) {
    fprintf(stderr, "tidegate: %s\n", err.message);
    return 2;
  }
  enum error_code code = start(&s, &err);
  if (code == OK) {
    log_started(&s);
    loop_run(s.loop);
    log_info(s.engine.log, "app/serve", "stopped");
  } else {
    log_error(s.engine.log, "app/serve", "cannot start: %s", err.message);
  }
  finish(&s);
  engine_finish(&s.engine);
  return code == OK ? 0 : 1;
}
