// capability.c -- see capability.h for the contract.

#include "mcp/capability.h"

// Each bit is a path of at most two members; a deeper one implies its parent.
static const struct {
  uint32_t bit;
  const char *group, *name; // name NULL: the group itself
} paths[] = {
    {CAPABILITY_ROOTS, "roots", NULL},
    {CAPABILITY_SAMPLING, "sampling", NULL},
    {CAPABILITY_SAMPLING_TOOLS, "sampling", "tools"},
    {CAPABILITY_SAMPLING_CONTEXT, "sampling", "context"},
    {CAPABILITY_ELICIT_FORM, "elicitation", "form"},
    {CAPABILITY_ELICIT_URL, "elicitation", "url"},
    {CAPABILITY_TASKS, "extensions", "io.modelcontextprotocol/tasks"},
    {CAPABILITY_UI, "extensions", "io.modelcontextprotocol/ui"},
};

enum { PATHS = sizeof(paths) / sizeof(paths[0]) };

static uint32_t object_in(const struct json_doc *doc, uint32_t object,
                          const char *name)
{
  uint32_t node = json_get(doc, object, name);
  if (node == JSON_NONE || json_type(doc, node) != JSON_OBJECT)
    return JSON_NONE;
  return node;
}

uint32_t capability_read(const struct json_doc *doc, uint32_t node)
{
  if (node == JSON_NONE || doc->nodes[node].count == 0) return 0;
  uint32_t bits = 0;
  for (size_t i = 0; i < PATHS; i++) {
    uint32_t group = object_in(doc, node, paths[i].group);
    if (group == JSON_NONE) continue;
    if (!paths[i].name || object_in(doc, group, paths[i].name) != JSON_NONE)
      bits |= paths[i].bit;
  }
  uint32_t ask = object_in(doc, node, "elicitation");
  if (ask != JSON_NONE && doc->nodes[ask].count == 0)
    bits |= CAPABILITY_ELICIT_FORM;
  return bits;
}

// One group with those of its members that are missing.
static void put_group(struct buf *out, const char *group, uint32_t missing)
{
  json_sep(out);
  buf_printf(out, "\"%s\":{", group);
  for (size_t i = 0; i < PATHS; i++) {
    if (!(paths[i].bit & missing) || !paths[i].name) continue;
    if (strcmp(paths[i].group, group)) continue;
    json_put_name(out, paths[i].name);
    buf_add(out, SLICE("{}"));
  }
  buf_putc(out, '}');
}

void capability_put_required(struct buf *out, uint32_t missing)
{
  static const char *const groups[] = {"roots", "sampling", "elicitation",
                                       "extensions"};
  static const uint32_t bits[] = {
      CAPABILITY_ROOTS,
      CAPABILITY_SAMPLING | CAPABILITY_SAMPLING_TOOLS |
          CAPABILITY_SAMPLING_CONTEXT,
      CAPABILITY_ELICIT_FORM | CAPABILITY_ELICIT_URL,
      CAPABILITY_TASKS | CAPABILITY_UI,
  };
  buf_add(out, SLICE("{\"requiredCapabilities\":{"));
  for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
    if (missing & bits[i]) put_group(out, groups[i], missing);
  buf_add(out, SLICE("}}"));
}

bool capability_refuse(uint32_t missing, struct arena *arena,
                       struct refusal *why)
{
  refuse(why, 400, RPC_MISSING_CAPABILITY,
         "The client has not declared a capability that this needs");
  struct buf data = {0};
  capability_put_required(&data, missing);
  if (buf_ok(&data)) why->data = arena_copy(arena, buf_slice(&data));
  buf_finish(&data);
  return false;
}
