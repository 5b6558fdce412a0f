// form.c -- see form.h for the contract.

#include "script/form.h"

#include "base/json.h"

struct making {
  const struct json_doc *doc;
  struct arena *arena;
  struct buf *out;
  struct slice field; // that is being read
  struct error *err;
};

static enum error_code refuse(struct making *m, const char *why)
{
  return error_set(m->err, E_INVALID, "fields.%.*s: %s", SLICE_ARG(m->field),
                   why);
}

static bool has_type(const struct making *m, uint32_t node, const char *name)
{
  uint32_t type = json_get(m->doc, node, "type");
  return type != JSON_NONE &&
         slice_is(json_string(m->doc, type, m->arena), name);
}

// Copies those of the members that are there.
static void keep(struct making *m, uint32_t node, const char *const *names)
{
  for (; *names; names++) {
    uint32_t value = json_get(m->doc, node, *names);
    if (value == JSON_NONE) continue;
    json_put_name(m->out, *names);
    buf_add(m->out, json_raw(m->doc, value));
  }
}

static void put_type(struct making *m, const char *type)
{
  json_put_name(m->out, "type");
  json_put_string(m->out, slice_of(type));
}

static bool all_strings(const struct making *m, uint32_t list)
{
  uint32_t it = json_first(m->doc, list);
  for (; it != JSON_NONE; it = json_next(m->doc, list, it))
    if (json_type(m->doc, it) != JSON_STRING) return false;
  return json_type(m->doc, list) == JSON_ARRAY;
}

// [{ const = text, title = text }, ...]
static bool all_titled(const struct making *m, uint32_t list)
{
  uint32_t it = json_first(m->doc, list);
  for (; it != JSON_NONE; it = json_next(m->doc, list, it)) {
    uint32_t value = json_get(m->doc, it, "const");
    uint32_t title = json_get(m->doc, it, "title");
    if (value == JSON_NONE || json_type(m->doc, value) != JSON_STRING ||
        title == JSON_NONE || json_type(m->doc, title) != JSON_STRING)
      return false;
  }
  return json_type(m->doc, list) == JSON_ARRAY;
}

// [{ const, title }, ...] of two lists: the choices, and what the word says that
// they are called.
static void put_titled(struct making *m, uint32_t list, uint32_t titles,
                       const char *as)
{
  uint32_t title = json_first(m->doc, titles), it = json_first(m->doc, list);
  json_put_name(m->out, as);
  buf_putc(m->out, '[');
  while (it != JSON_NONE && title != JSON_NONE) {
    json_sep(m->out);
    buf_puts(m->out, "{\"const\":");
    buf_add(m->out, json_raw(m->doc, it));
    buf_puts(m->out, ",\"title\":");
    buf_add(m->out, json_raw(m->doc, title));
    buf_putc(m->out, '}');
    it = json_next(m->doc, list, it);
    title = json_next(m->doc, titles, title);
  }
  buf_putc(m->out, ']');
}

// The choices of a text, or of the items of a list, which may be titled.
static bool put_choices(struct making *m, uint32_t node, const char *titled)
{
  static const char *const plain[] = {"enum", NULL};
  uint32_t list = json_get(m->doc, node, "enum");
  uint32_t named = json_get(m->doc, node, titled);
  uint32_t titles = json_get(m->doc, node, "x-titles");
  if (list != JSON_NONE && !all_strings(m, list)) return false;
  if (list != JSON_NONE && titles != JSON_NONE && all_strings(m, titles)) {
    put_titled(m, list, titles, titled);
    return true;
  }
  if (named != JSON_NONE && !all_titled(m, named)) return false;
  keep(m, node, plain);
  keep(m, node, (const char *const[]){titled, NULL});
  return true;
}

static enum error_code put_string(struct making *m, uint32_t node)
{
  static const char *const names[] = {"minLength", "maxLength", "enumNames",
                                      NULL};
  put_type(m, "string");
  keep(m, node, names);
  if (!put_choices(m, node, "oneOf"))
    return refuse(m, "a choice is of texts, or of { const, title }");
  uint32_t format = json_get(m->doc, node, "format");
  struct slice name = {0};
  if (format != JSON_NONE) name = json_string(m->doc, format, m->arena);
  if (slice_is(name, "email") || slice_is(name, "uri") ||
      slice_is(name, "date") || slice_is(name, "date-time"))
    keep(m, node, (const char *const[]){"format", NULL});
  return OK;
}

static enum error_code put_number(struct making *m, uint32_t node,
                                  const char *type)
{
  static const char *const names[] = {"minimum", "maximum", NULL};
  if (json_get(m->doc, node, "enum") != JSON_NONE)
    return refuse(m, "a choice is of texts: say the numbers as texts");
  put_type(m, type);
  keep(m, node, names);
  return OK;
}

static enum error_code put_list(struct making *m, uint32_t node)
{
  static const char *const names[] = {"minItems", "maxItems", NULL};
  const char *why =
      "a list must be of choices, as in list(str { \"a\", \"b\" })";
  uint32_t items = json_get(m->doc, node, "items");
  if (items == JSON_NONE || json_type(m->doc, items) != JSON_OBJECT)
    return refuse(m, why);
  bool titled = json_get(m->doc, items, "anyOf") != JSON_NONE ||
                json_get(m->doc, items, "x-titles") != JSON_NONE;
  if (!titled && json_get(m->doc, items, "enum") == JSON_NONE)
    return refuse(m, why);
  put_type(m, "array");
  keep(m, node, names);
  json_put_name(m->out, "items");
  buf_putc(m->out, '{');
  if (!titled) put_type(m, "string");
  if (!put_choices(m, items, "anyOf")) return refuse(m, why);
  buf_putc(m->out, '}');
  return OK;
}

static enum error_code put_kind(struct making *m, uint32_t node)
{
  if (has_type(m, node, "string")) return put_string(m, node);
  if (has_type(m, node, "integer")) return put_number(m, node, "integer");
  if (has_type(m, node, "number")) return put_number(m, node, "number");
  if (has_type(m, node, "array")) return put_list(m, node);
  if (!has_type(m, node, "boolean"))
    return refuse(m, "a form has texts, numbers, booleans and lists of "
                     "choices, and nothing within them");
  put_type(m, "boolean");
  return OK;
}

static enum error_code put_field(struct making *m, uint32_t name, uint32_t node)
{
  static const char *const common[] = {"title", "description", "default", NULL};
  m->field = json_string(m->doc, name, m->arena);
  json_sep(m->out);
  buf_add(m->out, json_raw(m->doc, name));
  buf_add(m->out, SLICE(":{"));
  enum error_code code = put_kind(m, node);
  keep(m, node, common);
  buf_putc(m->out, '}');
  return code;
}

static enum error_code put_fields(struct making *m)
{
  uint32_t fields = json_get(m->doc, 0, "properties");
  if (fields == JSON_NONE || !has_type(m, 0, "object"))
    return error_set(m->err, E_INVALID,
                     "fields: a table of fields is expected");
  buf_add(m->out, SLICE("{\"type\":\"object\",\"properties\":{"));
  uint32_t it = json_first(m->doc, fields);
  while (it != JSON_NONE) {
    uint32_t value = json_next(m->doc, fields, it);
    enum error_code code = put_field(m, it, value);
    if (code != OK) return code;
    it = json_next(m->doc, fields, value);
  }
  buf_putc(m->out, '}');
  keep(m, 0, (const char *const[]){"required", NULL});
  buf_putc(m->out, '}');
  return OK;
}

enum error_code form_make(struct form *form, struct slice text,
                          struct arena *arena, struct error *err)
{
  struct json_doc doc;
  struct buf out = {0};
  struct making m = {.doc = &doc, .arena = arena, .out = &out, .err = err};
  *form = (struct form){0};
  enum error_code code =
      json_parse(&doc, text, (struct json_limits){0}, arena, err);
  if (code == OK) code = put_fields(&m);
  if (code == OK) code = schema_compile(text, &form->schema, err);
  if (code == OK) form->requested = arena_copy(arena, buf_slice(&out));
  if (code == OK && !(buf_ok(&out) && form->requested.data))
    code = error_set(err, E_NO_MEMORY, "%s", error_sentence(E_NO_MEMORY));
  buf_finish(&out);
  return code;
}

void form_finish(struct form *form)
{
  schema_free(form->schema);
  *form = (struct form){0};
}

enum error_code form_check(const struct form *form, const struct json_doc *doc,
                           uint32_t values, struct buf *out, struct error *err)
{
  enum error_code code = schema_check(form->schema, doc, values, err);
  if (code == OK && !schema_complete(form->schema, doc, values, out))
    buf_add(out, json_raw(doc, values));
  return code;
}
