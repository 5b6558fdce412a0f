// schema_check_say.c -- one sentence that a model can act on.
//
// It names the argument, says what is allowed and what it got, and guesses what
// was meant by a misspelt name.

#include <stdarg.h>
#include <stdio.h>

#include "script/faults.h"
#include "script/schema_check.h"

#define SHOWN_MAX      40  // bytes of a value
#define LIST_MAX       240 // bytes of a list of what is allowed
#define CANDIDATES_MAX 64

static void say_v(struct check *c, const char *format, va_list args)
{
  size_t room = sizeof(c->message) - c->len;
  int n = vsnprintf(c->message + c->len, room, format, args);
  if (n < 0) return;
  c->len += (size_t)n < room ? (size_t)n : room - 1;
}

__attribute__((format(printf, 2, 3))) static void say(struct check *c,
                                                      const char *format, ...)
{
  va_list args;
  va_start(args, format);
  say_v(c, format, args);
  va_end(args);
}

// At most `max` bytes, whole characters.
static void say_cut(struct check *c, struct slice s, size_t max)
{
  if (s.len <= max) {
    say(c, "%.*s", SLICE_ARG(s));
    return;
  }
  size_t len = max;
  while (len > 0 && ((unsigned char)s.data[len] & 0xC0) == 0x80) {
    len--;
  }
  say(c, "%.*s...", (int)len, s.data);
}

// --- where ---

// As it is spelled in the document, so control characters stay escapes.
static struct slice spelled(const struct check *c, uint32_t string)
{
  struct slice raw = json_raw(c->doc, string);
  return (struct slice){raw.data + 1, raw.len - 2};
}

static bool is_plain(struct slice s)
{
  for (size_t i = 0; i < s.len; i++) {
    char ch = s.data[i];
    bool letter = (ch | 0x20) >= 'a' && (ch | 0x20) <= 'z';
    bool digit = ch >= '0' && ch <= '9';
    if (!letter && !digit && !strchr("_-", ch)) return false;
  }
  return s.len > 0;
}

static void say_path(struct check *c, const struct check_at *at)
{
  if (!at) return;
  say_path(c, at->up);
  if (at->name == JSON_NONE) {
    say(c, "[%u]", at->index);
    return;
  }
  struct slice name = spelled(c, at->name);
  if (is_plain(name) && at->up) say(c, ".");
  if (!is_plain(name)) say(c, "[\"");
  say_cut(c, name, SHOWN_MAX);
  if (!is_plain(name)) say(c, "\"]");
}

// False when nothing is to be said.
static bool begin(struct check *c)
{
  if (c->quiet || c->budget.steps < 0 || c->faults >= CHECK_FAULTS_MAX)
    return false;
  if (c->faults++) say(c, "; ");
  return true;
}

static bool begin_at(struct check *c, const struct check_at *at)
{
  if (!begin(c)) return false;
  say_path(c, at);
  if (!at) say(c, "the value");
  say(c, " ");
  return true;
}

// --- what ---

static void say_value(struct check *c, uint32_t node)
{
  enum json_type type = json_type(c->doc, node);
  if (type == JSON_ARRAY)
    say(c, "an array");
  else if (type == JSON_OBJECT)
    say(c, "an object");
  else
    say_cut(c, json_raw(c->doc, node), SHOWN_MAX);
}

bool check_fail(struct check *c, const struct check_at *at, const char *format,
                ...)
{
  if (!begin_at(c, at)) return false;
  va_list args;
  va_start(args, format);
  say_v(c, format, args);
  va_end(args);
  return false;
}

bool check_fail_got(struct check *c, const struct check_at *at, uint32_t node,
                    const char *format, ...)
{
  if (!begin_at(c, at)) return false;
  va_list args;
  va_start(args, format);
  say_v(c, format, args);
  va_end(args);
  say(c, " (got ");
  say_value(c, node);
  say(c, ")");
  return false;
}

bool check_fail_type(struct check *c, const struct check_at *at, uint32_t node,
                     unsigned types)
{
  static const struct {
    unsigned bits;
    const char *name;
  } names[] = {{TYPE_STRING, "a string"},    {TYPE_NUMBER, "a number"},
               {TYPE_INTEGER, "an integer"}, {TYPE_BOOLEAN, "true or false"},
               {TYPE_ARRAY, "an array"},     {TYPE_OBJECT, "an object"},
               {TYPE_NULL, "null"}};
  if (!begin_at(c, at)) return false;
  const char *join = "must be ";
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if ((types & names[i].bits) != names[i].bits) continue;
    say(c, "%s%s", join, names[i].name);
    types &= ~names[i].bits;
    join = " or ";
  }
  say(c, " (got ");
  say_value(c, node);
  say(c, ")");
  return false;
}

// --- lists of what is allowed ---

// An allowed value; simple strings without quotes.
static struct slice shown(const struct json_doc *d, uint32_t node)
{
  struct slice raw = json_raw(d, node);
  if (json_type(d, node) != JSON_STRING) return raw;
  struct slice inner = {raw.data + 1, raw.len - 2};
  return is_plain(inner) ? inner : raw;
}

static struct slice suggest_value(struct check *c, uint32_t node,
                                  const struct schema *s)
{
  const char *names[CANDIDATES_MAX];
  size_t n = 0;
  const struct json_doc *own = &s->home->doc;
  if (json_type(c->doc, node) != JSON_STRING) return (struct slice){0};
  for (uint32_t i = json_first(own, s->values_node);
       i != JSON_NONE && n < CANDIDATES_MAX;
       i = json_next(own, s->values_node, i)) {
    struct slice text = arena_copy(&c->arena, shown(own, i));
    if (text.data && json_type(own, i) == JSON_STRING) names[n++] = text.data;
  }
  return faults_suggest(spelled(c, node), names, n);
}

bool check_fail_enum(struct check *c, const struct check_at *at, uint32_t node,
                     const struct schema *s)
{
  if (!begin_at(c, at)) return false;
  const struct json_doc *own = &s->home->doc;
  bool one = own->nodes[s->values_node].count == 1;
  say(c, one ? "must be " : "must be one of ");
  size_t from = c->len;
  const char *join = "";
  for (uint32_t i = json_first(own, s->values_node); i != JSON_NONE;
       i = json_next(own, s->values_node, i)) {
    say(c, "%s", join);
    if (c->len - from > LIST_MAX) {
      say(c, "...");
      break;
    }
    say_cut(c, shown(own, i), SHOWN_MAX);
    join = ", ";
  }
  say(c, " (got ");
  say_value(c, node);
  struct slice near = suggest_value(c, node, s);
  if (near.data) say(c, ", did you mean %.*s?", SLICE_ARG(near));
  say(c, ")");
  return false;
}

static void say_known(struct check *c, const struct schema_object *o)
{
  const char *join = " (known: ";
  size_t from = c->len, n = 0;
  for (uint32_t i = 0; i < o->count; i++) {
    if (!o->properties[i].schema) continue;
    say(c, "%s", join);
    n++;
    join = ", ";
    if (c->len - from > LIST_MAX) {
      say(c, "...");
      break;
    }
    say_cut(c, o->properties[i].name, SHOWN_MAX);
  }
  say(c, n ? ")" : " (there are none)");
}

bool check_fail_unknown(struct check *c, const struct check_at *at,
                        uint32_t name, const struct schema_object *o)
{
  if (!begin(c)) return false;
  const char *names[CANDIDATES_MAX];
  size_t n = 0;
  for (uint32_t i = 0; i < o->count && n < CANDIDATES_MAX; i++) {
    if (o->properties[i].schema) names[n++] = o->properties[i].name.data;
  }
  struct slice word = spelled(c, name);
  say(c, at ? "unknown field " : "unknown argument ");
  say_cut(c, word, SHOWN_MAX);
  if (at) {
    say(c, " in ");
    say_path(c, at);
  }
  struct slice near = faults_suggest(word, names, n);
  if (near.data)
    say(c, " (did you mean %.*s?)", SLICE_ARG(near));
  else
    say_known(c, o);
  return false;
}

bool check_fail_missing(struct check *c, const struct check_at *at,
                        struct slice name)
{
  if (!begin(c)) return false;
  say_path(c, at);
  if (at) say(c, ".");
  say_cut(c, name, SHOWN_MAX);
  say(c, " is required");
  return false;
}
