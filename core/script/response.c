// response.c -- see response.h for the contract.

#include "script/response.h"

#include <lauxlib.h>

#include "base/json.h"
#include "loop/clock.h"
#include "script/convert.h"
#include "script/fault.h"

// User values of the userdata: what has been made already.
enum { MADE_JSON = 1, MADE_HEADERS, MADE_BODY, MADE_COUNT = MADE_BODY };

#define HEADERS_TYPE "tide.Headers"

static void forget(struct response *r)
{
  list_remove(&r->part.link);
  http_answer_finish(&r->answer);
  arena_finish(&r->scratch);
  r->ended = true;
}

static void on_call_end(struct call_part *part)
{
  forget(LIST_ITEM(part, struct response, part));
}

static int response_gc(lua_State *L)
{
  forget(lua_touserdata(L, 1));
  return 0;
}

struct response *response_push(lua_State *L, struct call *call)
{
  struct response *r = lua_newuserdatauv(L, sizeof(*r), MADE_COUNT); // res
  *r = (struct response){.part.stop = on_call_end};
  list_init(&r->part.link);
  luaL_setmetatable(L, RESPONSE_TYPE);
  call_attach(call, &r->part);
  return r;
}

static const char lent_key; // its address: the one that is lent

static void release_nothing(void *shared)
{
  (void)shared;
}

void response_lend(lua_State *L, const struct http_answer *answer)
{
  struct response *r = lua_newuserdatauv(L, sizeof(*r), MADE_COUNT); // res
  *r = (struct response){.part.stop = on_call_end, .answer = *answer};
  r->answer.release = release_nothing;
  list_init(&r->part.link);
  luaL_setmetatable(L, RESPONSE_TYPE);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &lent_key); // res
}

void response_take_back(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &lent_key); // res?
  struct response *r = lua_touserdata(L, -1);
  if (r) {
    forget(r);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &lent_key);
  }
  lua_pop(L, 1); //
}

void response_fill(struct response *r, struct http_answer *answer)
{
  r->answer = *answer;
  *answer = (struct http_answer){0};
}

void response_set_source(struct response *r, enum fetch_source source,
                         uint64_t age_ns)
{
  r->source = source;
  r->age_ns = age_ns;
}

struct response *response_at(lua_State *L, int index)
{
  return luaL_testudata(L, index, RESPONSE_TYPE);
}

static bool ends_with(struct slice s, const char *end)
{
  struct slice tail = slice_of(end);
  return s.len >= tail.len &&
         slice_eq_nocase((struct slice){s.data + s.len - tail.len, tail.len},
                         tail);
}

bool response_is_json(const struct response *r)
{
  struct slice type = http_answer_header(&r->answer, "content-type");
  const char *end = type.len ? memchr(type.data, ';', type.len) : NULL;
  if (end) type.len = (size_t)(end - type.data);
  while (type.len > 0 && type.data[type.len - 1] == ' ')
    type.len--;
  if (type.len > 0) return ends_with(type, "/json") || ends_with(type, "+json");
  return r->answer.body.len > 0 && strchr("{[", r->answer.body.data[0]) != NULL;
}

// --- fields ---

static int push_body(lua_State *L, struct response *r)
{
  struct slice body = buf_slice(&r->answer.body);
  lua_pushlstring(L, body.data, body.len); // body
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, MADE_BODY);
  return 1;
}

// "Link" and "link" are the same field; pairs() shows lower case.
static int headers_index(lua_State *L)
{
  size_t len;
  const char *name = luaL_checklstring(L, 2, &len);
  char lower[128];
  if (len >= sizeof(lower)) return 0;
  for (size_t i = 0; i < len; i++)
    lower[i] =
        (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
  lua_pushlstring(L, lower, len); // key
  lua_rawget(L, 1);               // value
  return 1;
}

static void add_header(lua_State *L, struct header field)
{
  luaL_Buffer b;
  luaL_buffinit(L, &b); // headers (buffer)
  for (size_t i = 0; i < field.name.len; i++) {
    char c = field.name.data[i];
    luaL_addchar(&b, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
  }
  luaL_pushresult(&b);                    // headers name
  lua_pushvalue(L, -1);                   // headers name name
  if (lua_rawget(L, -3) == LUA_TSTRING) { // headers name old
    lua_pushliteral(L, ", ");             // headers name old sep
    lua_pushlstring(L, field.value.data, field.value.len);
    lua_concat(L, 3); // headers name both
  } else {
    lua_pop(L, 1); // headers name
    lua_pushlstring(L, field.value.data, field.value.len);
  }
  lua_rawset(L, -3); // headers
}

static int push_headers(lua_State *L, struct response *r)
{
  lua_newtable(L); // headers
  struct header field;
  for (size_t at = 0; http_answer_next(&r->answer, &at, &field);)
    add_header(L, field);
  luaL_setmetatable(L, HEADERS_TYPE);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, MADE_HEADERS);
  return 1;
}

// An answer that is not JSON is the service's fault, not the script's: so an
// error object is raised, which the task hands on as the call's error.
static int raise_not_json(lua_State *L, const struct error *why)
{
  struct error err = {.retry_after_ms = -1};
  error_set(&err, E_BAD_RESPONSE, "the service's answer is not JSON: %s",
            why->message);
  fault_push(L, &err); // error
  return lua_error(L);
}

static int push_json(lua_State *L, struct response *r)
{
  struct json_doc doc;
  struct error err;
  struct slice body = buf_slice(&r->answer.body);
  if (json_parse(&doc, body, (struct json_limits){0}, &r->scratch, &err) != OK)
    return raise_not_json(L, &err);

  convert_push(L, &doc, 0, &r->scratch); // value
  arena_finish(&r->scratch);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, MADE_JSON);
  return 1;
}

static int made_or(lua_State *L, struct response *r, int slot,
                   int (*make)(lua_State *L, struct response *r))
{
  if (lua_getiuservalue(L, 1, slot) != LUA_TNIL) return 1;
  return make(L, r);
}

static bool is_stale(const struct response *r)
{
  return r->source == FETCH_STALE || r->source == FETCH_LAST_RESORT;
}

static bool push_fact(lua_State *L, const struct response *r, const char *key)
{
  if (!strcmp(key, "status"))
    lua_pushinteger(L, r->answer.status);
  else if (!strcmp(key, "ms"))
    lua_pushnumber(L, (lua_Number)r->answer.total_ns / NS_PER_MS);
  else if (!strcmp(key, "cached"))
    lua_pushboolean(L, is_stale(r) || r->source == FETCH_FRESH);
  else if (!strcmp(key, "stale"))
    lua_pushboolean(L, is_stale(r));
  else if (!strcmp(key, "age_ms"))
    lua_pushinteger(L, (lua_Integer)(r->age_ns / NS_PER_MS));
  else
    return false;
  return true;
}

static int response_index(lua_State *L)
{
  struct response *r = luaL_checkudata(L, 1, RESPONSE_TYPE);
  const char *key = luaL_checkstring(L, 2);
  if (r->ended)
    return luaL_error(L, "this response belongs to a call that has ended");

  if (!strcmp(key, "json")) return made_or(L, r, MADE_JSON, push_json);
  if (!strcmp(key, "body")) return made_or(L, r, MADE_BODY, push_body);
  if (!strcmp(key, "headers")) return made_or(L, r, MADE_HEADERS, push_headers);
  if (push_fact(L, r, key)) return 1;
  return luaL_error(L,
                    "a response has no field '%s' (it has status, headers, "
                    "body, json, ms, cached, stale, age_ms)",
                    key);
}

static int response_tostring(lua_State *L)
{
  struct response *r = luaL_checkudata(L, 1, RESPONSE_TYPE);
  lua_pushfstring(L, "response %d, %I bytes", r->answer.status,
                  (lua_Integer)r->answer.body.len);
  return 1;
}

static enum error_code splice(lua_State *L, int index, struct buf *out,
                              struct error *err)
{
  struct response *r = response_at(L, index);
  if (r->ended)
    return error_set(err, E_INVALID, "a response of a call that has ended");
  struct slice body = buf_slice(&r->answer.body);
  struct error why;
  if (json_valid(body, (struct json_limits){0}, &why) != OK)
    return error_set(err, E_BAD_RESPONSE,
                     "the service's answer is not JSON: %s", why.message);
  buf_add(out, body);
  return OK;
}

static const luaL_Reg meta[] = {
    {"__index", response_index},
    {"__gc", response_gc},
    {"__tostring", response_tostring},
    {NULL, NULL},
};

void response_open(lua_State *L)
{
  luaL_newmetatable(L, RESPONSE_TYPE); // meta
  luaL_setfuncs(L, meta, 0);
  lua_pushboolean(L, false);
  lua_setfield(L, -2, "__metatable"); // meta
  convert_set_hook(L, splice);        // meta
  lua_pop(L, 1);                      //

  luaL_newmetatable(L, HEADERS_TYPE); // meta
  lua_pushcfunction(L, headers_index);
  lua_setfield(L, -2, "__index"); // meta
  lua_pushboolean(L, false);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1); //
}
