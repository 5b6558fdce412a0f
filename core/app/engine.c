// engine.c -- see engine.h for the contract.

#include "app/engine.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/random.h"
#include "loop/clock.h"
#include "net/url.h"

static int64_t wall_clock(void *ctx)
{
  (void)ctx;
  return clock_wall_ms();
}

struct log *engine_new_log(const struct engine *e)
{
  return log_new((struct log_options){
      .fd = 2,
      .level = e->log_level,
      .clock = wall_clock,
      .secrets = e->secrets.set,
  });
}

uint64_t engine_seed(void)
{
  uint64_t seed = clock_mono_ns();
  random_bytes(&seed, sizeof(seed)); // without it, the time will do
  return seed;
}

// --- what the options name ---

static enum error_code unreadable(const char *option, struct slice path,
                                  struct error *err)
{
  char room[128];
  return error_set(err, E_CONFIG, "%s: %.*s cannot be read: %s", option,
                   SLICE_ARG(path), strerror_r(errno, room, sizeof(room)));
}

static enum error_code check_folder(const char *option, struct slice path,
                                    struct error *err)
{
  DIR *folder = opendir(path.data);
  if (!folder) return unreadable(option, path, err);
  closedir(folder);
  return OK;
}

static enum error_code check_file(const char *option, struct slice path,
                                  struct error *err)
{
  FILE *file = fopen(path.data, "re");
  if (!file) return unreadable(option, path, err);
  fclose(file);
  return OK;
}

// A path that somebody gave is there. Without ./policies there are the
// built-in ones; what is wrong with the scripts, loading says.
static enum error_code check_paths(const struct options *o, struct error *err)
{
  enum error_code code = OK;
  if (!slice_is(o->policies, "policies"))
    code = check_folder("policies", o->policies, err);
  if (code == OK && o->secrets.len > 0)
    code = check_folder("secrets", o->secrets, err);
  if (code == OK && o->ca_file.len > 0)
    code = check_file("ca_file", o->ca_file, err);
  return code;
}

static enum error_code read_level(struct engine *e, struct error *err)
{
  struct slice level = e->options->log_level;
  if (level.len == 0) level = SLICE("info");
  if (log_parse_level(level, &e->log_level)) return OK;
  return error_set(err, E_CONFIG,
                   "log_level: '%.*s' is none of debug, info, warn, error, off",
                   SLICE_ARG(level));
}

static void allow_chaos(struct engine *e)
{
  int64_t seconds = e->options->chaos_s;
  if (seconds == 0) return;
  upstream_set_chaos(e->upstreams,
                     clock_mono_ns() + (uint64_t)seconds * NS_PER_S);
  log_warn(e->log, "app/engine",
           "policies may inject faults for %" PRId64 " s (--chaos-s)", seconds);
}

enum error_code engine_init(struct engine *e, const struct options *options,
                            char **environment, struct error *err)
{
  *e = (struct engine){.options = options};
  enum error_code code = read_level(e, err);
  if (code == OK) code = check_paths(options, err);
  if (code != OK) return code;
  e->secrets = (struct secrets){
      .set = secret_set_new(), .options = options, .environment = environment};
  if (e->secrets.set) e->log = engine_new_log(e);
  e->upstreams = upstream_set_new(engine_seed());
  e->fetches = fetch_shared_new((size_t)options->cache_mb << 20, engine_seed());
  if (!e->log || !e->upstreams || !e->fetches) {
    engine_finish(e);
    return error_set(err, E_NO_MEMORY, "out of memory");
  }
  allow_chaos(e);
  e->bind = (struct bind_env){
      .secrets = e->secrets.set,
      .find_secret = secrets_find,
      .find_env = secrets_find_env,
      .find_ctx = &e->secrets,
      .log = e->log,
  };
  return OK;
}

void engine_finish(struct engine *e)
{
  upstream_set_free(e->upstreams);
  fetch_shared_free(e->fetches);
  log_free(e->log);
  secrets_let_go(&e->secrets);
  secret_set_free(e->secrets.set);
}

// --- generations ---

static struct integration *find_integration(struct catalog *c,
                                            struct slice name)
{
  for (size_t i = 0; i < c->integration_count; i++)
    if (slice_eq(c->integrations[i].name, name)) return &c->integrations[i];
  return NULL;
}

static void set_base(struct catalog *c, struct slice item,
                     struct faults *faults)
{
  struct url url;
  struct error err;
  const char *equals = memchr(item.data, '=', item.len);
  size_t len = equals ? (size_t)(equals - item.data) : item.len;
  struct integration *in = find_integration(c, (struct slice){item.data, len});
  faults_set_file(faults, SLICE("--base"));
  if (!equals) {
    faults_add(faults, item, "expected NAME=URL, as github=http://127.0.0.1:1");
    return;
  }
  if (!in) {
    faults_add(faults, item, "there is no integration %.*s", (int)len,
               item.data);
    return;
  }
  struct slice base = {equals + 1, item.len - len - 1};
  if (url_parse(base, &url, &err) != OK) {
    faults_add(faults, item, "%s", err.message);
    return;
  }
  while (base.len > 0 && base.data[base.len - 1] == '/')
    base.len--;
  in->base = arena_copy(&c->arena, base);
  in->allow_private = true; // who starts the engine may say so
}

void engine_discard_from(struct generation *g, unsigned first)
{
  unsigned workers = g->workers; // g goes with its last VM
  for (unsigned i = first; i < workers; i++) {
    vm_free(g->vms[i]);
    generation_unref(g);
  }
}

void engine_discard(struct generation *g)
{
  if (g) engine_discard_from(g, 0);
}

struct generation *engine_load(struct engine *e, unsigned workers,
                               struct faults *faults)
{
  const struct options *o = e->options;
  struct generation_options options = {
      .scripts_dir = o->scripts,
      .policies_dir = o->policies,
      .workers = workers,
      .vm = {.max_memory = (size_t)o->memory_mb << 20,
             .open_api = bind_open,
             .api_ctx = &e->bind},
      .find_secret = secrets_find,
      .secret_ctx = &e->secrets,
  };
  secrets_let_go(&e->secrets);
  struct generation *g = generation_load(&options, e->number + 1, faults);
  if (!g) return NULL;
  for (size_t i = 0; i < o->base.count; i++)
    set_base(g->catalog, o->base.items[i], faults);
  if (faults->errors == 0 &&
      !catalog_join(g->catalog, e->upstreams, clock_mono_ns()))
    faults_add(faults, (struct slice){0}, "out of memory");
  if (faults->errors > 0) {
    engine_discard(g);
    return NULL;
  }
  e->number++;
  return g;
}

// --- what serving needs ---

enum error_code engine_seals(struct engine *e, struct seal_ring **ring,
                             struct error *err)
{
  struct secret *found[SEAL_KEYS_MAX] = {NULL};
  struct slice keys[SEAL_KEYS_MAX];
  const struct option_list *names = &e->options->seal_key;
  enum error_code code = OK;
  size_t n = 0;
  for (; n < names->count && n < SEAL_KEYS_MAX; n++) {
    char hint[256] = "";
    found[n] = secrets_find(&e->secrets, names->items[n], hint, sizeof(hint));
    if (!found[n]) {
      code = error_set(err, E_CONFIG, "seal_key: no secret %.*s; set %s",
                       SLICE_ARG(names->items[n]), hint);
      break;
    }
    keys[n] = secret_reveal(found[n]);
  }
  if (code == OK) code = seal_ring_new(keys, n, ring, err);
  for (size_t i = 0; i < SEAL_KEYS_MAX; i++)
    secret_unref(found[i]);
  return code;
}

struct http_client *engine_new_client(const struct engine *e, struct loop *loop,
                                      struct log *log)
{
  return http_client_new(loop, (struct http_client_options){
                                   .ca_file = e->options->ca_file.len > 0
                                                  ? e->options->ca_file.data
                                                  : NULL,
                                   .log = log,
                                   .seed = engine_seed(),
                               });
}
