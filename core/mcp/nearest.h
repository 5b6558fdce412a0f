// nearest.h -- which tool may have been meant.

#ifndef MCP_NEAREST_H
#define MCP_NEAREST_H

#include "script/catalog.h"

// The tool whose name without its integration is `name`, else the one that is
// fewest edits away, at most a third of its letters; NULL if none is near.
const struct tool *nearest_tool(const struct catalog *catalog,
                                struct slice name);

#endif
