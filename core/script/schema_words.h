// schema_words.h -- words on their way to JSON Schema; for schema_*.c alone.
//
// A word is a table with the metatable "tide.Word" and its kind in `kind`; what
// the script gave stands beside it. Everything is written at the end of `out`,
// which the caller owns: a raise loses nothing.

#ifndef SCRIPT_SCHEMA_WORDS_H
#define SCRIPT_SCHEMA_WORDS_H

#include "base/buf.h"
#include "script/read.h"
#include "script/schema.h"

#define WORD_TYPE     "tide.Word"
#define WORD_NAME_MAX 64 // of a field; what agents' hosts accept

struct words {
  struct reader reader;
  struct buf *out;
  unsigned depth;
};

// Where a word is: the table at `index`, its path, and where its text began.
struct word {
  int index;
  struct slice path;
  size_t start; // of its '{' in out
};

// Is the value at `index` a word?
bool words_is(lua_State *L, int index);
// Appends the schema of the word (or a fault) at `index`. -0 +0
void words_put(struct words *w, int index, struct slice path);
// Appends an object with the fields of the table at `index`. -0 +0
void words_put_fields(struct words *w, int index, struct slice path, bool open);

// --- schema_word_value.c: what stands inside of a word ---
void words_put_enum(struct words *w, const struct word *word, int type);
void words_put_titles(struct words *w, const struct word *word);
void words_put_pattern(struct words *w, const struct word *word);
void words_put_format(struct words *w, const struct word *word);
// Two bounds under one of two names each; `keys` are the names in the schema.
struct word_bounds {
  const char *low[2], *high[2];   // in Lua; the second may be NULL
  const char *low_key, *high_key; // in the schema
  bool count;                     // whole and not negative
  bool whole;                     // whole
};
void words_put_bounds(struct words *w, const struct word *word,
                      const struct word_bounds *bounds);
void words_put_default(struct words *w, const struct word *word);
void words_put_raw(struct words *w, const struct word *word);

// --- schema_pattern.c ---

// Appends the regular expression; NULL, or what is wrong with the pattern.
const char *words_translate_pattern(struct slice pattern, struct buf *out);

#endif
