// bind_ctx.h -- ctx, and the objects that hang off it.

#ifndef BIND_BIND_CTX_H
#define BIND_BIND_CTX_H

#include <lauxlib.h>
#include <stdbool.h>

// Makes ctx with all its fields; once per VM. Raises. -0 +0
void bind_ctx(lua_State *L);

void bind_ctx_cache(lua_State *L);  // ctx.cache
void bind_ctx_http(lua_State *L);   // ctx.http
void bind_ctx_log(lua_State *L);    // ctx.log
void bind_ctx_call(lua_State *L);   // ctx.call
void bind_ctx_ask(lua_State *L);    // ctx.ask, ctx.roots, ctx.can_ask ...
void bind_ctx_sample(lua_State *L); // ctx.sample
void bind_ctx_change(lua_State *L); // ctx.changed, ctx.updated
void bind_ctx_notify(lua_State *L); // ctx.progress, notify, detach

// Pushes a read-only object with these methods; `flag` is their first upvalue.
// Reading another field raises with the names that there are. +1
void bind_ctx_object(lua_State *L, const luaL_Reg *methods, bool flag,
                     const char *name);

#endif
