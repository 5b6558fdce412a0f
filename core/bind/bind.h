// bind.h -- the Lua API: the global `tide`, one file per module of it.

#ifndef BIND_BIND_H
#define BIND_BIND_H

#include <lua.h>
#include <stdint.h>

#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/slice.h"

// What the API needs from above. Shared by all VMs; immutable.
struct bind_env {
  struct secret_set *secrets; // where joined secrets go
  // As generation_options.find_secret; used while scripts are loaded.
  struct secret *(*find_secret)(void *ctx, struct slice name, char *hint,
                                size_t hint_size);
  // A variable that scripts may read; NULL: not set, or not allowed. Borrows.
  const char *(*find_env)(void *ctx, struct slice name);
  void *find_ctx;  // of both
  struct log *log; // of the loader's thread; for tide.log while loading
  uint64_t seed;   // of tide.random and tide.uuid; 0: from the kernel
};

// For vm_options.open_api; `env` is the struct bind_env (keeps). Raises. -0 +0
void bind_open(lua_State *L, void *env);

// Each adds its functions to the table `tide` on the top; names of modules are
// fields of it. Raises. -0 +0
void bind_env_open(lua_State *L, const struct bind_env *env);    // env secret
void bind_random_open(lua_State *L, const struct bind_env *env); // random uuid
void bind_log_open(lua_State *L, const struct bind_env *env);
void bind_json_open(lua_State *L);
void bind_cjson_open(lua_State *L);
void bind_base64_open(lua_State *L);
void bind_url_open(lua_State *L);
void bind_hash_open(lua_State *L);
void bind_time_open(lua_State *L);
void bind_all_open(lua_State *L);
void bind_error_open(lua_State *L);
void bind_content_open(lua_State *L);
void bind_policy_open(lua_State *L);
void bind_schema_open(lua_State *L);

#endif
