// bind_ctx_change.c -- ctx.changed and ctx.updated: what a handler tells every
// client that listens. Neither waits.

#include "bind/arguments.h"
#include "bind/bind_ctx.h"
#include "script/announcer.h"
#include "script/call.h"
#include "script/context.h"

/// ctx.changed(list: "tools" | "prompts" | "resources")
static int ctx_changed(lua_State *L)
{
  int list = check_choice(L, 1, "ctx.changed: a list", list_names);
  const struct live *live = call_live(call_of(L, "ctx.changed"));
  if (live->announcer)
    live->announcer->changed(live->announcer->ctx, (enum list_kind)list);
  return 0;
}

/// ctx.updated(uri: string)
static int ctx_updated(lua_State *L)
{
  struct slice uri = check_slice(L, 1);
  const struct live *live = call_live(call_of(L, "ctx.updated"));
  if (!catalog_has_resource(live->generation->catalog, uri))
    return luaL_argerror(L, 1, "no resource has this URI, and no template");
  if (live->announcer) live->announcer->updated(live->announcer->ctx, uri);
  return 0;
}

void bind_ctx_change(lua_State *L)
{
  lua_pushcfunction(L, ctx_changed); // changed
  context_set_field(L, CONTEXT_CALL, "changed");
  lua_pushcfunction(L, ctx_updated); // updated
  context_set_field(L, CONTEXT_CALL, "updated");
}
