// schema_value.c -- what JSON Schema asks about two values, or the value of
// one number.

#include <math.h>

#include "base/hash.h"
#include "script/schema_inside.h"

// --- kinds ---


static unsigned number_type(const struct json_doc *d, uint32_t node)
{
  if (d->nodes[node].integer) return TYPE_INTEGER;
  double value = 0;
  json_double(d, node, &value);
  return isfinite(value) && floor(value) == value ? TYPE_INTEGER
                                                  : TYPE_FRACTION;
}

unsigned schema_value_type(const struct json_doc *d, uint32_t node)
{
  switch (json_type(d, node)) {
  case JSON_NULL: return TYPE_NULL;
  case JSON_FALSE:
  case JSON_TRUE: return TYPE_BOOLEAN;
  case JSON_NUMBER: return number_type(d, node);
  case JSON_STRING: return TYPE_STRING;
  case JSON_ARRAY: return TYPE_ARRAY;
  case JSON_OBJECT: return TYPE_OBJECT;
  }
  return 0;
}

// How many of "XX" an escape has behind its letter.
static size_t escape_size(const char *p)
{
  if (p[1] != 'u') return 2;
  bool high =
      (p[2] | 0x20) == 'd' && (p[3] == '8' || p[3] == '9' ||
                               (p[3] | 0x20) == 'a' || (p[3] | 0x20) == 'b');
  return high ? 12 : 6; // a surrogate has its other half: it was checked
}

uint64_t schema_value_length(const struct json_doc *d, uint32_t node)
{
  struct slice raw = json_raw(d, node);
  uint64_t n = 0;
  const char *p = raw.data + 1, *end = raw.data + raw.len - 1;
  while (p < end) {
    if (*p == '\\')
      p += escape_size(p);
    else
      p++;
    n++;
    while (p < end && ((unsigned char)*p & 0xC0) == 0x80) {
      p++;
    }
  }
  return n;
}

// --- multiples, in decimal ---

struct decimal {
  uint64_t digits;
  int exponent; // value = digits * 10^exponent
};

// False for what has too many digits, or an exponent out of hand.
static bool read_decimal(struct slice s, struct decimal *d)
{
  int dropped = 0, exponent = 0, sign = 1, behind_point = 0;
  bool point = false;
  size_t i = s.len && s.data[0] == '-';
  *d = (struct decimal){0};
  for (; i < s.len && (s.data[i] | 0x20) != 'e'; i++) {
    if (s.data[i] == '.') {
      point = true;
      continue;
    }
    if (d->digits >= UINT64_C(100000000000000000)) return false;
    d->digits = d->digits * 10 + (uint64_t)(s.data[i] - '0');
    behind_point += point;
  }
  for (i += i < s.len; i < s.len; i++) {
    if (s.data[i] == '-') sign = -1;
    if (s.data[i] == '-' || s.data[i] == '+') continue;
    if (exponent > 1000) return false;
    exponent = exponent * 10 + (s.data[i] - '0');
  }
  for (; d->digits && d->digits % 10 == 0; dropped++) {
    d->digits /= 10;
  }
  d->exponent = sign * exponent - behind_point + dropped;
  return d->exponent >= -400 && d->exponent <= 400;
}

// (a * 10) % m without overflow; a < m.
static uint64_t times_ten(uint64_t a, uint64_t m)
{
  uint64_t sum = 0;
  for (int i = 0; i < 10; i++) {
    sum = sum >= m - a ? sum - (m - a) : sum + a;
  }
  return sum;
}

bool schema_value_multiple(const struct json_doc *d, uint32_t node,
                           const struct schema_bound *of)
{
  struct decimal v, m;
  if (!read_decimal(json_raw(d, node), &v) || !read_decimal(of->raw, &m)) {
    double value = 0; // the nearest doubles must do
    json_double(d, node, &value);
    return fmod(value, of->d) == 0;
  }
  if (v.digits == 0) return true;
  if (m.digits == 0) return false;
  int shift = v.exponent - m.exponent;
  for (; shift < 0 && m.digits <= UINT64_MAX / 10; shift++) {
    m.digits *= 10;
  }
  if (shift < 0) return false; // larger than v.digits can be
  uint64_t rest = v.digits % m.digits;
  for (; shift > 0 && rest; shift--) {
    rest = times_ten(rest, m.digits);
  }
  return rest == 0;
}

// --- equality ---

static bool numbers_same(const struct json_doc *a, uint32_t x,
                         const struct json_doc *b, uint32_t y)
{
  int64_t i, j;
  if (json_int(a, x, &i) && json_int(b, y, &j)) return i == j;
  if (slice_eq(json_raw(a, x), json_raw(b, y))) return true;
  double d = 0, e = 0;
  json_double(a, x, &d);
  json_double(b, y, &e);
  return d == e;
}

static bool strings_same(const struct json_doc *a, uint32_t x,
                         const struct json_doc *b, uint32_t y,
                         struct arena *arena)
{
  if (!a->nodes[x].escaped && !b->nodes[y].escaped)
    return slice_eq(json_raw(a, x), json_raw(b, y));
  struct slice s = json_string(a, x, arena), t = json_string(b, y, arena);
  return s.data && t.data && slice_eq(s, t);
}

static bool arrays_same(const struct json_doc *a, uint32_t x,
                        const struct json_doc *b, uint32_t y,
                        struct arena *arena)
{
  uint32_t i = json_first(a, x), j = json_first(b, y);
  while (i != JSON_NONE && j != JSON_NONE) {
    if (!schema_value_same(a, i, b, j, arena)) return false;
    i = json_next(a, x, i);
    j = json_next(b, y, j);
  }
  return i == j;
}

static bool objects_same(const struct json_doc *a, uint32_t x,
                         const struct json_doc *b, uint32_t y,
                         struct arena *arena)
{
  uint32_t name = json_first(a, x);
  while (name != JSON_NONE) {
    uint32_t value = json_next(a, x, name);
    struct slice key = json_string(a, name, arena);
    uint32_t other = key.data ? json_get_slice(b, y, key) : JSON_NONE;
    if (other == JSON_NONE) return false;
    if (!schema_value_same(a, value, b, other, arena)) return false;
    name = json_next(a, x, value);
  }
  return true;
}

bool schema_value_same(const struct json_doc *a, uint32_t x,
                       const struct json_doc *b, uint32_t y,
                       struct arena *arena)
{
  const struct json_node *m = &a->nodes[x], *n = &b->nodes[y];
  if (m->type != n->type) return false;
  switch (json_type(a, x)) {
  case JSON_NULL:
  case JSON_FALSE:
  case JSON_TRUE: return true;
  case JSON_NUMBER: return numbers_same(a, x, b, y);
  case JSON_STRING: return strings_same(a, x, b, y, arena);
  case JSON_ARRAY:
    return m->count == n->count && arrays_same(a, x, b, y, arena);
  case JSON_OBJECT:
    return m->count == n->count && objects_same(a, x, b, y, arena);
  }
  return false;
}

// --- hashes ---

static const uint64_t key[2] = {0x74696465, 0x67617465};

static uint64_t mix(uint64_t h, uint64_t more)
{
  h = (h ^ more) * UINT64_C(0x9E3779B97F4A7C15);
  return h ^ h >> 29;
}

static uint64_t string_hash(const struct json_doc *d, uint32_t node,
                            struct arena *arena)
{
  return hash_table(key, json_string(d, node, arena));
}

// 2^63: from here on a double is integral but no int64_t.
#define TOO_LARGE 9223372036854775808.0

static uint64_t number_hash(const struct json_doc *d, uint32_t node)
{
  int64_t i;
  if (json_int(d, node, &i)) return mix(JSON_NUMBER, (uint64_t)i);
  double value = 0;
  json_double(d, node, &value);
  if (fabs(value) < TOO_LARGE && floor(value) == value)
    return mix(JSON_NUMBER, (uint64_t)(int64_t)value);
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return mix(JSON_NUMBER, bits);
}

static uint64_t object_hash(const struct json_doc *d, uint32_t node,
                            struct arena *arena)
{
  uint64_t sum = 0; // so that the order does not matter
  uint32_t name = json_first(d, node);
  while (name != JSON_NONE) {
    uint32_t value = json_next(d, node, name);
    sum += mix(string_hash(d, name, arena), schema_value_hash(d, value, arena));
    name = json_next(d, node, value);
  }
  return mix(JSON_OBJECT, sum);
}

uint64_t schema_value_hash(const struct json_doc *d, uint32_t node,
                           struct arena *arena)
{
  enum json_type type = json_type(d, node);
  if (type == JSON_NUMBER) return number_hash(d, node);
  if (type == JSON_STRING) return mix(type, string_hash(d, node, arena));
  if (type == JSON_OBJECT) return object_hash(d, node, arena);
  uint64_t hash = mix(type, 1);
  if (type != JSON_ARRAY) return hash;
  for (uint32_t i = json_first(d, node); i != JSON_NONE;
       i = json_next(d, node, i)) {
    hash = mix(hash, schema_value_hash(d, i, arena));
  }
  return hash;
}
