// header_value.c -- see header_value.h for the contract.

#include "mcp/header_value.h"

#include "base/buf.h"
#include "base/encode.h"
#include "base/json.h"

static const struct slice prefix = {"=?base64?", 9};
static const struct slice suffix = {"?=", 2};

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

struct slice header_value_trim(struct slice value)
{
  while (value.len && is_blank(value.data[0])) {
    value.data++;
    value.len--;
  }
  while (value.len && is_blank(value.data[value.len - 1]))
    value.len--;
  return value;
}

static bool is_marked(struct slice value)
{
  return value.len >= prefix.len + suffix.len &&
         !memcmp(value.data, prefix.data, prefix.len) &&
         !memcmp(value.data + value.len - suffix.len, suffix.data, suffix.len);
}

bool header_value_decode(struct slice value, struct arena *arena,
                         struct slice *out)
{
  value = header_value_trim(value);
  *out = value;
  if (!is_marked(value)) return true;

  struct slice inside = {value.data + prefix.len,
                         value.len - prefix.len - suffix.len};
  struct buf plain = {0};
  bool good = base64_get(&plain, inside) && buf_ok(&plain) &&
              utf8_valid(buf_slice(&plain), NULL);
  if (good) *out = arena_copy(arena, buf_slice(&plain));
  buf_finish(&plain);
  return good && out->data;
}
