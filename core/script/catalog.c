// catalog.c -- the verified definitions of one generation.

#include "script/catalog.h"

#include <stdlib.h>

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

void catalog_free(struct catalog *c)
{
  if (!c) return;
  for (size_t i = 0; i < c->tool_count; i++) {
    schema_free(c->tools[i].args);
    schema_free(c->tools[i].result);
  }
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

bool catalog_build(struct loading *load)
{
  return move_integrations(load) && index_tools(load) &&
         link_tools(load->catalog);
}
