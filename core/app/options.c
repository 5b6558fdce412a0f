// options.c -- see options.h for the contract.

#include "app/options.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "script/faults.h"

#define CONFIG_FILE "tidegate.lua"

const struct option_row option_rows[] = {
#define X(kind, member, value, def, min, max, meaning)                         \
  {kind, #member, value,   def,                                                \
   min,  max,     meaning, offsetof(struct options, member)},
    OPTION_LIST(X)
#undef X
};
const size_t option_row_count = sizeof(option_rows) / sizeof(option_rows[0]);
_Static_assert(sizeof(option_rows) / sizeof(option_rows[0]) <= 64,
               "options.flagged has a bit for each");

static void *member(struct options *o, const struct option_row *row)
{
  return (char *)o + row->offset;
}

const struct option_row *option_find(struct slice name)
{
  for (size_t i = 0; i < option_row_count; i++) {
    const char *known = option_rows[i].name;
    size_t k = 0;
    while (k < name.len && known[k] &&
           (name.data[k] == '-' ? '_' : name.data[k]) == known[k])
      k++;
    if (k == name.len && !known[k]) return &option_rows[i];
  }
  return NULL;
}

bool option_flagged(const struct options *o, const char *name)
{
  const struct option_row *row = option_find(slice_of(name));
  assert(row);
  return o->flagged >> (row - option_rows) & 1;
}

const char *option_suggestion(struct slice name, char *out, size_t size)
{
  const char *names[sizeof(option_rows) / sizeof(option_rows[0])];
  char plain[64];
  out[0] = '\0';
  if (name.len >= sizeof(plain)) return out;
  for (size_t i = 0; i < name.len; i++)
    plain[i] = name.data[i] == '-' ? '_' : name.data[i];
  for (size_t i = 0; i < option_row_count; i++)
    names[i] = option_rows[i].name;

  struct slice near =
      faults_suggest((struct slice){plain, name.len}, names, option_row_count);
  if (near.data) snprintf(out, size, " (did you mean %.*s?)", SLICE_ARG(near));
  return out;
}

// --- setting ---

static enum error_code set_number(int64_t *to, const struct option_row *row,
                                  const char *text, const char *where,
                                  struct error *err)
{
  char *rest;
  errno = 0;
  long long value = strtoll(text, &rest, 10);
  if (errno || rest == text || *rest || value < row->min || value > row->max)
    return error_set(err, E_CONFIG, "%s: expected %lld to %lld, got '%s'",
                     where, (long long)row->min, (long long)row->max, text);
  *to = value;
  return OK;
}

static enum error_code set_flag(bool *to, struct slice text, const char *where,
                                struct error *err)
{
  *to = slice_is(text, "true") || slice_is(text, "1") || slice_is(text, "yes");
  if (*to || slice_is(text, "false") || slice_is(text, "0") ||
      slice_is(text, "no"))
    return OK;
  return error_set(err, E_CONFIG, "%s: expected true or false, got '%.*s'",
                   where, SLICE_ARG(text));
}

static enum error_code add_item(struct option_list *to, struct slice text,
                                const char *where, struct error *err)
{
  if (to->count == OPTION_ITEMS_MAX)
    return error_set(err, E_CONFIG, "%s: at most %d values", where,
                     OPTION_ITEMS_MAX);
  to->items[to->count++] = text;
  return OK;
}

enum error_code option_set(struct options *o, const struct option_row *row,
                           struct slice text, const char *where,
                           struct error *err)
{
  text = arena_copy(&o->arena, text);
  if (!text.data) return error_set(err, E_NO_MEMORY, "out of memory");
  switch (row->kind) {
  case OPTION_TEXT: *(struct slice *)member(o, row) = text; return OK;
  case OPTION_NUMBER:
    return set_number(member(o, row), row, text.data, where, err);
  case OPTION_FLAG: return set_flag(member(o, row), text, where, err);
  case OPTION_LIST_OF: return add_item(member(o, row), text, where, err);
  }
  return OK;
}

// What is given at one place replaces what a weaker place gave.
static void forget_items(struct options *o, const struct option_row *row)
{
  if (row->kind == OPTION_LIST_OF)
    ((struct option_list *)member(o, row))->count = 0;
}

static void set_defaults(struct options *o)
{
  for (size_t i = 0; i < option_row_count; i++) {
    const struct option_row *row = &option_rows[i];
    if (row->kind == OPTION_LIST_OF && !row->def[0]) continue;
    option_set(o, row, slice_of(row->def), row->name, NULL);
  }
}

// --- environment ---

static const char *find_env(char **environment, const char *name)
{
  size_t len = strlen(name);
  for (char **e = environment; *e; e++)
    if (!strncmp(*e, name, len) && (*e)[len] == '=') return *e + len + 1;
  return NULL;
}

static void env_name(const struct option_row *row, char *out, size_t size)
{
  snprintf(out, size, "TIDEGATE_%s", row->name);
  for (char *c = out; *c; c++)
    if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 32);
}

static enum error_code read_list(struct options *o,
                                 const struct option_row *row, const char *text,
                                 const char *where, struct error *err)
{
  forget_items(o, row);
  while (*text) {
    size_t len = strcspn(text, ",");
    enum error_code code =
        option_set(o, row, (struct slice){text, len}, where, err);
    if (code != OK) return code;
    text += len + (text[len] == ',');
  }
  return OK;
}

static enum error_code read_environment(struct options *o, char **environment,
                                        struct error *err)
{
  for (size_t i = 0; i < option_row_count; i++) {
    const struct option_row *row = &option_rows[i];
    char name[64];
    env_name(row, name, sizeof(name));
    const char *text = find_env(environment, name);
    if (!text) continue;
    enum error_code code = row->kind == OPTION_LIST_OF
                               ? read_list(o, row, text, name, err)
                               : option_set(o, row, slice_of(text), name, err);
    if (code != OK) return code;
  }
  return OK;
}

// A script may ask for TIDEGATE_ANYTHING, so what is none of ours is nothing
// worse than suspect, and only if it is nearly one.
void options_suspects(char **environment, struct buf *out)
{
  for (char **e = environment; *e; e++) {
    char near[96], plain[64];
    size_t len = strncmp(*e, "TIDEGATE_", 9) ? 0 : strcspn(*e + 9, "=");
    if (len == 0 || len >= sizeof(plain)) continue;
    for (size_t i = 0; i < len; i++)
      plain[i] = (char)tolower((unsigned char)(*e)[9 + i]);
    struct slice name = {plain, len};
    if (option_find(name)) continue;
    option_suggestion(name, near, sizeof(near));
    if (near[0])
      buf_printf(out, "tidegate: warning: %.*s is no option%s\n",
                 (int)(9 + len), *e, near);
  }
}

// --- flags ---

struct flags {
  struct options *o;
  int *argc;
  char **argv;
  int at;   // next to read
  int kept; // what is no flag
};

// Absent when the command line ends where a value should be.
static struct slice flag_value(struct flags *f, const struct option_row *row,
                               const char *equals)
{
  if (equals) return slice_of(equals + 1);
  if (row->kind == OPTION_FLAG) return SLICE("true");
  if (f->at < *f->argc) return slice_of(f->argv[f->at++]);
  return (struct slice){0};
}

static enum error_code unknown_flag(const char *arg, struct slice name,
                                    struct error *err)
{
  char near[96];
  return error_set(err, E_CONFIG,
                   "%s: unknown option%s; 'tidegate help' lists them", arg,
                   option_suggestion(name, near, sizeof(near)));
}

static enum error_code read_flag(struct flags *f, struct error *err)
{
  const char *arg = f->argv[f->at++];
  const char *equals = strchr(arg, '=');
  struct slice name = {arg + 2,
                       equals ? (size_t)(equals - arg - 2) : strlen(arg + 2)};
  bool no = name.len > 3 && !memcmp(name.data, "no-", 3);
  if (no) name = (struct slice){name.data + 3, name.len - 3};

  const struct option_row *row = option_find(name);
  if (!row || (no && (row->kind != OPTION_FLAG || equals)))
    return unknown_flag(arg, name, err);
  struct slice text = no ? SLICE("false") : flag_value(f, row, equals);
  if (!text.data)
    return error_set(err, E_CONFIG, "--%.*s: a value is missing: %s",
                     SLICE_ARG(name), row->value);
  if (!option_flagged(f->o, row->name)) forget_items(f->o, row);
  f->o->flagged |= UINT64_C(1) << (row - option_rows);
  char where[72];
  snprintf(where, sizeof(where), "--%.*s", SLICE_ARG(name));
  return option_set(f->o, row, text, where, err);
}

static enum error_code read_flags(struct options *o, int *argc, char **argv,
                                  struct error *err)
{
  struct flags f = {o, argc, argv, 1, 1};
  enum error_code code = OK;
  while (code == OK && f.at < *argc) {
    if (!strcmp(argv[f.at], "--")) {
      for (f.at++; f.at < *argc;)
        argv[f.kept++] = argv[f.at++];
    } else if (!strncmp(argv[f.at], "--", 2)) {
      code = read_flag(&f, err);
    } else {
      argv[f.kept++] = argv[f.at++];
    }
  }
  *argc = f.kept;
  return code;
}

// --config is taken out first: the file is weaker than the other flags.
static enum error_code take_config(int *argc, char **argv, const char **path,
                                   struct error *err)
{
  *path = NULL;
  for (int i = 1; i < *argc; i++) {
    bool spaced = !strcmp(argv[i], "--config");
    if (!spaced && strncmp(argv[i], "--config=", 9)) continue;
    if (spaced && i + 1 == *argc)
      return error_set(err, E_CONFIG, "--config: a value is missing: FILE");
    *path = spaced ? argv[i + 1] : argv[i] + 9;
    int width = spaced ? 2 : 1;
    for (int k = i; k + width < *argc; k++)
      argv[k] = argv[k + width];
    *argc -= width;
    return OK;
  }
  return OK;
}

enum error_code options_read(struct options *o, int *argc, char **argv,
                             char **environment, struct error *err)
{
  const char *path;
  set_defaults(o);
  enum error_code code = take_config(argc, argv, &path, err);
  if (code == OK)
    code = options_read_file(o, path ? path : CONFIG_FILE, path != NULL, err);
  if (code == OK) code = read_environment(o, environment, err);
  if (code == OK) code = read_flags(o, argc, argv, err);
  return code;
}

void options_finish(struct options *o)
{
  arena_finish(&o->arena);
}
