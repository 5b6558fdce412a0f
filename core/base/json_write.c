// json_write.c -- appends JSON to a buffer.

#include <assert.h>

#include "base/json.h"
#include "base/run.h"
#include "base/utf8.h"

// The end of what can be written as it is: plain ASCII and whole characters.
static const char *as_it_is(const char *p, const char *end)
{
  for (;;) {
    const char *special = run_plain(p, end);
    p = utf8_run(special, end);
    if (p == special) return p;
  }
}

#define ESCAPE_MAX 6 // "\\u0001"

// What stands for the byte that may not stand as it is; how long it is.
static size_t escape(char out[ESCAPE_MAX], unsigned char c)
{
  static const char digits[] = "0123456789abcdef";
  static const char letters[0x20] = {
      ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
  if (c >= 0x80) { // no UTF-8
    memcpy(out, "\xEF\xBF\xBD", 3);
    return 3;
  }
  char letter = c < 0x20 ? letters[c] : (char)c;
  out[0] = '\\';
  out[1] = letter;
  if (letter) return 2;
  memcpy(out + 1, "u00", 3);
  out[4] = digits[c >> 4];
  out[5] = digits[c & 15];
  return 6;
}

// Appends `n` bytes at `p`, for which there is room. Most runs are short: then
// 16 bytes are copied wherever both sides have them, which is one instruction.
static void copy_run(struct buf *b, const char *p, size_t n, const char *end)
{
  char *out = b->data + b->len;
  if (n <= 16 && end - p >= 16 && b->cap - b->len >= 16)
    memcpy(out, p, 16);
  else
    memcpy(out, p, n);
  b->len += n;
}

void json_put_escaped(struct buf *b, struct slice s)
{
  if (s.len == 0 || !buf_reserve(b, s.len)) return;
  const char *p = s.data, *end = p + s.len;
  for (;;) {
    const char *stop = as_it_is(p, end);
    size_t run = (size_t)(stop - p);
    if (b->cap - b->len < run + ESCAPE_MAX) {
      if (!buf_reserve(b, run + ESCAPE_MAX)) return;
    }
    copy_run(b, p, run, end);
    if (stop == end) return;
    b->len += escape(b->data + b->len, (unsigned char)*stop);
    p = stop + 1;
  }
}

void json_put_string(struct buf *b, struct slice s)
{
  buf_putc(b, '"');
  json_put_escaped(b, s);
  buf_putc(b, '"');
}

void json_sep(struct buf *b)
{
  if (b->len == 0) return;
  char last = b->data[b->len - 1];
  if (last != '{' && last != '[' && last != ',' && last != ':') {
    buf_putc(b, ',');
  }
}

void json_put_name(struct buf *b, const char *name)
{
  struct slice s = slice_of(name);
  assert(as_it_is(s.data, s.data + s.len) == s.data + s.len);
  json_sep(b);
  buf_putc(b, '"');
  buf_add(b, s);
  buf_append(b, "\":", 2);
}
