// schema_check_object.c -- members: declared, by pattern, others, missing.

#include "script/schema_check.h"

#define SEEN_WORDS 4 // of 64 properties each; more need memory

static uint32_t name_hash(struct slice s)
{
  if (s.len == 0) return 0;
  const unsigned char *p = (const unsigned char *)s.data;
  uint32_t h = (uint32_t)s.len * 0x9E3779B1u;
  h ^= p[0] * 0x85EBCA6Bu ^ p[s.len / 2] * 0xC2B2AE35u;
  h ^= p[s.len - 1] * 0x27D4EB2Fu;
  return h ^ h >> 15;
}

bool schema_object_index(struct schema_object *o, struct arena *arena)
{
  uint32_t size = 4;
  while (size < o->count * 2) {
    size *= 2;
  }
  o->hash = arena_alloc(arena, size * sizeof(*o->hash));
  if (!o->hash) return false;
  o->hash_mask = size - 1;
  for (uint32_t i = 0; i < o->count; i++) {
    uint32_t at = name_hash(o->properties[i].name) & o->hash_mask;
    while (o->hash[at]) {
      at = (at + 1) & o->hash_mask;
    }
    o->hash[at] = i + 1;
  }
  return true;
}

struct schema_property *schema_object_find(const struct schema_object *o,
                                           struct slice name)
{
  if (o->count == 0) return NULL;
  uint32_t at = name_hash(name) & o->hash_mask;
  for (; o->hash[at]; at = (at + 1) & o->hash_mask) {
    struct schema_property *p = &o->properties[o->hash[at] - 1];
    if (slice_eq(p->name, name)) return p;
  }
  return NULL;
}

struct members {
  const struct schema_object *o;
  uint64_t *seen;    // one bit a property
  uint32_t required; // of those seen
};

static bool note_seen(struct check *c, struct members *m,
                      const struct schema_property *p,
                      const struct check_at *at)
{
  size_t i = (size_t)(p - m->o->properties);
  uint64_t bit = UINT64_C(1) << i % 64;
  if (m->seen[i / 64] & bit) return check_fail(c, at, "is given twice");
  m->seen[i / 64] |= bit;
  m->required += p->required;
  return true;
}

// Members by pattern; tells whether any fits the name.
static bool is_patterned(struct check *c, const struct schema_object *o,
                         struct slice name)
{
  for (size_t i = 0; i < o->pattern_count; i++) {
    if (schema_regex_match(o->patterns[i].regex, name, &c->budget)) return true;
  }
  return false;
}

static bool check_patterns(struct check *c, const struct schema_object *o,
                           struct slice name, uint32_t value,
                           const struct check_at *at)
{
  for (size_t i = 0; i < o->pattern_count; i++) {
    const struct schema_pattern_property *p = &o->patterns[i];
    c->budget.steps--;
    if (!schema_regex_match(p->regex, name, &c->budget)) continue;
    if (!check_node(c, p->schema, value, at)) return false;
  }
  return true;
}

static bool check_member(struct check *c, struct members *m, struct slice name,
                         uint32_t value, const struct check_at *at)
{
  const struct schema_object *o = m->o;
  struct schema_property *p = schema_object_find(o, name);
  bool known = p && p->schema;
  if (p && !note_seen(c, m, p, at)) return false;
  if (known && !check_node(c, p->schema, value, at)) return false;
  if (!check_patterns(c, o, name, value, at)) return false;
  if (known || !o->additional || is_patterned(c, o, name)) return true;
  if (o->additional->never) return check_fail_unknown(c, at->up, at->name, o);
  return check_node(c, o->additional, value, at);
}

static bool check_members(struct check *c, struct members *m, uint32_t node,
                          const struct check_at *up)
{
  bool ok = true;
  uint32_t end = c->doc->nodes[node].next, name = node + 1, value;
  for (; name < end; name = c->doc->nodes[value].next) {
    value = name + 1;
    struct check_at at = {up, name, 0};
    struct slice key = json_string(c->doc, name, &c->arena);
    if (!key.data) c->budget.steps = -1;
    bool good = key.data && check_member(c, m, key, value, &at);
    if (good && m->o->names && !check_quietly(c, m->o->names, name, &at))
      good = check_fail(c, &at, "has a name that is not allowed");
    ok = ok && good;
    if (!good && !check_goes_on(c)) return false;
  }
  return ok;
}

static bool check_missing(struct check *c, const struct members *m,
                          const struct check_at *at)
{
  if (m->required == m->o->required) return true;
  for (uint32_t i = 0; i < m->o->count; i++) {
    const struct schema_property *p = &m->o->properties[i];
    if (!p->required || m->seen[i / 64] >> i % 64 & 1) continue;
    check_fail_missing(c, at, p->name);
    if (!check_goes_on(c)) break;
  }
  return false;
}

static bool check_count(struct check *c, const struct schema_object *o,
                        uint32_t node, const struct check_at *at)
{
  uint64_t n = c->doc->nodes[node].count;
  if (n >= o->min && n <= o->max) return true;
  bool few = n < o->min;
  uint64_t bound = few ? o->min : o->max;
  return check_fail(c, at, "must have at %s %llu member%s (got %llu)",
                    few ? "least" : "most", (unsigned long long)bound,
                    bound == 1 ? "" : "s", (unsigned long long)n);
}

bool check_object(struct check *c, const struct schema_object *o, uint32_t node,
                  const struct check_at *at)
{
  uint64_t few[SEEN_WORDS] = {0};
  struct members m = {o, few, 0};
  if (o->count > SEEN_WORDS * 64) {
    m.seen = arena_alloc(&c->arena, (o->count + 63) / 64 * sizeof(uint64_t));
    if (!m.seen) {
      c->budget.steps = -1;
      return false;
    }
  }
  if (!check_count(c, o, node, at)) return false;
  bool ok = check_members(c, &m, node, at);
  if (!ok && !check_goes_on(c)) return false;
  return check_missing(c, &m, at) && ok;
}
