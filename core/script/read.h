// read.h -- walking a table that a script returned, and noting what is wrong.
//
// Raw access only: no metamethod of a script runs. A reader goes on after a
// fault, so that all of them are told at once. It may raise "not enough memory"
// and therefore holds nothing: copies and paths live in arenas of the caller.

#ifndef SCRIPT_READ_H
#define SCRIPT_READ_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "script/faults.h"

// Words that are known in one place, for "did you mean".
struct word_list {
  const char *const *words;
  size_t count;
};

#define WORD_LIST(array)                                                       \
  ((struct word_list){(array), sizeof(array) / sizeof((array)[0])})

struct reader {
  lua_State *L;
  struct faults *faults; // its arena holds the paths
  struct arena *arena;   // of what is read
};

// "up.name", or up["odd name"].
struct slice read_path(struct reader *r, struct slice up, struct slice name);
// The name of the value at `index` for a message: "a table", "nothing".
const char *read_kind(lua_State *L, int index);
// Notes "expected <what>, got <kind>". -0 +0
void read_wrong(struct reader *r, struct slice path, int index,
                const char *what);

// Pushes the field, raw; its type. -0 +1
int read_field(struct reader *r, int table, const char *name);

// The fields below leave `out` as it is when absent. False: not there, or a
// fault was noted. -0 +0
bool read_text(struct reader *r, int table, struct slice path, const char *name,
               struct slice *out); // a copy, never empty, valid UTF-8
bool read_flag(struct reader *r, int table, struct slice path, const char *name,
               bool *out);
bool read_hint(struct reader *r, int table, struct slice path, const char *name,
               int8_t *out); // 0, 1

// The names in a table, sorted; other keys are faults. -0 +0
struct slice *read_names(struct reader *r, int table, struct slice path,
                         size_t *count);
// Every name must be one of `known`; suggests the nearest. -0 +0
void read_known(struct reader *r, int table, struct slice path,
                struct word_list known);

// Notes `reason` with "(did you mean x?)" if a candidate is near `word`.
void read_unknown(struct reader *r, struct slice path, const char *reason,
                  struct slice word, struct word_list known);

#endif
