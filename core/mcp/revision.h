// revision.h -- the revisions of MCP that we speak.
//
// The constants are in order of time, so `revision >= REVISION_2025_06_18` asks
// whether a feature is there. Unknown strings have no place in that order.

#ifndef MCP_REVISION_H
#define MCP_REVISION_H

#include <stdbool.h>

#include "base/slice.h"

enum revision {
  REVISION_2024_11_05,
  REVISION_2025_03_26,
  REVISION_2025_06_18,
  REVISION_2025_11_25,
  REVISION_2026_07_28,
  REVISIONS
};

// What a legacy request means that says nothing (section 4.1 of the digest).
#define REVISION_ASSUMED       REVISION_2025_03_26
#define REVISION_NEWEST_LEGACY REVISION_2025_11_25

enum era { ERA_LEGACY, ERA_MODERN };

// False when we do not know it.
bool revision_parse(struct slice name, enum revision *revision);
struct slice revision_name(enum revision revision);

static inline enum era revision_era(enum revision revision)
{
  return revision >= REVISION_2026_07_28 ? ERA_MODERN : ERA_LEGACY;
}

// A JSON array of the names of the modern ones; a constant.
struct slice revision_modern_list(void);

#endif
