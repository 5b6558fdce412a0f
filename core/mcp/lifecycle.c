// lifecycle.c -- who we are: server/discover, initialize, ping; and
// notifications/cancelled.

#include <assert.h>

#include "base/json.h"
#include "mcp/capability.h"
#include "mcp/errands.h"
#include "mcp/result.h"
#include "mcp/serve.h"

static bool has_apps(const struct mcp_server *s)
{
  const struct catalog *catalog = server_catalog(s);
  for (int kind = OFFER_RESOURCE; catalog && kind <= OFFER_TEMPLATE; kind++)
    for (size_t i = 0; i < catalog->offers[kind].count; i++)
      if (slice_begins(catalog->offers[kind].items[i].key, "ui://"))
        return true;
  return false;
}

// What both sides must know of.
static void put_extensions(struct buf *out, const struct mcp_server *s)
{
  bool tasks = errands_served(s), apps = has_apps(s);
  if (!tasks && !apps) return;
  buf_add(out, SLICE(",\"extensions\":{"));
  if (tasks) buf_add(out, SLICE("\"io.modelcontextprotocol/tasks\":{}"));
  if (tasks && apps) buf_putc(out, ',');
  if (apps) buf_add(out, SLICE("\"io.modelcontextprotocol/ui\":{}"));
  buf_putc(out, '}');
}

// Tasks are an extension, and were in the core for one revision before.
static void put_later(struct buf *out, const struct mcp_server *s,
                      enum revision revision)
{
  if (revision == REVISION_2026_07_28)
    put_extensions(out, s);
  else if (revision == REVISION_2025_11_25 && errands_served(s))
    buf_add(out, SLICE(",\"tasks\":{\"list\":{},\"cancel\":{},"
                       "\"requests\":{\"tools\":{\"call\":{}}}}"));
}

static void put_list(struct buf *out, const struct mcp_server *s,
                     enum hub_topic topic, struct slice words)
{
  static const char *const names[] = {"tools", "prompts", "resources"};
  if (!server_lists(s, topic)) return;
  json_put_name(out, names[topic]);
  buf_add(out, words);
}

// What we offer. Not every legacy client can hear that a list changed.
static void put_capabilities(struct buf *out, const struct job *job,
                             enum revision revision)
{
  const struct mcp_server *s = job_server(job);
  bool tells = job_is_modern(job) || job_may_hear(job, revision);
  struct slice list = tells ? SLICE("{\"listChanged\":true}") : SLICE("{}");
  struct slice resources =
      tells ? SLICE("{\"listChanged\":true,\"subscribe\":true}") : list;
  buf_add(out, SLICE("{\"logging\":{}"));
  put_list(out, s, HUB_TOOLS, list);
  put_list(out, s, HUB_PROMPTS, list);
  put_list(out, s, HUB_RESOURCES, resources);
  if (offers_complete(s)) buf_add(out, SLICE(",\"completions\":{}"));
  put_later(out, s, revision);
  buf_putc(out, '}');
}

// What the operator says, and behind it what the scripts do.
static void put_instructions(struct buf *out, const struct mcp_server *s)
{
  struct slice own = s->options.instructions;
  const struct catalog *catalog = server_catalog(s);
  struct slice theirs = {0};
  if (catalog) theirs = catalog->instructions;
  if (!own.len && !theirs.len) return;
  buf_add(out, SLICE(",\"instructions\":\""));
  json_put_escaped(out, own);
  if (own.len && theirs.len) buf_puts(out, "\\n\\n");
  json_put_escaped(out, theirs);
  buf_putc(out, '"');
}

void discover_run(struct job *job)
{
  const struct mcp_server *s = job_server(job);
  struct buf *out = job_begin(job);
  buf_add(out, SLICE("{\"supportedVersions\":"));
  buf_add(out, revision_modern_list());
  buf_add(out, SLICE(",\"capabilities\":"));
  put_capabilities(out, job, REVISION_2026_07_28);
  put_instructions(out, s);
  buf_printf(out, ",\"ttlMs\":%u,\"cacheScope\":\"public\"",
             s->options.list_ttl_ms);
  result_put_modern_tail(out, buf_slice(&s->info));
  buf_add(out, SLICE("}}"));
  job_end(job);
}

void ping_run(struct job *job)
{
  buf_add(job_begin(job), SLICE("{}"));
  job_end(job);
}

// --- initialize ---

// The revision that is asked for if it is a legacy one that we speak, else our
// newest of those. A modern one is never agreed on this way.
static enum revision negotiate(struct slice asked)
{
  enum revision revision;
  if (revision_parse(asked, &revision) && revision_era(revision) == ERA_LEGACY)
    return revision;
  return REVISION_NEWEST_LEGACY;
}

static struct slice client_name(const struct job *job)
{
  uint32_t info = job_param(job, "clientInfo");
  if (info == JSON_NONE) return (struct slice){0};
  uint32_t name = json_get(job->env->doc, info, "name");
  if (name == JSON_NONE) return (struct slice){0};
  return json_string(job->env->doc, name, &job->exchange->arena);
}

// Mints the session and has the reply carry its id; or the connection is it.
static bool begin_session(struct job *job, enum revision revision)
{
  struct mcp_server *s = job_server(job);
  struct exchange *ex = job->exchange;
  uint32_t theirs =
      capability_read(job->env->doc, job_param(job, "capabilities"));
  if (ex->peer) {
    ex->peer->revision = revision;
    ex->peer->capabilities = theirs;
    return true;
  }
  struct session session = {
      .revision = revision,
      .capabilities = theirs,
      .issued_ms = loop_wall_ms(s->options.loop),
      .client = client_name(job),
      .principal = SLICE("anonymous"),
  };
  struct buf text = {0};
  bool good = random_bytes(session.id, sizeof(session.id)) &&
              session_seal(s->options.seals, &session, &text);
  if (good) ex->reply.session = arena_copy(&ex->arena, buf_slice(&text));
  buf_finish(&text);
  return good && ex->reply.session.data;
}

static bool check_initialize(const struct job *job, struct slice *version,
                             struct refusal *why)
{
  const struct json_doc *doc = job->env->doc;
  uint32_t node = job_param(job, "protocolVersion");
  *version = (struct slice){0};
  if (node != JSON_NONE)
    *version = json_string(doc, node, &job->exchange->arena);
  if (!version->data)
    return job_bad_params(why, "protocolVersion must be a string");
  uint32_t offered = job_param(job, "capabilities");
  if (offered != JSON_NONE && json_type(doc, offered) != JSON_OBJECT)
    return job_bad_params(why, "capabilities must be an object");
  uint32_t info = job_param(job, "clientInfo");
  if (info != JSON_NONE && json_type(doc, info) != JSON_OBJECT)
    return job_bad_params(why, "clientInfo must be an object");
  return true;
}

void initialize_run(struct job *job)
{
  struct refusal why;
  struct slice asked;
  if (!check_initialize(job, &asked, &why)) {
    job_refuse(job, &why);
    return;
  }
  enum revision revision = negotiate(asked);
  if (!begin_session(job, revision)) {
    refuse(&why, 500, RPC_INTERNAL_ERROR, "Out of memory");
    job_refuse(job, &why);
    return;
  }

  const struct mcp_server *s = job_server(job);
  struct buf *out = job_begin(job);
  buf_add(out, SLICE("{\"protocolVersion\":"));
  json_put_string(out, revision_name(revision));
  buf_add(out, SLICE(",\"capabilities\":"));
  put_capabilities(out, job, revision);
  buf_add(out, SLICE(",\"serverInfo\":"));
  buf_add(out, buf_slice(&s->info));
  put_instructions(out, s);
  buf_putc(out, '}');
  job_end(job);
}

// --- notifications/cancelled ---

// Without a session there is nothing to tell one client's id 1 from another's,
// so only calls of a session can be cancelled; over HTTP a modern client, which
// has none, closes its request instead.
void cancelled_run(struct job *job)
{
  const struct inbound *in = &job->exchange->in;
  uint32_t node = job_param(job, "requestId");
  if (!in->has_session || node == JSON_NONE) return;
  struct slice id = json_raw(job->env->doc, node);
  const struct session *peer = job->exchange->peer;
  // On stdio alone are all streams this connection's.
  bool all = peer && !peer->legacy_only;
  if (all && stream_cancel(&job_server(job)->streams, id)) return;
  mcp_shared_cancel(job_server(job)->options.shared, in->session.id, id);
}
