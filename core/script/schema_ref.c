// schema_ref.c -- $ref and what must hold for the whole graph of schemas.

#include "script/schema_compile.h"

#define TOKEN_MAX 512
#define CHAIN_MAX 200 // schemas that may apply to one value, one inside another

// --- finding the target ---

static int hex(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// One step of a JSON pointer inside a URI fragment: %XX first, then ~0 and ~1.
static bool decode_token(struct slice s, char *out, size_t *len)
{
  size_t n = 0;
  if (s.len > TOKEN_MAX) return false;
  for (size_t i = 0; i < s.len; i++) {
    char c = s.data[i];
    if (c == '%') {
      if (i + 2 >= s.len || hex(s.data[i + 1]) < 0 || hex(s.data[i + 2]) < 0)
        return false;
      c = (char)(hex(s.data[i + 1]) * 16 + hex(s.data[i + 2]));
      i += 2;
    }
    if (n && out[n - 1] == '~' && (c == '0' || c == '1'))
      out[n - 1] = c == '0' ? '\1' : '/'; // \1: a '~' that begins nothing
    else
      out[n++] = c;
  }
  for (size_t i = 0; i < n; i++) {
    if (out[i] == '\1') out[i] = '~';
  }
  *len = n;
  return true;
}

static uint32_t element(const struct json_doc *d, uint32_t array,
                        struct slice index)
{
  uint32_t n = 0;
  if (index.len == 0 || index.len > 6) return JSON_NONE;
  for (size_t i = 0; i < index.len; i++) {
    if (index.data[i] < '0' || index.data[i] > '9') return JSON_NONE;
    n = n * 10 + (uint32_t)(index.data[i] - '0');
  }
  uint32_t item = json_first(d, array);
  while (n-- && item != JSON_NONE) {
    item = json_next(d, array, item);
  }
  return item;
}

static uint32_t child(const struct json_doc *d, uint32_t node,
                      struct slice token)
{
  char text[TOKEN_MAX];
  struct slice name = {text, 0};
  if (!decode_token(token, text, &name.len)) return JSON_NONE;
  if (json_type(d, node) == JSON_ARRAY) return element(d, node, name);
  return json_get_slice(d, node, name);
}

// "/properties/a"; false when there is nothing.
static bool follow(const struct json_doc *d, struct slice pointer,
                   uint32_t *node)
{
  *node = 0;
  while (pointer.len) {
    struct slice token = {pointer.data + 1, 0};
    while (token.len + 1 < pointer.len && token.data[token.len] != '/') {
      token.len++;
    }
    *node = child(d, *node, token);
    if (*node == JSON_NONE) return false;
    pointer =
        (struct slice){token.data + token.len, pointer.len - token.len - 1};
  }
  return true;
}

static const struct schema *by_anchor(const struct compile *c,
                                      struct slice name)
{
  for (const struct anchor *a = c->anchors; a; a = a->next) {
    if (slice_eq(a->name, name)) return a->schema;
  }
  return NULL;
}

static bool tie(struct compile *c, struct reference *r)
{
  struct place at = {NULL, r->path, 0};
  struct slice text = r->text;
  if (c->id.len && text.len >= c->id.len &&
      !memcmp(text.data, c->id.data, c->id.len))
    text = (struct slice){text.data + c->id.len, text.len - c->id.len};
  if (text.len && text.data[0] != '#')
    return compile_fail(c, &at,
                        "only a $ref into the same document can be "
                        "followed (\"#/...\" or \"#anchor\")");
  if (text.len) text = (struct slice){text.data + 1, text.len - 1};
  const struct schema *target = NULL;
  uint32_t node;
  if (text.len && text.data[0] != '/')
    target = by_anchor(c, text);
  else if (follow(&c->home->doc, text, &node)) {
    struct place there = {NULL, r->text, 0};
    target = compile_node(c, node, &there);
    if (!target) return false;
  }
  if (!target)
    return compile_fail(c, &at, "there is no %.*s", SLICE_ARG(r->text));
  r->from->logic->ref = target;
  return true;
}

bool compile_references(struct compile *c)
{
  while (c->references) { // a target may hold references itself
    struct reference *r = c->references;
    c->references = r->next;
    if (!tie(c, r)) return false;
  }
  return true;
}

// --- no schema may need itself for the same value ---

enum { NEW, OPEN, DONE };

static bool visit(struct compile *c, const struct schema *s, unsigned depth);

static bool visit_list(struct compile *c, const struct schema_list *list,
                       unsigned depth)
{
  for (size_t i = 0; i < list->count; i++) {
    if (!visit(c, list->each[i], depth)) return false;
  }
  return true;
}

static bool visit(struct compile *c, const struct schema *s, unsigned depth)
{
  if (!s || s->visit == DONE) return true;
  if (s->visit == OPEN) {
    struct slice raw = json_raw(&c->home->doc, s->node);
    return compile_fail(c, NULL, "a $ref leads back to itself: %.*s",
                        raw.len < 100 ? (int)raw.len : 100, raw.data);
  }
  if (depth > CHAIN_MAX) return compile_fail(c, NULL, "nested too deeply");
  struct schema *own = c->by_node[s->node];
  const struct schema_logic *l = s->logic;
  own->visit = OPEN;
  bool ok =
      !l ||
      (visit(c, l->ref, depth + 1) && visit(c, l->not_this, depth + 1) &&
       visit(c, l->when, depth + 1) && visit(c, l->then, depth + 1) &&
       visit(c, l->otherwise, depth + 1) && visit_list(c, &l->all, depth + 1) &&
       visit_list(c, &l->any, depth + 1) && visit_list(c, &l->one, depth + 1));
  own->visit = DONE;
  return ok;
}

bool compile_cycles(struct compile *c)
{
  for (uint32_t i = 0; i < c->home->doc.count; i++) {
    if (c->by_node[i] && !visit(c, c->by_node[i], 0)) return false;
  }
  return true;
}

// --- where a default can be added ---

static bool has_below(const struct schema *s)
{
  if (s->logic && s->logic->ref && s->logic->ref->has_defaults) return true;
  if (s->array && s->array->items && s->array->items->has_defaults) return true;
  const struct schema_object *o = s->object;
  if (!o) return false;
  if (o->additional && o->additional->has_defaults) return true;
  for (uint32_t i = 0; i < o->count; i++) {
    const struct schema *p = o->properties[i].schema;
    if (p && (p->has_defaults || p->default_node != JSON_NONE)) return true;
  }
  return false;
}

// Until nothing changes, because schemas may refer to each other in a ring.
void compile_spread_defaults(struct compile *c)
{
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t i = c->home->doc.count; i-- > 0;) {
      struct schema *s = c->by_node[i];
      if (!s || s->has_defaults || !has_below(s)) continue;
      s->has_defaults = changed = true;
    }
  }
}
