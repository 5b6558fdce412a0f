// tool_list.h -- the tools of the live generation, ready to be sent.
//
// The entries of tools/list are the same for everybody, so their text is made
// once for each generation and each revision that asks, and a page of it is one
// copy. A page begins behind the tool that was last, so it can be asked of another
// worker, or of a newer generation.
// One per worker.

#ifndef MCP_TOOL_LIST_H
#define MCP_TOOL_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "mcp/param_headers.h"
#include "mcp/revision.h"
#include "script/catalog.h"

struct list_text {
  bool ready;
  struct buf text;  // the entries with commas between
  uint32_t *starts; // of each entry, and one behind the last
};

struct tool_list { // a zeroed one is empty
  uint64_t number; // of the generation that the rest was made from; 0: none
  struct list_text texts[REVISIONS];
  struct param_headers **headers; // by tool; NULL until asked for
  struct arena arena;             // of the headers
};

void tool_list_finish(struct tool_list *list);

struct tool_page {
  struct slice after; // in: from the entry behind this name; absent: the first
  uint32_t size;      // in: at most so many entries
  struct slice entries; // out: with commas between
  struct slice last;    // out: what the next page is behind; absent: no more
};

// Fills the page; its slices are good until the generation changes. False when
// out of memory.
bool tool_list_page(struct tool_list *list, const struct catalog *catalog,
                    enum revision revision, struct tool_page *page);

// What its arguments repeat in headers. NULL when out of memory.
const struct param_headers *tool_list_headers(struct tool_list *list,
                                              const struct catalog *catalog,
                                              const struct tool *tool);

#endif
