// param_headers.c -- see param_headers.h for the contract.

#include "mcp/param_headers.h"

#include "mcp/header_value.h"

// --- reading the schema ---

// Where the walk stands.
struct walk {
  const struct json_doc *doc;
  struct arena *arena;
  struct param_headers *list;
  struct param_header **end;
  struct slice path[JSON_MAX_DEPTH];
  uint32_t depth;
  bool failed;
};

static bool is_plain_type(const struct walk *w, uint32_t schema)
{
  static const char *const good[] = {"string", "integer", "boolean"};
  uint32_t type = json_get(w->doc, schema, "type");
  if (type == JSON_NONE) return false;
  struct slice name = json_string(w->doc, type, w->arena);
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
    if (slice_is(name, good[i])) return true;
  return false;
}

static bool is_taken(const struct walk *w, struct slice name)
{
  struct param_header *it = w->list->first;
  while (it && !slice_eq_nocase(it->name, name))
    it = it->next;
  return it;
}

static const char *fault_of(const struct walk *w, uint32_t schema,
                            struct slice annotation, struct slice name)
{
  if (!annotation.data || !header_name_ok(annotation))
    return "x-mcp-header must be a header name";
  if (!is_plain_type(w, schema))
    return "x-mcp-header is for strings, integers and booleans";
  if (is_taken(w, name)) return "x-mcp-header names a header twice";
  return NULL;
}

static void add(struct walk *w, struct slice name)
{
  struct param_header *header = arena_alloc(w->arena, sizeof(*header));
  struct slice *path = arena_alloc(w->arena, w->depth * sizeof(*path));
  if (!header || !path || !name.data) {
    w->failed = true;
    return;
  }
  memcpy(path, w->path, w->depth * sizeof(*path));
  *header = (struct param_header){name, w->depth, path, NULL};
  *w->end = header;
  w->end = &header->next;
}

static void read_annotation(struct walk *w, uint32_t schema)
{
  uint32_t node = json_get(w->doc, schema, "x-mcp-header");
  if (node == JSON_NONE) return;
  struct slice annotation = json_string(w->doc, node, w->arena);
  struct slice name =
      arena_printf(w->arena, "Mcp-Param-%.*s", SLICE_ARG(annotation));
  const char *fault = fault_of(w, schema, annotation, name);
  if (fault)
    w->list->fault = fault;
  else
    add(w, name);
}

// The text of the schema may go; the path must stay.
static void walk_properties(struct walk *w, uint32_t schema)
{
  uint32_t properties = json_get(w->doc, schema, "properties");
  if (properties == JSON_NONE || w->depth == JSON_MAX_DEPTH) return;
  uint32_t name = json_first(w->doc, properties);
  while (name != JSON_NONE) {
    uint32_t value = json_next(w->doc, properties, name);
    w->path[w->depth++] =
        arena_copy(w->arena, json_string(w->doc, name, w->arena));
    read_annotation(w, value);
    walk_properties(w, value);
    w->depth--;
    name = json_next(w->doc, properties, value);
  }
}

bool param_headers_read(struct param_headers *list, struct slice schema,
                        struct arena *arena)
{
  *list = (struct param_headers){0};
  if (!memmem(schema.data, schema.len, "x-mcp-header", 12)) return true;

  struct json_doc doc;
  struct arena nodes = {0};
  struct walk w = {.doc = &doc, .arena = arena, .list = list};
  w.end = &list->first;
  bool good =
      json_parse(&doc, schema, (struct json_limits){0}, &nodes, NULL) == OK;
  if (good) walk_properties(&w, 0);
  arena_finish(&nodes);
  return good && !w.failed;
}

// --- comparing ---

static uint32_t value_at(const struct json_doc *doc, uint32_t arguments,
                         const struct param_header *header)
{
  uint32_t node = arguments;
  for (uint32_t i = 0; i < header->depth && node != JSON_NONE; i++)
    node = json_get_slice(doc, node, header->path[i]);
  return node;
}

// 42, 42.0 and 4.2e1 are the same.
static bool same_number(const struct json_doc *doc, uint32_t node,
                        struct slice text, struct arena *arena)
{
  struct json_doc other;
  int64_t whole, its_whole;
  double mine, its;
  if (json_parse(&other, text, (struct json_limits){0}, arena, NULL) != OK)
    return false;
  if (json_int(doc, node, &whole) && json_int(&other, 0, &its_whole))
    return whole == its_whole;
  return json_double(doc, node, &mine) && json_double(&other, 0, &its) &&
         mine == its;
}

static bool same_value(const struct json_doc *doc, uint32_t node,
                       struct slice text, struct arena *arena)
{
  switch (json_type(doc, node)) {
  case JSON_STRING: return slice_eq(json_string(doc, node, arena), text);
  case JSON_NUMBER: return same_number(doc, node, text, arena);
  case JSON_TRUE:
  case JSON_FALSE: return slice_eq(json_raw(doc, node), text);
  case JSON_NULL:
  case JSON_ARRAY:
  case JSON_OBJECT: break; // cannot be in a header; the schema will refuse it
  }
  return true;
}

static bool mismatch(struct refusal *why, const struct param_header *header,
                     const char *what)
{
  return refuse(why, 400, RPC_HEADER_MISMATCH, "Header mismatch: %.*s %s",
                SLICE_ARG(header->name), what);
}

static bool check_one(const struct param_headers_of *c,
                      const struct param_header *expected, uint32_t node,
                      struct refusal *why)
{
  if (header_count(c->headers, c->count, expected->name.data) > 1)
    return mismatch(why, expected, "comes twice");
  struct slice value = header_get(c->headers, c->count, expected->name.data);
  if (!value.data) return mismatch(why, expected, "is missing");
  struct slice text;
  if (!header_value_decode(value, c->arena, &text))
    return mismatch(why, expected, "is not base64 of UTF-8 as it says");
  return same_value(c->doc, node, text, c->arena) ||
         mismatch(why, expected, "is not what the arguments say");
}

static bool is_in_headers(const struct json_doc *doc, uint32_t node)
{
  if (node == JSON_NONE) return false;
  enum json_type type = json_type(doc, node);
  return type != JSON_NULL && type != JSON_ARRAY && type != JSON_OBJECT;
}

bool param_headers_check(const struct param_headers *list,
                         const struct param_headers_of *request,
                         uint32_t arguments, struct refusal *why)
{
  for (const struct param_header *it = list->first; it; it = it->next) {
    uint32_t node = value_at(request->doc, arguments, it);
    if (is_in_headers(request->doc, node) && !check_one(request, it, node, why))
      return false;
  }
  return true;
}
