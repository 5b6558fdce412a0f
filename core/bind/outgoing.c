// outgoing.c -- see outgoing.h for the contract. The options of the script are
// read in outgoing_options.c.

#include "bind/outgoing.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "base/encode.h"
#include "bind/outgoing_options.h"
#include "guard/deadline.h"
#include "loop/loop.h"
#include "net/url.h"
#include "script/secret_value.h"

static void on_call_end(struct call_part *part)
{
  struct outgoing *o = LIST_ITEM(part, struct outgoing, part);
  outgoing_stop(o);
  outgoing_free(o);
}

struct outgoing *outgoing_new(lua_State *L, struct call *call)
{
  struct outgoing *o = calloc(1, sizeof(*o));
  if (!o) {
    luaL_error(L, "not enough memory");
    return NULL;
  }
  o->part.stop = on_call_end;
  call_attach(call, &o->part);
  return o;
}

void outgoing_stop(struct outgoing *o)
{
  if (!o->running) return;
  if (call_expired(o->part.call))
    fetch_expire(&o->fetch);
  else
    fetch_cancel(&o->fetch);
}

void outgoing_free(struct outgoing *o)
{
  list_remove(&o->part.link);
  fetch_finish(&o->fetch);
  http_answer_finish(&o->answer);
  buf_finish(&o->url);
  buf_finish(&o->body);
  free(o->headers);
  arena_finish(&o->arena);
  free(o);
}

bool outgoing_default_header(struct outgoing *o, struct slice name,
                             struct slice value)
{
  for (size_t i = 0; i < o->header_count; i++)
    if (slice_eq_nocase(o->headers[i].name, name)) return true;
  if (o->header_count == o->header_room) {
    size_t room = o->header_room ? o->header_room * 2 : 8;
    struct header *more = realloc(o->headers, room * sizeof(*more));
    if (!more) return false;
    o->headers = more;
    o->header_room = room;
  }
  o->headers[o->header_count++] = (struct header){name, value};
  return true;
}

// An absolute URL is fine if it is below the base: services give such links to
// the next page. It must then stay there by the same rules as a path.
static struct slice below_base(lua_State *L, struct slice base,
                               struct slice path)
{
  if (path.len > 0 && path.data[0] == '/') return path;
  if (path.len > base.len && !memcmp(path.data, base.data, base.len) &&
      path.data[base.len] == '/')
    return (struct slice){path.data + base.len, path.len - base.len};
  luaL_error(L, "the path must begin with '/' (it is below the integration's "
                "base), or be a URL below that base");
  return path;
}

static void add_own_query(lua_State *L, struct outgoing *o, struct slice query)
{
  for (size_t i = 0; i < query.len; i++) {
    unsigned char c = (unsigned char)query.data[i];
    if (c <= ' ' || c >= 127 || c == '#')
      luaL_error(L, "the query in the path holds a character that must be "
                    "encoded; use the option query");
  }
  buf_add(&o->url, query);
}

// A path may carry its own query, as such links do; it goes along as it is.
static void join_url(lua_State *L, struct outgoing *o, struct slice base,
                     struct slice target)
{
  struct error err;
  target = below_base(L, base, target);
  const char *mark = memchr(target.data, '?', target.len);
  size_t len = mark ? (size_t)(mark - target.data) : target.len;
  o->path = arena_copy(&o->arena, (struct slice){target.data, len});
  o->shown = secret_value_hide(L, o->path, &o->arena);
  if (url_join(&o->url, base, o->path, &err) != OK)
    luaL_error(L, "%s", err.message);
  if (mark) add_own_query(L, o, (struct slice){mark, target.len - len});
}

static struct slice read_method(lua_State *L, struct outgoing *o, int index)
{
  struct slice m;
  m.data = luaL_checklstring(L, index, &m.len);
  bool ok = m.len > 0 && m.len <= 16;
  for (size_t i = 0; ok && i < m.len; i++)
    ok = m.data[i] >= 'A' && m.data[i] <= 'Z';
  if (!ok || slice_is(m, "CONNECT") || slice_is(m, "TRACE"))
    luaL_error(L, "'%s' is not a method that can be used (upper case, as GET)",
               m.data);
  return arena_copy(&o->arena, m);
}

void outgoing_read(lua_State *L, struct outgoing *o, int method, int path,
                   int options)
{
  const struct integration *in = call_tool(o->part.call)->integration;
  struct slice target;
  target.data = luaL_checklstring(L, path, &target.len);
  o->method = read_method(L, o, method);
  join_url(L, o, in->base, target);
  if (!lua_isnoneornil(L, options)) outgoing_options(L, o, options);
  for (size_t i = 0; i < in->header_count; i++)
    outgoing_default_header(o, in->headers[i].name, in->headers[i].value);
  outgoing_default_header(o, SLICE("Accept"),
                          SLICE("application/json, */*;q=0.5"));
}

uint64_t outgoing_deadline(const struct outgoing *o)
{
  struct call *call = o->part.call;
  uint64_t now = loop_now(vm_loop(call_live(call)->vm));
  uint64_t end = call_deadline(call);
  if (o->deadline_ms == 0) return end;
  return deadline_lower(end, deadline_after(now, o->deadline_ms));
}

static struct slice basic(struct outgoing *o, const struct auth *auth)
{
  struct slice secret = secret_reveal(auth->secret);
  struct buf text = {0};
  buf_puts(&text, "Basic ");
  base64_put(&text, arena_printf(&o->arena, "%.*s:%.*s", SLICE_ARG(auth->user),
                                 SLICE_ARG(secret)));
  struct slice copy = arena_copy(&o->arena, buf_slice(&text));
  buf_finish(&text);
  return copy;
}

void outgoing_authorize(struct outgoing *o, const struct auth *auth)
{
  if (!auth->secret) return;
  struct slice secret = secret_reveal(auth->secret);
  switch (auth->kind) {
  case AUTH_NONE:
  case AUTH_FUNCTION: break;
  case AUTH_BEARER:
    secret = arena_printf(&o->arena, "Bearer %.*s", SLICE_ARG(secret));
    outgoing_default_header(o, SLICE("Authorization"), secret);
    break;
  case AUTH_BASIC:
    outgoing_default_header(o, SLICE("Authorization"), basic(o, auth));
    break;
  case AUTH_KEY_HEADER: outgoing_default_header(o, auth->name, secret); break;
  case AUTH_KEY_QUERY: url_add_query(&o->url, auth->name, secret); break;
  }
}
