// downgrade.c -- see downgrade.h for the contract.

#include "mcp/downgrade.h"

#include <string.h>

#include "base/json.h"

// --- entries of lists ---

static bool is_known(struct slice name, enum revision revision)
{
  static const struct {
    const char *name;
    enum revision since;
  } members[] = {
      {"title", REVISION_2025_06_18},
      {"outputSchema", REVISION_2025_06_18},
      {"_meta", REVISION_2025_06_18},
      {"icons", REVISION_2025_11_25},
  };
  for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
    if (slice_is(name, members[i].name) && revision < members[i].since)
      return false;
  return true;
}

// Resources had annotations from the first.
static bool is_known_of_tool(struct slice name, const struct tool *tool,
                             enum revision revision)
{
  if (slice_is(name, "annotations")) return revision >= REVISION_2025_03_26;
  return !slice_is(name, "outputSchema") || !tool->result ||
         schema_is_object(tool->result) || downgrade_wraps(tool);
}

// A reference ("#/$defs/...") would lead elsewhere from one level deeper, so
// what has a "$" in a name anywhere stays as it is.
bool downgrade_wraps(const struct tool *tool)
{
  if (!tool->result || schema_is_object(tool->result)) return false;
  return !memmem(tool->json.data, tool->json.len, "\"$", 2);
}

static void put_value(struct buf *out, struct slice name, struct slice value,
                      const struct tool *tool)
{
  bool wraps = tool && slice_is(name, "outputSchema") && downgrade_wraps(tool);
  if (wraps) buf_puts(out, "{\"type\":\"object\",\"properties\":{\"result\":");
  buf_add(out, value);
  if (wraps) buf_puts(out, "},\"required\":[\"result\"]}");
}

// Of one revision alone: in the modern one it is the server that decides.
static void put_execution(struct buf *out, const struct tool *tool,
                          enum revision revision)
{
  if (revision != REVISION_2025_11_25 || tool->task == TASK_NEVER) return;
  json_put_name(out, "execution");
  buf_printf(out, "{\"taskSupport\":\"%s\"}",
             tool->task == TASK_REQUIRED ? "required" : "optional");
}

static void put_members(struct buf *out, const struct json_doc *doc,
                        const struct tool *tool, enum revision revision)
{
  struct arena arena = {0};
  uint32_t name = json_first(doc, 0);
  while (name != JSON_NONE) {
    uint32_t value = json_next(doc, 0, name);
    struct slice text = json_string(doc, name, &arena);
    if (is_known(text, revision) &&
        (!tool || is_known_of_tool(text, tool, revision))) {
      json_sep(out);
      buf_add(out, json_raw(doc, name));
      buf_putc(out, ':');
      put_value(out, text, json_raw(doc, value), tool);
    }
    name = json_next(doc, 0, value);
  }
  arena_finish(&arena);
}

static void put_entry(struct buf *out, struct slice json,
                      const struct tool *tool, enum revision revision)
{
  struct arena arena = {0};
  struct json_doc doc;
  bool whole =
      revision >= REVISION_2026_07_28 ||
      json_parse(&doc, json, (struct json_limits){0}, &arena, NULL) != OK;
  if (whole) {
    buf_add(out, json);
  } else {
    buf_putc(out, '{');
    put_members(out, &doc, tool, revision);
    if (tool) put_execution(out, tool, revision);
    buf_putc(out, '}');
  }
  arena_finish(&arena);
}

void downgrade_tool(struct buf *out, const struct tool *tool,
                    enum revision revision)
{
  put_entry(out, tool->json, tool, revision);
}

void downgrade_offer(struct buf *out, const struct offer *offer,
                     enum revision revision)
{
  put_entry(out, offer->handler.json, NULL, revision);
}

// --- content ---

static struct slice string_of(const struct json_doc *doc, uint32_t block,
                              const char *member, struct arena *arena)
{
  uint32_t node = json_get(doc, block, member);
  struct slice text = {0};
  if (node != JSON_NONE) text = json_string(doc, node, arena);
  return text.data ? text : SLICE("");
}

static void put_note(struct buf *out, const char *what, struct slice name,
                     struct slice where)
{
  buf_puts(out, "{\"type\":\"text\",\"text\":\"[");
  buf_puts(out, what);
  buf_putc(out, ' ');
  json_put_escaped(out, name);
  if (name.len && where.len) buf_puts(out, ": ");
  json_put_escaped(out, where);
  buf_puts(out, "]\"}");
}

static void put_block(struct buf *out, const struct json_doc *doc,
                      uint32_t block, enum revision revision)
{
  struct arena arena = {0};
  struct slice type = string_of(doc, block, "type", &arena);
  if (slice_is(type, "audio") && revision < REVISION_2025_03_26)
    put_note(out, "audio", string_of(doc, block, "mimeType", &arena),
             SLICE("this client cannot take it"));
  else if (slice_is(type, "resource_link") && revision < REVISION_2025_06_18)
    put_note(out, "resource", string_of(doc, block, "name", &arena),
             string_of(doc, block, "uri", &arena));
  else
    buf_add(out, json_raw(doc, block));
  arena_finish(&arena);
}

void downgrade_content(struct buf *out, struct slice blocks,
                       enum revision revision)
{
  struct arena arena = {0};
  struct json_doc doc;
  bool whole =
      revision >= REVISION_2025_06_18 ||
      json_parse(&doc, blocks, (struct json_limits){0}, &arena, NULL) != OK;
  if (whole) {
    buf_add(out, blocks);
    arena_finish(&arena);
    return;
  }

  buf_putc(out, '[');
  uint32_t it = json_first(&doc, 0);
  for (; it != JSON_NONE; it = json_next(&doc, 0, it)) {
    json_sep(out);
    put_block(out, &doc, it, revision);
  }
  buf_putc(out, ']');
  arena_finish(&arena);
}
