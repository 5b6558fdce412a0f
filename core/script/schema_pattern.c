// schema_pattern.c -- a Lua pattern as an ECMA-262 regular expression.
//
// Agents read the schema, so a pattern must leave as JSON Schema wants it.
// Where Lua looks at bytes the result looks at characters. What regular
// expressions have and Lua has not (| {} \ and repeated groups) is refused: it
// would be taken literally, which nobody means.

#include <string.h>

#include "script/schema_words.h"

struct translation {
  const char *p, *end;
  struct buf *out;
  const char *why; // NULL while all is well
  unsigned open;   // groups
};

// Members of each class as the inside of a set.
static const char *class_set(char c)
{
  switch (c) {
  case 'a': return "A-Za-z";
  case 'c': return "\\x00-\\x1F\\x7F";
  case 'd': return "0-9";
  case 'g': return "!-~";
  case 'l': return "a-z";
  case 'p': return "!-/:-@\\[-`{-~";
  case 's': return " \\t-\\r";
  case 'u': return "A-Z";
  case 'w': return "A-Za-z0-9";
  case 'x': return "0-9A-Fa-f";
  default: return NULL;
  }
}

// The complement as a part of a set. Beyond ASCII only \W, \D and \S reach.
static const char *class_rest(char c)
{
  switch (c) {
  case 'A': return "\\W\\d_";
  case 'D': return "\\D";
  case 'L': return "\\WA-Z\\d_";
  case 'S': return "\\S";
  case 'U': return "\\Wa-z\\d_";
  case 'W': return "\\W_";
  case 'X': return "\\WG-Zg-z_";
  default: return NULL;
  }
}

static bool is_letter(char c)
{
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool fail(struct translation *t, const char *why)
{
  t->why = why;
  return false;
}

static void put_literal(struct translation *t, char c, const char *special)
{
  if ((unsigned char)c < 0x20 || c == 0x7f) {
    buf_printf(t->out, "\\x%02X", (unsigned)c);
    return;
  }
  if (strchr(special, c)) buf_putc(t->out, '\\');
  buf_putc(t->out, c);
}

#define OUTSIDE "^$\\.*+?()[]{}|"
#define IN_SET  "\\]^-["

// --- sets ---

static void put_member(struct translation *t, char c)
{
  bool first = t->out->data[t->out->len - 1] == '[';
  bool last = t->p < t->end && *t->p == ']';
  if (first && c && strchr(".:=", c))
    buf_printf(t->out, "\\x%02X", (unsigned)c); // PCRE2 has its own "[."
  else
    put_literal(t, c, c == '-' && last ? "" : IN_SET);
}

static bool put_set_class(struct translation *t, char c)
{
  const char *set = class_set(c);
  if (!set) set = class_rest(c);
  if (set) {
    buf_puts(t->out, set);
    return true;
  }
  if (is_letter(c) || is_digit(c))
    return fail(t, "this class cannot stand in a set");
  put_member(t, c);
  return true;
}

// One item of a set: a class, a range, a character.
static bool put_set_item(struct translation *t)
{
  char c = *t->p++;
  if (c == '%') {
    if (t->p == t->end) return fail(t, "it ends with %");
    return put_set_class(t, *t->p++);
  }
  if (c == '\\')
    return fail(t, "a backslash means nothing in a Lua pattern; use %, or "
                   "`regex` for a regular expression");
  put_member(t, c);
  bool range = t->end - t->p >= 2 && t->p[0] == '-' && t->p[1] != ']';
  if (!range) return true;
  if (t->p[1] == '%') return fail(t, "a range cannot end with a class");
  if ((unsigned char)t->p[1] < (unsigned char)c)
    return fail(t, "a range must go upwards");
  buf_putc(t->out, '-');
  put_literal(t, t->p[1], IN_SET);
  t->p += 2;
  return true;
}

static bool put_set(struct translation *t)
{
  buf_putc(t->out, '[');
  if (!buf_ok(t->out)) return fail(t, "out of memory");
  if (t->p < t->end && *t->p == '^') {
    buf_putc(t->out, '^');
    t->p++;
  }
  bool first = true; // a ] that comes first is a member
  while (t->p < t->end && (*t->p != ']' || first)) {
    if (!put_set_item(t)) return false;
    first = false;
  }
  if (t->p == t->end) return fail(t, "a set has no ]");
  t->p++;
  buf_putc(t->out, ']');
  return true;
}

// --- items ---

static bool put_class(struct translation *t)
{
  if (t->p == t->end) return fail(t, "it ends with %");
  char c = *t->p++;
  const char *set = class_set((char)(c | 0x20));
  if (is_letter(c) && set) {
    bool rest = c < 'a';
    buf_printf(t->out, "[%s%s]", rest ? "^" : "", set);
    return true;
  }
  if (c == 'b' || c == 'f')
    return fail(t, "%b and %f have no regular expression");
  if (is_digit(c)) return fail(t, "it refers back to a group");
  if (is_letter(c)) return fail(t, "there is no such class");
  put_literal(t, c, OUTSIDE);
  return true;
}

static void put_repeat(struct translation *t)
{
  if (t->p == t->end || !strchr("*+?-", *t->p)) return;
  if (*t->p == '-')
    buf_puts(t->out, "*?");
  else
    buf_putc(t->out, *t->p);
  t->p++;
}

static bool put_group(struct translation *t, char c)
{
  if (c == '(') {
    t->open++;
    buf_puts(t->out, "(?:");
    return true;
  }
  if (t->open == 0) return fail(t, "a ) has no (");
  t->open--;
  if (t->p < t->end && strchr("*+?-", *t->p))
    return fail(t, "a group cannot be repeated in a Lua pattern; use `regex`");
  buf_putc(t->out, ')');
  return true;
}

// Bytes of a character, so that what follows repeats all of it.
static void put_character(struct translation *t, char c)
{
  put_literal(t, c, OUTSIDE);
  while (t->p < t->end && ((unsigned char)*t->p & 0xC0) == 0x80) {
    buf_putc(t->out, *t->p++);
  }
}

static bool put_item(struct translation *t)
{
  char c = *t->p++;
  if (c == '(' || c == ')') return put_group(t, c);
  if (c == '\\')
    return fail(t, "a backslash means nothing in a Lua pattern; use %, or "
                   "`regex` for a regular expression");
  if (c && strchr("|{}", c))
    return fail(t, "| { and } stand for themselves in a Lua pattern; write "
                   "%| %{ %} for that, or use `regex`");
  bool ok = true;
  if (c == '[')
    ok = put_set(t);
  else if (c == '%')
    ok = put_class(t);
  else if (c == '.')
    buf_puts(t->out, "[\\s\\S]");
  else
    put_character(t, c);
  if (ok) put_repeat(t);
  return ok;
}

const char *words_translate_pattern(struct slice pattern, struct buf *out)
{
  struct translation t = {pattern.data, pattern.data + pattern.len, out, NULL,
                          0};
  if (t.p < t.end && *t.p == '^') {
    buf_putc(out, '^');
    t.p++;
  }
  while (t.p < t.end && !t.why) {
    if (*t.p == '$' && t.p + 1 == t.end) {
      buf_putc(out, '$');
      break;
    }
    put_item(&t);
  }
  if (!t.why && t.open) t.why = "a ( has no )";
  return t.why;
}
