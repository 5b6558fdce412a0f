// utf8.c -- what UTF-8 allows (RFC 3629, table in section 4).

#include "base/utf8.h"

#include <assert.h>

#include "base/json.h"
#include "base/run.h"

static bool continues(unsigned char c)
{
  return (c & 0xC0) == 0x80;
}

// The second byte is where overlong forms, surrogates and too large code
// points show.
static bool second_allowed(unsigned char lead, unsigned char second)
{
  switch (lead) {
  case 0xE0: return second >= 0xA0;
  case 0xED: return second <= 0x9F;
  case 0xF0: return second >= 0x90;
  case 0xF4: return second <= 0x8F;
  default: return true;
  }
}

size_t utf8_sequence(const char *p, const char *end)
{
  const unsigned char *u = (const unsigned char *)p;
  size_t left = (size_t)(end - p);
  if (left >= 1 && u[0] < 0x80) return 1;
  if (left < 2 || u[0] < 0xC2 || u[0] > 0xF4 || !continues(u[1])) return 0;
  if (u[0] < 0xE0) return 2;
  if (left < 3 || !second_allowed(u[0], u[1]) || !continues(u[2])) return 0;
  if (u[0] < 0xF0) return 3;
  return left >= 4 && continues(u[3]) ? 4 : 0;
}

// Most of the world's text: two bytes, or three but for the leads E0 and ED,
// whose second byte is special. 0 for all else.
static size_t common_sequence(const unsigned char *u)
{
  if (!continues(u[1])) return 0;
  if (u[0] >= 0xC2 && u[0] <= 0xDF) return 2;
  if (u[0] < 0xE1 || u[0] > 0xEF || u[0] == 0xED) return 0;
  return continues(u[2]) ? 3 : 0;
}

const char *utf8_run(const char *p, const char *end)
{
  while (p < end && (*p & 0x80)) {
    size_t n = end - p >= 3 ? common_sequence((const unsigned char *)p) : 0;
    if (n == 0) n = utf8_sequence(p, end);
    if (n == 0) break;
    p += n;
  }
  return p;
}

size_t utf8_encode(char out[4], uint32_t code)
{
  assert(code <= 0x10FFFF);
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = n - 1; i > 0; i--, code >>= 6) {
    out[i] = (char)(0x80 | (code & 0x3F));
  }
  static const unsigned char leads[5] = {0, 0, 0xC0, 0xE0, 0xF0};
  out[0] = (char)(leads[n] | code);
  return n;
}

bool utf8_valid(struct slice s, size_t *at)
{
  const char *p = s.data, *end = s.data + s.len;
  while (p < end) {
    p = run_ascii(p, end);
    const char *behind = utf8_run(p, end);
    if (behind == p && p < end) {
      if (at) *at = (size_t)(p - s.data);
      return false;
    }
    p = behind;
  }
  return true;
}

struct slice utf8_cut(struct slice text, size_t most)
{
  if (text.len <= most) return text;
  while (most && ((unsigned char)text.data[most] & 0xc0) == 0x80)
    most--;
  text.len = most;
  return text;
}
