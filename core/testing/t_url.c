// t_url.c -- shows net/url and net/address to the specs.

#include <arpa/inet.h>
#include <lauxlib.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "net/address.h"
#include "net/url.h"

int t_url(lua_State *L);

static struct slice check_slice(lua_State *L, int arg)
{
  struct slice s;
  s.data = luaL_checklstring(L, arg, &s.len);
  return s;
}

// -0 +0
static void set_part(lua_State *L, const char *name, struct slice part)
{
  if (!part.data) return;
  lua_pushlstring(L, part.data, part.len); // table part
  lua_setfield(L, -2, name);               // table
}

// parse(text): { scheme =, host =, port =, path =, query =, fragment = }, or
// nil and the message.
static int parse(lua_State *L)
{
  struct url url;
  struct error err;
  if (url_parse(check_slice(L, 1), &url, &err) != OK) {
    lua_pushnil(L);
    lua_pushstring(L, err.message);
    return 2;
  }
  lua_newtable(L); // table
  set_part(L, "scheme", url.scheme);
  set_part(L, "host", url.host);
  set_part(L, "path", url.path);
  set_part(L, "query", url.query);
  set_part(L, "fragment", url.fragment);
  lua_pushinteger(L, url.port);
  lua_setfield(L, -2, "port");
  return 1;
}

// join(base, path): the URL, or nil and the message.
static int join(lua_State *L)
{
  struct buf out = {0};
  struct error err;
  buf_puts(&out, "kept:");
  enum error_code code =
      url_join(&out, check_slice(L, 1), check_slice(L, 2), &err);
  if (code == OK)
    lua_pushlstring(L, out.data + 5, out.len - 5);
  else
    lua_pushnil(L);
  lua_pushstring(L, code == OK ? NULL : err.message);
  lua_pushboolean(L, code == OK || out.len == 5); // url message untouched
  buf_finish(&out);
  return 3;
}

// add_query(url, name, value)
static int add_query(lua_State *L)
{
  struct buf out = {0};
  buf_add(&out, check_slice(L, 1));
  url_add_query(&out, check_slice(L, 2), check_slice(L, 3));
  lua_pushlstring(L, out.data, out.len);
  buf_finish(&out);
  return 1;
}

// is_public(text): of an IPv4 or IPv6 address; any other text is the address of
// a UNIX socket.
static int is_public(lua_State *L)
{
  const char *text = luaL_checkstring(L, 1);
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  struct sockaddr other = {.sa_family = AF_UNIX};
  const struct sockaddr *address = &other;
  if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
    address = (const struct sockaddr *)&in;
  else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
    address = (const struct sockaddr *)&in6;
  lua_pushboolean(L, address_is_public(address));
  return 1;
}

int t_url(lua_State *L)
{
  static const luaL_Reg functions[] = {{"parse", parse},
                                       {"join", join},
                                       {"add_query", add_query},
                                       {"is_public", is_public},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
