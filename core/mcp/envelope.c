// envelope.c -- see envelope.h for the contract.

#include "mcp/envelope.h"

static bool invalid(struct refusal *why, const char *text)
{
  return refuse(why, 400, RPC_INVALID_REQUEST, "Invalid request: %s", text);
}

static uint32_t object_in(const struct json_doc *doc, uint32_t object,
                          const char *name)
{
  uint32_t node = json_get(doc, object, name);
  if (node == JSON_NONE || json_type(doc, node) != JSON_OBJECT)
    return JSON_NONE;
  return node;
}

uint32_t envelope_claim(const struct json_doc *doc, uint32_t node)
{
  uint32_t params = object_in(doc, node, "params");
  if (params == JSON_NONE) return JSON_NONE;
  uint32_t meta = object_in(doc, params, "_meta");
  if (meta == JSON_NONE) return JSON_NONE;
  return json_get(doc, meta, META_PREFIX "protocolVersion");
}

static bool is_id(const struct json_doc *doc, uint32_t node)
{
  if (json_raw(doc, node).len > ENVELOPE_ID_MAX) return false;
  if (json_type(doc, node) == JSON_STRING) return true;
  return json_type(doc, node) == JSON_NUMBER && doc->nodes[node].integer;
}

static unsigned count_named(const struct json_doc *doc, uint32_t object,
                            const char *name, struct arena *arena)
{
  unsigned count = 0;
  uint32_t it = json_first(doc, object);
  while (it != JSON_NONE) {
    if (slice_is(json_string(doc, it, arena), name)) count++;
    it = json_next(doc, object, json_next(doc, object, it));
  }
  return count;
}

// An id that comes twice is none: which of them would be echoed?
static bool read_id(struct envelope *env, uint32_t message, bool ambiguous,
                    struct arena *arena)
{
  uint32_t node = json_get(env->doc, message, "id");
  if (node == JSON_NONE) return true;
  if (!is_id(env->doc, node)) return false;
  if (ambiguous && count_named(env->doc, message, "id", arena) > 1)
    return false;
  env->id = json_raw(env->doc, node);
  return true;
}

static bool is_string(const struct json_doc *doc, uint32_t node,
                      const char *value, struct arena *arena)
{
  return node != JSON_NONE && slice_is(json_string(doc, node, arena), value);
}

// What a message is follows from which members it has, and no mixture.
static bool read_kind(struct envelope *env, uint32_t message,
                      struct refusal *why)
{
  const struct json_doc *doc = env->doc;
  bool method = json_get(doc, message, "method") != JSON_NONE;
  bool result = json_get(doc, message, "result") != JSON_NONE;
  bool error = json_get(doc, message, "error") != JSON_NONE;
  if (method + result + error != 1)
    return invalid(why, "exactly one of method, result, error must be there");

  env->kind = !method        ? MESSAGE_RESPONSE
              : env->id.data ? MESSAGE_REQUEST
                             : MESSAGE_NOTIFICATION;
  if (result && !env->id.data) return invalid(why, "a result needs an id");
  return true;
}

static bool read_params(struct envelope *env, uint32_t message,
                        struct refusal *why)
{
  const struct json_doc *doc = env->doc;
  uint32_t params = json_get(doc, message, "params");
  if (params == JSON_NONE) return true;
  if (json_type(doc, params) != JSON_OBJECT)
    return invalid(why, "params must be an object");

  env->params = params;
  env->meta = object_in(doc, params, "_meta");
  if (json_duplicate(doc, params).data)
    return invalid(why, "a member of params comes twice");
  if (env->meta != JSON_NONE && json_duplicate(doc, env->meta).data)
    return invalid(why, "a member of _meta comes twice");
  return true;
}

static bool read_method(struct envelope *env, uint32_t message,
                        struct arena *arena, struct refusal *why)
{
  uint32_t node = json_get(env->doc, message, "method");
  env->method = json_string(env->doc, node, arena);
  return env->method.data || invalid(why, "method must be a string");
}

bool envelope_read(struct envelope *env, const struct json_doc *doc,
                   uint32_t node, struct arena *arena, struct refusal *why)
{
  *env = (struct envelope){.doc = doc, .message = node};
  if (json_type(doc, node) != JSON_OBJECT)
    return invalid(why, "a message must be an object");

  env->claim = envelope_claim(doc, node);
  bool ambiguous = json_duplicate(doc, node).data;
  bool good_id = read_id(env, node, ambiguous, arena);
  if (ambiguous) return invalid(why, "a member comes twice");
  if (!is_string(doc, json_get(doc, node, "jsonrpc"), "2.0", arena))
    return invalid(why, "jsonrpc must be \"2.0\"");
  if (!good_id)
    return invalid(why, "id must be a string or an integer of moderate length");
  if (!read_kind(env, node, why)) return false;
  if (env->kind == MESSAGE_RESPONSE) return true;
  return read_method(env, node, arena, why) && read_params(env, node, why);
}

bool envelope_can_wait(struct slice text)
{
  struct arena arena = {0};
  struct json_doc doc;
  struct envelope env;
  struct refusal why;
  bool heard =
      json_parse(&doc, text, (struct json_limits){0}, &arena, NULL) == OK &&
      envelope_read(&env, &doc, 0, &arena, &why) && env.kind != MESSAGE_REQUEST;
  arena_finish(&arena);
  return !heard;
}
