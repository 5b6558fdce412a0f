// tool_list.c -- see tool_list.h for the contract.

#include "mcp/tool_list.h"

#include <stdlib.h>

#include "base/fault.h"
#include "mcp/downgrade.h"

void tool_list_finish(struct tool_list *list)
{
  for (size_t i = 0; i < REVISIONS; i++) {
    buf_finish(&list->texts[i].text);
    free(list->texts[i].starts);
  }
  free(list->headers);
  arena_finish(&list->arena);
  *list = (struct tool_list){0};
}

// Forgets what was made from another generation.
static void follow(struct tool_list *list, const struct catalog *catalog)
{
  if (list->number == catalog->number) return;
  tool_list_finish(list);
  list->number = catalog->number;
}

// --- the entries ---

static bool make_text(struct list_text *t, const struct catalog *catalog,
                      enum revision revision)
{
  size_t n = catalog->tool_count;
  buf_reset(&t->text, 0);
  if (!t->starts && !fault_now()) t->starts = calloc(n + 1, sizeof(*t->starts));
  if (!t->starts) return false;
  for (size_t i = 0; i < n; i++) {
    t->starts[i] = (uint32_t)t->text.len;
    downgrade_tool(&t->text, &catalog->tools[i], revision);
    buf_putc(&t->text, ',');
  }
  t->starts[n] = (uint32_t)t->text.len;
  t->ready = buf_ok(&t->text);
  return t->ready;
}

// The first tool whose name is behind `name`.
static size_t behind(const struct catalog *catalog, struct slice name)
{
  size_t low = 0, high = catalog->tool_count;
  while (name.data && low < high) {
    size_t middle = low + (high - low) / 2;
    if (slice_order(catalog->tools[middle].name, name) <= 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bool tool_list_page(struct tool_list *list, const struct catalog *catalog,
                    enum revision revision, struct tool_page *page)
{
  follow(list, catalog);
  struct list_text *t = &list->texts[revision];
  if (!t->ready && !make_text(t, catalog, revision)) return false;

  size_t from = behind(catalog, page->after);
  size_t left = catalog->tool_count - from;
  size_t to = from + (left < page->size ? left : page->size);
  page->entries = SLICE("");
  page->last = (struct slice){0};
  if (to > from) // without the last comma
    page->entries = (struct slice){t->text.data + t->starts[from],
                                   t->starts[to] - t->starts[from] - 1};
  if (to > from && to < catalog->tool_count)
    page->last = catalog->tools[to - 1].name;
  return true;
}

// --- the headers ---

static struct param_headers *read_headers(struct tool_list *list,
                                          const struct tool *tool)
{
  struct param_headers *headers = arena_alloc(&list->arena, sizeof(*headers));
  if (!headers ||
      !param_headers_read(headers, schema_text(tool->args), &list->arena))
    return NULL;
  return headers;
}

const struct param_headers *tool_list_headers(struct tool_list *list,
                                              const struct catalog *catalog,
                                              const struct tool *tool)
{
  follow(list, catalog);
  if (!list->headers && !fault_now())
    list->headers = calloc(catalog->tool_count, sizeof(struct param_headers *));
  if (!list->headers) return NULL;
  struct param_headers **place = &list->headers[tool->index];
  if (!*place) *place = read_headers(list, tool);
  return *place;
}
