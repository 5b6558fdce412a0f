// buf.h -- a growing byte buffer that fails once.
//
// A buffer that could not grow keeps what it has, ignores further appends and
// says so in buf_ok(). So a writer appends without checking each step and
// asks once at the end. A zeroed struct is an empty buffer. Not thread-safe.

#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct buf {
  char *data;
  size_t len;  // bytes in use
  size_t cap;  // bytes allocated
  bool failed; // an append was dropped for lack of memory
};

// Frees the bytes and zeroes the struct. NULL and zeroed are fine.
void buf_finish(struct buf *b);

// Empties it and forgives a failure; keeps the memory if it is at most
// `keep` bytes, frees it otherwise.
void buf_reset(struct buf *b, size_t keep);

static inline bool buf_ok(const struct buf *b)
{
  return !b->failed;
}

static inline struct slice buf_slice(const struct buf *b)
{
  return (struct slice){b->data ? b->data : "", b->len};
}

// Makes room for `more` bytes after `len`. False if there is no memory (then
// the buffer is failed). Growth is by doubling: n appends cost O(n).
bool buf_reserve(struct buf *b, size_t more);

void buf_append(struct buf *b, const void *bytes, size_t len);
void buf_add(struct buf *b, struct slice s);
void buf_puts(struct buf *b, const char *z);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

// Drops the first `n` bytes (n <= len) by moving the rest down.
void buf_consume(struct buf *b, size_t n);

// Gives the bytes away and leaves `b` empty; the caller must free() them.
char *buf_take(struct buf *b, size_t *len);

#endif
