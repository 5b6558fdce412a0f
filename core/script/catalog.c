// catalog.c -- the verified definitions of one generation.

#include "script/catalog.h"

#include <stdlib.h>

#include "base/hash.h"
#include "guard/upstream.h"
#include "script/integration.h"

bool catalog_join(struct catalog *c, struct upstream_set *set, uint64_t now_ns)
{
  for (size_t i = 0; i < c->integration_count; i++) {
    struct integration *in = &c->integrations[i];
    struct slice key = arena_printf(&c->arena, "%.*s %.*s", SLICE_ARG(in->name),
                                    SLICE_ARG(in->base));
    if (key.data) in->upstream = upstream_get(set, key, in->policy, now_ns);
    if (!in->upstream) return false;
  }
  return true;
}

const struct tool *catalog_tool(const struct catalog *c, struct slice name)
{
  return map_get(&c->by_name, name);
}

const struct offer *catalog_offer(const struct catalog *c, enum offer_kind kind,
                                  struct slice key)
{
  size_t low = 0, high = c->offers[kind].count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct offer *offer = &c->offers[kind].items[middle];
    int order = slice_order(offer->key, key);
    if (order == 0) return offer;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

const struct offer *catalog_template(const struct catalog *c, struct slice uri,
                                     struct buf *out)
{
  const struct offer_list *list = &c->offers[OFFER_TEMPLATE];
  for (size_t i = 0; i < list->count; i++)
    if (uri_template_match(&list->items[i].pattern, uri, out))
      return &list->items[i];
  return NULL;
}

bool catalog_has_resource(const struct catalog *c, struct slice uri)
{
  if (catalog_offer(c, OFFER_RESOURCE, uri)) return true;
  struct buf variables = {0};
  bool found = catalog_template(c, uri, &variables);
  buf_finish(&variables);
  return found;
}

// Nobody can choose what is in them but who writes the scripts: a fixed key.
static uint64_t digest(uint64_t before, struct slice text)
{
  return hash_table((const uint64_t[]){before, text.len}, text);
}

static uint64_t digest_offers(uint64_t before, const struct offer_list *list)
{
  for (size_t i = 0; i < list->count; i++)
    before = digest(before, list->items[i].handler.json);
  return before;
}

struct catalog_digests catalog_digests(const struct catalog *c)
{
  struct catalog_digests d = {0};
  for (size_t i = 0; i < c->tool_count; i++) // 2025-11-25 lists `task`, too
    d.tools = digest(d.tools + c->tools[i].task, c->tools[i].json);
  d.prompts = digest_offers(0, &c->offers[OFFER_PROMPT]);
  d.resources = digest_offers(0, &c->offers[OFFER_RESOURCE]);
  d.resources = digest_offers(d.resources + 1, &c->offers[OFFER_TEMPLATE]);
  return d;
}

void catalog_free(struct catalog *c)
{
  if (!c) return;
  for (size_t i = 0; i < c->tool_count; i++) {
    schema_free(c->tools[i].args);
    schema_free(c->tools[i].result);
  }
  for (size_t k = 0; k < OFFER_KINDS; k++)
    for (size_t i = 0; i < c->offers[k].count; i++)
      schema_free(c->offers[k].items[i].handler.args);
  for (size_t i = 0; i < c->secret_count; i++) {
    secret_unref(c->secrets[i]);
  }
  map_finish(&c->by_name);
  arena_finish(&c->arena);
  free(c);
}

// --- from drafts ---

static int by_tool_name(const void *a, const void *b)
{
  const struct tool *x = a, *y = b;
  return strcmp(x->name.data, y->name.data);
}

static int by_short_name(const void *a, const void *b)
{
  const struct tool *const *x = a, *const *y = b;
  return strcmp((*x)->short_name.data, (*y)->short_name.data);
}

// Moves the integrations, in the order of their names: drafts are newest first.
static bool move_integrations(struct loading *load)
{
  struct catalog *c = load->catalog;
  size_t n = 0, tools = 0;
  for (struct draft *d = load->drafts; d; d = d->next) {
    n++;
    tools += d->integration.tool_count;
  }
  c->integrations = arena_alloc(&c->arena, (n + 1) * sizeof(*c->integrations));
  c->tools = arena_alloc(&c->arena, (tools + 1) * sizeof(*c->tools));
  if (!c->integrations || !c->tools) return false;
  c->integration_count = n;
  for (struct draft *d = load->drafts; d; d = d->next) {
    struct integration *i = &c->integrations[--n];
    *i = d->integration;
    i->index = (uint32_t)n;
    for (struct tool_draft *t = d->tools; t; t = t->next) {
      struct tool *tool = &c->tools[c->tool_count++];
      *tool = t->tool;
      tool->integration = i;
      t->tool.args = t->tool.result = NULL; // the catalog's from here on
    }
  }
  return true;
}

static void taken(struct loading *load, const struct tool *a,
                  const struct tool *b)
{
  bool later = strcmp(a->integration->name.data, b->integration->name.data) > 0;
  const struct tool *first = later ? b : a, *second = later ? a : b;
  faults_set_file(load->faults, second->integration->file);
  faults_add(load->faults,
             arena_printf(&load->faults->arena, "tools.%.*s",
                          SLICE_ARG(second->short_name)),
             "the name %.*s is taken by %.*s", SLICE_ARG(second->name),
             SLICE_ARG(first->integration->file));
}

static bool index_tools(struct loading *load)
{
  struct catalog *c = load->catalog;
  qsort(c->tools, c->tool_count, sizeof(*c->tools), by_tool_name);
  for (size_t i = 0; i < c->tool_count; i++) {
    struct tool *tool = &c->tools[i];
    tool->index = (uint32_t)i;
    if (i && slice_eq(tool[-1].name, tool->name)) taken(load, tool - 1, tool);
    if (!map_put(&c->by_name, tool->name, tool)) return false;
  }
  return true;
}

static bool link_tools(struct catalog *c)
{
  for (size_t i = 0; i < c->integration_count; i++) {
    struct integration *in = &c->integrations[i];
    in->tools =
        arena_alloc(&c->arena, (in->tool_count + 1) * sizeof(*in->tools));
    if (!in->tools) return false;
    in->tool_count = 0;
  }
  for (size_t i = 0; i < c->tool_count; i++) {
    struct integration *in = &c->integrations[c->tools[i].integration->index];
    in->tools[in->tool_count++] = &c->tools[i];
  }
  for (size_t i = 0; i < c->integration_count; i++) {
    struct integration *in = &c->integrations[i];
    qsort(in->tools, in->tool_count, sizeof(*in->tools), by_short_name);
  }
  return true;
}

// --- resources, templates, prompts ---

static int by_key(const void *a, const void *b)
{
  const struct offer *x = a, *y = b;
  int order = slice_order(x->key, y->key);
  if (order != 0) return order; // else whoever comes first has it
  return slice_order(x->handler.integration->name,
                     y->handler.integration->name);
}

static size_t count_offers(const struct loading *load, enum offer_kind kind)
{
  size_t n = 0;
  for (struct draft *d = load->drafts; d; d = d->next)
    for (struct offer_draft *o = d->offers; o; o = o->next)
      n += o->kind == kind;
  return n;
}

static void check_keys(struct loading *load, enum offer_kind kind)
{
  static const char *const groups[] = {"resources", "templates", "prompts"};
  const struct offer_list *list = &load->catalog->offers[kind];
  for (size_t i = 1; i < list->count; i++) {
    const struct offer *a = &list->items[i - 1], *b = &list->items[i];
    if (!slice_eq(a->key, b->key)) continue;
    faults_set_file(load->faults, b->handler.integration->file);
    faults_add(load->faults,
               arena_printf(&load->faults->arena, "%s.%.*s", groups[kind],
                            SLICE_ARG(b->handler.short_name)),
               "%.*s is taken by %.*s", SLICE_ARG(b->key),
               SLICE_ARG(a->handler.integration->file));
  }
}

// After the integrations have got their places.
static bool move_offers(struct loading *load, enum offer_kind kind)
{
  struct catalog *c = load->catalog;
  struct offer_list *list = &c->offers[kind];
  size_t n = count_offers(load, kind);
  list->items = arena_alloc(&c->arena, (n + 1) * sizeof(*list->items));
  if (!list->items) return false;
  size_t place = c->integration_count;
  for (struct draft *d = load->drafts; d; d = d->next) {
    const struct integration *in = &c->integrations[--place];
    for (struct offer_draft *o = d->offers; o; o = o->next) {
      if (o->kind != kind) continue;
      struct offer *offer = &list->items[list->count++];
      *offer = o->offer;
      offer->handler.integration = in;
      o->offer.handler.args = NULL; // the catalog's from here on
    }
  }
  qsort(list->items, list->count, sizeof(*list->items), by_key);
  for (size_t i = 0; i < list->count; i++)
    list->items[i].handler.index = (uint32_t)i;
  check_keys(load, kind);
  return true;
}

// --- what all integrations say together ---

static bool has_entries(const struct catalog *c, const struct integration *in,
                        enum cached_list list)
{
  static const enum offer_kind kinds[CACHED_LISTS] = {
      [CACHED_RESOURCES] = OFFER_RESOURCE,
      [CACHED_TEMPLATES] = OFFER_TEMPLATE,
      [CACHED_PROMPTS] = OFFER_PROMPT,
  };
  if (list == CACHED_TOOLS) return in->tool_count > 0;
  const struct offer_list *offers = &c->offers[kinds[list]];
  for (size_t i = 0; i < offers->count; i++)
    if (offers->items[i].handler.integration == in) return true;
  return false;
}

// The shortest time of those that have an entry in the list, and private if it
// is so for one of them.
static void join_hint(struct catalog *c, enum cached_list list)
{
  struct cache_hint *all = &c->lists[list];
  *all = (struct cache_hint){.shared = true};
  for (size_t i = 0; i < c->integration_count; i++) {
    const struct integration *in = &c->integrations[i];
    const struct cache_hint *own = &in->lists[list];
    if (!has_entries(c, in, list)) continue;
    all->partly |= !own->said;
    if (!own->said) continue;
    all->shared &= own->shared;
    if (!all->said || own->ttl_ms < all->ttl_ms) all->ttl_ms = own->ttl_ms;
    all->said = true;
  }
}

static bool join_instructions(struct loading *load)
{
  struct catalog *c = load->catalog;
  struct buf *out = &load->text;
  buf_reset(out, 1 << 16);
  for (size_t i = 0; i < c->integration_count; i++) {
    struct slice text = c->integrations[i].instructions;
    if (!text.data) continue;
    if (out->len) buf_puts(out, "\n\n");
    buf_add(out, text);
  }
  if (out->len) c->instructions = arena_copy(&c->arena, buf_slice(out));
  return buf_ok(out) && (!out->len || c->instructions.data);
}

static bool join_words(struct loading *load)
{
  for (int list = 0; list < CACHED_LISTS; list++)
    join_hint(load->catalog, (enum cached_list)list);
  return join_instructions(load);
}

bool catalog_build(struct loading *load)
{
  return move_integrations(load) && index_tools(load) &&
         link_tools(load->catalog) && move_offers(load, OFFER_RESOURCE) &&
         move_offers(load, OFFER_TEMPLATE) && move_offers(load, OFFER_PROMPT) &&
         join_words(load);
}
