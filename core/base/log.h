// log.h -- lines of key=value for people and machines.
//
//   2026-11-20T09:15:02.113Z warn net/http_client upstream refused host=... req=...
//
// One `struct log` per thread; it gathers lines in a buffer of its own and
// hands them to the shared sink (a file descriptor) in one write: at once for
// warn and error, else when log_flush() is called (each 50 ms by the worker)
// or 16 KiB are full. The sink is an fd that is written with write(2), so lines
// of several threads never mix. A full pipe drops lines and counts them.
//
// No secret reaches a line: every line passes secret_scrub() (base/secret.h)
// before it leaves. Not thread-safe, except log_set_level().

#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

struct log;
struct secret_set;

// Wall clock in milliseconds since 1970; given from above because base reads
// no clock.
typedef int64_t (*log_clock_fn)(void *ctx);

struct log_options {
  int fd;                           // keeps; not closed
  enum log_level level;             // lines below are dropped
  log_clock_fn clock;               // required
  void *clock_ctx;                  // keeps
  const struct secret_set *secrets; // keeps; NULL: nothing to hide
};

// NULL when there is no memory.
struct log *log_new(struct log_options options);
// Flushes and frees. NULL is fine.
void log_free(struct log *log);
void log_flush(struct log *log);

bool log_parse_level(struct slice name, enum log_level *level);
void log_set_level(struct log *log, enum log_level level); // any thread
bool log_on(const struct log *log, enum log_level level);  // NULL log: false
// Of lines below warn only those of modules that begin so ("scripts/"); NULL
// means all. Keeps `area`.
void log_only(struct log *log, const char *area);

// `module` is the file's path without ".c" ("net/http_client"). The message
// is lower case without a final period, then key=value pairs. Control
// characters are escaped so that one call is one line. NULL log is fine.
void log_write(struct log *log, enum log_level level, const char *module,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

#define log_debug(log, module, ...)                                            \
  (log_on((log), LOG_DEBUG) ? log_write((log), LOG_DEBUG, module, __VA_ARGS__) \
                            : (void)0)
#define log_info(log, module, ...)                                             \
  log_write((log), LOG_INFO, module, __VA_ARGS__)
#define log_warn(log, module, ...)                                             \
  log_write((log), LOG_WARN, module, __VA_ARGS__)
#define log_error(log, module, ...)                                            \
  log_write((log), LOG_ERROR, module, __VA_ARGS__)

// Writes `value` as it may stand behind "key=" into `out` of `size` bytes (at
// least 8), for use with "%s": bare if it holds nothing but [A-Za-z0-9_./:@%+-],
// else quoted and escaped; a long one ends in "...". Returns `out`. Cutting can
// halve a secret, which is then not known: scrub first what may hold one.
const char *log_value(char *out, size_t size, struct slice value);

#endif
