// options.h -- what a user can set: flags, environment, tidegate.lua.
//
// OPTION_LIST is the one list: the parser, the help, the environment names
// (TIDEGATE_ and the upper-case name), the keys of tidegate.lua and the
// defaults are made from it. Flags win over the environment, that over the
// file, that over the defaults. Whatever is unknown or out of range is an
// error that says where it stands and what is meant.

#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

#define OPTION_ITEMS_MAX 32

enum option_kind { OPTION_TEXT, OPTION_NUMBER, OPTION_FLAG, OPTION_LIST_OF };

struct option_list {
  struct slice items[OPTION_ITEMS_MAX];
  size_t count;
};

// X(kind, member, value's name in the help, default as text, min, max, meaning)
// For a list the default is one item, or "" for none.
#define OPTION_LIST(X)                                                         \
  X(OPTION_LIST_OF, listen, "ADDRESS", "127.0.0.1:8080", 0, 0,                 \
    "where to listen: host:port or unix:/path; may be repeated")               \
  X(OPTION_FLAG, stdio, "", "false", 0, 1,                                     \
    "serve one client on standard input and output instead")                   \
  X(OPTION_TEXT, scripts, "DIR", "scripts", 0, 0, "the integrations")          \
  X(OPTION_TEXT, policies, "DIR", "policies", 0, 0, "the policies")            \
  X(OPTION_TEXT, secrets, "DIR", "", 0, 0,                                     \
    "files with secrets, one each, named as in scripts; what is in none is "   \
    "looked for in the environment")                                           \
  X(OPTION_LIST_OF, allow_env, "NAME", "", 0, 0,                               \
    "an environment variable that scripts may read (TIDEGATE_* always)")       \
  X(OPTION_NUMBER, workers, "N", "0", 0, 256,                                  \
    "threads that serve; 0 means one per core")                                \
  X(OPTION_TEXT, log_level, "LEVEL", "", 0, 0,                                 \
    "debug, info, warn, error or off; the log goes to stderr (default info)")  \
  X(OPTION_FLAG, watch, "", "true", 0, 1,                                      \
    "reload when a file in scripts or policies changes")                       \
  X(OPTION_FLAG, trail, "", "false", 0, 1,                                     \
    "put each call's trail into the _meta of its result")                      \
  X(OPTION_LIST_OF, allow_host, "HOST", "", 0, 0,                              \
    "a Host header to accept besides loopback names")                          \
  X(OPTION_LIST_OF, allow_origin, "ORIGIN", "", 0, 0,                          \
    "an Origin header (a web page's) to accept besides loopback ones")         \
  X(OPTION_FLAG, allow_unauthenticated, "", "false", 0, 1,                     \
    "listen beyond loopback though nothing authenticates callers")             \
  X(OPTION_LIST_OF, seal_key, "SECRET", "", 0, 0,                              \
    "name of a secret that seals session ids; newest first; without one "      \
    "sessions end with the process")                                           \
  X(OPTION_LIST_OF, base, "NAME=URL", "", 0, 0,                                \
    "another upstream base for an integration, for development")               \
  X(OPTION_TEXT, ca_file, "FILE", "", 0, 0,                                    \
    "certificates to trust instead of the system's")                           \
  X(OPTION_NUMBER, memory_mb, "MB", "64", 4, 4096,                             \
    "what the scripts of one worker may use")                                  \
  X(OPTION_NUMBER, cache_mb, "MB", "64", 1, 65536,                             \
    "what the services' answers may take that are kept, of all workers")       \
  X(OPTION_NUMBER, max_connections, "N", "20000", 1, 1000000,                  \
    "client connections of one worker")                                        \
  X(OPTION_NUMBER, max_streams, "N", "10000", 1, 1000000,                      \
    "subscriptions that one worker keeps open")                                \
  X(OPTION_NUMBER, max_body_mb, "MB", "4", 1, 1024,                            \
    "the largest request body")                                                \
  X(OPTION_NUMBER, header_timeout_ms, "MS", "10000", 10, 600000,               \
    "from a request's first byte to the end of its headers")                   \
  X(OPTION_NUMBER, idle_timeout_ms, "MS", "75000", 10, 86400000,               \
    "how long a connection may be idle")                                       \
  X(OPTION_NUMBER, write_timeout_ms, "MS", "60000", 10, 3600000,               \
    "how long a client may take nothing of what waits for it")                 \
  X(OPTION_NUMBER, drain_ms, "MS", "30000", 0, 3600000,                        \
    "how long running calls may take when told to stop")                       \
  X(OPTION_NUMBER, max_tasks, "N", "10000", 1, 1000000,                        \
    "tasks that run, or whose results are kept")                               \
  X(OPTION_NUMBER, max_tasks_mb, "MB", "64", 1, 65536,                         \
    "what their results may need")                                             \
  X(OPTION_NUMBER, shed_lag_ms, "MS", "500", 0, 60000,                         \
    "a worker that is so late refuses calls (503) until it is not; 0 means "   \
    "never")                                                                   \
  X(OPTION_NUMBER, chaos_s, "SECONDS", "0", 0, 3600,                           \
    "let policies inject faults (chaos.*) for so long from the start; 0 "      \
    "means never")                                                             \
  X(OPTION_NUMBER, page_size, "N", "100", 1, 10000, "tools in one page")       \
  X(OPTION_TEXT, instructions, "TEXT", "", 0, 0,                               \
    "what agents are told about this server")

struct options {
  struct arena arena; // of all texts
  uint64_t flagged;   // bit n: row n was given on the command line
#define OPTION_TEXT_MEMBER                             struct slice
#define OPTION_NUMBER_MEMBER                           int64_t
#define OPTION_FLAG_MEMBER                             bool
#define OPTION_LIST_OF_MEMBER                          struct option_list
#define X(kind, member, value, def, min, max, meaning) kind##_MEMBER member;
  OPTION_LIST(X)
#undef X
};

struct option_row {
  enum option_kind kind;
  const char *name;  // "log_level": the key in the file
  const char *value; // "LEVEL"
  const char *def;
  int64_t min, max;
  const char *meaning;
  size_t offset; // in struct options
};

extern const struct option_row option_rows[];
extern const size_t option_row_count;

// Reads defaults, then the file (`--config FILE`, or ./tidegate.lua if it is
// there), then the environment, then flags. What is no flag is left in
// argv[1..*argc). On an error `err` says where and what. The environment is
// `environ`-like: NULL-terminated "NAME=value".
enum error_code options_read(struct options *o, int *argc, char **argv,
                             char **environment, struct error *err);
void options_finish(struct options *o);

// Was it given on the command line?
bool option_flagged(const struct options *o, const char *name);

// Sets one option from text; `where` is how errors name it ("--workers").
enum error_code option_set(struct options *o, const struct option_row *row,
                           struct slice text, const char *where,
                           struct error *err);
// The row of that name ('-' counts as '_'); NULL if there is none.
const struct option_row *option_find(struct slice name);
// "; did you mean --workers?" or "".
const char *option_suggestion(struct slice name, char *out, size_t size);

// Reads tidegate.lua. (options_file.c)
enum error_code options_read_file(struct options *o, const char *path,
                                  bool must_exist, struct error *err);

struct buf;
// Variables that look like misspelt options: a warning each. Appends to `out`.
void options_suspects(char **environment, struct buf *out);
// The help's section on options. Appends to `out`.
void options_help(struct buf *out);

#endif
