// buf.c -- a growing byte buffer that fails once.

#include "base/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"

#define FIRST_SIZE 64

void buf_finish(struct buf *b)
{
  if (!b) return;
  free(b->data);
  *b = (struct buf){0};
}

void buf_reset(struct buf *b, size_t keep)
{
  if (b->cap > keep) buf_finish(b);
  b->len = 0;
  b->failed = false;
}

static bool fail(struct buf *b)
{
  b->failed = true;
  return false;
}

// Twice what it was, at least `want`; `want` itself where doubling would wrap.
static size_t next_size(size_t cap, size_t want)
{
  size_t size = cap ? cap : FIRST_SIZE;
  while (size < want) {
    if (size > SIZE_MAX / 2) return want;
    size *= 2;
  }
  return size;
}

static bool grow(struct buf *b, size_t more)
{
  if (more > SIZE_MAX - b->len) return fail(b);
  size_t size = next_size(b->cap, b->len + more);
  char *data = fault_now() ? NULL : realloc(b->data, size);
  if (!data) return fail(b);
  b->data = data;
  b->cap = size;
  return true;
}

bool buf_reserve(struct buf *b, size_t more)
{
  if (b->failed) return false;
  if (b->cap - b->len >= more) return true;
  return grow(b, more);
}

void buf_append(struct buf *b, const void *bytes, size_t len)
{
  if (len == 0 || !buf_reserve(b, len)) return;
  memcpy(b->data + b->len, bytes, len);
  b->len += len;
}

void buf_add(struct buf *b, struct slice s)
{
  buf_append(b, s.data, s.len);
}

void buf_puts(struct buf *b, const char *z)
{
  buf_append(b, z, strlen(z));
}

void buf_putc(struct buf *b, char c)
{
  if (!buf_reserve(b, 1)) return;
  b->data[b->len++] = c;
}

void buf_printf(struct buf *b, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  buf_vprintf(b, format, args);
  va_end(args);
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
  if (!buf_reserve(b, FIRST_SIZE)) return;
  va_list again;
  va_copy(again, args);
  size_t room = b->cap - b->len;
  int n = vsnprintf(b->data + b->len, room, format, args);
  if (n < 0) {
    fail(b);
  } else if ((size_t)n < room) {
    b->len += (size_t)n;
  } else if (buf_reserve(b, (size_t)n + 1)) { // vsnprintf adds a NUL
    vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
    b->len += (size_t)n;
  }
  va_end(again);
}

void buf_consume(struct buf *b, size_t n)
{
  assert(n <= b->len);
  if (n == 0) return;
  b->len -= n;
  memmove(b->data, b->data + n, b->len);
}

char *buf_take(struct buf *b, size_t *len)
{
  char *data = b->data;
  if (len) *len = b->len;
  *b = (struct buf){0};
  return data;
}
