// kit_upstream.c -- rules for the upstream, and what it was asked.

#include <ctype.h>
#include <unistd.h>

#include "base/encode.h"
#include "testing/kit.h"

// What a rule's function needs to be found again.
struct behaviour_asker {
  struct kit *kit;
  lua_Integer number; // in KIT_FUNCTIONS
};

// --- a request, as a table ---

// Pushes "Name: value\n" lines as a table with lower-case names; a name that
// comes twice has its values joined by ", ". +1
static void push_headers(lua_State *L, struct slice lines)
{
  lua_newtable(L); // headers
  const char *at = lines.data, *stop = lines.data + lines.len;
  while (at < stop) {
    const char *end = memchr(at, '\n', (size_t)(stop - at));
    const char *colon = memchr(at, ':', (size_t)(end - at));
    luaL_Buffer name;
    luaL_buffinit(L, &name);
    for (const char *c = at; c < colon; c++)
      luaL_addchar(&name, (char)tolower((unsigned char)*c));
    luaL_pushresult(&name);                                   // headers name
    lua_pushlstring(L, colon + 2, (size_t)(end - colon - 2)); // + value
    lua_pushvalue(L, -2);                // headers name value name
    if (lua_rawget(L, -4) != LUA_TNIL) { // headers name value old
      lua_pushliteral(L, ", ");          // headers name value old sep
      lua_pushvalue(L, -3);              // headers name value old sep value
      lua_concat(L, 3);                  // headers name value both
      lua_replace(L, -2);                // headers name both
    } else {
      lua_pop(L, 1); // headers name value
    }
    lua_rawset(L, -3); // headers
    at = end + 1;
  }
}

static void push_decoded(lua_State *L, struct kit *kit, struct slice s)
{
  struct buf *text = &kit->text;
  buf_reset(text, 0);
  bool ok = percent_get(text, s);
  if (ok) s = buf_slice(text);
  lua_pushlstring(L, s.data ? s.data : "", s.len); // text
}

// query[name] = value, or the list of its values. -2 (name value)
static void add_pair(lua_State *L)
{
  int query = lua_gettop(L) - 2;
  lua_pushvalue(L, -2);            // query name value name
  int type = lua_rawget(L, query); // query name value old
  if (type == LUA_TNIL) {
    lua_pop(L, 1);        // query name value
    lua_rawset(L, query); // query
    return;
  }
  if (type != LUA_TTABLE) {
    lua_createtable(L, 2, 0); // query name value old list
    lua_insert(L, -2);        // query name value list old
    lua_rawseti(L, -2, 1);    // query name value list
  }
  lua_insert(L, -2);                                      // + list value
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1); // query name list
  lua_rawset(L, query);                                   // query
}

static void push_query(lua_State *L, struct kit *kit, struct slice query)
{
  lua_newtable(L); // query
  const char *at = query.data, *stop = query.data + query.len;
  while (at < stop) {
    const char *end = memchr(at, '&', (size_t)(stop - at));
    if (!end) end = stop;
    const char *equals = memchr(at, '=', (size_t)(end - at));
    if (!equals) equals = end;
    const char *value = equals < end ? equals + 1 : end;
    push_decoded(L, kit, (struct slice){at, (size_t)(equals - at)});
    push_decoded(L, kit, (struct slice){value, (size_t)(end - value)});
    add_pair(L);
    at = end + 1;
  }
}

// Path and query of a URL that the engine has made.
static void set_path(lua_State *L, struct kit *kit, struct slice url)
{
  const char *stop = url.data + url.len;
  const char *mark = memchr(url.data, '?', url.len);
  const char *end = mark ? mark : stop;
  const char *host = memchr(url.data, ':', url.len);
  const char *path = host ? memchr(host + 3, '/', (size_t)(end - host - 3)) : 0;
  if (!path) path = end;
  kit_set_slice(L, "path", (struct slice){path, (size_t)(end - path)});
  if (mark) mark++;
  push_query(L, kit,
             mark ? (struct slice){mark, (size_t)(stop - mark)}
                  : (struct slice){stop, 0});
  lua_setfield(L, -2, "query"); // request
}

static void push_request(lua_State *L, struct kit *kit,
                         const struct scripted_request *r)
{
  luaL_checkstack(L, 16, NULL);
  lua_createtable(L, 0, 10); // request
  kit_set_slice(L, "method", r->method);
  kit_set_slice(L, "url", r->url);
  set_path(L, kit, r->url);
  push_headers(L, r->headers);
  lua_setfield(L, -2, "headers"); // request
  if (r->has_body) {
    kit_set_slice(L, "body", r->body);
    kit_push_json(L, r->body, &kit->asked);
    lua_setfield(L, -2, "json"); // request
  }
  lua_pushinteger(L, (lua_Integer)((r->at_ns - KIT_START_NS) / NS_PER_MS));
  lua_setfield(L, -2, "at_ms"); // request
  lua_pushboolean(L, r->replayable);
  lua_setfield(L, -2, "replayable"); // request
  lua_pushboolean(L, r->matched);
  lua_setfield(L, -2, "matched"); // request
}

// "GET https://host/path*" at `arg`, in two.
static void check_pattern(lua_State *L, int arg, struct slice *method,
                          struct slice *url)
{
  const char *pattern = luaL_checkstring(L, arg);
  const char *space = strchr(pattern, ' ');
  luaL_argcheck(L, space && space > pattern && space[1], arg,
                "expected METHOD URL, as in \"GET https://*\"");
  *method = (struct slice){pattern, (size_t)(space - pattern)};
  *url = slice_of(space + 1);
}

/// kit:requests(pattern?: string): table
/// All that was sent since the kit was made or cleared, oldest first: { method,
/// url, path, query, headers, body, json, at_ms, replayable, matched }.
int kit_requests(lua_State *L)
{
  struct kit *kit = kit_check(L);
  struct slice method = SLICE("*"), url = SLICE("*");
  if (!lua_isnoneornil(L, 2)) check_pattern(L, 2, &method, &url);
  size_t n;
  const struct scripted_request *r = scripted_requests(kit->upstream, &n);
  lua_createtable(L, (int)n, 0); // list
  lua_Integer found = 0;
  for (size_t i = 0; i < n; i++) {
    if (!scripted_is(&r[i], method, url)) continue;
    push_request(L, kit, &r[i]); // list request
    lua_rawseti(L, -2, ++found); // list
  }
  return 1;
}

// --- functions that behave ---

// The protected part: function, kit, request, behaviour.
static int answer(lua_State *L)
{
  struct kit *kit = lua_touserdata(L, 2);
  const struct scripted_request *request = lua_touserdata(L, 3);
  struct behaviour *out = lua_touserdata(L, 4);
  lua_settop(L, 1);              // fn
  push_request(L, kit, request); // fn request
  lua_call(L, 1, 1);             // result
  if (!lua_istable(L, 1))
    luaL_error(L, "an upstream's function must return a table, not a %s",
               luaL_typename(L, 1));
  arena_reset(&kit->asked);
  kit_read_behaviour(L, 1, &kit->asked, out);
  return 0;
}

// Runs inside the engine, so what it raises waits until that is left.
static void ask(void *ctx, const struct scripted_request *request,
                struct behaviour *out)
{
  const struct behaviour_asker *asker = ctx;
  struct kit *kit = asker->kit;
  lua_State *L = kit->L;
  struct behaviour does = *out;
  if (!L || kit->raised || !lua_checkstack(L, 8)) return;
  lua_pushcfunction(L, answer);                   // answer
  lua_getiuservalue(L, kit->self, KIT_FUNCTIONS); // answer functions
  lua_rawgeti(L, -1, asker->number);              // answer functions fn
  lua_replace(L, -2);                             // answer fn
  lua_pushlightuserdata(L, kit);
  lua_pushlightuserdata(L, (void *)(uintptr_t)request);
  lua_pushlightuserdata(L, &does); // answer fn kit request does
  if (lua_pcall(L, 4, 0, 0) == LUA_OK) {
    *out = does;
    return;
  }
  kit->raised = true;
  lua_setiuservalue(L, kit->self, KIT_RAISED);
}

static struct behaviour read_function(lua_State *L, struct kit *kit, int index)
{
  struct behaviour_asker *asker = arena_alloc(&kit->arena, sizeof(*asker));
  if (!asker) luaL_error(L, "not enough memory");
  lua_getiuservalue(L, 1, KIT_FUNCTIONS); // functions
  asker->kit = kit;
  asker->number = (lua_Integer)lua_rawlen(L, -1) + 1;
  lua_pushvalue(L, index);           // functions fn
  lua_rawseti(L, -2, asker->number); // functions
  lua_pop(L, 1);                     //
  return (struct behaviour){.ask = ask, .ask_ctx = asker};
}

static struct behaviour read_one(lua_State *L, struct kit *kit, int index)
{
  struct behaviour does;
  if (lua_isfunction(L, index)) return read_function(L, kit, index);
  if (!lua_istable(L, index))
    luaL_error(L, "a behaviour is a table or a function, not a %s",
               luaL_typename(L, index));
  kit_read_behaviour(L, index, &kit->scratch, &does);
  return does;
}

// --- rules ---

/// kit:upstream(pattern: string, behaviour: table|function, ...): kit
/// "GET https://host/path*"; each behaviour is for one request, the last stays.
int kit_upstream(lua_State *L)
{
  struct kit *kit = kit_check(L);
  struct slice method, url;
  check_pattern(L, 2, &method, &url);
  int n = lua_gettop(L) - 2;
  luaL_argcheck(L, n > 0, 3, "a behaviour is missing");

  arena_reset(&kit->scratch);
  struct behaviour *list =
      arena_alloc(&kit->scratch, (size_t)n * sizeof(*list));
  for (int i = 0; list && i < n; i++) {
    list[i] = read_one(L, kit, i + 3);
  }
  if (!list || !scripted_add(kit->upstream, method, url, list, (size_t)n))
    return luaL_error(L, "not enough memory");
  lua_settop(L, 1);
  return 1;
}

/// kit:clear()
/// Forgets rules, requests and the log, so that one kit can serve many cases.
int kit_clear(lua_State *L)
{
  struct kit *kit = kit_check_idle(L);
  scripted_clear(kit->upstream);
  lua_newtable(L);                        // functions
  lua_setiuservalue(L, 1, KIT_FUNCTIONS); //
  lua_newtable(L);                        // answers
  lua_setiuservalue(L, 1, KIT_ANSWERS);   //
  lua_newtable(L);                        // questions
  lua_setiuservalue(L, 1, KIT_QUESTIONS); //
  log_flush(kit->log);
  if (ftruncate(kit->log_fd, 0) || lseek(kit->log_fd, 0, SEEK_SET))
    return luaL_error(L, "cannot empty the log");
  return 0;
}
