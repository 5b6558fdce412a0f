// inbound.c -- see inbound.h for the contract.

#include "mcp/inbound.h"

#include "mcp/capability.h"

void inbound_begin(struct inbound *in, const struct header *headers, size_t n)
{
  *in = (struct inbound){.revision = REVISION_ASSUMED};
  fields_read(&in->fields, headers, n);
  if (era_header_is_modern(&in->fields)) in->era = ERA_MODERN;
}

void inbound_begin_bare(struct inbound *in, const struct session *peer)
{
  *in = (struct inbound){
      .fields = {.accepts_json = true, .accepts_sse = true, .none = true},
      .revision = peer->revision,
      .capabilities = peer->capabilities,
      .has_session = true,
      .session = *peer,
  };
}

static bool out_of_memory(struct inbound *in)
{
  return refuse(&in->why, 500, RPC_INTERNAL_ERROR, "Out of memory");
}

// --- legacy ---

bool inbound_find_session(struct inbound *in, const struct inbound_rules *rules,
                          struct arena *arena)
{
  struct slice text = in->fields.value[FIELD_SESSION];
  if (!text.data) return true;
  if (fields_twice(&in->fields, FIELD_SESSION))
    return refuse(&in->why, 400, RPC_TRANSPORT,
                  "Bad request: Mcp-Session-Id comes twice");
  in->has_session =
      session_open(rules->seals, text, arena, &in->session) &&
      session_valid(&in->session, rules->principal, rules->session_ttl_s,
                    rules->now_ms, rules->shared);
  if (!in->has_session)
    return refuse(&in->why, 404, RPC_NO_SESSION, "Session not found");
  in->revision = in->session.revision;
  in->capabilities = in->session.capabilities;
  return true;
}

// The version header of a legacy request: one that we know. In a session counts
// what was agreed on; clients only SHOULD repeat that (and some do not).
static bool check_legacy_version(struct inbound *in)
{
  struct slice header = in->fields.value[FIELD_VERSION];
  if (!header.data) return true;
  enum revision revision;
  if (fields_twice(&in->fields, FIELD_VERSION))
    return refuse(&in->why, 400, RPC_TRANSPORT,
                  "Bad request: MCP-Protocol-Version comes twice");
  if (!revision_parse(header, &revision))
    return refuse(&in->why, 400, RPC_TRANSPORT,
                  "Bad request: unsupported protocol version (supported: "
                  "2026-07-28, 2025-11-25, 2025-06-18, 2025-03-26, "
                  "2024-11-05)");
  if (!in->has_session) in->revision = revision;
  return true;
}

bool inbound_need_session(struct inbound *in, const struct inbound_rules *rules,
                          struct arena *arena)
{
  if (!in->fields.value[FIELD_SESSION].data)
    return refuse(&in->why, 400, RPC_TRANSPORT,
                  "Bad request: Mcp-Session-Id is missing");
  return inbound_find_session(in, rules, arena) && check_legacy_version(in);
}

static bool is_initialize(const struct inbound *in)
{
  return !in->batch && slice_is(in->messages[0].env.method, "initialize");
}

static bool read_legacy(struct inbound *in, const struct inbound_rules *rules,
                        struct arena *arena)
{
  bool requests = false;
  for (uint32_t i = 0; i < in->count; i++) {
    struct message_in *m = &in->messages[i];
    bool request = m->env.kind == MESSAGE_REQUEST;
    requests |= request;
    m->method = method_find(request ? &rules->methods : &rules->notifications,
                            m->env.method, ERA_LEGACY);
  }
  if (requests && !(in->fields.accepts_json && in->fields.accepts_sse))
    return refuse(&in->why, 406, RPC_TRANSPORT,
                  "Not acceptable: Accept must list application/json and "
                  "text/event-stream");
  if (is_initialize(in)) return true;
  return inbound_find_session(in, rules, arena) && check_legacy_version(in);
}

// --- modern ---

static bool read_modern(struct inbound *in, const struct inbound_rules *rules,
                        struct arena *arena)
{
  struct message_in *m = &in->messages[0];
  bool request = m->env.kind == MESSAGE_REQUEST;
  in->revision = REVISION_2026_07_28;
  if (request && !in->fields.accepts_json)
    return refuse(&in->why, 406, RPC_TRANSPORT,
                  "Not acceptable: Accept must list application/json and "
                  "text/event-stream");
  struct climb climb = {
      .fields = &in->fields,
      .env = &m->env,
      .methods = request ? &rules->methods : &rules->notifications,
      .arena = arena,
  };
  if (!era_climb(&climb, &in->why)) return false;
  in->capabilities = climb.capabilities;
  m->method = climb.method;
  return true;
}

// --- one message, or an array of them ---

static bool read_one(struct inbound *in, const struct inbound_rules *rules,
                     struct arena *arena)
{
  in->messages = arena_alloc(arena, sizeof(*in->messages));
  if (!in->messages) return out_of_memory(in);
  in->count = 1;
  struct envelope *env = &in->messages[0].env;
  bool good = envelope_read(env, &in->doc, 0, arena, &in->why);
  if (env->claim != JSON_NONE) in->era = ERA_MODERN;
  in->id = env->id;
  if (!good || !era_classify(&in->fields, env, &in->era, &in->why))
    return false;
  return in->era == ERA_MODERN ? read_modern(in, rules, arena)
                               : read_legacy(in, rules, arena);
}

static bool batch_refused(struct inbound *in, const char *why)
{
  return refuse(&in->why, 400, RPC_INVALID_REQUEST, "Invalid request: %s", why);
}

// A batch with a broken message is refused as a whole.
static bool read_elements(struct inbound *in, struct arena *arena)
{
  uint32_t it = json_first(&in->doc, 0);
  for (uint32_t i = 0; it != JSON_NONE; it = json_next(&in->doc, 0, it)) {
    struct envelope *env = &in->messages[i++].env;
    if (!envelope_read(env, &in->doc, it, arena, &in->why)) return false;
    if (slice_is(env->method, "initialize"))
      return batch_refused(in, "initialize may not be in a batch");
  }
  return true;
}

// Only revisions up to 2025-03-26 have batches. Errors of a batch have no id.
static bool read_batch(struct inbound *in, const struct inbound_rules *rules,
                       struct arena *arena)
{
  in->era = ERA_LEGACY;
  in->batch = true;
  if (!era_check_batch(&in->fields, &in->doc, &in->why)) return false;
  in->count = in->doc.nodes[0].count;
  if (in->count > BATCH_MAX)
    return batch_refused(in, "more than 50 messages in a batch");
  in->messages = arena_alloc(arena, in->count * sizeof(*in->messages));
  if (!in->messages) return out_of_memory(in);
  if (!read_elements(in, arena) || !read_legacy(in, rules, arena)) return false;
  if (in->revision <= REVISION_2025_03_26) return true;
  return batch_refused(in, "this revision has no batches");
}

static bool parse(struct inbound *in, struct slice body, struct arena *arena)
{
  struct error err;
  struct json_limits limits = {0};
  enum error_code code = json_parse(&in->doc, body, limits, arena, &err);
  if (code == OK) return true;
  if (code == E_NO_MEMORY) return out_of_memory(in);
  if (code == E_TOO_LARGE)
    return refuse(&in->why, 400, RPC_INVALID_REQUEST, "Invalid request: %s",
                  err.message);
  return refuse(&in->why, 400, RPC_PARSE_ERROR, "Parse error: %s", err.message);
}

bool inbound_read(struct inbound *in, struct slice body,
                  const struct inbound_rules *rules, struct arena *arena)
{
  if (!fields_are_json(&in->fields))
    return refuse(&in->why, 415, RPC_TRANSPORT,
                  "Unsupported media type: Content-Type must be "
                  "application/json");
  if (!parse(in, body, arena)) return false;
  if (json_type(&in->doc, 0) == JSON_ARRAY) return read_batch(in, rules, arena);
  return read_one(in, rules, arena);
}
