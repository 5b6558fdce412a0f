// schema_compile.c -- JSON Schema text to nodes.
//
// Every schema of the document is compiled where it stands, then every $ref is
// tied to the node it names (which may lie outside any keyword), then the
// defaults are checked against their own schemas.

#include "script/schema_compile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

// --- saying what is wrong ---

static void put_place(struct buf *out, const struct place *at)
{
  if (!at) return;
  put_place(out, at->up);
  if (!at->name.data) {
    buf_printf(out, "[%zu]", at->index);
    return;
  }
  if (out->len) buf_putc(out, '.');
  buf_add(out, at->name);
}

struct slice compile_path(struct compile *c, const struct place *at)
{
  struct buf text = {0};
  put_place(&text, at);
  struct slice path = arena_copy(&c->home->arena, buf_slice(&text));
  buf_finish(&text);
  return path;
}

bool compile_no_memory(struct compile *c)
{
  if (c->code == OK) c->code = error_set(c->err, E_NO_MEMORY, "out of memory");
  return false;
}

bool compile_fail(struct compile *c, const struct place *at, const char *format,
                  ...)
{
  if (c->code != OK) return false;
  char reason[ERROR_MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(reason, sizeof(reason), format, args);
  va_end(args);
  struct slice path = compile_path(c, at);
  c->code = error_set(c->err, E_INVALID, "%.*s%s%s", SLICE_ARG(path),
                      path.len ? ": " : "", reason);
  return false;
}

// --- one schema ---

static struct schema *new_schema(struct compile *c, uint32_t node)
{
  struct schema *s = arena_alloc(&c->home->arena, sizeof(*s));
  if (!s) {
    compile_no_memory(c);
    return NULL;
  }
  s->home = c->home;
  s->node = node;
  s->types = TYPE_ANY;
  c->by_node[node] = s;
  return s;
}

static bool compile_members(struct compile *c, struct schema *s,
                            const struct place *at)
{
  const struct json_doc *d = &c->home->doc;
  struct slice twice = json_duplicate(d, s->node);
  if (twice.data)
    return compile_fail(c, at, "%.*s is given twice", SLICE_ARG(twice));
  uint32_t name = json_first(d, s->node);
  while (name != JSON_NONE) {
    uint32_t value = json_next(d, s->node, name);
    struct slice word = json_string(d, name, &c->home->arena);
    if (!word.data) return compile_no_memory(c);
    struct place here = {at, word, 0};
    if (!compile_keyword(c, s, word, value, &here)) return false;
    name = json_next(d, s->node, value);
  }
  return compile_sense(c, s, at);
}

struct schema *compile_node(struct compile *c, uint32_t node,
                            const struct place *at)
{
  if (c->by_node[node]) return c->by_node[node];
  enum json_type type = json_type(&c->home->doc, node);
  if (type != JSON_OBJECT && type != JSON_TRUE && type != JSON_FALSE) {
    compile_fail(c, at, "expected a schema: an object, true or false");
    return NULL;
  }
  struct schema *s = new_schema(c, node);
  if (!s) return NULL;
  s->never = type == JSON_FALSE;
  return type != JSON_OBJECT || compile_members(c, s, at) ? s : NULL;
}

// --- the document ---

// Copies a value without white space.
static void put_compact(struct buf *out, const struct json_doc *d,
                        uint32_t node)
{
  enum json_type type = json_type(d, node);
  if (type != JSON_ARRAY && type != JSON_OBJECT) {
    buf_add(out, json_raw(d, node));
    return;
  }
  bool object = type == JSON_OBJECT, name = true;
  buf_putc(out, object ? '{' : '[');
  for (uint32_t i = json_first(d, node); i != JSON_NONE;
       i = json_next(d, node, i), name = !name) {
    if (object && !name)
      buf_putc(out, ':');
    else if (i != node + 1)
      buf_putc(out, ',');
    put_compact(out, d, i);
  }
  buf_putc(out, object ? '}' : ']');
}

static enum error_code compact(struct slice text, struct buf *out,
                               struct error *err)
{
  struct arena arena = {0};
  struct json_doc doc;
  enum error_code code =
      json_parse(&doc, text, (struct json_limits){0}, &arena, err);
  if (code == OK) put_compact(out, &doc, 0);
  arena_finish(&arena);
  if (code == OK && !buf_ok(out))
    code = error_set(err, E_NO_MEMORY, "out of memory");
  return code;
}

static enum error_code parse(struct schema_home *home, struct slice text,
                             struct error *err)
{
  struct buf out = {0};
  enum error_code code = compact(text, &out, err);
  struct slice copy = code == OK ? arena_copy(&home->arena, buf_slice(&out))
                                 : (struct slice){0};
  buf_finish(&out);
  if (code != OK) return code;
  if (!copy.data) return error_set(err, E_NO_MEMORY, "out of memory");
  struct json_limits limits = {0};
  return json_parse(&home->doc, copy, limits, &home->arena, err);
}

static bool check_defaults(struct compile *c)
{
  for (uint32_t i = 0; i < c->home->doc.count; i++) {
    const struct schema *s = c->by_node[i];
    if (!s || s->default_node == JSON_NONE) continue;
    struct error why;
    if (schema_check(s, &c->home->doc, s->default_node, &why) == OK) continue;
    // "the value must be at most 3 (got 4)"; say whose value it is.
    const char *text = why.message;
    if (!strncmp(text, "the value ", 10)) text += 10;
    return compile_fail(c, NULL, "the default %.*s %s",
                        SLICE_ARG(json_raw(&c->home->doc, s->default_node)),
                        text);
  }
  return true;
}

static bool compile_all(struct compile *c)
{
  c->by_node = calloc(c->home->doc.count, sizeof(struct schema *));
  if (!c->by_node) return compile_no_memory(c);
  c->home->root = compile_node(c, 0, NULL);
  if (!c->home->root || !compile_references(c) || !compile_cycles(c))
    return false;
  compile_spread_defaults(c);
  return check_defaults(c);
}

static void free_home(struct schema_home *home)
{
  schema_regex_free(home->regexes);
  arena_finish(&home->arena);
  free(home);
}

enum error_code schema_compile(struct slice text, struct schema **schema,
                               struct error *err)
{
  *schema = NULL;
  struct schema_home *home = calloc(1, sizeof(*home));
  if (!home) return error_set(err, E_NO_MEMORY, "out of memory");
  struct compile c = {.home = home, .err = err};
  c.code = parse(home, text, err);
  if (c.code == OK) compile_all(&c);
  free(c.by_node);
  if (c.code == OK)
    *schema = home->root;
  else
    free_home(home);
  return c.code;
}

void schema_free(struct schema *s)
{
  if (!s) return;
  free_home(s->home);
}

struct slice schema_text(const struct schema *s)
{
  return json_raw(&s->home->doc, s->node);
}
