// bind.c -- puts `tide` together and freezes it.

#include "bind/bind.h"

#include <lauxlib.h>

#include "bind/bind_ctx.h"
#include "script/sandbox.h"
#include "script/secret_value.h"

void bind_open(lua_State *L, void *ctx)
{
  const struct bind_env *env = ctx;
  secret_value_open(L, env->secrets);
  bind_ctx(L);
  lua_newtable(L); // sandbox tide
  bind_env_open(L, env);
  bind_random_open(L, env);
  bind_log_open(L, env);
  bind_json_open(L);
  bind_cjson_open(L);
  bind_base64_open(L);
  bind_url_open(L);
  bind_hash_open(L);
  bind_time_open(L);
  bind_all_open(L);
  bind_error_open(L);
  bind_content_open(L);
  bind_policy_open(L);
  bind_schema_open(L);
  sandbox_freeze(L, "tide", true); // sandbox view
  lua_setfield(L, -2, "tide");     // sandbox
}
