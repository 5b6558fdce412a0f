// report.h -- faults of a generation, for people.

#ifndef APP_REPORT_H
#define APP_REPORT_H

#include <stdio.h>

#include "app/engine.h"

// One line each, in the order found; scrubbed of secrets.
void report_print(const struct engine *e, const struct faults *f, FILE *out);
// One log line each: error or warn.
void report_log(struct log *log, const struct faults *f);

#endif
