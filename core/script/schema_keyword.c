// schema_keyword.c -- what each keyword of JSON Schema 2020-12 says.

#include <math.h>

#include "script/faults.h"
#include "script/schema_compile.h"

// --- the groups, made when the first keyword of one comes ---

static struct schema_number *number_of(struct compile *c, struct schema *s)
{
  if (!s->number) s->number = arena_alloc(&c->home->arena, sizeof(*s->number));
  if (!s->number) compile_no_memory(c);
  return s->number;
}

static struct schema_string *string_of(struct compile *c, struct schema *s)
{
  if (s->string) return s->string;
  s->string = arena_alloc(&c->home->arena, sizeof(*s->string));
  if (s->string)
    s->string->max = NO_LIMIT;
  else
    compile_no_memory(c);
  return s->string;
}

static struct schema_array *array_of(struct compile *c, struct schema *s)
{
  if (s->array) return s->array;
  s->array = arena_alloc(&c->home->arena, sizeof(*s->array));
  if (s->array) {
    s->array->max = s->array->max_contains = NO_LIMIT;
    s->array->min_contains = 1;
  } else {
    compile_no_memory(c);
  }
  return s->array;
}

static struct schema_object *object_of(struct compile *c, struct schema *s)
{
  if (s->object) return s->object;
  s->object = arena_alloc(&c->home->arena, sizeof(*s->object));
  if (s->object)
    s->object->max = NO_LIMIT;
  else
    compile_no_memory(c);
  return s->object;
}

static struct schema_logic *logic_of(struct compile *c, struct schema *s)
{
  if (!s->logic) s->logic = arena_alloc(&c->home->arena, sizeof(*s->logic));
  if (!s->logic) compile_no_memory(c);
  return s->logic;
}

// --- values of keywords ---

static enum json_type type_of(const struct compile *c, uint32_t node)
{
  return json_type(&c->home->doc, node);
}

static bool read_count(struct compile *c, uint32_t node, uint64_t *count,
                       const struct place *at)
{
  double value = -1;
  json_double(&c->home->doc, node, &value);
  if (!(value >= 0) || floor(value) != value || value > 9e15)
    return compile_fail(c, at, "expected a whole number of 0 or more");
  *count = (uint64_t)value;
  return true;
}

static bool read_bound(struct compile *c, uint32_t node,
                       struct schema_bound *bound, const struct place *at)
{
  const struct json_doc *d = &c->home->doc;
  if (!json_double(d, node, &bound->d))
    return compile_fail(c, at, "expected a number");
  bound->integer = json_int(d, node, &bound->i);
  bound->raw = json_raw(d, node);
  bound->set = true;
  return true;
}

static bool read_text(struct compile *c, uint32_t node, struct slice *text,
                      const struct place *at)
{
  if (type_of(c, node) != JSON_STRING)
    return compile_fail(c, at, "expected a string");
  *text = json_string(&c->home->doc, node, &c->home->arena);
  return text->data || compile_no_memory(c);
}

static bool read_flag(struct compile *c, uint32_t node, bool *flag,
                      const struct place *at)
{
  *flag = type_of(c, node) == JSON_TRUE;
  return *flag || type_of(c, node) == JSON_FALSE ||
         compile_fail(c, at, "expected true or false");
}

static bool read_schema(struct compile *c, uint32_t node,
                        const struct schema **schema, const struct place *at)
{
  *schema = compile_node(c, node, at);
  return *schema != NULL;
}

static bool read_schemas(struct compile *c, uint32_t node,
                         struct schema_list *list, const struct place *at)
{
  const struct json_doc *d = &c->home->doc;
  if (type_of(c, node) != JSON_ARRAY || d->nodes[node].count == 0)
    return compile_fail(c, at, "expected an array with at least one schema");
  list->each =
      arena_alloc(&c->home->arena, d->nodes[node].count * sizeof(*list->each));
  if (!list->each) return compile_no_memory(c);
  for (uint32_t i = json_first(d, node); i != JSON_NONE;
       i = json_next(d, node, i), list->count++) {
    struct place here = {at, {0}, list->count};
    if (!read_schema(c, i, &list->each[list->count], &here)) return false;
  }
  return true;
}

// --- type, enum, const, default ---

static unsigned type_bits(struct slice name)
{
  static const struct {
    const char *name;
    unsigned bits;
  } types[] = {{"null", TYPE_NULL},       {"boolean", TYPE_BOOLEAN},
               {"integer", TYPE_INTEGER}, {"number", TYPE_NUMBER},
               {"string", TYPE_STRING},   {"array", TYPE_ARRAY},
               {"object", TYPE_OBJECT}};
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    if (slice_is(name, types[i].name)) return types[i].bits;
  }
  return 0;
}

static bool add_type(struct compile *c, struct schema *s, uint32_t node,
                     const struct place *at)
{
  struct slice name;
  if (!read_text(c, node, &name, at)) return false;
  unsigned bits = type_bits(name);
  if (!bits)
    return compile_fail(c, at, "\"%.*s\" is not a type of JSON",
                        SLICE_ARG(name));
  s->types = (uint8_t)(s->types | bits);
  return true;
}

static bool key_type(struct compile *c, struct schema *s, uint32_t node,
                     const struct place *at)
{
  const struct json_doc *d = &c->home->doc;
  s->types = 0;
  if (type_of(c, node) != JSON_ARRAY) return add_type(c, s, node, at);
  for (uint32_t i = json_first(d, node); i != JSON_NONE;
       i = json_next(d, node, i)) {
    if (!add_type(c, s, i, at)) return false;
  }
  return s->types || compile_fail(c, at, "expected at least one type");
}

static bool key_enum(struct compile *c, struct schema *s, uint32_t node,
                     const struct place *at)
{
  const struct json_doc *d = &c->home->doc;
  if (type_of(c, node) != JSON_ARRAY || d->nodes[node].count == 0)
    return compile_fail(c, at, "expected an array with at least one value");
  for (uint32_t i = json_first(d, node); i != JSON_NONE;
       i = json_next(d, node, i)) {
    for (uint32_t j = json_next(d, node, i); j != JSON_NONE;
         j = json_next(d, node, j)) {
      if (schema_value_same(d, i, d, j, &c->home->arena))
        return compile_fail(c, at, "%.*s is listed twice",
                            SLICE_ARG(json_raw(d, i)));
    }
  }
  s->values_node = node;
  return true;
}

static bool key_const(struct compile *c, struct schema *s, uint32_t node,
                      const struct place *at)
{
  (void)c;
  (void)at;
  s->const_node = node;
  return true;
}

static bool key_default(struct compile *c, struct schema *s, uint32_t node,
                        const struct place *at)
{
  (void)c;
  (void)at;
  s->default_node = node; // checked when all is compiled
  return true;
}

// --- numbers ---

#define NUMBER_KEY(function, member)                                           \
  static bool function(struct compile *c, struct schema *s, uint32_t node,     \
                       const struct place *at)                                 \
  {                                                                            \
    struct schema_number *n = number_of(c, s);                                 \
    return n && read_bound(c, node, &n->member, at);                           \
  }

NUMBER_KEY(key_minimum, min)
NUMBER_KEY(key_maximum, max)
NUMBER_KEY(key_above, above)
NUMBER_KEY(key_below, below)

static bool key_multiple(struct compile *c, struct schema *s, uint32_t node,
                         const struct place *at)
{
  struct schema_number *n = number_of(c, s);
  if (!n || !read_bound(c, node, &n->multiple, at)) return false;
  return n->multiple.d > 0 || compile_fail(c, at, "must be above 0");
}

// --- strings ---

#define COUNT_KEY(function, group, member)                                     \
  static bool function(struct compile *c, struct schema *s, uint32_t node,     \
                       const struct place *at)                                 \
  {                                                                            \
    struct schema_##group *g = group##_of(c, s);                               \
    return g && read_count(c, node, &g->member, at);                           \
  }

COUNT_KEY(key_min_length, string, min)
COUNT_KEY(key_max_length, string, max)
COUNT_KEY(key_min_items, array, min)
COUNT_KEY(key_max_items, array, max)
COUNT_KEY(key_min_contains, array, min_contains)
COUNT_KEY(key_max_contains, array, max_contains)
COUNT_KEY(key_min_properties, object, min)
COUNT_KEY(key_max_properties, object, max)

static bool read_regex(struct compile *c, struct slice source,
                       const struct schema_regex **regex,
                       const struct place *at)
{
  struct error why = {0};
  *regex = schema_regex_new(c->home, source, &why);
  if (*regex) return true;
  if (why.code == E_NO_MEMORY) return compile_no_memory(c);
  return compile_fail(c, at, "%s", why.message);
}

static bool key_pattern(struct compile *c, struct schema *s, uint32_t node,
                        const struct place *at)
{
  struct schema_string *g = string_of(c, s);
  struct slice source;
  return g && read_text(c, node, &source, at) &&
         read_regex(c, source, &g->pattern, at);
}

// A format that is not in the list is a note for the reader, as 2020-12 says.
static bool key_format(struct compile *c, struct schema *s, uint32_t node,
                       const struct place *at)
{
  struct schema_string *g = string_of(c, s);
  struct slice name;
  if (!g || !read_text(c, node, &name, at)) return false;
  g->format = schema_format_find(name);
  return true;
}

// --- arrays ---

static bool key_items(struct compile *c, struct schema *s, uint32_t node,
                      const struct place *at)
{
  struct schema_array *g = array_of(c, s);
  if (g && type_of(c, node) == JSON_ARRAY)
    return compile_fail(c, at,
                        "expected one schema (a list of schemas is "
                        "prefixItems)");
  return g && read_schema(c, node, &g->items, at);
}

static bool key_prefix_items(struct compile *c, struct schema *s, uint32_t node,
                             const struct place *at)
{
  struct schema_array *g = array_of(c, s);
  struct schema_list list = {0};
  if (!g || !read_schemas(c, node, &list, at)) return false;
  g->prefix = list.each;
  g->prefix_count = list.count;
  return true;
}

static bool key_contains(struct compile *c, struct schema *s, uint32_t node,
                         const struct place *at)
{
  struct schema_array *g = array_of(c, s);
  return g && read_schema(c, node, &g->contains, at);
}

static bool key_unique(struct compile *c, struct schema *s, uint32_t node,
                       const struct place *at)
{
  struct schema_array *g = array_of(c, s);
  return g && read_flag(c, node, &g->unique, at);
}

// --- objects ---

static bool expect_object(struct compile *c, uint32_t node,
                          const struct place *at)
{
  if (type_of(c, node) != JSON_OBJECT)
    return compile_fail(c, at, "expected an object");
  struct slice twice = json_duplicate(&c->home->doc, node);
  return !twice.data ||
         compile_fail(c, at, "%.*s is given twice", SLICE_ARG(twice));
}

// The name of a member, with a NUL behind it.
static bool read_name(struct compile *c, uint32_t node, struct slice *name)
{
  struct slice text = json_string(&c->home->doc, node, &c->home->arena);
  *name = text.data ? arena_copy(&c->home->arena, text) : text;
  return name->data || compile_no_memory(c);
}

static bool add_properties(struct compile *c, struct schema_object *o,
                           uint32_t node, const struct place *at)
{
  const struct json_doc *d = &c->home->doc;
  if (!expect_object(c, node, at)) return false;
  uint32_t name = json_first(d, node);
  while (name != JSON_NONE) {
    uint32_t value = json_next(d, node, name);
    struct schema_property *p = &o->properties[o->count];
    if (!read_name(c, name, &p->name)) return false;
    struct place here = {at, p->name, 0};
    if (!read_schema(c, value, &p->schema, &here)) return false;
    o->count++;
    name = json_next(d, node, value);
  }
  return true;
}

static bool require(struct compile *c, struct schema_object *o,
                    struct slice name, const struct place *at)
{
  struct schema_property *p = schema_object_find(o, name);
  if (!p) { // required, but nothing else is known of it
    p = &o->properties[o->count++];
    p->name = name;
    if (!schema_object_index(o, &c->home->arena)) return compile_no_memory(c);
  }
  if (p->required)
    return compile_fail(c, at, "%.*s is listed twice", SLICE_ARG(name));
  p->required = true;
  o->required++;
  return true;
}

static bool add_required(struct compile *c, struct schema_object *o,
                         uint32_t node, const struct place *at)
{
  const struct json_doc *d = &c->home->doc;
  if (type_of(c, node) != JSON_ARRAY)
    return compile_fail(c, at, "expected an array of names");
  for (uint32_t i = json_first(d, node); i != JSON_NONE;
       i = json_next(d, node, i)) {
    struct slice name;
    if (type_of(c, i) != JSON_STRING)
      return compile_fail(c, at, "expected an array of names");
    if (!read_name(c, i, &name) || !require(c, o, name, at)) return false;
  }
  return true;
}

// `properties` and `required` fill one table; whichever comes first does both.
static bool key_properties(struct compile *c, struct schema *s, uint32_t node,
                           const struct place *at)
{
  const struct json_doc *d = &c->home->doc;
  struct schema_object *o = object_of(c, s);
  (void)node;
  if (!o || o->properties) return o != NULL;
  uint32_t declared = json_get(d, s->node, "properties");
  uint32_t required = json_get(d, s->node, "required");
  size_t room = 1 + (declared ? d->nodes[declared].count : 0) +
                (required ? d->nodes[required].count : 0);
  o->properties = arena_alloc(&c->home->arena, room * sizeof(*o->properties));
  if (!o->properties) return compile_no_memory(c);
  struct place here = {at->up, SLICE("properties"), 0};
  if (declared && !add_properties(c, o, declared, &here)) return false;
  if (!schema_object_index(o, &c->home->arena)) return compile_no_memory(c);
  here.name = SLICE("required");
  return !required || add_required(c, o, required, &here);
}

static bool key_patterns(struct compile *c, struct schema *s, uint32_t node,
                         const struct place *at)
{
  const struct json_doc *d = &c->home->doc;
  struct schema_object *o = object_of(c, s);
  if (!o || !expect_object(c, node, at)) return false;
  size_t room = 1 + d->nodes[node].count;
  o->patterns = arena_alloc(&c->home->arena, room * sizeof(*o->patterns));
  if (!o->patterns) return compile_no_memory(c);
  uint32_t name = json_first(d, node);
  while (name != JSON_NONE) {
    uint32_t value = json_next(d, node, name);
    struct slice source;
    if (!read_name(c, name, &source)) return false;
    struct place here = {at, source, 0};
    struct schema_pattern_property *p = &o->patterns[o->pattern_count++];
    if (!read_regex(c, source, &p->regex, &here) ||
        !read_schema(c, value, &p->schema, &here))
      return false;
    name = json_next(d, node, value);
  }
  return true;
}

static bool key_additional(struct compile *c, struct schema *s, uint32_t node,
                           const struct place *at)
{
  struct schema_object *o = object_of(c, s);
  return o && read_schema(c, node, &o->additional, at);
}

static bool key_names(struct compile *c, struct schema *s, uint32_t node,
                      const struct place *at)
{
  struct schema_object *o = object_of(c, s);
  return o && read_schema(c, node, &o->names, at);
}

// --- combinations ---

#define LOGIC_KEY(function, read, member)                                      \
  static bool function(struct compile *c, struct schema *s, uint32_t node,     \
                       const struct place *at)                                 \
  {                                                                            \
    struct schema_logic *l = logic_of(c, s);                                   \
    return l && read(c, node, &l->member, at);                                 \
  }

LOGIC_KEY(key_all, read_schemas, all)
LOGIC_KEY(key_any, read_schemas, any)
LOGIC_KEY(key_one, read_schemas, one)
LOGIC_KEY(key_not, read_schema, not_this)
LOGIC_KEY(key_if, read_schema, when)
LOGIC_KEY(key_then, read_schema, then)
LOGIC_KEY(key_else, read_schema, otherwise)

// --- names and references ---

static bool key_definitions(struct compile *c, struct schema *s, uint32_t node,
                            const struct place *at)
{
  const struct json_doc *d = &c->home->doc;
  (void)s;
  if (!expect_object(c, node, at)) return false;
  uint32_t name = json_first(d, node);
  while (name != JSON_NONE) {
    uint32_t value = json_next(d, node, name);
    struct slice word;
    if (!read_name(c, name, &word)) return false;
    struct place here = {at, word, 0};
    if (!compile_node(c, value, &here)) return false;
    name = json_next(d, node, value);
  }
  return true;
}

static bool key_anchor(struct compile *c, struct schema *s, uint32_t node,
                       const struct place *at)
{
  struct slice name;
  if (!read_text(c, node, &name, at)) return false;
  for (struct anchor *a = c->anchors; a; a = a->next) {
    if (slice_eq(a->name, name))
      return compile_fail(c, at, "%.*s names two schemas", SLICE_ARG(name));
  }
  struct anchor *anchor = arena_alloc(&c->home->arena, sizeof(*anchor));
  if (!anchor) return compile_no_memory(c);
  *anchor = (struct anchor){c->anchors, name, s};
  c->anchors = anchor;
  return true;
}

static bool key_ref(struct compile *c, struct schema *s, uint32_t node,
                    const struct place *at)
{
  struct slice text;
  if (!logic_of(c, s) || !read_text(c, node, &text, at)) return false;
  struct reference *r = arena_alloc(&c->home->arena, sizeof(*r));
  if (!r) return compile_no_memory(c);
  *r = (struct reference){c->references, s, text, compile_path(c, at)};
  c->references = r;
  return true;
}

static bool key_id(struct compile *c, struct schema *s, uint32_t node,
                   const struct place *at)
{
  if (s->node != 0) return compile_fail(c, at, "may stand at the root only");
  return read_text(c, node, &c->id, at);
}

static bool key_note(struct compile *c, struct schema *s, uint32_t node,
                     const struct place *at)
{
  (void)c;
  (void)s;
  (void)node;
  (void)at;
  return true;
}

static bool key_note_text(struct compile *c, struct schema *s, uint32_t node,
                          const struct place *at)
{
  struct slice text;
  (void)s;
  return read_text(c, node, &text, at);
}

// --- the table ---

#define KEYWORD_LIST(X)                                                        \
  X("type", key_type)                                                          \
  X("enum", key_enum)                                                          \
  X("const", key_const)                                                        \
  X("default", key_default)                                                    \
  X("minimum", key_minimum)                                                    \
  X("maximum", key_maximum)                                                    \
  X("exclusiveMinimum", key_above)                                             \
  X("exclusiveMaximum", key_below)                                             \
  X("multipleOf", key_multiple)                                                \
  X("minLength", key_min_length)                                               \
  X("maxLength", key_max_length)                                               \
  X("pattern", key_pattern)                                                    \
  X("format", key_format)                                                      \
  X("items", key_items)                                                        \
  X("prefixItems", key_prefix_items)                                           \
  X("contains", key_contains)                                                  \
  X("minContains", key_min_contains)                                           \
  X("maxContains", key_max_contains)                                           \
  X("minItems", key_min_items)                                                 \
  X("maxItems", key_max_items)                                                 \
  X("uniqueItems", key_unique)                                                 \
  X("properties", key_properties)                                              \
  X("required", key_properties)                                                \
  X("patternProperties", key_patterns)                                         \
  X("additionalProperties", key_additional)                                    \
  X("propertyNames", key_names)                                                \
  X("minProperties", key_min_properties)                                       \
  X("maxProperties", key_max_properties)                                       \
  X("allOf", key_all)                                                          \
  X("anyOf", key_any)                                                          \
  X("oneOf", key_one)                                                          \
  X("not", key_not)                                                            \
  X("if", key_if)                                                              \
  X("then", key_then)                                                          \
  X("else", key_else)                                                          \
  X("$ref", key_ref)                                                           \
  X("$anchor", key_anchor)                                                     \
  X("$defs", key_definitions)                                                  \
  X("definitions", key_definitions)                                            \
  X("$id", key_id)                                                             \
  X("$schema", key_note_text)                                                  \
  X("$comment", key_note)                                                      \
  X("title", key_note_text)                                                    \
  X("description", key_note_text)                                              \
  X("examples", key_note)                                                      \
  X("enumNames", key_note)                                                     \
  X("deprecated", key_note)                                                    \
  X("readOnly", key_note)                                                      \
  X("writeOnly", key_note)                                                     \
  X("contentEncoding", key_note)                                               \
  X("contentMediaType", key_note)

static const struct {
  const char *name;
  bool (*read)(struct compile *c, struct schema *s, uint32_t node,
               const struct place *at);
} keywords[] = {
#define X(name, read) {name, read},
    KEYWORD_LIST(X)
#undef X
};

static const char *const keyword_names[] = {
#define X(name, read) name,
    KEYWORD_LIST(X)
#undef X
};

#define KEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

bool compile_keyword(struct compile *c, struct schema *s, struct slice name,
                     uint32_t value, const struct place *at)
{
  for (size_t i = 0; i < KEYWORDS; i++) {
    if (slice_is(name, keywords[i].name))
      return keywords[i].read(c, s, value, at);
  }
  if (name.len > 2 && !memcmp(name.data, "x-", 2)) return true;
  struct slice near = faults_suggest(name, keyword_names, KEYWORDS);
  if (near.data)
    return compile_fail(c, at, "unknown keyword (did you mean %.*s?)",
                        SLICE_ARG(near));
  return compile_fail(c, at, "this keyword is not supported");
}

// --- together ---

static bool ordered(struct compile *c, const struct place *at, uint64_t min,
                    uint64_t max, const char *names)
{
  return min <= max || compile_fail(c, at, "%s", names);
}

bool compile_sense(struct compile *c, struct schema *s, const struct place *at)
{
  const struct schema_number *n = s->number;
  if (n && n->min.set && n->max.set && n->max.d < n->min.d)
    return compile_fail(c, at, "maximum is below minimum");
  if (n && n->above.set && n->below.set && n->below.d <= n->above.d)
    return compile_fail(c, at,
                        "exclusiveMaximum is not above "
                        "exclusiveMinimum");
  const struct schema_string *t = s->string;
  if (t && !ordered(c, at, t->min, t->max, "maxLength is below minLength"))
    return false;
  const struct schema_array *a = s->array;
  if (a && !ordered(c, at, a->min, a->max, "maxItems is below minItems"))
    return false;
  const struct schema_object *o = s->object;
  return !o ||
         ordered(c, at, o->min, o->max, "maxProperties is below minProperties");
}
