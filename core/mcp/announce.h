// announce.h -- what scripts and reloads say has changed, into the hub.

#ifndef MCP_ANNOUNCE_H
#define MCP_ANNOUNCE_H

#include "mcp/hub.h"
#include "script/announcer.h"
#include "script/catalog.h"

// For struct live; one per worker or for all. Keeps the hub.
struct announcer announce_to(struct hub *hub);

// Any thread: tells those lists that differ.
void announce_lists(struct hub *hub, const struct catalog_digests *before,
                    const struct catalog_digests *after);

#endif
