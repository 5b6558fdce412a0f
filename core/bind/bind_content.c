// bind_content.c -- tide.content: blocks of MCP content, as the protocol
// spells them.

#include <lauxlib.h>

#include "base/encode.h"
#include "base/iso_time.h"
#include "base/json.h"
#include "bind/arguments.h"
#include "bind/bind.h"
#include "script/call_result.h"
#include "script/meta_key.h"
#include "script/vm.h"


// A block with its type, and the metatable. +1
static void push_block(lua_State *L, const char *type)
{
  lua_createtable(L, 0, 4);           // block
  lua_pushstring(L, type);            // block type
  lua_setfield(L, -2, "type");        // block
  luaL_setmetatable(L, CONTENT_TYPE); // block
}

// UTF-8 text that is not empty, unless it may be.
static void check_text(lua_State *L, int arg, bool may_be_empty)
{
  struct slice text = check_slice(L, arg);
  luaL_argcheck(L, text.len || may_be_empty, arg, "must not be empty");
  luaL_argcheck(L, utf8_valid(text, NULL), arg, "must be UTF-8");
}

static void check_mime_type(lua_State *L, int arg)
{
  struct slice type = check_slice(L, arg);
  const char *slash = memchr(type.data, '/', type.len);
  bool good = slash && slash > type.data && slash < type.data + type.len - 1;
  for (size_t i = 0; i < type.len; i++)
    good = good && type.data[i] > ' ' && type.data[i] < 127;
  luaL_argcheck(L, good, arg, "a media type like image/png");
}

// RFC 3986: a scheme, and nothing outside of printable ASCII.
static void check_uri(lua_State *L, int arg)
{
  struct slice uri = check_slice(L, arg);
  const char *colon = memchr(uri.data, ':', uri.len);
  bool good = colon && colon > uri.data;
  for (size_t i = 0; i < uri.len; i++)
    good = good && uri.data[i] > ' ' && uri.data[i] < 127;
  luaL_argcheck(L, good, arg, "an absolute URI");
}

// block[name] = the base64 of the bytes at `arg`; the block is on the top.
static void set_base64(lua_State *L, int arg, const char *name)
{
  struct slice bytes = check_slice(L, arg);
  struct buf *out = vm_buf(vm_of(L));
  base64_put(out, bytes);
  push_buf(L, out);          // block data
  lua_setfield(L, -2, name); // block
}

static void set_argument(lua_State *L, int arg, const char *name)
{
  lua_pushvalue(L, arg);     // block value
  lua_setfield(L, -2, name); // block
}

// --- what any block may say about itself ---

#define ABOUT "audience", "priority", "last_modified", "meta"

// The list of those that it is for, on the top.
static void check_audience(lua_State *L, int arg)
{
  luaL_argcheck(L, lua_istable(L, -1) && lua_rawlen(L, -1) > 0, arg,
                "audience is a list of \"user\" and \"assistant\"");
  for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, -1); i++) {
    lua_rawgeti(L, -1, i); // ... list who
    const char *who = lua_tostring(L, -1);
    luaL_argcheck(L, who && (!strcmp(who, "user") || !strcmp(who, "assistant")),
                  arg, "audience is a list of \"user\" and \"assistant\"");
    lua_pop(L, 1);
  }
}

static void check_priority(lua_State *L, int arg)
{
  luaL_argcheck(L,
                lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) >= 0 &&
                    lua_tonumber(L, -1) <= 1,
                arg, "priority is a number, 0 to 1");
}

static void check_time(lua_State *L, int arg)
{
  int64_t seconds;
  int32_t ns;
  struct slice when = {0};
  if (lua_type(L, -1) == LUA_TSTRING)
    when.data = lua_tolstring(L, -1, &when.len);
  luaL_argcheck(L, when.data && iso_time_parse(when, &seconds, &ns), arg,
                "last_modified is a time as \"2026-11-20T09:15:00Z\"");
}

// Sets annotations and _meta of the block at `block` from the options at `arg`.
static void take_about(lua_State *L, int block, int arg)
{
  static const struct {
    const char *name, *as;
    void (*check)(lua_State *L, int arg);
  } members[] = {{"audience", "audience", check_audience},
                 {"priority", "priority", check_priority},
                 {"last_modified", "lastModified", check_time}};
  bool any = false;
  if (!lua_istable(L, arg)) return;
  lua_createtable(L, 0, 3); // annotations
  for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
    if (lua_getfield(L, arg, members[i].name) == LUA_TNIL) { // ... value
      lua_pop(L, 1);
      continue;
    }
    members[i].check(L, arg);
    lua_setfield(L, -2, members[i].as); // annotations
    any = true;
  }
  if (any)
    lua_setfield(L, block, "annotations"); //
  else
    lua_pop(L, 1);                                //
  if (lua_getfield(L, arg, "meta") != LUA_TNIL) { // meta
    luaL_argcheck(L, lua_istable(L, -1), arg, "meta is a table");
    lua_setfield(L, block, "_meta"); //
  } else {
    lua_pop(L, 1); //
  }
}

// --- icons of links ---

static void check_icon_source(lua_State *L, int arg)
{
  const char *src = lua_tostring(L, -1);
  luaL_argcheck(
      L, src && (!strncmp(src, "https://", 8) || !strncmp(src, "data:", 5)),
      arg, "an icon is at an https:// address, or in a data: URI");
}

// The icon on the top, an address or a table, as the protocol has it.
static void push_icon(lua_State *L, int arg)
{
  static const char *const names[] = {"src", "mime", "sizes", "theme", NULL};
  static const char *const as[] = {"src", "mimeType", "sizes", "theme"};
  int from = lua_gettop(L);
  lua_createtable(L, 0, 4); // ... icon out
  if (lua_type(L, from) == LUA_TSTRING) {
    lua_pushvalue(L, from); // ... icon out src
    check_icon_source(L, arg);
    lua_setfield(L, -2, "src"); // ... icon out
    return;
  }
  luaL_argcheck(L, check_options(L, from, names), arg,
                "an icon is an address or a table");
  lua_getfield(L, from, "src"); // ... icon out src
  check_icon_source(L, arg);
  lua_pop(L, 1); // ... icon out
  for (size_t i = 0; i < sizeof(as) / sizeof(as[0]); i++)
    if (lua_getfield(L, from, names[i]) != LUA_TNIL) // ... icon out value
      lua_setfield(L, -2, as[i]);                    // ... icon out
    else
      lua_pop(L, 1);
}

// The list on the top becomes one of icons. -1 +1
static void check_icons(lua_State *L, int arg)
{
  (void)arg;
  int list = lua_gettop(L);
  luaL_argcheck(L, lua_istable(L, list) && lua_rawlen(L, list) > 0, 2,
                "icons is a list of them");
  lua_Integer n = (lua_Integer)lua_rawlen(L, list);
  lua_createtable(L, (int)n, 0); // ... list icons
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, list, i);     // ... list icons icon
    push_icon(L, 2);             // ... list icons icon out
    lua_rawseti(L, list + 1, i); // ... list icons icon
    lua_pop(L, 1);               // ... list icons
  }
  lua_replace(L, list); // ... icons
}

static void check_about(lua_State *L, int arg)
{
  static const char *const names[] = {ABOUT, NULL};
  check_options(L, arg, names);
}

/// tide.content.text(text: string, about?: table): tide.Content
static int content_text(lua_State *L)
{
  lua_settop(L, 2);
  check_text(L, 1, true);
  check_about(L, 2);
  push_block(L, "text"); // text about block
  set_argument(L, 1, "text");
  take_about(L, 3, 2);
  return 1;
}

static int push_media(lua_State *L, const char *type)
{
  lua_settop(L, 3);
  check_slice(L, 1);
  check_mime_type(L, 2);
  check_about(L, 3);
  push_block(L, type); // bytes mime about block
  set_base64(L, 1, "data");
  set_argument(L, 2, "mimeType");
  take_about(L, 4, 3);
  return 1;
}

/// tide.content.image(bytes: string, mime_type: string, about?: table):
///   tide.Content
static int content_image(lua_State *L)
{
  return push_media(L, "image");
}

/// tide.content.audio(bytes: string, mime_type: string, about?: table):
///   tide.Content
static int content_audio(lua_State *L)
{
  return push_media(L, "audio");
}

// An option, what the protocol calls it, and what it must be.
struct option {
  const char *name, *as;
  void (*check)(lua_State *L, int arg);
};

// Copies what is there of the options in the table at 2 into the block at
// `block`. The checks see them as arguments.
static void take_options(lua_State *L, int block, const struct option *options)
{
  for (; options->name; options++) {
    if (lua_getfield(L, 2, options->name) == LUA_TNIL) { // value?
      lua_pop(L, 1);                                     //
      continue;
    }
    options->check(L, lua_gettop(L));
    lua_setfield(L, block, options->as); //
  }
}

static void check_any_text(lua_State *L, int arg)
{
  check_text(L, arg, true);
}

static void check_size(lua_State *L, int arg)
{
  luaL_argcheck(L, luaL_checkinteger(L, arg) >= 0, arg, "must not be negative");
}

/// tide.content.link(uri: string, options: { name: string, title?,
///   description?, mime_type?, size?, icons?, ...about }): tide.Content
static int content_link(lua_State *L)
{
  static const char *const names[] = {"name",      "title", "description",
                                      "mime_type", "size",  "icons",
                                      ABOUT,       NULL};
  static const struct option options[] = {
      {"name", "name", check_any_text},
      {"title", "title", check_any_text},
      {"description", "description", check_any_text},
      {"mime_type", "mimeType", check_mime_type},
      {"size", "size", check_size},
      {"icons", "icons", check_icons},
      {NULL, NULL, NULL}};
  check_uri(L, 1);
  luaL_argcheck(L, check_options(L, 2, names), 2, "a name is missing");
  lua_getfield(L, 2, "name"); // uri options name
  luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 2, "a name is missing");
  push_block(L, "resource_link"); // uri options name block
  set_argument(L, 1, "uri");
  take_options(L, lua_gettop(L), options);
  take_about(L, lua_gettop(L), 2);
  return 1;
}

/// tide.content.resource(uri: string, options: { text?: string,
///   bytes?: string, mime_type?: string, ...about }): tide.Content
static int content_resource(lua_State *L)
{
  static const char *const names[] = {"text", "bytes", "mime_type", ABOUT,
                                      NULL};
  static const struct option options[] = {
      {"text", "text", check_any_text},
      {"mime_type", "mimeType", check_mime_type},
      {NULL, NULL, NULL}};
  check_uri(L, 1);
  luaL_argcheck(L, check_options(L, 2, names), 2, "text or bytes are missing");
  int text = lua_getfield(L, 2, "text");   // uri options text
  int bytes = lua_getfield(L, 2, "bytes"); // uri options text bytes
  luaL_argcheck(L, (text != LUA_TNIL) != (bytes != LUA_TNIL), 2,
                "either text or bytes");
  push_block(L, "resource"); // uri options text bytes block
  lua_createtable(L, 0, 3);  // uri options text bytes block inner
  set_argument(L, 1, "uri");
  if (bytes != LUA_TNIL) set_base64(L, 4, "blob");
  take_options(L, lua_gettop(L), options);
  lua_setfield(L, -2, "resource"); // uri options text bytes block
  take_about(L, lua_gettop(L), 2);
  return 1;
}

// The keys of the table on the top.
static void check_meta_keys(lua_State *L, int arg)
{
  int meta = lua_gettop(L);
  luaL_argcheck(L, lua_istable(L, meta), arg, "meta is a table");
  for (lua_pushnil(L); lua_next(L, meta); lua_pop(L, 1)) { // ... key value
    struct slice key = {0};
    if (lua_type(L, -2) == LUA_TSTRING)
      key.data = lua_tolstring(L, -2, &key.len);
    luaL_argcheck(L, key.data, arg, "meta has names and values");
    const char *why = meta_key_fault(key);
    if (why) luaL_error(L, "meta.%s %s", key.data, why);
  }
}

/// tide.content.result(value: any, options: { content?: tide.Content|
///   tide.Content[], meta?: table }): tide.Result
static int content_result(lua_State *L)
{
  static const char *const names[] = {"content", "meta", NULL};
  lua_settop(L, 2);
  luaL_argcheck(L, check_options(L, 2, names), 2, "content or meta is missing");
  lua_createtable(L, 0, 3);                    // value options result
  set_argument(L, 1, "value");                 // value options result
  int content = lua_getfield(L, 2, "content"); // ... result content
  luaL_argcheck(L, content == LUA_TNIL || call_result_is_content(L, 4), 2,
                "content is a block of tide.content, or a list of them");
  luaL_argcheck(L, content != LUA_TNIL || !lua_isnil(L, 1), 1,
                "neither a value nor content");
  lua_setfield(L, 3, "content");              // ... result
  if (lua_getfield(L, 2, "meta") != LUA_TNIL) // ... result meta
    check_meta_keys(L, 2);
  lua_setfield(L, 3, "meta");        // ... result
  luaL_setmetatable(L, RESULT_TYPE); // ... result
  return 1;
}

void bind_content_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"text", content_text},
                                       {"image", content_image},
                                       {"audio", content_audio},
                                       {"link", content_link},
                                       {"resource", content_resource},
                                       {"result", content_result},
                                       {NULL, NULL}};
  luaL_newmetatable(L, CONTENT_TYPE); // tide meta
  lua_pushboolean(L, 0);              // tide meta false
  lua_setfield(L, -2, "__metatable"); // tide meta
  lua_pop(L, 1);                      // tide
  luaL_newmetatable(L, RESULT_TYPE);  // tide meta
  lua_pushboolean(L, 0);              // tide meta false
  lua_setfield(L, -2, "__metatable"); // tide meta
  lua_pop(L, 1);                      // tide
  luaL_newlib(L, functions);          // tide content
  lua_setfield(L, -2, "content");     // tide
}
