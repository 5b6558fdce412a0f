// revision.c -- see revision.h for the contract.

#include "mcp/revision.h"

static const struct slice names[REVISIONS] = {
    [REVISION_2024_11_05] = {"2024-11-05", 10},
    [REVISION_2025_03_26] = {"2025-03-26", 10},
    [REVISION_2025_06_18] = {"2025-06-18", 10},
    [REVISION_2025_11_25] = {"2025-11-25", 10},
    [REVISION_2026_07_28] = {"2026-07-28", 10},
};

bool revision_parse(struct slice name, enum revision *revision)
{
  for (unsigned i = 0; i < REVISIONS; i++) {
    if (!slice_eq(names[i], name)) continue;
    *revision = (enum revision)i;
    return true;
  }
  return false;
}

struct slice revision_name(enum revision revision)
{
  return names[revision];
}

struct slice revision_modern_list(void)
{
  return SLICE("[\"2026-07-28\"]");
}
