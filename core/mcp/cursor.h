// cursor.h -- where a page of a list ended, sealed.
//
// A cursor says of which list it is, whose, until when, and behind which entry
// the next page begins; so it stays good over a reload, on any worker and
// replica, and is nobody else's.

#ifndef MCP_CURSOR_H
#define MCP_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/seal.h"
#include "base/slice.h"

#define CURSOR_TTL_S 3600 // that a client may take from one page to the next

enum cursor_list {
  CURSOR_TOOLS = 'T',
  CURSOR_RESOURCES = 'r',
  CURSOR_TEMPLATES = 't',
  CURSOR_PROMPTS = 'p',
  CURSOR_TASKS = '#'
};

struct cursor {
  enum cursor_list list;
  struct slice principal; // at most 64 KiB
  int64_t expires_ms;     // wall clock
  struct slice last;      // the entry's key
};

// Appends it. False when out of memory or randomness.
bool cursor_seal(const struct seal_ring *ring, const struct cursor *cursor,
                 struct buf *out);
// Its slices lie in `arena`. False when it is not one of ours; says nothing of
// its list, age or principal.
bool cursor_open(const struct seal_ring *ring, struct slice text,
                 struct arena *arena, struct cursor *cursor);

// --- for methods ---

struct job;
struct refusal;

// The entry behind which the job's page begins; absent: at the start. False:
// its cursor is none of this list and principal, or too old.
bool job_read_cursor(struct job *job, enum cursor_list list, struct slice *last,
                     struct refusal *why);
// Appends ,"nextCursor":"..."; without memory `out` is failed.
void job_put_cursor(struct job *job, enum cursor_list list, struct slice last,
                    struct buf *out);

#endif
