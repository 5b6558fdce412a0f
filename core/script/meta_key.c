// meta_key.c -- see meta_key.h for the contract.

#include "script/meta_key.h"

#include <stdbool.h>
#include <string.h>

static bool is_letter(char c)
{
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_alnum(char c)
{
  return is_letter(c) || (c >= '0' && c <= '9');
}

// "a-b": a letter first, a letter or digit last.
static bool is_label(struct slice label)
{
  for (size_t i = 0; i < label.len; i++)
    if (!is_alnum(label.data[i]) && label.data[i] != '-') return false;
  return label.len && is_letter(label.data[0]) &&
         is_alnum(label.data[label.len - 1]);
}

static bool is_meta_name(struct slice name)
{
  for (size_t i = 0; i < name.len; i++)
    if (!is_alnum(name.data[i]) &&
        (!name.data[i] || !strchr("-_.", name.data[i])))
      return false;
  return !name.len ||
         (is_alnum(name.data[0]) && is_alnum(name.data[name.len - 1]));
}

const char *meta_key_fault(struct slice key)
{
  const char *slash = memchr(key.data, '/', key.len);
  struct slice prefix = {key.data, slash ? (size_t)(slash - key.data) : 0};
  struct slice name = key;
  if (slash) name = (struct slice){slash + 1, key.len - prefix.len - 1};
  bool good = is_meta_name(name) && (slash ? prefix.len > 0 : name.len > 0);
  int n = 0;
  bool reserved = false;
  while (good && prefix.len) {
    const char *dot = memchr(prefix.data, '.', prefix.len);
    struct slice label = {prefix.data,
                          dot ? (size_t)(dot - prefix.data) : prefix.len};
    good = is_label(label);
    reserved |= n++ == 1 && (slice_is(label, "modelcontextprotocol") ||
                             slice_is(label, "mcp"));
    size_t used = label.len + (dot != NULL);
    prefix = (struct slice){prefix.data + used, prefix.len - used};
    good = good && !(dot && !prefix.len);
  }
  if (!good) return "is no key for _meta: a name, or com.example/name";
  reserved |= slice_begins(key, "dev.tidegate/");
  return reserved ? "has a prefix that belongs to the protocol" : NULL;
}
