// listen.c -- subscriptions/listen: what is asked for, what is granted.
//
// Granted is what the server offers and its principal may see; the rest is left
// out of the acknowledgement, which is how the client learns of it. A URI is
// granted if a resource or a template has it now, the id of a task if it is the
// principal's. Unknown members of the filter ask for nothing.

#include "base/json.h"
#include "mcp/capability.h"
#include "mcp/errands.h"

static bool read_flag(const struct job *job, uint32_t filter, const char *name,
                      struct refusal *why)
{
  const struct json_doc *doc = job->env->doc;
  uint32_t node = json_get(doc, filter, name);
  if (node == JSON_NONE || json_type(doc, node) == JSON_FALSE ||
      json_type(doc, node) == JSON_TRUE)
    return true;
  return job_bad_params(why, "notifications.%s must be true or false", name);
}

static const struct {
  const char *name;
  enum hub_topic topic;
} flags[] = {{"toolsListChanged", HUB_TOOLS},
             {"promptsListChanged", HUB_PROMPTS},
             {"resourcesListChanged", HUB_RESOURCES}};

enum { FLAGS = sizeof(flags) / sizeof(flags[0]) };

static bool read_flags(const struct job *job, uint32_t filter,
                       struct filter *granted, struct refusal *why)
{
  const struct json_doc *doc = job->env->doc;
  for (int i = 0; i < FLAGS; i++) {
    if (!read_flag(job, filter, flags[i].name, why)) return false;
    uint32_t node = json_get(doc, filter, flags[i].name);
    bool offered = server_lists(job_server(job), flags[i].topic);
    if (node != JSON_NONE && json_type(doc, node) == JSON_TRUE && offered)
      granted->lists |= 1u << flags[i].topic;
  }
  return true;
}

// --- resources and tasks, by their keys ---

struct key_kind {
  const char *name;
  bool (*grants)(const struct job *job, struct slice key);
};

static bool grants_resource(const struct job *job, struct slice uri)
{
  const struct catalog *catalog = server_catalog(job_server(job));
  return catalog && catalog_has_resource(catalog, uri);
}

static const struct key_kind resource_keys = {"resourceSubscriptions",
                                              grants_resource};
static const struct key_kind task_keys = {"taskIds", errand_exists};

static bool is_among(const struct filter_keys *keys, struct slice key)
{
  for (size_t i = 0; i < keys->count; i++)
    if (slice_eq(keys->items[i], key)) return true;
  return false;
}

static bool refuse_list(const struct key_kind *kind, struct refusal *why)
{
  return job_bad_params(why,
                        "notifications.%s must be a list of strings: at most "
                        "%d of them, %d bytes each, %u in all",
                        kind->name, LISTEN_MAX, HUB_KEY_MAX, LISTEN_BYTES);
}

static bool read_each(struct job *job, uint32_t list,
                      const struct key_kind *kind, struct filter_keys *keys)
{
  const struct json_doc *doc = job->env->doc;
  size_t bytes = 0;
  for (uint32_t it = json_first(doc, list); it != JSON_NONE;
       it = json_next(doc, list, it)) {
    // Copied: a stream gives its message back when it begins.
    struct arena *arena = &job->exchange->arena;
    struct slice key = json_string(doc, it, arena);
    if (key.data) key = arena_copy(arena, key);
    bytes += key.len;
    if (!key.data || key.len > HUB_KEY_MAX || bytes > LISTEN_BYTES)
      return false;
    if (!is_among(keys, key) && kind->grants(job, key))
      keys->items[keys->count++] = key;
  }
  return true;
}

static bool read_keys(struct job *job, uint32_t list,
                      const struct key_kind *kind, struct filter_keys *keys,
                      struct refusal *why)
{
  const struct json_doc *doc = job->env->doc;
  if (list == JSON_NONE) return true;
  size_t n = doc->nodes[list].count;
  if (json_type(doc, list) != JSON_ARRAY || n > LISTEN_MAX)
    return refuse_list(kind, why);
  keys->items =
      arena_alloc(&job->exchange->arena, (n + 1) * sizeof(*keys->items));
  if (!keys->items)
    return refuse(why, 500, RPC_INTERNAL_ERROR, "Out of memory");
  return read_each(job, list, kind, keys) || refuse_list(kind, why);
}

static bool read_uris(struct job *job, uint32_t filter, struct filter *granted,
                      struct refusal *why)
{
  uint32_t list = json_get(job->env->doc, filter, resource_keys.name);
  return read_keys(job, list, &resource_keys, &granted->uris, why);
}

// Tasks are an extension: who names some must have said that it knows it.
static bool read_tasks(struct job *job, uint32_t filter, struct filter *granted,
                       struct refusal *why)
{
  uint32_t list = json_get(job->env->doc, filter, task_keys.name);
  if (list == JSON_NONE || !errands_served(job_server(job))) return true;
  if (!(job->exchange->in.capabilities & CAPABILITY_TASKS))
    return capability_refuse(CAPABILITY_TASKS, &job->exchange->arena, why);
  return read_keys(job, list, &task_keys, &granted->tasks, why);
}

static bool read_filter(struct job *job, struct filter *granted,
                        struct refusal *why)
{
  uint32_t filter = job_param(job, "notifications");
  if (filter == JSON_NONE || json_type(job->env->doc, filter) != JSON_OBJECT)
    return job_bad_params(why, "notifications must be an object, as "
                               "{\"toolsListChanged\": true}");
  return read_flags(job, filter, granted, why) &&
         read_uris(job, filter, granted, why) &&
         read_tasks(job, filter, granted, why);
}

// --- may it begin? ---

// Where the connection is the session, an id is in use until its stream ends.
// HTTP cannot tell one client's ids from another's, and need not.
static bool check_id(const struct job *job, struct refusal *why)
{
  const struct streams *all = &job_server(job)->streams;
  if (!job->exchange->peer || !stream_exists(all, job->env->id)) return true;
  return refuse(why, 400, RPC_INVALID_REQUEST,
                "Invalid request: a subscription with this id is open");
}

static bool check_room(struct job *job, struct refusal *why)
{
  const struct streams *all = &job_server(job)->streams;
  if (all->closed)
    return refuse(why, 503, RPC_TRANSPORT, "The server is stopping");
  if (all->count < all->max) return true;
  log_warn(job_server(job)->options.log, "mcp/listen",
           "too many open streams max_streams=%u", all->max);
  job->exchange->reply.retry_after = SLICE("5");
  return refuse(why, 503, RPC_TRANSPORT,
                "Too many open streams (%u); try again later", all->max);
}

static bool check_accept(const struct job *job, struct refusal *why)
{
  if (job->exchange->in.fields.accepts_sse) return true;
  return refuse(why, 406, RPC_TRANSPORT,
                "Not acceptable: Accept must list text/event-stream");
}

// What a task has become in between is told after all.
static void tell_tasks(const struct job *job, const struct filter *granted)
{
  for (size_t i = 0; i < granted->tasks.count; i++)
    errand_tell(job, granted->tasks.items[i]);
}

void listen_run(struct job *job)
{
  struct refusal why;
  struct filter granted = {0};
  if (!check_accept(job, &why) || !read_filter(job, &granted, &why) ||
      !check_id(job, &why) || !check_room(job, &why))
    job_refuse(job, &why);
  else if (stream_open(job, &granted))
    tell_tasks(job, &granted);
  else
    job_out_of_memory(job);
}
