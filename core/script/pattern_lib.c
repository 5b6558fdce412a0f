// pattern_lib.c -- string.find, match, gmatch and gsub.

#include <lauxlib.h>
#include <string.h>

#include "script/allowance.h"
#include "script/pattern.h"

static struct slice check_slice(lua_State *L, int arg)
{
  struct slice s;
  s.data = luaL_checklstring(L, arg, &s.len);
  return s;
}

// Where to begin, counted from 0; behind the end is len + 1.
static size_t check_start(lua_State *L, int arg, size_t len)
{
  lua_Integer at = luaL_optinteger(L, arg, 1);
  if (at < 0) at = at < -(lua_Integer)len ? 1 : (lua_Integer)len + at + 1;
  if (at == 0) at = 1;
  return (size_t)at - 1 > len ? len + 1 : (size_t)at - 1;
}

static bool take_anchor(struct slice *pattern)
{
  if (pattern->len == 0 || pattern->data[0] != '^') return false;
  pattern->data++;
  pattern->len--;
  return true;
}

// --- find and match ---

static bool is_plain(struct slice pattern)
{
  for (size_t i = 0; i < pattern.len; i++)
    if (pattern.data[i] && strchr("^$*+?.([%-", pattern.data[i])) return false;
  return true;
}

static int push_none(lua_State *L)
{
  lua_pushnil(L);
  return 1;
}

static int find_plain(lua_State *L, struct slice s, struct slice what,
                      size_t start)
{
  allowance_charge(L, s.len - start);
  const char *at = memmem(s.data + start, s.len - start, what.data, what.len);
  if (!at) return push_none(L);
  lua_pushinteger(L, at - s.data + 1);
  lua_pushinteger(L, at - s.data + (lua_Integer)what.len);
  return 2;
}

static int push_found(struct pattern *m, const char *from, const char *to,
                      bool find)
{
  if (!find) return pattern_push_all(m, from, to);
  lua_pushinteger(m->L, from - m->subject + 1);
  lua_pushinteger(m->L, to - m->subject);
  return pattern_push_all(m, NULL, NULL) + 2;
}

static int find_or_match(lua_State *L, bool find)
{
  struct pattern m;
  struct slice s = check_slice(L, 1), p = check_slice(L, 2);
  size_t start = check_start(L, 3, s.len);
  if (start > s.len) return push_none(L);
  if (find && (lua_toboolean(L, 4) || is_plain(p)))
    return find_plain(L, s, p, start);
  bool anchored = take_anchor(&p);
  pattern_init(&m, L, s, p);
  const char *at = s.data + start;
  do {
    const char *to = pattern_match(&m, at);
    if (to) return push_found(&m, at, to, find);
  } while (at++ < m.subject_end && !anchored);
  return push_none(L);
}

static int string_find(lua_State *L)
{
  return find_or_match(L, true);
}

static int string_match(lua_State *L)
{
  return find_or_match(L, false);
}

// --- gmatch ---

struct walk {
  struct pattern m;
  const char *at, *last; // where to go on; behind the match before
};

// Upvalues: subject, pattern, struct walk.
static int gmatch_next(lua_State *L)
{
  struct walk *w = lua_touserdata(L, lua_upvalueindex(3));
  w->m.L = L;
  for (const char *at = w->at; at <= w->m.subject_end; at++) {
    const char *to = pattern_match(&w->m, at);
    if (!to || to == w->last) continue;
    w->at = w->last = to;
    return pattern_push_all(&w->m, at, to);
  }
  w->at = w->m.subject_end + 1;
  return 0;
}

static int string_gmatch(lua_State *L)
{
  struct slice s = check_slice(L, 1), p = check_slice(L, 2);
  size_t start = check_start(L, 3, s.len);
  lua_settop(L, 2);
  struct walk *w = lua_newuserdatauv(L, sizeof(*w), 0); // s p walk
  pattern_init(&w->m, L, s, p);
  w->at = s.data + start;
  w->last = NULL;
  lua_pushcclosure(L, gmatch_next, 3); // next
  return 1;
}

// --- gsub ---

// Adds the replacement string, with its %0 to %9 replaced by captures.
static void add_string(struct pattern *m, luaL_Buffer *out, const char *from,
                       const char *to)
{
  struct slice text = {NULL, 0};
  text.data = lua_tolstring(m->L, 3, &text.len);
  const char *end = text.data + text.len;
  for (const char *p = text.data; p < end; p++) {
    const char *mark = memchr(p, '%', (size_t)(end - p));
    luaL_addlstring(out, p, (size_t)((mark ? mark : end) - p));
    if (!mark) return;
    p = mark + 1;
    if (*p == '%') {
      luaL_addchar(out, '%');
    } else if (*p == '0') {
      luaL_addlstring(out, from, (size_t)(to - from));
    } else if (*p >= '1' && *p <= '9') {
      pattern_push(m, *p - '1', from, to);
      luaL_tolstring(m->L, -1, NULL);
      lua_remove(m->L, -2);
      luaL_addvalue(out);
    } else {
      luaL_error(m->L, "invalid use of '%%' in replacement string");
    }
  }
}

// Adds what the third argument makes of the match. False: it stays.
static bool add_value(struct pattern *m, luaL_Buffer *out, const char *from,
                      const char *to)
{
  lua_State *L = m->L;
  int type = lua_type(L, 3);
  if (type == LUA_TFUNCTION) {
    lua_pushvalue(L, 3);
    lua_call(L, pattern_push_all(m, from, to), 1);
  } else if (type == LUA_TTABLE) {
    pattern_push(m, 0, from, to);
    lua_gettable(L, 3);
  } else {
    add_string(m, out, from, to);
    return true;
  }
  if (!lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    luaL_addlstring(out, from, (size_t)(to - from));
    return false;
  }
  if (!lua_isstring(L, -1))
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  luaL_addvalue(out);
  return true;
}

static void check_replacement(lua_State *L)
{
  int type = lua_type(L, 3);
  luaL_argexpected(L,
                   type == LUA_TNUMBER || type == LUA_TSTRING ||
                       type == LUA_TFUNCTION || type == LUA_TTABLE,
                   3, "string/function/table");
}

static int string_gsub(lua_State *L)
{
  struct pattern m;
  luaL_Buffer out;
  struct slice s = check_slice(L, 1), p = check_slice(L, 2);
  check_replacement(L);
  lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)s.len + 1), n = 0;
  bool anchored = take_anchor(&p), changed = false;
  pattern_init(&m, L, s, p);
  luaL_buffinit(L, &out);
  const char *at = s.data, *last = NULL;
  while (n < most) {
    const char *to = pattern_match(&m, at);
    if (to && to != last) {
      n++;
      changed = add_value(&m, &out, at, to) || changed;
      at = last = to;
    } else if (at < m.subject_end) {
      luaL_addchar(&out, *at++);
    } else {
      break;
    }
    if (anchored) break;
  }
  if (changed) {
    luaL_addlstring(&out, at, (size_t)(m.subject_end - at));
    luaL_pushresult(&out); // ... text
  } else {
    lua_pushvalue(L, 1); // ... text
  }
  lua_pushinteger(L, n); // ... text n
  return 2;
}

void pattern_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"find", string_find},
                                       {"match", string_match},
                                       {"gmatch", string_gmatch},
                                       {"gsub", string_gsub},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
