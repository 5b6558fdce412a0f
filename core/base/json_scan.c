// json_scan.c -- the grammar of RFC 8259, checked in one pass without recursion.
//
// Each function gets the place where it begins and gives the place behind what
// it took, NULL after a fault. The open containers are a stack of bits, one
// for each level: object or array. json_parse() lays out up to FEW_NODES in one
// run, on the stack, and copies what there is. Of a longer text the rest of that
// run only checks and counts, and a second one lays out exactly so many.

#include <assert.h>

#include "base/json.h"
#include "base/run.h"
#include "base/utf8.h"

#define DEFAULT_NODES 1000000u
#define FEW_NODES     192 // more than a tool call has

struct scan {
  const char *end;
  const char *start;
  uint32_t depth, max_depth;
  uint32_t count, max_nodes;
  struct json_node *nodes; // NULL: check only
  uint32_t room;           // of `nodes`
  uint32_t open;           // the innermost open container, when laying out
  bool in_object;
  enum error_code code;
  const char *fault; // where
  const char *why;
  uint64_t objects[JSON_DEPTH_CAP / 64]; // one bit for each level
};

static const char *stop(struct scan *s, const char *at, const char *why)
{
  s->code = E_INVALID;
  s->fault = at;
  s->why = why;
  return NULL;
}

static const char *too_large(struct scan *s, const char *at, const char *why)
{
  stop(s, at, why);
  s->code = E_TOO_LARGE;
  return NULL;
}

static bool is_space(char c)
{
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *skip_space(const char *p, const char *end)
{
  while (p < end && is_space(*p))
    p++;
  return p;
}

// --- nodes ---

static struct json_node *add(struct scan *s, enum json_type type,
                             const char *from, const char *to)
{
  uint32_t index = s->count++;
  if (index >= s->room) s->nodes = NULL;
  if (!s->nodes) return NULL;
  struct json_node *node = &s->nodes[index];
  *node = (struct json_node){.start = (uint32_t)(from - s->start),
                             .end = (uint32_t)(to - s->start),
                             .next = s->count,
                             .type = (uint8_t)type};
  return node;
}

// Counts a new child of the innermost container.
static void count_child(struct scan *s)
{
  if (s->nodes && s->depth > 0) s->nodes[s->open].count++;
}

// --- strings ---

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The four digits behind "\u"; -1 if they are not four.
static int hex4(const char *p, const char *end)
{
  if (end - p < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; i++) {
    int digit = hex_digit(p[i]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

// `p` is at the backslash of "\u".
static const char *unicode_escape(struct scan *s, const char *p)
{
  int code = hex4(p + 2, s->end);
  if (code < 0) return stop(s, p, "expected four hex digits after \\u");
  if (code >= 0xDC00 && code <= 0xDFFF) {
    return stop(s, p, "expected a high surrogate before a low one");
  }
  if (code < 0xD800 || code > 0xDFFF) return p + 6;

  const char *low = p + 6;
  int second = s->end - low >= 6 && low[0] == '\\' && low[1] == 'u'
                   ? hex4(low + 2, s->end)
                   : -1;
  if (second < 0xDC00 || second > 0xDFFF) {
    return stop(s, p, "expected a low surrogate after a high one");
  }
  return low + 6;
}

static const char *escape(struct scan *s, const char *p)
{
  switch (s->end - p > 1 ? p[1] : '\0') {
  case '"':
  case '\\':
  case '/':
  case 'b':
  case 'f':
  case 'n':
  case 'r':
  case 't': return p + 2;
  case 'u': return unicode_escape(s, p);
  default:
    return stop(s, p,
                "expected an escape: one of \\\" \\\\ \\/ \\b \\f "
                "\\n \\r \\t \\u");
  }
}

// A byte of a string that is not plain and not the closing quote.
static const char *special(struct scan *s, const char *p)
{
  if (p == s->end) return stop(s, p, "expected '\"' at the end of a string");
  if (*p == '\\') return escape(s, p);
  if (!(*p & 0x80)) {
    return stop(s, p, "expected control characters to be escaped");
  }
  const char *behind = utf8_run(p, s->end);
  return behind > p ? behind : stop(s, p, "expected valid UTF-8");
}

// `p` is at the opening quote.
static const char *string(struct scan *s, const char *p)
{
  const char *from = p;
  bool escaped = false;
  p = run_plain(p + 1, s->end);
  while (p == s->end || *p != '"') {
    escaped = escaped || (p < s->end && *p == '\\');
    p = special(s, p);
    if (!p) return NULL;
    p = run_plain(p, s->end);
  }
  struct json_node *node = add(s, JSON_STRING, from, p + 1);
  if (node) node->escaped = escaped;
  return p + 1;
}

// --- numbers and words ---

static const char *digits(struct scan *s, const char *p, const char *why)
{
  const char *from = p;
  while (p < s->end && *p >= '0' && *p <= '9')
    p++;
  return p > from ? p : stop(s, p, why);
}

static const char *fraction(struct scan *s, const char *p)
{
  return digits(s, p + 1, "expected a digit after '.'");
}

static const char *exponent(struct scan *s, const char *p)
{
  p++;
  if (p < s->end && (*p == '+' || *p == '-')) p++;
  return digits(s, p, "expected a digit in the exponent");
}

static const char *number(struct scan *s, const char *p)
{
  const char *from = p;
  if (*p == '-') p++;
  if (p < s->end && *p == '0')
    p++;
  else
    p = digits(s, p, "expected a digit after '-'");

  const char *whole = p;
  if (p && p < s->end && *p == '.') p = fraction(s, p);
  if (p && p < s->end && (*p == 'e' || *p == 'E')) p = exponent(s, p);
  if (!p) return NULL;

  struct json_node *node = add(s, JSON_NUMBER, from, p);
  if (node) node->integer = p == whole;
  return p;
}

static const char *word(struct scan *s, const char *p, enum json_type type,
                        struct slice spelling)
{
  size_t left = (size_t)(s->end - p);
  if (left < spelling.len || memcmp(p, spelling.data, spelling.len) != 0) {
    return stop(s, p, "expected a value");
  }
  add(s, type, p, p + spelling.len);
  return p + spelling.len;
}

// --- containers ---

static bool level_is_object(const struct scan *s, uint32_t level)
{
  return s->objects[level / 64] >> (level % 64) & 1;
}

static void set_level(struct scan *s, uint32_t level, bool object)
{
  uint64_t bit = UINT64_C(1) << (level % 64);
  if (object)
    s->objects[level / 64] |= bit;
  else
    s->objects[level / 64] &= ~bit;
}

// While a container is open, its `next` is the container around it.
static const char *open(struct scan *s, const char *p, bool object)
{
  if (s->depth == s->max_depth) {
    return too_large(s, p, "nested more deeply than allowed");
  }
  uint32_t around = s->open, index = s->count;
  add(s, object ? JSON_OBJECT : JSON_ARRAY, p, p);
  if (s->nodes) {
    s->nodes[index].next = around;
    s->open = index;
  }
  set_level(s, s->depth, object);
  s->depth++;
  s->in_object = object;
  return p + 1;
}

// `p` is at the bracket.
static const char *close(struct scan *s, const char *p)
{
  s->depth--;
  s->in_object = s->depth > 0 && level_is_object(s, s->depth - 1);
  if (s->nodes) {
    struct json_node *node = &s->nodes[s->open];
    s->open = node->next;
    node->next = s->count;
    node->end = (uint32_t)(p + 1 - s->start);
  }
  return p + 1;
}

// A name and its colon.
static const char *name(struct scan *s, const char *p, const char *why)
{
  p = skip_space(p, s->end);
  if (p == s->end || *p != '"') return stop(s, p, why);
  count_child(s);
  p = string(s, p);
  if (!p) return NULL;
  p = skip_space(p, s->end);
  if (p == s->end || *p != ':') {
    return stop(s, p, "expected ':' after a member name");
  }
  return p + 1;
}

// --- the text ---

// A scalar, or the opening bracket of a container.
static const char *value(struct scan *s, const char *p)
{
  if (s->count >= s->max_nodes) {
    return too_large(s, p, "more values than allowed");
  }
  if (!s->in_object) count_child(s);
  switch (p < s->end ? *p : '\0') {
  case '"': return string(s, p);
  case '{': return open(s, p, true);
  case '[': return open(s, p, false);
  case 't': return word(s, p, JSON_TRUE, SLICE("true"));
  case 'f': return word(s, p, JSON_FALSE, SLICE("false"));
  case 'n': return word(s, p, JSON_NULL, SLICE("null"));
  case '-':
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7':
  case '8':
  case '9': return number(s, p);
  default: return stop(s, p, "expected a value");
  }
}

// Behind an opening bracket: to the first value in there, or behind the
// closing bracket (then `*closed`).
static const char *enter(struct scan *s, const char *p, bool *closed)
{
  p = skip_space(p, s->end);
  *closed = p < s->end && *p == (s->in_object ? '}' : ']');
  if (*closed) return close(s, p);
  if (!s->in_object) return p;
  return name(s, p, "expected a member name or '}'");
}

// Behind a value: closes what ends here and goes to the next value. At the
// end of the text the depth is 0.
static const char *leave(struct scan *s, const char *p)
{
  for (;;) {
    p = skip_space(p, s->end);
    if (s->depth == 0) {
      return p == s->end ? p : stop(s, p, "expected the end of the text");
    }
    char c = p < s->end ? *p : '\0';
    if (c == ',') {
      return s->in_object ? name(s, p + 1, "expected a member name") : p + 1;
    }
    if (c != (s->in_object ? '}' : ']')) {
      return stop(s, p,
                  s->in_object ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    p = close(s, p);
  }
}

static bool scan(struct scan *s)
{
  const char *p = s->start;
  do {
    p = skip_space(p, s->end);
    uint32_t depth = s->depth;
    p = value(s, p);
    bool complete = s->depth == depth;
    if (p && !complete) p = enter(s, p, &complete);
    if (p && complete) p = leave(s, p);
  } while (p && s->depth > 0);
  return p;
}

// --- faults ---

// "line 1, column 9: expected ..."; columns count characters.
static enum error_code report(const struct scan *s, struct error *err)
{
  unsigned long line = 1, column = 1;
  for (const char *p = s->start; p < s->fault; p++) {
    if (*p == '\n') {
      line++;
      column = 1;
    } else if ((*p & 0xC0) != 0x80) {
      column++;
    }
  }
  return error_set(err, s->code, "line %lu, column %lu: %s", line, column,
                   s->why);
}

static struct scan begin(struct slice text, struct json_limits limits)
{
  struct scan s = {.start = text.data ? text.data : ""};
  s.end = s.start + text.len;
  s.max_depth = limits.max_depth ? limits.max_depth : JSON_MAX_DEPTH;
  if (s.max_depth > JSON_DEPTH_CAP) s.max_depth = JSON_DEPTH_CAP;
  s.max_nodes = limits.max_nodes ? limits.max_nodes : DEFAULT_NODES;
  return s;
}

static enum error_code check(struct scan *s, struct error *err)
{
  if ((size_t)(s->end - s->start) > JSON_MAX_BYTES) {
    return error_set(err, E_TOO_LARGE, "longer than %u bytes", JSON_MAX_BYTES);
  }
  return scan(s) ? OK : report(s, err);
}

enum error_code json_valid(struct slice text, struct json_limits limits,
                           struct error *err)
{
  struct scan s = begin(text, limits);
  return check(&s, err);
}

static void lay_out(struct slice text, struct json_limits limits,
                    struct json_node *nodes, uint32_t count)
{
  struct scan s = begin(text, limits);
  s.nodes = nodes;
  s.room = count;
  scan(&s);
  assert(s.count == count);
}

enum error_code json_parse(struct json_doc *doc, struct slice text,
                           struct json_limits limits, struct arena *arena,
                           struct error *err)
{
  struct json_node few[FEW_NODES];
  *doc = (struct json_doc){0};
  struct scan s = begin(text, limits);
  s.nodes = few;
  s.room = FEW_NODES;
  enum error_code code = check(&s, err);
  if (code != OK) return code;

  struct json_node *nodes = arena_alloc(arena, s.count * sizeof(*nodes));
  if (!nodes) return error_set(err, E_NO_MEMORY, "out of memory");
  if (s.nodes)
    memcpy(nodes, few, s.count * sizeof(*nodes));
  else
    lay_out(text, limits, nodes, s.count);
  *doc = (struct json_doc){{s.start, text.len}, nodes, s.count};
  return OK;
}
