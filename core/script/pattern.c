// pattern.c -- the matcher of Lua's patterns, with a budget.
//
// The matcher tries what a pattern allows, longest first (or shortest, for '-'),
// and takes steps back: p is in the pattern, s in the subject, and what is
// behind p must match from s on. Each comparison is a step.

#include "script/pattern.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#include "script/allowance.h"

#define DEPTH_MAX  200  // of matching inside of matching, as in Lua
#define STEPS_LOOK 4096 // steps between two looks at the budget
#define STEP_NS    4

static const char *match_rest(struct pattern *m, const char *s, const char *p);

static void spend(struct pattern *m)
{
  if (++m->steps < STEPS_LOOK) return;
  m->steps = 0;
  if (!allowance_left(m->L, (size_t)STEPS_LOOK * STEP_NS))
    luaL_error(m->L, "the pattern takes too long");
}

// --- single characters ---

static bool in_class(int c, int class)
{
  bool is;
  switch (tolower(class)) {
  case 'a': is = isalpha(c); break;
  case 'c': is = iscntrl(c); break;
  case 'd': is = isdigit(c); break;
  case 'g': is = isgraph(c); break;
  case 'l': is = islower(c); break;
  case 'p': is = ispunct(c); break;
  case 's': is = isspace(c); break;
  case 'u': is = isupper(c); break;
  case 'w': is = isalnum(c); break;
  case 'x': is = isxdigit(c); break;
  case 'z': is = c == 0; break; // of old; Lua has it still
  default: return class == c;
  }
  return isupper(class) ? !is : is;
}

static int byte_at(const char *p)
{
  return (unsigned char)*p;
}

// `p` is at '[', `last` at the ']' that ends the set.
static bool in_set(int c, const char *p, const char *last)
{
  bool found = true;
  if (p[1] == '^') {
    found = false;
    p++;
  }
  while (++p < last) {
    if (*p == '%') {
      p++;
      if (in_class(c, byte_at(p))) return found;
    } else if (p[1] == '-' && p + 2 < last) {
      if (byte_at(p) <= c && c <= byte_at(p + 2)) return found;
      p += 2;
    } else if (byte_at(p) == c) {
      return found;
    }
  }
  return !found;
}

// Behind the single-character item at p. (A pattern ends with a NUL, so
// looking at its end is fine.)
static const char *item_end(struct pattern *m, const char *p)
{
  char first = *p++;
  if (first == '%') {
    if (p == m->pattern_end)
      luaL_error(m->L, "malformed pattern (ends with '%%')");
    return p + 1;
  }
  if (first != '[') return p;
  if (*p == '^') p++;
  do {
    if (p == m->pattern_end)
      luaL_error(m->L, "malformed pattern (missing ']')");
    if (*p++ == '%' && p < m->pattern_end) p++;
  } while (*p != ']');
  return p + 1;
}

static bool matches_item(struct pattern *m, const char *s, const char *p,
                         const char *end)
{
  spend(m);
  if (s >= m->subject_end) return false;
  switch (*p) {
  case '.': return true;
  case '%': return in_class(byte_at(s), byte_at(p + 1));
  case '[': return in_set(byte_at(s), p, end - 1);
  default: return *p == *s;
  }
}

// --- repetition ---

static const char *expand_most(struct pattern *m, const char *s, const char *p,
                               const char *end)
{
  const char *to = s;
  while (matches_item(m, to, p, end)) {
    to++;
  }
  for (; to >= s; to--) {
    const char *found = match_rest(m, to, end + 1);
    if (found) return found;
  }
  return NULL;
}

static const char *expand_least(struct pattern *m, const char *s, const char *p,
                                const char *end)
{
  for (;;) {
    const char *found = match_rest(m, s, end + 1);
    if (found) return found;
    if (!matches_item(m, s, p, end)) return NULL;
    s++;
  }
}

// --- captures ---

static const char *begin_capture(struct pattern *m, const char *s,
                                 const char *p, ptrdiff_t len)
{
  if (m->count >= PATTERN_CAPTURES) luaL_error(m->L, "too many captures");
  m->captures[m->count].start = s;
  m->captures[m->count].len = len;
  m->count++;
  const char *found = match_rest(m, s, p);
  if (!found) m->count--;
  return found;
}

static const char *end_capture(struct pattern *m, const char *s, const char *p)
{
  int i = m->count - 1;
  while (i >= 0 && m->captures[i].len != CAPTURE_OPEN) {
    i--;
  }
  if (i < 0) luaL_error(m->L, "invalid pattern capture");
  m->captures[i].len = s - m->captures[i].start;
  const char *found = match_rest(m, s, p);
  if (!found) m->captures[i].len = CAPTURE_OPEN;
  return found;
}

// %1 at p: behind what was captured, if it stands at s again.
static const char *match_again(struct pattern *m, const char *s, const char *p)
{
  int i = p[1] - '1';
  if (i < 0 || i >= m->count || m->captures[i].len == CAPTURE_OPEN)
    luaL_error(m->L, "invalid capture index %%%d", i + 1);
  ptrdiff_t len = m->captures[i].len;
  if (len == CAPTURE_POSITION || m->subject_end - s < len) return NULL;
  if (memcmp(m->captures[i].start, s, (size_t)len) != 0) return NULL;
  return s + len;
}

// --- the rest ---

// %bxy at p: behind the y that closes the x at s.
static const char *match_balanced(struct pattern *m, const char *s,
                                  const char *p)
{
  if (p + 3 >= m->pattern_end)
    luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
  if (s == m->subject_end || *s != p[2]) return NULL;
  int depth = 1;
  while (++s < m->subject_end) {
    spend(m);
    if (*s == p[3]) {
      if (--depth == 0) return s + 1;
    } else if (*s == p[2]) {
      depth++;
    }
  }
  return NULL;
}

// %f[set] at p, which ends before `end`.
static bool at_frontier(struct pattern *m, const char *s, const char *p,
                        const char *end)
{
  int before = s == m->subject ? '\0' : byte_at(s - 1);
  int here = s == m->subject_end ? '\0' : byte_at(s);
  return !in_set(before, p + 2, end - 1) && in_set(here, p + 2, end - 1);
}

// One item with its repetition. Sets `*s` and `*p` behind it and returns true
// to go on from there; false: `*found` is what came of all the rest.
static bool match_item(struct pattern *m, const char **s, const char **p,
                       const char **found)
{
  const char *end = item_end(m, *p);
  char repeat = end < m->pattern_end ? *end : '\0';
  *found = NULL;
  if (repeat == '*') {
    *found = expand_most(m, *s, *p, end);
    return false;
  }
  if (repeat == '-') {
    *found = expand_least(m, *s, *p, end);
    return false;
  }
  bool once = matches_item(m, *s, *p, end);
  if (repeat == '+') {
    if (once) *found = expand_most(m, *s + 1, *p, end);
    return false;
  }
  if (repeat == '?') {
    if (once) *found = match_rest(m, *s + 1, end + 1);
    *p = end + 1;
    return !*found;
  }
  *p = end;
  if (once) (*s)++;
  return once;
}

// Goes on behind %b, %f and %1, which cannot be repeated. As match_item().
static bool match_special(struct pattern *m, const char **s, const char **p,
                          const char **found)
{
  *found = NULL;
  if ((*p)[1] == 'f') {
    if ((*p)[2] != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
    const char *end = item_end(m, *p + 2);
    if (!at_frontier(m, *s, *p, end)) return false;
    *p = end;
    return true;
  }
  bool balanced = (*p)[1] == 'b';
  const char *to =
      balanced ? match_balanced(m, *s, *p) : match_again(m, *s, *p);
  if (!to) return false;
  *s = to;
  *p += balanced ? 4 : 2;
  return true;
}

static bool is_special(const struct pattern *m, const char *p)
{
  if (*p != '%' || p + 1 == m->pattern_end) return false;
  return p[1] == 'b' || p[1] == 'f' || isdigit(byte_at(p + 1));
}

static const char *match_steps(struct pattern *m, const char *s, const char *p)
{
  const char *found = NULL;
  bool more = true;
  while (more) {
    if (p == m->pattern_end) return s;
    if (*p == '(') {
      bool position = p[1] == ')';
      return begin_capture(m, s, p + 1 + position,
                           position ? CAPTURE_POSITION : CAPTURE_OPEN);
    }
    if (*p == ')') return end_capture(m, s, p + 1);
    if (*p == '$' && p + 1 == m->pattern_end)
      return s == m->subject_end ? s : NULL;
    more = is_special(m, p) ? match_special(m, &s, &p, &found)
                            : match_item(m, &s, &p, &found);
  }
  return found;
}

static const char *match_rest(struct pattern *m, const char *s, const char *p)
{
  if (m->depth++ >= DEPTH_MAX) luaL_error(m->L, "pattern too complex");
  spend(m);
  const char *found = match_steps(m, s, p);
  m->depth--;
  return found;
}

void pattern_init(struct pattern *m, lua_State *L, struct slice subject,
                  struct slice pattern)
{
  m->L = L;
  m->subject = subject.data;
  m->subject_end = subject.data + subject.len;
  m->pattern = pattern.data;
  m->pattern_end = pattern.data + pattern.len;
  m->steps = 0;
}

const char *pattern_match(struct pattern *m, const char *at)
{
  m->count = 0;
  m->depth = 0;
  return match_rest(m, at, m->pattern);
}

// --- captures as values ---

static void push_capture(struct pattern *m, int i, const char *from,
                         const char *to)
{
  if (i >= m->count) {
    if (i != 0) luaL_error(m->L, "invalid capture index %%%d", i + 1);
    lua_pushlstring(m->L, from, (size_t)(to - from)); // all of the match
    return;
  }
  const struct pattern_capture *c = &m->captures[i];
  if (c->len == CAPTURE_OPEN) luaL_error(m->L, "unfinished capture");
  if (c->len == CAPTURE_POSITION) {
    lua_pushinteger(m->L, c->start - m->subject + 1);
  } else {
    lua_pushlstring(m->L, c->start, (size_t)c->len);
  }
}

void pattern_push(struct pattern *m, int i, const char *from, const char *to)
{
  push_capture(m, i, from, to);
}

int pattern_push_all(struct pattern *m, const char *from, const char *to)
{
  int n = m->count == 0 && from ? 1 : m->count;
  luaL_checkstack(m->L, n, "too many captures");
  for (int i = 0; i < n; i++)
    push_capture(m, i, from, to);
  return n;
}
