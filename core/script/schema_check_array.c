// schema_check_array.c -- elements: by place, all of them, some, no two alike.

#include <stdlib.h>

#include "script/schema_check.h"

#define PAIRWISE_MAX 8 // elements that are compared without memory

static const struct schema *schema_of(const struct schema_array *a, uint32_t i)
{
  return i < a->prefix_count ? a->prefix[i] : a->items;
}

static bool check_items(struct check *c, const struct schema_array *a,
                        uint32_t node, const struct check_at *up)
{
  bool ok = true;
  uint32_t i = 0, end = c->doc->nodes[node].next;
  for (uint32_t item = node + 1; item < end;
       item = c->doc->nodes[item].next, i++) {
    const struct schema *s = schema_of(a, i);
    if (!s) break; // behind the prefix anything goes
    struct check_at at = {up, JSON_NONE, i};
    bool good = check_node(c, s, item, &at);
    ok = ok && good;
    if (!good && !check_goes_on(c)) return false;
  }
  return ok;
}

static bool check_contains(struct check *c, const struct schema_array *a,
                           uint32_t node, const struct check_at *at)
{
  uint64_t n = 0;
  uint32_t end = c->doc->nodes[node].next;
  for (uint32_t item = node + 1; item < end; item = c->doc->nodes[item].next) {
    n += check_quietly(c, a->contains, item, at);
  }
  if (n < a->min_contains)
    return check_fail(c, at, "must hold at least %llu of the wanted items",
                      (unsigned long long)a->min_contains);
  return n <= a->max_contains ||
         check_fail(c, at, "must hold at most %llu of the wanted items",
                    (unsigned long long)a->max_contains);
}

// --- no two alike ---

static bool fail_twice(struct check *c, const struct check_at *at,
                       uint32_t first, uint32_t second)
{
  return check_fail(c, at, "must not hold a value twice (items %u and %u)",
                    first, second);
}

static bool check_pairs(struct check *c, uint32_t node,
                        const struct check_at *at)
{
  uint32_t end = c->doc->nodes[node].next, i = 0;
  for (uint32_t a = node + 1; a < end; a = c->doc->nodes[a].next, i++) {
    uint32_t j = i + 1;
    for (uint32_t b = c->doc->nodes[a].next; b < end;
         b = c->doc->nodes[b].next, j++) {
      if (schema_value_same(c->doc, a, c->doc, b, &c->arena))
        return fail_twice(c, at, i, j);
    }
  }
  return true;
}

struct hashed {
  uint64_t hash;
  uint32_t index;
};

static int by_hash(const void *a, const void *b)
{
  const struct hashed *x = a, *y = b;
  if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

// Many: by hashes. Two different values of one 64-bit hash would be refused;
// that does not happen by chance.
static bool check_hashes(struct check *c, uint32_t node, uint32_t count,
                         const struct check_at *at)
{
  struct hashed *all = arena_alloc(&c->arena, count * sizeof(*all));
  if (!all) {
    c->budget.steps = -1;
    return false;
  }
  uint32_t item = node + 1;
  for (uint32_t i = 0; i < count; i++, item = c->doc->nodes[item].next) {
    all[i] = (struct hashed){schema_value_hash(c->doc, item, &c->arena), i};
  }
  qsort(all, count, sizeof(*all), by_hash);
  for (uint32_t i = 1; i < count; i++) {
    if (all[i].hash == all[i - 1].hash)
      return fail_twice(c, at, all[i - 1].index, all[i].index);
  }
  return true;
}

static bool check_unique(struct check *c, uint32_t node,
                         const struct check_at *at)
{
  const struct json_node *n = &c->doc->nodes[node];
  c->budget.steps -= n->next - node;
  if (n->count <= 1) return true;
  // Large elements are hashed, too: comparing objects is quadratic.
  if (n->count <= PAIRWISE_MAX && n->next - node <= 100)
    return check_pairs(c, node, at);
  return check_hashes(c, node, n->count, at);
}

bool check_array(struct check *c, const struct schema_array *a, uint32_t node,
                 const struct check_at *at)
{
  uint64_t n = c->doc->nodes[node].count;
  if (n < a->min || n > a->max) {
    bool few = n < a->min;
    uint64_t bound = few ? a->min : a->max;
    return check_fail(c, at, "must have at %s %llu item%s (got %llu)",
                      few ? "least" : "most", (unsigned long long)bound,
                      bound == 1 ? "" : "s", (unsigned long long)n);
  }
  if ((a->items || a->prefix_count) && !check_items(c, a, node, at))
    return false;
  if (a->contains && !check_contains(c, a, node, at)) return false;
  return !a->unique || check_unique(c, node, at);
}
