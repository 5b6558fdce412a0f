// downgrade.h -- what old revisions cannot read, in forms that they can.
//
// Unknown members do no harm, unknown types of content break old parsers
// (section 10.5 of the digest). The functions splice what needs no change.

#ifndef MCP_DOWNGRADE_H
#define MCP_DOWNGRADE_H

#include "base/buf.h"
#include "mcp/revision.h"
#include "script/catalog.h"

// Appends the tool as an entry of tools/list, without what the revision lacks.
// An outputSchema must describe an object in legacy: another one becomes that
// of { result: what it describes }, or is left out if it points into itself.
void downgrade_tool(struct buf *out, const struct tool *tool,
                    enum revision revision);

// Are the tool's results said to be { result: ... } in legacy?
bool downgrade_wraps(const struct tool *tool);

// The same for a resource, a template, a prompt.
void downgrade_offer(struct buf *out, const struct offer *offer,
                     enum revision revision);

// Appends an array of content blocks: audio and resource links become text
// where they are not known.
void downgrade_content(struct buf *out, struct slice blocks,
                       enum revision revision);

#endif
