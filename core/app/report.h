// report.h -- what people are told: faults of a generation, a tool they meant.

#ifndef APP_REPORT_H
#define APP_REPORT_H

#include <stdio.h>

#include "app/engine.h"

// One line each, in the order found; scrubbed of secrets.
void report_print(const struct engine *e, const struct faults *f, FILE *out);
// One log line each: error or warn.
void report_log(struct log *log, const struct faults *f);

// The tool of that name; NULL if there is none: then it says so on standard error
// ("tidegate call: ..."), with the name that is near.
const struct tool *report_find(const struct catalog *c, const char *command,
                               const char *name);

#endif
