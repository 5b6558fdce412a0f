// json_write.c -- appends JSON to a buffer.

#include <assert.h>

#include "base/json.h"
#include "base/run.h"
#include "base/utf8.h"

// The end of what can be written as it is: plain ASCII and whole characters.
static const char *as_it_is(const char *p, const char *end)
{
  for (;;) {
    p = run_plain(p, end);
    if (p == end || !(*p & 0x80)) return p;
    size_t n = utf8_sequence(p, end);
    if (n == 0) return p;
    p += n;
  }
}

static void put_control(struct buf *b, unsigned char c)
{
  static const char digits[] = "0123456789abcdef";
  char out[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
  buf_append(b, out, sizeof(out));
}

// What may not stand in a string as it is.
static void put_special(struct buf *b, unsigned char c)
{
  switch (c) {
  case '"': buf_append(b, "\\\"", 2); return;
  case '\\': buf_append(b, "\\\\", 2); return;
  case '\b': buf_append(b, "\\b", 2); return;
  case '\f': buf_append(b, "\\f", 2); return;
  case '\n': buf_append(b, "\\n", 2); return;
  case '\r': buf_append(b, "\\r", 2); return;
  case '\t': buf_append(b, "\\t", 2); return;
  default: break;
  }
  if (c < 0x20)
    put_control(b, c);
  else
    buf_append(b, "\xEF\xBF\xBD", 3); // U+FFFD for a byte that is no UTF-8
}

void json_put_escaped(struct buf *b, struct slice s)
{
  if (s.len == 0 || !buf_reserve(b, s.len)) return;
  const char *p = s.data, *end = p + s.len;
  for (;;) {
    const char *stop = as_it_is(p, end);
    buf_append(b, p, (size_t)(stop - p));
    if (stop == end) return;
    put_special(b, (unsigned char)*stop);
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
