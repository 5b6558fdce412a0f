// listen.c -- subscriptions/listen: what is asked for, what is granted.
//
// Granted is what the server offers and its principal may see; the rest is left
// out of the acknowledgement, which is how the client learns of it. A URI is
// granted if a resource or a template has it now. Unknown members of the filter
// ask for nothing.

#include "base/json.h"
#include "mcp/serve.h"

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

// --- resources ---

static bool is_among(const struct slice *uris, size_t n, struct slice uri)
{
  for (size_t i = 0; i < n; i++)
    if (slice_eq(uris[i], uri)) return true;
  return false;
}

static bool check_uri(struct slice uri, size_t *bytes, struct refusal *why)
{
  if (!uri.data)
    return job_bad_params(why, "notifications.resourceSubscriptions must be "
                               "a list of strings");
  *bytes += uri.len;
  if (uri.len > HUB_KEY_MAX || *bytes > LISTEN_BYTES)
    return job_bad_params(why,
                          "notifications.resourceSubscriptions is too long: "
                          "at most %d bytes each, %u in all",
                          HUB_KEY_MAX, LISTEN_BYTES);
  return true;
}

static bool read_each(struct job *job, uint32_t list, struct slice *uris,
                      size_t *count, struct refusal *why)
{
  const struct json_doc *doc = job->env->doc;
  const struct catalog *catalog = server_catalog(job_server(job));
  size_t bytes = 0;
  for (uint32_t it = json_first(doc, list); it != JSON_NONE;
       it = json_next(doc, list, it)) {
    struct slice uri = {0};
    if (json_type(doc, it) == JSON_STRING)
      uri = json_string(doc, it, &job->exchange->arena);
    if (!check_uri(uri, &bytes, why)) return false;
    if (catalog && catalog_has_resource(catalog, uri) &&
        !is_among(uris, *count, uri))
      uris[(*count)++] = uri;
  }
  return true;
}

static bool read_uris(struct job *job, uint32_t filter, struct filter *granted,
                      struct refusal *why)
{
  const struct json_doc *doc = job->env->doc;
  uint32_t list = json_get(doc, filter, "resourceSubscriptions");
  if (list == JSON_NONE) return true;
  if (json_type(doc, list) != JSON_ARRAY)
    return check_uri((struct slice){0}, NULL, why);
  size_t n = doc->nodes[list].count;
  if (n > LISTEN_URI_MAX)
    return job_bad_params(why,
                          "notifications.resourceSubscriptions: at most "
                          "%d of them",
                          LISTEN_URI_MAX);
  struct slice *uris =
      arena_alloc(&job->exchange->arena, (n + 1) * sizeof(*uris));
  if (!uris) return refuse(why, 500, RPC_INTERNAL_ERROR, "Out of memory");
  granted->uris = uris;
  return read_each(job, list, uris, &granted->uri_count, why);
}

static bool read_filter(struct job *job, struct filter *granted,
                        struct refusal *why)
{
  uint32_t filter = job_param(job, "notifications");
  if (filter == JSON_NONE || json_type(job->env->doc, filter) != JSON_OBJECT)
    return job_bad_params(why, "notifications must be an object");
  return read_flags(job, filter, granted, why) &&
         read_uris(job, filter, granted, why);
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

static bool check_room(const struct job *job, struct refusal *why)
{
  const struct streams *all = &job_server(job)->streams;
  if (all->closed)
    return refuse(why, 503, RPC_TRANSPORT, "The server is stopping");
  if (all->count < all->max) return true;
  log_warn(job_server(job)->options.log, "mcp/listen",
           "too many open streams max_streams=%u", all->max);
  return refuse(why, 503, RPC_TRANSPORT,
                "Too many open streams (%u); try again later", all->max);
}

static bool check_accept(const struct job *job, struct refusal *why)
{
  if (job->exchange->in.fields.accepts_sse) return true;
  return refuse(why, 406, RPC_TRANSPORT,
                "Not acceptable: Accept must list text/event-stream");
}

void listen_run(struct job *job)
{
  struct refusal why;
  struct filter granted = {0};
  if (!check_accept(job, &why) || !read_filter(job, &granted, &why) ||
      !check_id(job, &why) || !check_room(job, &why))
    job_refuse(job, &why);
  else if (!stream_open(job, &granted))
    job_out_of_memory(job);
}
