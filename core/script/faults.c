// faults.c -- everything that is wrong with a generation, all at once.

#include "script/faults.h"

#include <stdarg.h>
#include <stdio.h>

#define REASON_MAX 600
#define WORD_MAX   64 // longer words are never a misspelling worth guessing

void faults_finish(struct faults *f)
{
  if (!f) return;
  arena_finish(&f->arena);
  *f = (struct faults){0};
}

void faults_set_file(struct faults *f, struct slice file)
{
  f->file = arena_copy(&f->arena, file);
}

static struct fault *append(struct faults *f)
{
  struct fault *fault = arena_alloc(&f->arena, sizeof(*fault));
  if (!fault) return NULL;
  if (f->last)
    f->last->next = fault;
  else
    f->first = fault;
  f->last = fault;
  return fault;
}

// A fault is counted even if there is no memory to say it: the generation must
// not pass for a good one.
static void add(struct faults *f, bool warning, struct slice path,
                const char *format, va_list args)
{
  char reason[REASON_MAX];
  int n = vsnprintf(reason, sizeof(reason), format, args);
  if (n < 0) reason[0] = '\0';
  if (warning)
    f->warnings++;
  else
    f->errors++;
  struct fault *fault = append(f);
  if (!fault) return;
  fault->file = f->file;
  fault->path = arena_copy(&f->arena, path);
  fault->reason = arena_copy(&f->arena, slice_of(reason));
  fault->warning = warning;
}

void faults_add(struct faults *f, struct slice path, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  add(f, false, path, format, args);
  va_end(args);
}

void faults_warn(struct faults *f, struct slice path, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  add(f, true, path, format, args);
  va_end(args);
}

// What a script wrote may hold anything; a fault is one line.
static void put_line(struct buf *out, struct slice s)
{
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.data[i];
    if (c < 0x20 || c == 0x7f)
      buf_printf(out, "\\x%02x", c);
    else
      buf_putc(out, (char)c);
  }
}

void faults_print(const struct faults *f, struct buf *out)
{
  for (const struct fault *fault = f->first; fault; fault = fault->next) {
    if (fault->file.len) {
      put_line(out, fault->file);
      buf_puts(out, ": ");
    }
    if (fault->warning) buf_puts(out, "warning: ");
    if (fault->path.len) {
      put_line(out, fault->path);
      buf_puts(out, ": ");
    }
    put_line(out, fault->reason);
    buf_putc(out, '\n');
  }
}

// --- did you mean ---

static size_t least(size_t a, size_t b, size_t c)
{
  size_t ab = a < b ? a : b;
  return ab < c ? ab : c;
}

// Edits (insert, delete, replace, swap neighbours) between two short words.
static size_t edits(struct slice a, struct slice b)
{
  size_t rows[3][WORD_MAX + 1];
  size_t *before = rows[0], *above = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b.len; j++) {
    above[j] = j;
  }
  for (size_t i = 1; i <= a.len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= b.len; j++) {
      size_t differ = a.data[i - 1] != b.data[j - 1];
      row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + differ);
      bool swapped = i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                     a.data[i - 2] == b.data[j - 1];
      if (swapped) row[j] = least(row[j], before[j - 2] + 1, row[j]);
    }
    size_t *free_row = before;
    before = above;
    above = row;
    row = free_row;
  }
  return above[b.len];
}

// "timeout" for timeout_ms: the unit forgotten, or any last part.
static struct slice suggest_longer(struct slice word,
                                   const char *const *candidates, size_t n)
{
  struct slice none = {0};
  for (size_t i = 0; i < n; i++) {
    struct slice candidate = slice_of(candidates[i]);
    if (candidate.len > word.len && candidate.data[word.len] == '_' &&
        !memcmp(candidate.data, word.data, word.len))
      return candidate;
  }
  return none;
}

struct slice faults_suggest(struct slice word, const char *const *candidates,
                            size_t n)
{
  struct slice nearest = {0};
  size_t best = word.len <= 4 ? 1 : 2;
  if (word.len == 0 || word.len > WORD_MAX) return nearest;
  for (size_t i = 0; i < n; i++) {
    struct slice candidate = slice_of(candidates[i]);
    if (candidate.len == 0 || candidate.len > WORD_MAX) continue;
    size_t distance = edits(word, candidate);
    // The first of several equally near ones; one letter is near to all.
    if (distance > best || distance >= candidate.len) continue;
    if (nearest.data && distance == best) continue;
    nearest = candidate;
    best = distance;
  }
  return nearest.data ? nearest : suggest_longer(word, candidates, n);
}
