// method.c -- see method.h for the contract.

#include "mcp/method.h"

const struct method *method_find(const struct method_table *table,
                                 struct slice name, enum era era)
{
  unsigned flag = era == ERA_MODERN ? METHOD_MODERN : METHOD_LEGACY;
  for (size_t i = 0; i < table->count; i++)
    if ((table->rows[i].flags & flag) && slice_eq(table->rows[i].name, name))
      return &table->rows[i];
  return NULL;
}
