// faults.h -- everything that is wrong with a generation, all at once.
//
// One fault is one line: file, path in the table, reason:
//   github.lua: tools.list_issues.args.limit: max is below min
// Not thread-safe.

#ifndef SCRIPT_FAULTS_H
#define SCRIPT_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

struct fault {
  struct slice file, path, reason; // path may be empty
  bool warning;                    // said, but does not stop the generation
  struct fault *next;
};

struct faults {
  struct arena arena;
  struct fault *first, *last;
  size_t errors, warnings;
  struct slice file; // that faults_add() names
};

void faults_finish(struct faults *f);
void faults_set_file(struct faults *f, struct slice file); // copies
void faults_add(struct faults *f, struct slice path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void faults_warn(struct faults *f, struct slice path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void faults_print(const struct faults *f, struct buf *out);

// The candidate nearest to `word` (at most 2 edits, or 1 for short words), for
// "did you mean", or one that goes on after it with '_'; absent if none is near.
struct slice faults_suggest(struct slice word, const char *const *candidates,
                            size_t n);

#endif
