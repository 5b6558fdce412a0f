// bind_ctx_cache.c -- ctx.cache: what a script keeps from call to call. None of
// it waits.
//
// A value is kept as JSON, under the integration's name and the principal of
// the call, or for all principals if the script says `shared`. It lives in the
// one cache of the process, beside the services' answers, and goes when there is
// no room: a cache, no store. A name is a text, or a table for its JSON.

#include "bind/arguments.h"
#include "bind/bind_ctx.h"
#include "guard/fetch.h"
#include "guard/upstream.h"
#include "loop/clock.h"
#include "script/call.h"
#include "script/context.h"
#include "script/convert.h"

#define NAME_MAX_BYTES 1024
#define MS_MAX         INT64_C(604800000) // a week
#define STALE_TIMES    10                 // stale_ms, if not said: of ttl_ms
#define STALE_MAX_MS   INT64_C(86400000)  // but at most a day

static const char *const only_shared[] = {"shared", NULL};

struct asked { // which entry
  struct call *call;
  struct fetch_shared *shared; // NULL: there is no cache
  struct cache_key key;
};

static void check_self(lua_State *L, const char *what)
{
  if (lua_istable(L, 1) && lua_getmetatable(L, 1)) // not a name of values
    lua_pop(L, 1);
  else
    luaL_error(L, "call it with a colon: %s(name)", what);
}

// A table's JSON has its names sorted, so it is the same text each time. Left on
// the stack.
static struct slice check_name(lua_State *L, int arg)
{
  struct error err;
  struct slice name;
  if (lua_istable(L, arg)) {
    struct buf *text = vm_buf(vm_of(L));
    if (convert_put(L, arg, NULL, text, &err) != OK)
      luaL_argerror(L, arg, lua_pushstring(L, err.message));
    push_buf(L, text); // name
    lua_replace(L, arg);
  }
  name = check_slice(L, arg);
  luaL_argcheck(L, name.len > 0 && name.len <= NAME_MAX_BYTES, arg,
                "a name has 1 to 1024 bytes");
  return name;
}

static bool is_shared(lua_State *L, int options)
{
  if (!lua_istable(L, options)) return false;
  int type = lua_getfield(L, options, "shared"); // shared
  luaL_argcheck(L, type == LUA_TNIL || type == LUA_TBOOLEAN, options,
                "shared is true or false");
  bool shared = lua_toboolean(L, -1);
  lua_pop(L, 1); //
  return shared;
}

// Name and options of method `what`, at 2 and `options`.
static struct asked check_asked(lua_State *L, int options, const char *what)
{
  struct call *call = call_of(L, what);
  struct fetcher *fetcher = call_live(call)->fetcher;
  struct asked asked = {
      .call = call,
      .shared = fetcher ? fetcher_shared(fetcher) : NULL,
      .key = {.space = call_tool(call)->integration->name,
              .name = check_name(L, 2)},
  };
  if (!is_shared(L, options)) asked.key.principal = call_principal(call);
  return asked;
}

static uint64_t now_of(const struct asked *asked)
{
  return loop_now(vm_loop(call_live(asked->call)->vm));
}

// --- reading ---

// In the VM's buffer, so that a raise leaves no reference behind; NULL if there
// is none.
static const struct buf *find(lua_State *L, const struct asked *asked,
                              bool stale, uint64_t *age_ns)
{
  if (!asked->shared) return NULL;
  uint64_t now = now_of(asked);
  struct cache_hit hit =
      cache_get(fetch_cache(asked->shared), &asked->key, now, 0);
  struct buf *text = vm_buf(vm_of(L));
  bool good = hit.value && (stale || hit.state == CACHE_FRESH);
  if (good) {
    *age_ns = now > hit.value->stored_ns ? now - hit.value->stored_ns : 0;
    buf_add(text, hit.value->body);
  }
  cache_unref(hit.value);
  return good && buf_ok(text) ? text : NULL;
}

// What a fallback finds here is how old its answer is.
static void note_age(lua_State *L, uint64_t age_ns)
{
  struct call *call = call_of(L, "ctx.cache");
  if (call_falls_back(call))
    call_degrade(call, SLICE("cache"), (int64_t)(age_ns / NS_PER_MS));
}

// Stack: self, name, options.
static int get(lua_State *L, bool stale, const char *what)
{
  check_self(L, what);
  lua_settop(L, 3);
  check_options(L, 3, only_shared);
  uint64_t age_ns;
  struct json_doc doc;
  struct asked asked = check_asked(L, 3, what);
  const struct buf *text = find(L, &asked, stale, &age_ns);
  struct arena *arena = vm_arena(vm_of(L));
  if (!text || json_parse(&doc, buf_slice(text), (struct json_limits){0}, arena,
                          NULL) != OK)
    return 0;
  convert_push(L, &doc, 0, arena); // value
  note_age(L, age_ns);
  lua_pushinteger(L, (lua_Integer)(age_ns / NS_PER_MS));
  return 2;
}

/// ctx.cache:get(name: string|table, opts?: { shared }): value, age_ms | nothing
static int cache_value(lua_State *L)
{
  return get(L, false, "ctx.cache:get");
}

/// ctx.cache:stale(name: string|table, opts?: { shared }): value, age_ms | nothing
static int cache_stale(lua_State *L)
{
  return get(L, true, "ctx.cache:stale");
}

// --- writing ---

static int64_t check_ms(lua_State *L, const char *name, int64_t otherwise)
{
  if (lua_getfield(L, 4, name) == LUA_TNIL) { // ms
    lua_pop(L, 1);                            //
    return otherwise;
  }
  lua_Integer ms = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
  if (ms < 1 || ms > MS_MAX)
    luaL_error(L, "ctx.cache:set: %s: 1 to %d milliseconds", name, (int)MS_MAX);
  lua_pop(L, 1); //
  return ms;
}

static int refused(lua_State *L, const struct asked *asked, size_t len,
                   enum cache_stored why)
{
  struct cache *cache = fetch_cache(asked->shared);
  if (why == CACHE_TOO_LARGE)
    return push_failure(L, E_TOO_LARGE,
                        "the value is %zu bytes of JSON, and one that is kept "
                        "has at most %zu (a 64th of the cache)",
                        len, cache_value_max(cache));
  return push_failure(L, E_NO_MEMORY, "there is no memory to keep it");
}

static int store(lua_State *L, const struct asked *asked,
                 const struct buf *text, const struct cache_entry *times)
{
  struct cache *cache = fetch_cache(asked->shared);
  struct cache_entry entry = *times;
  entry.body = buf_slice(text);
  entry.meta = SLICE("");
  entry.ticket = cache_ticket(cache, &asked->key);
  enum cache_stored stored =
      cache_put(cache, &asked->key, &entry, now_of(asked));
  if (stored == CACHE_TOO_LARGE || stored == CACHE_NO_MEMORY)
    return refused(L, asked, text->len, stored);
  lua_pushboolean(L, true);
  return 1;
}

/// ctx.cache:set(name: string|table, value: any,
///   opts: { ttl_ms, stale_ms?, shared? }): true | nil, error
static int cache_set(lua_State *L)
{
  static const char *const names[] = {"ttl_ms", "stale_ms", "shared", NULL};
  const char *what = "ctx.cache:set";
  check_self(L, what);
  lua_settop(L, 4);
  if (!check_options(L, 4, names) || lua_isnil(L, 3))
    luaL_error(L, "%s(name, value, { ttl_ms = ... }): all three are needed",
               what);
  struct asked asked = check_asked(L, 4, what);
  int64_t ttl = check_ms(L, "ttl_ms", 0);
  int64_t stale =
      ttl < STALE_MAX_MS / STALE_TIMES ? ttl * STALE_TIMES : STALE_MAX_MS;
  stale = check_ms(L, "stale_ms", stale);
  if (ttl == 0) luaL_error(L, "%s: ttl_ms says how long it is good", what);
  if (!asked.shared) return 0;
  struct error err;
  struct buf *text = vm_buf(vm_of(L));
  if (convert_put(L, 3, NULL, text, &err) != OK)
    luaL_error(L, "%s: value: %s", what, err.message);
  struct cache_entry times = {.fresh_for_ns = (uint64_t)ttl * NS_PER_MS,
                              .sie_for_ns = (uint64_t)stale * NS_PER_MS};
  return store(L, &asked, text, &times);
}

// --- forgetting ---

/// ctx.cache:delete(name: string|table, opts?: { shared }): boolean
static int cache_delete(lua_State *L)
{
  const char *what = "ctx.cache:delete";
  check_self(L, what);
  lua_settop(L, 3);
  check_options(L, 3, only_shared);
  struct asked asked = check_asked(L, 3, what);
  lua_pushboolean(L, asked.shared &&
                         cache_remove(fetch_cache(asked.shared), &asked.key));
  return 1;
}

// Answers have a second line, which no pattern needs to know.
static size_t forget_answers(lua_State *L, const struct asked *asked,
                             struct slice pattern)
{
  struct slice all = {0};
  const struct upstream *up = call_tool(asked->call)->integration->upstream;
  struct buf *text = vm_buf(vm_of(L));
  buf_add(text, pattern);
  buf_puts(text, "\n*");
  if (!up || !buf_ok(text)) return 0;
  return cache_invalidate(fetch_cache(asked->shared), slice_of(up->key), all,
                          buf_slice(text));
}

/// ctx.cache:invalidate(pattern: string): integer
static int cache_forget(lua_State *L)
{
  const char *what = "ctx.cache:invalidate";
  check_self(L, what);
  lua_settop(L, 2);
  luaL_checktype(L, 2, LUA_TSTRING);
  struct asked asked = check_asked(L, 3, what);
  struct slice all = {0};
  size_t n = 0;
  if (asked.shared) {
    n = cache_invalidate(fetch_cache(asked.shared), asked.key.space, all,
                         asked.key.name);
    n += forget_answers(L, &asked, asked.key.name);
  }
  lua_pushinteger(L, (lua_Integer)n);
  return 1;
}

static const luaL_Reg methods[] = {
    {"get", cache_value},         {"set", cache_set},
    {"delete", cache_delete},     {"stale", cache_stale},
    {"invalidate", cache_forget}, {NULL, NULL},
};

void bind_ctx_cache(lua_State *L)
{
  bind_ctx_object(L, methods, false, "ctx.cache"); // cache
  lua_pushvalue(L, -1);                            // cache cache
  context_set_field(L, CONTEXT_AUTH, "cache");
  context_set_field(L, CONTEXT_CALL, "cache");
}
