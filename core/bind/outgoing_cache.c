// outgoing_cache.c -- see outgoing_cache.h for the contract.

#include "bind/outgoing_cache.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "base/hash.h"
#include "guard/upstream.h"
#include "loop/clock.h"
#include "script/secret_value.h"

#define MS_MAX         INT64_C(604800000) // a week, as policies have it
#define KEY_MAX        1024 // bytes of a name that a script chooses
#define NAME_MAX_BYTES (CACHE_KEY_MAX - 1024) // leaves room for the rest

// --- the option ---

static const char *const times[] = {"ttl_ms", "stale_ms", "stale_if_error_ms",
                                    "negative_ms"};
static const char *const flags[] = {"shared", "safe"};
enum { TIMES = sizeof(times) / sizeof(times[0]) };
enum { FLAGS = sizeof(flags) / sizeof(flags[0]) };
_Static_assert(TIMES == OUTGOING_CACHE_TIMES, "outgoing.h has room for them");

static bool read_time(lua_State *L, struct outgoing *o, const char *name)
{
  for (int i = 0; i < TIMES; i++) {
    if (strcmp(name, times[i])) continue;
    lua_Integer ms = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : -1;
    if (ms < 0 || ms > MS_MAX)
      luaL_error(L, "cache.%s: 0 to %d milliseconds", name, (int)MS_MAX);
    o->cache.ms[i] = ms;
    return true;
  }
  return false;
}

static bool read_flag(lua_State *L, struct outgoing *o, const char *name)
{
  int *const members[] = {&o->cache.shared, &o->cache.safe};
  for (int i = 0; i < FLAGS; i++) {
    if (strcmp(name, flags[i])) continue;
    if (!lua_isboolean(L, -1))
      luaL_error(L, "cache.%s: true or false, not a %s", name,
                 luaL_typename(L, -1));
    *members[i] = lua_toboolean(L, -1);
    return true;
  }
  return false;
}

static void read_key(lua_State *L, struct outgoing *o)
{
  size_t len;
  const char *key = lua_tolstring(L, -1, &len);
  if (lua_type(L, -1) != LUA_TSTRING || len == 0 || len > KEY_MAX)
    luaL_error(L, "cache.key: a string of 1 to %d bytes", KEY_MAX);
  o->cache.key = arena_copy(&o->arena, (struct slice){key, len});
}

static void read_member(lua_State *L, struct outgoing *o, const char *name)
{
  if (read_time(L, o, name) || read_flag(L, o, name)) return;
  if (strcmp(name, "key"))
    luaL_error(L,
               "cache: unknown field '%s' (there are ttl_ms, stale_ms, "
               "stale_if_error_ms, negative_ms, shared, safe, key)",
               name);
  read_key(L, o);
}

void outgoing_read_cache(lua_State *L, struct outgoing *o, int index)
{
  if (lua_isboolean(L, index) && !lua_toboolean(L, index)) {
    o->cache.said = OUTGOING_CACHE_OFF;
    return;
  }
  if (!lua_istable(L, index))
    luaL_error(L, "cache: false, or a table such as { ttl_ms = 30000 }");
  o->cache.said = OUTGOING_CACHE_ON;
  for (int i = 0; i < TIMES; i++)
    o->cache.ms[i] = -1;
  o->cache.shared = -1;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) { // name value
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "cache: its fields have names");
    read_member(L, o, lua_tostring(L, -2));
  }
}

// --- the rules ---

static const struct integration *integration_of(const struct outgoing *o)
{
  return call_tool(o->part.call)->integration;
}

static bool is_read(const struct outgoing *o)
{
  if (slice_is(o->method, "GET") || slice_is(o->method, "HEAD")) return true;
  return slice_is(o->method, "POST") && o->cache.safe;
}

static void override(const struct outgoing *o, struct fetch_rules *rules)
{
  uint64_t *const members[] = {&rules->rule.ttl_ns, &rules->rule.swr_ns,
                               &rules->rule.sie_ns, &rules->rule.negative_ns};
  for (int i = 0; i < TIMES; i++)
    if (o->cache.ms[i] >= 0) *members[i] = (uint64_t)o->cache.ms[i] * NS_PER_MS;
  if (rules->rule.ttl_max_ns < rules->rule.ttl_ns)
    rules->rule.ttl_max_ns = rules->rule.ttl_ns;
  if (o->cache.shared >= 0) rules->rule.shared = o->cache.shared;
  rules->safe = o->cache.safe;
  rules->on = true;
}

static struct fetch_rules rules_of(lua_State *L, const struct outgoing *o,
                                   bool own)
{
  struct fetch_rules rules = policy_cache(call_tool(o->part.call)->policy);
  bool said = o->cache.said == OUTGOING_CACHE_ON;
  if (said && !is_read(o))
    luaL_error(L, "cache: the answer to a %s is not kept%s", o->method.data,
               slice_is(o->method, "POST")
                   ? ", unless safe = true says that it changes nothing"
                   : "");
  rules.trusts_public = integration_of(o)->auth.kind != AUTH_FUNCTION;
  if (said)
    override(o, &rules);
  else
    rules.on =
        rules.on && !own && is_read(o) && o->cache.said != OUTGOING_CACHE_OFF;
  return rules;
}

// --- the key ---

static int by_name(const void *a, const void *b)
{
  const struct header *const *x = a, *const *y = b;
  size_t xn = (*x)->name.len, yn = (*y)->name.len;
  int order = strncasecmp((*x)->name.data, (*y)->name.data, xn < yn ? xn : yn);
  return order ? order : (xn > yn) - (xn < yn);
}

// In one order, in one spelling.
static bool put_headers(struct outgoing *o, struct buf *out)
{
  const struct header **sorted =
      arena_alloc(&o->arena, (o->header_count + 1) * sizeof(struct header *));
  if (!sorted) return false;
  for (size_t i = 0; i < o->header_count; i++)
    sorted[i] = &o->headers[i];
  qsort(sorted, o->header_count, sizeof(*sorted), by_name);
  for (size_t i = 0; i < o->header_count; i++) {
    struct slice name = sorted[i]->name;
    for (size_t k = 0; k < name.len; k++)
      buf_putc(out, (char)(name.data[k] |
                           (name.data[k] >= 'A' && name.data[k] <= 'Z') << 5));
    buf_printf(out, ":%zu:", sorted[i]->value.len);
    buf_add(out, sorted[i]->value);
  }
  return true;
}

// What is not shown in the name: all that was asked for. Absent: no memory.
static struct slice fingerprint(struct outgoing *o, uint32_t version)
{
  unsigned char hash[SHA256_LEN];
  struct buf text = {0};
  buf_printf(&text, "%u\n", version);
  if (!o->cache.key.data) {
    buf_add(&text, buf_slice(&o->url));
    buf_putc(&text, '\n');
    if (!put_headers(o, &text)) text.failed = true;
    buf_putc(&text, '\n');
    buf_add(&text, buf_slice(&o->body));
  }
  bool ok = buf_ok(&text) && hash_sha256(buf_slice(&text), hash);
  buf_finish(&text);
  char hex[2 * SHA256_LEN + 1];
  for (int i = 0; ok && i < SHA256_LEN; i++) {
    hex[2 * i] = "0123456789abcdef"[hash[i] >> 4];
    hex[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
  }
  return ok ? arena_copy(&o->arena, (struct slice){hex, 2 * SHA256_LEN})
            : (struct slice){0};
}

static struct slice space_of(const struct outgoing *o)
{
  return slice_of(integration_of(o)->upstream->key);
}

// "GET /items?page=2" and a line with the fingerprint; absent: it cannot be
// found again. What a script invalidates is matched with the first line.
static struct slice name_of(lua_State *L, struct outgoing *o,
                            struct fetch_shared *shared)
{
  struct slice shown = o->cache.key, none = {0};
  size_t base = integration_of(o)->base.len;
  if (!shown.data) {
    struct slice path = {o->url.data + base, o->url.len - base};
    shown = secret_value_hide(L, path, &o->arena);
  }
  struct slice hash =
      fingerprint(o, fetch_version(shared, space_of(o), o->path));
  if (!shown.data || !hash.data || shown.len > NAME_MAX_BYTES) return none;
  return arena_printf(&o->arena, "%.*s %.*s\n%.*s", SLICE_ARG(o->method),
                      SLICE_ARG(shown), SLICE_ARG(hash));
}

enum fetch_found outgoing_look(lua_State *L, struct outgoing *o, bool own)
{
  struct call *call = o->part.call;
  struct fetcher *fetcher = call_live(call)->fetcher;
  struct fetch_options options = {
      .fetcher = fetcher,
      .trail = call_trail(call),
      .rules = rules_of(L, o, own),
      .deadline_ns = outgoing_deadline(o),
  };
  if (!options.rules.on || !fetcher) return FETCH_GO;
  options.key.space = space_of(o);
  options.key.name = name_of(L, o, fetcher_shared(fetcher));
  if (!options.rules.rule.shared) options.key.principal = call_principal(call);
  bool findable =
      options.key.name.data && cache_key_len(&options.key) <= CACHE_KEY_MAX;
  return findable ? fetch_look(&o->fetch, &options) : FETCH_GO;
}

void outgoing_changed(const struct outgoing *o)
{
  struct fetcher *fetcher = call_live(o->part.call)->fetcher;
  if (fetcher) fetch_changed(fetcher_shared(fetcher), space_of(o), o->path);
}
