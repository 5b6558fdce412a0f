// nearest.c -- see nearest.h for the contract.

#include "mcp/nearest.h"

static size_t smaller(size_t a, size_t b)
{
  return a < b ? a : b;
}

// Levenshtein's distance, row by row, or anything from `enough` on. Names are at
// most TOOL_NAME_MAX long.
static size_t distance(struct slice a, struct slice b, size_t enough)
{
  size_t row[TOOL_NAME_MAX + 1];
  for (size_t j = 0; j <= b.len; j++)
    row[j] = j;
  for (size_t i = 1; i <= a.len; i++) {
    size_t diagonal = row[0], least = i;
    row[0] = i;
    for (size_t j = 1; j <= b.len; j++) {
      size_t changed = diagonal + (a.data[i - 1] != b.data[j - 1]);
      diagonal = row[j];
      row[j] = smaller(changed, smaller(row[j], row[j - 1]) + 1);
      least = smaller(least, row[j]);
    }
    if (least >= enough) return enough;
  }
  return row[b.len];
}

const struct tool *nearest_tool(const struct catalog *catalog,
                                struct slice name)
{
  if (name.len == 0 || name.len > TOOL_NAME_MAX) return NULL;
  const struct tool *best = NULL;
  size_t least = name.len / 3 + 1;
  for (size_t i = 0; i < catalog->tool_count; i++) {
    const struct tool *tool = &catalog->tools[i];
    if (slice_eq(tool->short_name, name)) return tool;
    size_t apart = tool->name.len > name.len ? tool->name.len - name.len
                                             : name.len - tool->name.len;
    if (apart >= least || tool->name.len > TOOL_NAME_MAX) continue;
    size_t edits = distance(name, tool->name, least);
    if (edits >= least) continue;
    least = edits;
    best = tool;
  }
  return best;
}
