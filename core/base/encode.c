// encode.c -- base64 (RFC 4648), hex and percent-encoding (RFC 3986).

#include "base/encode.h"

#include <stdint.h>

// --- base64 ---

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char standard[] = LETTERS "+/";
static const char url_safe[] = LETTERS "-_";

// Up to three bytes as one number of 24 bits.
static uint32_t group_of(const unsigned char *p, size_t n)
{
  uint32_t group = (uint32_t)p[0] << 16;
  if (n > 1) group |= (uint32_t)p[1] << 8;
  if (n > 2) group |= p[2];
  return group;
}

// `n` bytes need n + 1 characters.
static void put_group(struct buf *b, const char *alphabet, uint32_t group,
                      size_t n)
{
  char *out = b->data + b->len;
  for (size_t i = 0; i <= n; i++) {
    out[i] = alphabet[group >> (18 - 6 * i) & 63];
  }
  b->len += n + 1;
}

static void encode(struct buf *b, struct slice s, const char *alphabet)
{
  if (!buf_reserve(b, s.len / 3 * 4 + 4)) return;
  const unsigned char *p = (const unsigned char *)s.data;
  size_t left = s.len;
  for (; left >= 3; left -= 3, p += 3) {
    put_group(b, alphabet, group_of(p, 3), 3);
  }
  if (left) put_group(b, alphabet, group_of(p, left), left);
}

void base64_put(struct buf *b, struct slice s)
{
  encode(b, s, standard);
  for (size_t tail = s.len % 3; tail > 0 && tail < 3; tail++)
    buf_putc(b, '=');
}

void base64url_put(struct buf *b, struct slice s)
{
  encode(b, s, url_safe);
}

// The value of a character, -1 if it is none; `alphabet` tells the last two.
static int sextet(char c, const char *alphabet)
{
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == alphabet[62]) return 62;
  return c == alphabet[63] ? 63 : -1;
}

// Up to four characters; the bits that are not used must be zero.
static bool get_group(struct buf *b, const char *p, size_t n,
                      const char *alphabet)
{
  uint32_t group = 0;
  for (size_t i = 0; i < n; i++) {
    int value = sextet(p[i], alphabet);
    if (value < 0) return false;
    group |= (uint32_t)value << (18 - 6 * i);
  }
  size_t bytes = n - 1;
  if (group & (UINT32_C(0xFFFFFF) >> (8 * bytes))) return false;
  for (size_t i = 0; i < bytes; i++) {
    b->data[b->len++] = (char)(group >> (16 - 8 * i) & 0xFF);
  }
  return true;
}

static bool decode(struct buf *b, struct slice s, const char *alphabet)
{
  if (s.len % 4 == 1 || !buf_reserve(b, s.len)) return false;
  size_t before = b->len;
  for (size_t at = 0; at < s.len; at += 4) {
    size_t n = s.len - at < 4 ? s.len - at : 4;
    if (get_group(b, s.data + at, n, alphabet)) continue;
    b->len = before;
    return false;
  }
  return true;
}

bool base64_get(struct buf *b, struct slice s)
{
  if (s.len % 4 != 0) return false;
  for (int i = 0; i < 2 && s.len > 0 && s.data[s.len - 1] == '='; i++)
    s.len--;
  return decode(b, s, standard);
}

bool base64url_get(struct buf *b, struct slice s)
{
  return decode(b, s, url_safe);
}

// --- hex ---

void hex_put(struct buf *b, struct slice s)
{
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.data[i];
    char pair[2] = {digits[c >> 4], digits[c & 15]};
    buf_append(b, pair, sizeof(pair));
  }
}

static int digit(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The byte that two digits spell, -1 if they do not.
static int pair(const char *p)
{
  int high = digit(p[0]);
  if (high < 0) return -1;
  int low = digit(p[1]);
  return low < 0 ? -1 : high << 4 | low;
}

bool hex_get(struct buf *b, struct slice s)
{
  if (s.len % 2 != 0 || !buf_reserve(b, s.len / 2)) return false;
  size_t before = b->len;
  for (size_t at = 0; at < s.len; at += 2) {
    int byte = pair(s.data + at);
    if (byte < 0) {
      b->len = before;
      return false;
    }
    b->data[b->len++] = (char)byte;
  }
  return true;
}

// --- percent ---

static bool unreserved(char c)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

static void percent(struct buf *b, struct slice s, char also)
{
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < s.len; i++) {
    char c = s.data[i];
    if (unreserved(c) || (also && c == also)) {
      buf_putc(b, c);
    } else {
      unsigned char byte = (unsigned char)c;
      char out[3] = {'%', digits[byte >> 4], digits[byte & 15]};
      buf_append(b, out, sizeof(out));
    }
  }
}

void percent_put(struct buf *b, struct slice s)
{
  percent(b, s, '\0');
}

void percent_put_path(struct buf *b, struct slice s)
{
  percent(b, s, '/');
}

bool percent_get(struct buf *b, struct slice s)
{
  if (!buf_reserve(b, s.len)) return false;
  size_t before = b->len;
  for (size_t i = 0; i < s.len; i++) {
    int byte = (unsigned char)s.data[i];
    if (byte == '%') {
      byte = s.len - i > 2 ? pair(s.data + i + 1) : -1;
      i += 2;
    }
    if (byte < 0) {
      b->len = before;
      return false;
    }
    b->data[b->len++] = (char)byte;
  }
  return true;
}
