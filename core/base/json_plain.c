// json_plain.c -- one spelling of a string instead of many.

#include "base/json.h"

// The value of four hex digits; -1 if they are not.
static int hex4(const char *p)
{
  int value = 0;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

// The printable ASCII character that the escape at `at` stands for though it
// could stand there itself, or by a shorter escape; 0 if there is none.
// `*size` is how long the escape is.
static char needless(struct slice s, size_t at, size_t *size)
{
  const char *p = s.data + at;
  size_t left = s.len - at;
  *size = left < 2 ? left : 2;
  if (left >= 2 && p[1] == '/') return '/';
  if (left < 6 || p[1] != 'u') return 0;
  int value = hex4(p + 2);
  if (value < ' ' || value > '~') return 0;
  *size = 6;
  return (char)value;
}

bool json_plain(struct slice json, struct buf *out)
{
  size_t done = 0, at = 0, size;
  while (at < json.len) {
    const char *escape = memchr(json.data + at, '\\', json.len - at);
    if (!escape) break;
    at = (size_t)(escape - json.data);
    char c = needless(json, at, &size);
    if (c) {
      buf_append(out, json.data + done, at - done);
      if (c == '"' || c == '\\') buf_putc(out, '\\');
      buf_putc(out, c);
      done = at + size;
    }
    at += size;
  }
  if (done == 0) return false;
  buf_append(out, json.data + done, json.len - done);
  return true;
}
