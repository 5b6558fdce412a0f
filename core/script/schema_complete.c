// schema_complete.c -- adding defaults, and what a schema says to a reader.

#include "script/schema_inside.h"

const struct schema *schema_target(const struct schema *s)
{
  while (s->logic && s->logic->ref && !s->object && !s->array) {
    s = s->logic->ref; // ends: a $ref without progress was refused
  }
  return s;
}

bool schema_is_array(const struct schema *s)
{
  return (schema_target(s)->types & ~TYPE_NULL) == TYPE_ARRAY;
}

bool schema_is_object(const struct schema *s)
{
  return (schema_target(s)->types & ~TYPE_NULL) == TYPE_OBJECT;
}

const struct schema *schema_property(const struct schema *s, struct slice name)
{
  const struct schema_object *o = schema_target(s)->object;
  if (!o) return NULL;
  const struct schema_property *p = schema_object_find(o, name);
  if (p && p->schema) return p->schema;
  return o->additional && !o->additional->never ? o->additional : NULL;
}

const struct schema *schema_item(const struct schema *s)
{
  const struct schema_array *a = schema_target(s)->array;
  return a && a->items && !a->items->never ? a->items : NULL;
}

// --- defaults ---

// The schema of a child, if something may be added in it.
static const struct schema *child(const struct schema *s,
                                  const struct json_doc *d, uint32_t name)
{
  if (!s || !s->has_defaults) return NULL;
  const struct schema *next = NULL;
  if (name == JSON_NONE)
    next = schema_item(s);
  else if (!d->nodes[name].escaped) {
    struct slice raw = json_raw(d, name);
    next = schema_property(s, (struct slice){raw.data + 1, raw.len - 2});
  }
  return next && next->has_defaults ? next : NULL;
}

static bool lacks(const struct json_doc *d, uint32_t node,
                  const struct schema_property *p)
{
  if (!p->schema || p->schema->default_node == JSON_NONE) return false;
  return json_get_slice(d, node, p->name) == JSON_NONE;
}

static bool is_incomplete(const struct schema *s, const struct json_doc *d,
                          uint32_t node)
{
  const struct schema_object *o = schema_target(s)->object;
  bool object = json_type(d, node) == JSON_OBJECT;
  for (uint32_t i = 0; object && o && i < o->count; i++) {
    if (lacks(d, node, &o->properties[i])) return true;
  }
  for (uint32_t i = json_first(d, node); i != JSON_NONE;
       i = json_next(d, node, i)) {
    uint32_t name = object ? i : JSON_NONE;
    if (object) i = json_next(d, node, i);
    const struct schema *next = child(s, d, name);
    if (next && is_incomplete(next, d, i)) return true;
  }
  return false;
}

static void put_defaults(const struct schema_object *o,
                         const struct json_doc *d, uint32_t node,
                         struct buf *out)
{
  for (uint32_t i = 0; i < o->count; i++) {
    const struct schema_property *p = &o->properties[i];
    if (!lacks(d, node, p)) continue;
    json_sep(out);
    json_put_string(out, p->name);
    buf_putc(out, ':');
    buf_add(out, json_raw(&p->schema->home->doc, p->schema->default_node));
  }
}

static void put_complete(const struct schema *s, const struct json_doc *d,
                         uint32_t node, struct buf *out)
{
  bool object = json_type(d, node) == JSON_OBJECT;
  if (!object && json_type(d, node) != JSON_ARRAY) {
    buf_add(out, json_raw(d, node));
    return;
  }
  buf_putc(out, object ? '{' : '[');
  for (uint32_t i = json_first(d, node); i != JSON_NONE;
       i = json_next(d, node, i)) {
    uint32_t name = object ? i : JSON_NONE;
    json_sep(out);
    if (object) {
      buf_add(out, json_raw(d, name));
      buf_putc(out, ':');
      i = json_next(d, node, i);
    }
    const struct schema *next = child(s, d, name);
    if (next)
      put_complete(next, d, i, out);
    else
      buf_add(out, json_raw(d, i));
  }
  const struct schema_object *o = schema_target(s)->object;
  if (object && o) put_defaults(o, d, node, out);
  buf_putc(out, object ? '}' : ']');
}

bool schema_complete(const struct schema *s, const struct json_doc *doc,
                     uint32_t node, struct buf *out)
{
  if (!s->has_defaults || !is_incomplete(s, doc, node)) return false;
  put_complete(s, doc, node, out);
  return true;
}
