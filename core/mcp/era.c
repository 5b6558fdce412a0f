// era.c -- see era.h for the contract.

#include "mcp/era.h"

#include <string.h>

#include "mcp/capability.h"
#include "mcp/header_value.h"

bool era_header_is_modern(const struct fields *fields)
{
  enum revision revision;
  return revision_parse(fields->value[FIELD_VERSION], &revision) &&
         revision_era(revision) == ERA_MODERN;
}

// --- the table ---

// Rows f to k: a request.
static bool classify_request(const struct envelope *env, bool header_modern,
                             enum era *era, struct refusal *why)
{
  *era = env->claim != JSON_NONE || header_modern ? ERA_MODERN : ERA_LEGACY;
  if (env->claim != JSON_NONE || !header_modern) return true;
  if (slice_is(env->method, "initialize"))
    return refuse(why, 400, RPC_HEADER_MISMATCH,
                  "initialize belongs to earlier revisions than the one that "
                  "MCP-Protocol-Version names");
  return refuse(why, 400, RPC_INVALID_PARAMS,
                "params._meta must have " META_PREFIX
                "protocolVersion and " META_PREFIX "clientCapabilities");
}

bool era_classify(const struct fields *fields, const struct envelope *env,
                  enum era *era, struct refusal *why)
{
  bool header_modern = era_header_is_modern(fields);
  bool claimed = env->claim != JSON_NONE;
  switch (env->kind) {
  case MESSAGE_REQUEST: return classify_request(env, header_modern, era, why);
  case MESSAGE_NOTIFICATION:
    *era = claimed || header_modern ? ERA_MODERN : ERA_LEGACY;
    return true;
  case MESSAGE_RESPONSE:
    *era = header_modern ? ERA_MODERN : ERA_LEGACY;
    if (!header_modern) return true;
    return refuse(why, 400, RPC_INVALID_REQUEST,
                  "Invalid request: responses may not be posted in this "
                  "revision");
  }
  return false;
}

bool era_check_batch(const struct fields *fields, const struct json_doc *doc,
                     struct refusal *why)
{
  if (doc->nodes[0].count == 0)
    return refuse(why, 400, RPC_INVALID_REQUEST,
                  "Invalid request: an empty batch");
  bool modern = era_header_is_modern(fields);
  uint32_t it = json_first(doc, 0);
  for (; it != JSON_NONE && !modern; it = json_next(doc, 0, it))
    modern = envelope_claim(doc, it) != JSON_NONE;
  if (!modern) return true;
  return refuse(why, 400, RPC_INVALID_REQUEST,
                "Invalid request: this revision has no batches");
}

// --- the ladder ---

static bool mismatch(struct refusal *why, const char *header, const char *what)
{
  return refuse(why, 400, RPC_HEADER_MISMATCH, "Header mismatch: %s %s", header,
                what);
}

static bool bad_meta(struct refusal *why, const char *key, const char *what)
{
  return refuse(why, 400, RPC_INVALID_PARAMS,
                "params._meta: " META_PREFIX "%s must be %s", key, what);
}

static uint32_t meta_get(const struct envelope *env, const char *key)
{
  return env->meta == JSON_NONE ? JSON_NONE
                                : json_get(env->doc, env->meta, key);
}

static bool is_type(const struct envelope *env, uint32_t node,
                    enum json_type type)
{
  return node != JSON_NONE && json_type(env->doc, node) == type;
}

// Rung 2: the version header, and that it says what the body says. A body value
// that is no string is for the next rung.
static bool check_version_header(const struct climb *c, struct refusal *why)
{
  const struct envelope *env = c->env;
  struct slice header = c->fields->value[FIELD_VERSION];
  if (c->fields->none) return true;
  if (fields_twice(c->fields, FIELD_VERSION))
    return mismatch(why, "MCP-Protocol-Version", "comes twice");
  if (!header.data)
    return env->kind == MESSAGE_NOTIFICATION ||
           mismatch(why, "MCP-Protocol-Version", "is missing");
  if (!is_type(env, env->claim, JSON_STRING)) return true;
  if (slice_eq(header, json_string(env->doc, env->claim, c->arena)))
    return true;
  return mismatch(why, "MCP-Protocol-Version",
                  "is not the protocolVersion of params._meta");
}

static bool is_implementation(const struct envelope *env, uint32_t node)
{
  return is_type(env, node, JSON_OBJECT) &&
         is_type(env, json_get(env->doc, node, "name"), JSON_STRING) &&
         is_type(env, json_get(env->doc, node, "version"), JSON_STRING);
}

static bool is_level(struct slice name)
{
  static const char *const levels[] = {"debug",   "info",     "notice",
                                       "warning", "error",    "critical",
                                       "alert",   "emergency"};
  for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
    if (slice_is(name, levels[i])) return true;
  return false;
}

// A progress token has the form of an id.
static bool is_token(const struct envelope *env, uint32_t node)
{
  return is_type(env, node, JSON_STRING) ||
         (is_type(env, node, JSON_NUMBER) && env->doc->nodes[node].integer);
}

// What may be there must be well-formed.
static bool check_optional_meta(const struct climb *c, struct refusal *why)
{
  const struct envelope *env = c->env;
  uint32_t info = meta_get(env, META_PREFIX "clientInfo");
  if (info != JSON_NONE && !is_implementation(env, info))
    return bad_meta(why, "clientInfo", "an object with name and version");
  uint32_t level = meta_get(env, META_PREFIX "logLevel");
  if (level != JSON_NONE && !is_level(json_string(env->doc, level, c->arena)))
    return bad_meta(why, "logLevel",
                    "one of debug, info, notice, warning, "
                    "error, critical, alert, emergency");
  uint32_t token = meta_get(env, "progressToken");
  if (token != JSON_NONE && !is_token(env, token))
    return refuse(why, 400, RPC_INVALID_PARAMS,
                  "params._meta: progressToken must be a string or an integer");
  return true;
}

// Rung 3. A notification need not carry the envelope, but not a broken one.
static bool check_meta(struct climb *c, struct refusal *why)
{
  const struct envelope *env = c->env;
  bool optional = env->kind == MESSAGE_NOTIFICATION;
  if (!(optional && env->claim == JSON_NONE) &&
      !is_type(env, env->claim, JSON_STRING))
    return bad_meta(why, "protocolVersion", "a string");

  uint32_t node = meta_get(env, META_PREFIX "clientCapabilities");
  if (!(optional && node == JSON_NONE) && !is_type(env, node, JSON_OBJECT))
    return bad_meta(why, "clientCapabilities", "an object");
  c->capabilities = capability_read(env->doc, node);
  return check_optional_meta(c, why);
}

// Rung 4. Longer names than any version are cut in the answer.
static bool check_version(const struct climb *c, struct refusal *why)
{
  const struct envelope *env = c->env;
  if (env->claim == JSON_NONE) return true;
  struct slice name = json_string(env->doc, env->claim, c->arena);
  enum revision revision;
  if (revision_parse(name, &revision) && revision_era(revision) == ERA_MODERN)
    return true;

  refuse(why, 400, RPC_UNSUPPORTED_VERSION, "Unsupported protocol version");
  if (name.len > 64) name.len = 64;
  struct buf data = {0};
  buf_add(&data, SLICE("{\"supported\":"));
  buf_add(&data, revision_modern_list());
  json_put_name(&data, "requested");
  json_put_string(&data, name);
  buf_putc(&data, '}');
  if (buf_ok(&data)) why->data = arena_copy(c->arena, buf_slice(&data));
  buf_finish(&data);
  return false;
}

// Which member of params the header Mcp-Name repeats, for methods that have it.
static const char *name_member(struct slice method)
{
  static const struct {
    struct slice method;
    const char *member;
  } named[] = {
      {{"tools/call", 10}, "name"},     {{"prompts/get", 11}, "name"},
      {{"resources/read", 14}, "uri"},  {{"tasks/get", 9}, "taskId"},
      {{"tasks/update", 12}, "taskId"}, {{"tasks/cancel", 12}, "taskId"},
  };
  for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
    if (slice_eq(named[i].method, method)) return named[i].member;
  return NULL;
}

static bool check_name_header(const struct climb *c, struct refusal *why)
{
  const struct envelope *env = c->env;
  const char *member = name_member(env->method);
  bool of_task = member && !strcmp(member, "taskId");
  if (!member || (of_task && !(c->capabilities & CAPABILITY_TASKS)))
    return true;
  if (fields_twice(c->fields, FIELD_NAME))
    return mismatch(why, "Mcp-Name", "comes twice");
  uint32_t node = env->params == JSON_NONE
                      ? JSON_NONE
                      : json_get(env->doc, env->params, member);
  bool named = is_type(env, node, JSON_STRING);
  if (!c->fields->value[FIELD_NAME].data)
    return !named || mismatch(why, "Mcp-Name", "is missing");

  struct slice header;
  if (!header_value_decode(c->fields->value[FIELD_NAME], c->arena, &header))
    return mismatch(why, "Mcp-Name", "is not base64 of UTF-8 as it says");
  if (!named || slice_eq(header, json_string(env->doc, node, c->arena)))
    return true;
  return mismatch(why, "Mcp-Name", "is not what params name");
}

// Rung 5.
static bool check_headers(const struct climb *c, struct refusal *why)
{
  const struct envelope *env = c->env;
  struct slice header = c->fields->value[FIELD_METHOD];
  if (c->fields->none) return true;
  if (fields_twice(c->fields, FIELD_METHOD))
    return mismatch(why, "Mcp-Method", "comes twice");
  if (header.data && !slice_eq(header, env->method))
    return mismatch(why, "Mcp-Method", "is not the method of the body");
  if (env->kind == MESSAGE_NOTIFICATION) return true;
  if (!header.data) return mismatch(why, "Mcp-Method", "is missing");
  return check_name_header(c, why);
}

// Rung 7. Names only what is missing.
static bool check_capabilities(const struct climb *c, struct refusal *why)
{
  uint32_t missing = c->method->needs & ~c->capabilities;
  return !missing || capability_refuse(missing, c->arena, why);
}

bool era_climb(struct climb *c, struct refusal *why)
{
  c->capabilities = 0;
  c->method = NULL;
  if (!check_version_header(c, why) || !check_meta(c, why) ||
      !check_version(c, why) || !check_headers(c, why))
    return false;

  c->method = method_find(c->methods, c->env->method, ERA_MODERN);
  if (c->env->kind == MESSAGE_NOTIFICATION) return true;
  if (!c->method)
    return refuse(why, 404, RPC_METHOD_NOT_FOUND, "Method not found: %.*s",
                  c->env->method.len > 64 ? 64 : (int)c->env->method.len,
                  c->env->method.data);
  return check_capabilities(c, why);
}
