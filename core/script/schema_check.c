// schema_check.c -- does a JSON value fit a schema?

#include "script/schema_check.h"

#include <stddef.h>

#define STEPS_MAX 8000000
#define QUICK_MAX 2000
#define DEPTH_MAX 400 // of values, plus $ref and combinators on the way

// --- numbers and strings ---

static int compare(const struct json_doc *d, uint32_t node,
                   const struct schema_bound *bound)
{
  int64_t i;
  if (bound->integer && json_int(d, node, &i))
    return i < bound->i ? -1 : i > bound->i;
  double value = 0;
  json_double(d, node, &value);
  return value < bound->d ? -1 : value > bound->d;
}

static bool check_number(struct check *c, const struct schema_number *n,
                         uint32_t node, const struct check_at *at)
{
  const struct json_doc *d = c->doc;
  if (n->min.set && compare(d, node, &n->min) < 0)
    return check_fail_got(c, at, node, "must be at least %.*s",
                          SLICE_ARG(n->min.raw));
  if (n->max.set && compare(d, node, &n->max) > 0)
    return check_fail_got(c, at, node, "must be at most %.*s",
                          SLICE_ARG(n->max.raw));
  if (n->above.set && compare(d, node, &n->above) <= 0)
    return check_fail_got(c, at, node, "must be above %.*s",
                          SLICE_ARG(n->above.raw));
  if (n->below.set && compare(d, node, &n->below) >= 0)
    return check_fail_got(c, at, node, "must be below %.*s",
                          SLICE_ARG(n->below.raw));
  if (n->multiple.set && !schema_value_multiple(d, node, &n->multiple))
    return check_fail_got(c, at, node, "must be a multiple of %.*s",
                          SLICE_ARG(n->multiple.raw));
  return true;
}

static bool check_length(struct check *c, const struct schema_string *s,
                         uint32_t node, const struct check_at *at)
{
  uint64_t n = schema_value_length(c->doc, node);
  if (n >= s->min && n <= s->max) return true;
  if (n == 0 && s->min == 1) return check_fail(c, at, "must not be empty");
  bool few = n < s->min;
  uint64_t bound = few ? s->min : s->max;
  return check_fail(c, at, "must have at %s %llu character%s (got %llu)",
                    few ? "least" : "most", (unsigned long long)bound,
                    bound == 1 ? "" : "s", (unsigned long long)n);
}

static bool check_string(struct check *c, const struct schema_string *s,
                         uint32_t node, const struct check_at *at)
{
  if ((s->min > 0 || s->max != NO_LIMIT) && !check_length(c, s, node, at))
    return false;
  if (!s->pattern && !s->format) return true;
  struct slice text = json_string(c->doc, node, &c->arena);
  if (!text.data) {
    c->budget.steps = -1;
    return false;
  }
  if (s->format && !s->format->fits(text))
    return check_fail_got(c, at, node, "must be %s", s->format->meaning);
  if (s->pattern && !schema_regex_match(s->pattern, text, &c->budget))
    return check_fail_got(c, at, node, "must match %.*s",
                          SLICE_ARG(s->pattern->source));
  return true;
}

// --- enum and const ---

static bool check_values(struct check *c, const struct schema *s, uint32_t node,
                         const struct check_at *at)
{
  const struct json_doc *own = &s->home->doc;
  if (s->const_node != JSON_NONE &&
      !schema_value_same(c->doc, node, own, s->const_node, &c->arena)) {
    struct slice raw = json_raw(own, s->const_node);
    return check_fail_got(c, at, node, "must be %.*s",
                          raw.len < 60 ? (int)raw.len : 60, raw.data);
  }
  if (s->values_node == JSON_NONE) return true;
  for (uint32_t i = json_first(own, s->values_node); i != JSON_NONE;
       i = json_next(own, s->values_node, i)) {
    c->budget.steps--;
    if (schema_value_same(c->doc, node, own, i, &c->arena)) return true;
  }
  return check_fail_enum(c, at, node, s);
}

// --- combinations ---

bool check_quietly(struct check *c, const struct schema *s, uint32_t node,
                   const struct check_at *at)
{
  c->quiet++;
  bool ok = check_node(c, s, node, at);
  c->quiet--;
  return ok;
}

static size_t count_fits(struct check *c, const struct schema_list *list,
                         uint32_t node, const struct check_at *at,
                         size_t enough)
{
  size_t n = 0;
  for (size_t i = 0; i < list->count && n < enough; i++) {
    n += check_quietly(c, list->each[i], node, at);
  }
  return n;
}

// None of the forms fits. If the kind of the value leaves one form only, what
// that form misses is worth more than "none fits".
static bool fail_forms(struct check *c, const struct schema_list *list,
                       uint32_t node, const struct check_at *at)
{
  if (c->quiet) return false;
  unsigned type = schema_value_type(c->doc, node), types = 0;
  const struct schema *only = NULL;
  size_t n = 0;
  for (size_t i = 0; i < list->count; i++) {
    const struct schema *form = schema_target(list->each[i]);
    types |= form->types;
    if (!(form->types & type) || form->never) continue;
    only = list->each[i];
    n++;
  }
  if (n == 0) return check_fail_type(c, at, node, types);
  if (n == 1) return check_node(c, only, node, at) && false;
  return check_fail(c, at, "fits none of the %zu allowed forms", list->count);
}

static bool check_lists(struct check *c, const struct schema_logic *l,
                        uint32_t node, const struct check_at *at)
{
  for (size_t i = 0; i < l->all.count; i++) {
    if (!check_node(c, l->all.each[i], node, at)) return false;
  }
  if (l->any.count && !count_fits(c, &l->any, node, at, 1))
    return fail_forms(c, &l->any, node, at);
  if (!l->one.count) return true;
  size_t n = count_fits(c, &l->one, node, at, 2);
  if (n == 0) return fail_forms(c, &l->one, node, at);
  return n == 1 || check_fail(c, at, "fits more than one of the allowed forms");
}

static bool check_logic(struct check *c, const struct schema_logic *l,
                        uint32_t node, const struct check_at *at)
{
  if (l->ref && !check_node(c, l->ref, node, at)) return false;
  if (!check_lists(c, l, node, at)) return false;
  if (l->not_this && check_quietly(c, l->not_this, node, at))
    return check_fail(c, at, "has a form that is not allowed");
  if (!l->when || (!l->then && !l->otherwise)) return true;
  const struct schema *next =
      check_quietly(c, l->when, node, at) ? l->then : l->otherwise;
  return !next || check_node(c, next, node, at);
}

// --- one value ---

static bool type_fits(const struct check *c, const struct schema *s,
                      uint32_t node)
{
  static const uint8_t types[] = {
      [JSON_NULL] = TYPE_NULL,     [JSON_FALSE] = TYPE_BOOLEAN,
      [JSON_TRUE] = TYPE_BOOLEAN,  [JSON_NUMBER] = TYPE_NUMBER,
      [JSON_STRING] = TYPE_STRING, [JSON_ARRAY] = TYPE_ARRAY,
      [JSON_OBJECT] = TYPE_OBJECT};
  unsigned type = types[json_type(c->doc, node)];
  if (type != TYPE_NUMBER || (s->types & TYPE_NUMBER) == TYPE_NUMBER)
    return s->types & type;
  return s->types & schema_value_type(c->doc, node);
}

// What only values of one kind are asked.
static bool check_kind(struct check *c, const struct schema *s, uint32_t node,
                       const struct check_at *at)
{
  switch (json_type(c->doc, node)) {
  case JSON_NULL:
  case JSON_FALSE:
  case JSON_TRUE: return true;
  case JSON_NUMBER: return !s->number || check_number(c, s->number, node, at);
  case JSON_STRING: return !s->string || check_string(c, s->string, node, at);
  case JSON_ARRAY: return !s->array || check_array(c, s->array, node, at);
  case JSON_OBJECT: return !s->object || check_object(c, s->object, node, at);
  }
  return true;
}

static bool check_all(struct check *c, const struct schema *s, uint32_t node,
                      const struct check_at *at)
{
  if (s->never) return check_fail(c, at, "is not allowed");
  if (!type_fits(c, s, node)) return check_fail_type(c, at, node, s->types);
  bool listed = s->values_node != JSON_NONE || s->const_node != JSON_NONE;
  if (listed && !check_values(c, s, node, at)) return false;
  if (!check_kind(c, s, node, at)) return false;
  return !s->logic || check_logic(c, s->logic, node, at);
}

bool check_node(struct check *c, const struct schema *s, uint32_t node,
                const struct check_at *at)
{
  if (--c->budget.steps < 0 || c->depth >= DEPTH_MAX) {
    c->budget.steps = -1;
    return false;
  }
  c->depth++;
  bool ok = check_all(c, s, node, at);
  c->depth--;
  return ok;
}

enum error_code schema_check(const struct schema *s, const struct json_doc *doc,
                             uint32_t node, struct error *err)
{
  struct check c; // not zeroed: most of it is the message, seldom needed
  memset(&c, 0, offsetof(struct check, message));
  c.message[0] = '\0';
  c.doc = doc;
  c.quiet = err ? 0 : 1;
  c.budget = (struct schema_budget){STEPS_MAX, QUICK_MAX};
  bool ok = check_node(&c, s, node, NULL);
  arena_finish(&c.arena);
  if (c.budget.steps < 0)
    return error_set(err, E_INVALID, "too complicated to check");
  return ok ? OK : error_set(err, E_INVALID, "%s", c.message);
}
