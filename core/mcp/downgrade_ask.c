// downgrade_ask.c -- questions as revisions before 2025-11-25 know them.
//
// There forms have no titled choices, no choice of several, and defaults for
// booleans only; a message to the model has one block of content. Titles go
// beside the choices as `enumNames`, several are asked for as a text with commas
// and made a list again, and a message of several blocks becomes several.

#include "base/json.h"
#include "mcp/ask.h"
#include "mcp/downgrade.h"

struct lowering {
  struct buf *out;
  const struct json_doc *doc;
  struct arena *arena;
  enum revision revision;
};

// Of a node that may be missing; the document itself is json_get()'s to ask.
static uint32_t get(const struct lowering *w, uint32_t object, const char *name)
{
  return object == JSON_NONE ? JSON_NONE : json_get(w->doc, object, name);
}

static struct slice text_of(const struct lowering *w, uint32_t object,
                            const char *name)
{
  uint32_t node = get(w, object, name);
  return node == JSON_NONE ? (struct slice){0}
                           : json_string(w->doc, node, w->arena);
}

static void copy_member(const struct lowering *w, uint32_t name, uint32_t value)
{
  json_sep(w->out);
  buf_add(w->out, json_raw(w->doc, name));
  buf_putc(w->out, ':');
  buf_add(w->out, json_raw(w->doc, value));
}

// --- forms ---

static void put_parts(const struct lowering *w, uint32_t choices,
                      const char *part, const char *as)
{
  json_put_name(w->out, as);
  buf_putc(w->out, '[');
  uint32_t it = json_first(w->doc, choices);
  for (; it != JSON_NONE; it = json_next(w->doc, choices, it)) {
    json_sep(w->out);
    buf_add(w->out, json_raw(w->doc, json_get(w->doc, it, part)));
  }
  buf_putc(w->out, ']');
}

// "<what it is> (any of: a, b; separated by commas)"
static void put_list_as_text(const struct lowering *w, uint32_t field)
{
  uint32_t items = get(w, field, "items"), plain = get(w, items, "enum");
  uint32_t titled = get(w, items, "anyOf");
  uint32_t choices = plain != JSON_NONE ? plain : titled;
  struct slice title = text_of(w, field, "title");
  struct slice about = text_of(w, field, "description");
  struct buf text = {0};
  buf_printf(&text, "%.*s%s(any of: ", SLICE_ARG(about), about.len ? " " : "");
  bool first = true;
  uint32_t it = choices == JSON_NONE ? JSON_NONE : json_first(w->doc, choices);
  for (; it != JSON_NONE; it = json_next(w->doc, choices, it)) {
    if (!first) buf_puts(&text, ", ");
    first = false;
    buf_add(&text, plain != JSON_NONE ? json_string(w->doc, it, w->arena)
                                      : text_of(w, it, "const"));
  }
  buf_puts(&text, "; separated by commas)");
  buf_puts(w->out, "\"type\":\"string\"");
  if (title.data) {
    json_put_name(w->out, "title");
    json_put_string(w->out, title);
  }
  json_put_name(w->out, "description");
  json_put_string(w->out, buf_slice(&text));
  if (!buf_ok(&text)) w->out->failed = true;
  buf_finish(&text);
}

static void put_field(const struct lowering *w, uint32_t field)
{
  struct slice type = text_of(w, field, "type");
  buf_putc(w->out, '{');
  if (slice_is(type, "array")) {
    put_list_as_text(w, field);
    buf_putc(w->out, '}');
    return;
  }
  uint32_t it = json_first(w->doc, field);
  while (it != JSON_NONE) {
    uint32_t value = json_next(w->doc, field, it);
    struct slice name = json_string(w->doc, it, w->arena);
    if (slice_is(name, "oneOf")) {
      put_parts(w, value, "const", "enum");
      put_parts(w, value, "title", "enumNames");
    } else if (!slice_is(name, "default") || slice_is(type, "boolean")) {
      copy_member(w, it, value);
    }
    it = json_next(w->doc, field, value);
  }
  buf_putc(w->out, '}');
}

static void put_schema(const struct lowering *w, uint32_t schema)
{
  uint32_t fields = get(w, schema, "properties");
  uint32_t required = get(w, schema, "required");
  buf_add(w->out, SLICE("{\"type\":\"object\",\"properties\":{"));
  uint32_t it = json_first(w->doc, fields);
  while (it != JSON_NONE) {
    uint32_t value = json_next(w->doc, fields, it);
    json_sep(w->out);
    buf_add(w->out, json_raw(w->doc, it));
    buf_putc(w->out, ':');
    put_field(w, value);
    it = json_next(w->doc, fields, value);
  }
  buf_putc(w->out, '}');
  if (required != JSON_NONE) {
    json_put_name(w->out, "required");
    buf_add(w->out, json_raw(w->doc, required));
  }
  buf_putc(w->out, '}');
}

static void put_form(const struct lowering *w)
{
  buf_puts(w->out, "{\"message\":");
  buf_add(w->out, json_raw(w->doc, json_get(w->doc, 0, "message")));
  json_put_name(w->out, "requestedSchema");
  put_schema(w, json_get(w->doc, 0, "requestedSchema"));
  buf_putc(w->out, '}');
}

// --- sampling ---

static void put_message(const struct lowering *w, struct slice role,
                        uint32_t block)
{
  struct buf list = {0}, plain = {0};
  buf_putc(&list, '[');
  buf_add(&list, json_raw(w->doc, block));
  buf_putc(&list, ']');
  downgrade_content(&plain, buf_slice(&list), w->revision);
  json_sep(w->out);
  buf_printf(w->out, "{\"role\":\"%.*s\",\"content\":", SLICE_ARG(role));
  if (buf_ok(&list) && buf_ok(&plain) && plain.len > 2)
    buf_append(w->out, plain.data + 1, plain.len - 2);
  else
    w->out->failed = true;
  buf_putc(w->out, '}');
  buf_finish(&list);
  buf_finish(&plain);
}

static void put_messages(const struct lowering *w, uint32_t messages)
{
  buf_putc(w->out, '[');
  uint32_t it = json_first(w->doc, messages);
  for (; it != JSON_NONE; it = json_next(w->doc, messages, it)) {
    struct slice role = text_of(w, it, "role");
    uint32_t content = get(w, it, "content");
    if (json_type(w->doc, content) != JSON_ARRAY) {
      put_message(w, role, content);
      continue;
    }
    uint32_t block = json_first(w->doc, content);
    for (; block != JSON_NONE; block = json_next(w->doc, content, block))
      put_message(w, role, block);
  }
  buf_putc(w->out, ']');
}

static void put_sample(const struct lowering *w)
{
  buf_putc(w->out, '{');
  uint32_t it = json_first(w->doc, 0);
  while (it != JSON_NONE) {
    uint32_t value = json_next(w->doc, 0, it);
    if (slice_is(json_string(w->doc, it, w->arena), "messages")) {
      json_put_name(w->out, "messages");
      put_messages(w, value);
    } else {
      copy_member(w, it, value);
    }
    it = json_next(w->doc, 0, value);
  }
  buf_putc(w->out, '}');
}

void downgrade_question(struct buf *out, enum ask_kind kind,
                        struct slice params, enum revision revision)
{
  bool changes = kind == ASK_FORM || kind == ASK_SAMPLE;
  if (!changes || revision >= REVISION_2025_11_25) {
    buf_add(out, params);
    return;
  }
  struct arena arena = {0};
  struct json_doc doc;
  struct lowering w = {out, &doc, &arena, revision};
  if (json_parse(&doc, params, (struct json_limits){0}, &arena, NULL) != OK)
    out->failed = true; // it was checked: memory is out
  else if (kind == ASK_FORM)
    put_form(&w);
  else
    put_sample(&w);
  arena_finish(&arena);
}

// --- the answer ---

static bool is_blank(char c)
{
  return c == ' ' || c == '\t' || c == '\n';
}

// "a, b" as ["a","b"]
static void put_split(struct buf *out, struct slice text)
{
  const char *at = text.data, *stop = text.data + text.len;
  buf_putc(out, '[');
  while (at < stop) {
    const char *end = memchr(at, ',', (size_t)(stop - at));
    if (!end) end = stop;
    const char *from = at, *to = end;
    while (from < to && is_blank(*from))
      from++;
    while (to > from && is_blank(to[-1]))
      to--;
    if (to > from) {
      json_sep(out);
      json_put_string(out, (struct slice){from, (size_t)(to - from)});
    }
    at = end < stop ? end + 1 : stop;
  }
  buf_putc(out, ']');
}

static bool is_list(const struct json_doc *question, uint32_t fields,
                    struct slice name, struct arena *arena)
{
  uint32_t field = json_get_slice(question, fields, name);
  uint32_t type =
      field == JSON_NONE ? JSON_NONE : json_get(question, field, "type");
  return type != JSON_NONE &&
         slice_is(json_string(question, type, arena), "array");
}

static bool put_values(const struct lowering *w, uint32_t values,
                       const struct json_doc *question, uint32_t fields)
{
  bool changed = false;
  uint32_t it = json_first(w->doc, values);
  while (it != JSON_NONE) {
    uint32_t value = json_next(w->doc, values, it);
    struct slice name = json_string(w->doc, it, w->arena);
    if (json_type(w->doc, value) == JSON_STRING &&
        is_list(question, fields, name, w->arena)) {
      json_sep(w->out);
      buf_add(w->out, json_raw(w->doc, it));
      buf_putc(w->out, ':');
      put_split(w->out, json_string(w->doc, value, w->arena));
      changed = true;
    } else {
      copy_member(w, it, value);
    }
    it = json_next(w->doc, values, value);
  }
  return changed;
}

bool upgrade_answer(struct buf *out, struct slice params, struct slice answer)
{
  struct arena arena = {0};
  struct json_doc doc, question;
  struct json_limits limits = {0};
  struct lowering w = {out, &doc, &arena, REVISION_2025_06_18};
  size_t start = out->len;
  bool changed = false;
  if (json_parse(&doc, answer, limits, &arena, NULL) == OK &&
      json_parse(&question, params, limits, &arena, NULL) == OK) {
    uint32_t schema = json_get(&question, 0, "requestedSchema");
    uint32_t fields = json_get(&question, schema, "properties");
    uint32_t values = json_get(&doc, 0, "content");
    uint32_t action = json_get(&doc, 0, "action");
    buf_puts(out, "{\"action\":\"accept\",\"content\":{");
    if (values != JSON_NONE && json_type(&doc, values) == JSON_OBJECT &&
        action != JSON_NONE &&
        slice_is(json_string(&doc, action, &arena), "accept"))
      changed = put_values(&w, values, &question, fields);
    buf_puts(out, "}}");
  }
  arena_finish(&arena);
  if (!buf_ok(out)) changed = false;
  if (!changed) out->len = start;
  return changed;
}
