// header.c -- fields of an HTTP message: finding and checking them.

#include "net/header.h"

#include <stdint.h>

#include "base/run.h"

#define VALUE_MAX (8u * 1024)

// tchar of RFC 9110, one bit for each of the first 128 bytes:
// ! # $ % & ' * + - . 0-9   A-Z ^ _ ` a-z | ~
static const uint64_t token_bytes[2] = {UINT64_C(0x03ff6cfa00000000),
                                        UINT64_C(0x57ffffffc7fffffe)};

struct slice header_get(const struct header *headers, size_t n,
                        const char *name)
{
  struct slice wanted = slice_of(name);
  for (size_t i = 0; i < n; i++)
    if (slice_eq_nocase(headers[i].name, wanted)) return headers[i].value;
  return (struct slice){0};
}

size_t header_count(const struct header *headers, size_t n, const char *name)
{
  struct slice wanted = slice_of(name);
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    count += slice_eq_nocase(headers[i].name, wanted);
  return count;
}

static bool is_token_byte(unsigned char c)
{
  return c < 128 && (token_bytes[c >> 6] >> (c & 63) & 1);
}

bool header_name_ok(struct slice name)
{
  for (size_t i = 0; i < name.len; i++)
    if (!is_token_byte((unsigned char)name.data[i])) return false;
  return name.len > 0;
}

bool header_value_ok(struct slice value)
{
  const char *end = value.data + value.len;
  if (value.len == 0) return true;
  return value.len <= VALUE_MAX && run_field(value.data, end) == end;
}
