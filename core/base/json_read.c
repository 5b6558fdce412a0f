// json_read.c -- questions to a checked document.
//
// The text has passed the scanner, so nothing here looks for faults: an escape
// is whole, a number has digits, a surrogate has its other half.

#include "base/hash.h"
#include "base/json.h"
#include "base/random.h"
#include "base/utf8.h"

struct slice json_raw(const struct json_doc *d, uint32_t node)
{
  const struct json_node *n = &d->nodes[node];
  return (struct slice){d->text.data + n->start, n->end - n->start};
}

// --- walking ---

static bool is_container(const struct json_doc *d, uint32_t node)
{
  return json_type(d, node) == JSON_ARRAY || json_type(d, node) == JSON_OBJECT;
}

uint32_t json_first(const struct json_doc *d, uint32_t container)
{
  if (!is_container(d, container)) return JSON_NONE;
  return d->nodes[container].count ? container + 1 : JSON_NONE;
}

uint32_t json_next(const struct json_doc *d, uint32_t container, uint32_t node)
{
  uint32_t next = d->nodes[node].next;
  return next < d->nodes[container].next ? next : JSON_NONE;
}

// --- strings ---

// What is between the quotes, as spelled.
static struct slice inside(const struct json_doc *d, uint32_t node)
{
  struct slice raw = json_raw(d, node);
  return (struct slice){raw.data + 1, raw.len - 2};
}

static uint32_t hex4(const char *p)
{
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) {
    uint32_t c = (unsigned char)p[i];
    value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return value;
}

// `p` is behind the 'u'; moves it behind the escape, or both of a pair.
static uint32_t code_point(const char **p)
{
  uint32_t high = hex4(*p);
  *p += 4;
  if (high < 0xD800 || high > 0xDFFF) return high;
  uint32_t low = hex4(*p + 2);
  *p += 6;
  return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

// Decodes the escape at `*p` into `out`, moves `*p` behind it.
static size_t decode_escape(const char **p, char out[4])
{
  char c = (*p)[1];
  *p += 2;
  switch (c) {
  case 'b': out[0] = '\b'; return 1;
  case 'f': out[0] = '\f'; return 1;
  case 'n': out[0] = '\n'; return 1;
  case 'r': out[0] = '\r'; return 1;
  case 't': out[0] = '\t'; return 1;
  case 'u': return utf8_encode(out, code_point(p));
  default: out[0] = c; return 1;
  }
}

// Decodes into `out`, which has room for the spelling: nothing gets longer.
static size_t decode(struct slice spelled, char *out)
{
  const char *p = spelled.data, *end = p + spelled.len;
  size_t len = 0;
  while (p < end) {
    const char *escape = memchr(p, '\\', (size_t)(end - p));
    size_t plain = (size_t)((escape ? escape : end) - p);
    memcpy(out + len, p, plain);
    len += plain;
    p += plain;
    if (escape) {
      char bytes[4];
      size_t n = decode_escape(&p, bytes);
      memcpy(out + len, bytes, n);
      len += n;
    }
  }
  return len;
}

struct slice json_string(const struct json_doc *d, uint32_t node,
                         struct arena *arena)
{
  if (json_type(d, node) != JSON_STRING) return (struct slice){0};
  struct slice spelled = inside(d, node);
  if (!d->nodes[node].escaped) return spelled;
  char *out = arena_alloc(arena, spelled.len + 1);
  if (!out) return (struct slice){0};
  return (struct slice){out, decode(spelled, out)};
}

// Reads a spelled string byte by byte, decoded; needs no memory.
struct reader {
  const char *p, *end;
  char bytes[4]; // of the escape before `p`
  size_t at, len;
};

static struct reader reader_of(struct slice spelled)
{
  return (struct reader){.p = spelled.data, .end = spelled.data + spelled.len};
}

// -1 at the end.
static int read_byte(struct reader *r)
{
  if (r->at < r->len) return (unsigned char)r->bytes[r->at++];
  if (r->p == r->end) return -1;
  if (*r->p != '\\') return (unsigned char)*r->p++;
  r->len = decode_escape(&r->p, r->bytes);
  r->at = 1;
  return (unsigned char)r->bytes[0];
}

// Is `spelled`, decoded, the same as `plain`?
static bool escaped_equals(struct slice spelled, struct slice plain)
{
  struct reader r = reader_of(spelled);
  for (size_t i = 0; i < plain.len; i++) {
    if (read_byte(&r) != (unsigned char)plain.data[i]) return false;
  }
  return read_byte(&r) == -1;
}

static bool name_is(const struct json_doc *d, uint32_t node, struct slice name)
{
  struct slice spelled = inside(d, node);
  if (!d->nodes[node].escaped) return slice_eq(spelled, name);
  return escaped_equals(spelled, name);
}

uint32_t json_get_slice(const struct json_doc *d, uint32_t object,
                        struct slice name)
{
  if (json_type(d, object) != JSON_OBJECT) return JSON_NONE;
  uint32_t member = object + 1;
  for (uint32_t i = d->nodes[object].count; i > 0; i--) {
    uint32_t value = member + 1;
    if (name_is(d, member, name)) return value;
    member = d->nodes[value].next;
  }
  return JSON_NONE;
}

// --- duplicates ---

#define PAIRWISE_MAX 16

static uint32_t next_name(const struct json_doc *d, uint32_t name)
{
  return d->nodes[name + 1].next;
}

static bool same_name(const struct json_doc *d, uint32_t a, uint32_t b)
{
  if (!d->nodes[a].escaped && !d->nodes[b].escaped)
    return slice_eq(inside(d, a), inside(d, b));
  struct reader left = reader_of(inside(d, a));
  struct reader right = reader_of(inside(d, b));
  int byte;
  do {
    byte = read_byte(&left);
    if (byte != read_byte(&right)) return false;
  } while (byte != -1);
  return true;
}

// The first of the names before `end` that is one of those before it.
static struct slice duplicate_pairwise(const struct json_doc *d,
                                       uint32_t object)
{
  uint32_t first = object + 1, end = d->nodes[object].next;
  for (uint32_t b = first; b < end; b = next_name(d, b)) {
    for (uint32_t a = first; a < b; a = next_name(d, a)) {
      if (same_name(d, a, b)) return inside(d, b);
    }
  }
  return (struct slice){0};
}

// A set of names: open addressing, 0 is free (no name is node 0).
struct names {
  const struct json_doc *doc;
  uint32_t *slots;
  size_t mask;
  uint64_t key[2]; // names may come from an enemy
};

static bool names_init(struct names *set, const struct json_doc *d,
                       size_t count, struct arena *arena)
{
  size_t size = 4;
  while (size < 2 * count)
    size *= 2;
  *set = (struct names){.doc = d, .mask = size - 1};
  set->slots = arena_alloc(arena, size * sizeof(*set->slots));
  return set->slots && random_bytes(set->key, sizeof(set->key));
}

// False if it is in already.
static bool names_add(struct names *set, uint32_t name, struct slice decoded)
{
  size_t at = hash_table(set->key, decoded) & set->mask;
  for (; set->slots[at]; at = (at + 1) & set->mask) {
    if (same_name(set->doc, set->slots[at], name)) return false;
  }
  set->slots[at] = name;
  return true;
}

// False without memory; else `*found` is the name or absent.
static bool duplicate_hashed(const struct json_doc *d, uint32_t object,
                             struct arena *arena, struct slice *found)
{
  struct names set;
  if (!names_init(&set, d, d->nodes[object].count, arena)) return false;
  uint32_t name = object + 1, end = d->nodes[object].next;
  for (; name < end; name = next_name(d, name)) {
    struct slice decoded = json_string(d, name, arena);
    if (!decoded.data) return false;
    if (names_add(&set, name, decoded)) continue;
    *found = inside(d, name);
    return true;
  }
  *found = (struct slice){0};
  return true;
}

struct slice json_duplicate(const struct json_doc *d, uint32_t object)
{
  if (json_type(d, object) != JSON_OBJECT) return (struct slice){0};
  if (d->nodes[object].count <= PAIRWISE_MAX) {
    return duplicate_pairwise(d, object);
  }
  struct arena arena = {0};
  struct slice found;
  bool known = duplicate_hashed(d, object, &arena, &found);
  arena_finish(&arena);
  return known ? found : duplicate_pairwise(d, object);
}
