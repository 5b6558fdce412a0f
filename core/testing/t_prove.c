// t_prove.c -- shows app/prove to the specs.

#include "app/prove.h"
#include "base/fault.h"
#include "script/generation.h"
#include "testing/t_base.h"

int t_prove(lua_State *L);

static struct secret *find_secret(void *ctx, struct slice name, char *hint,
                                  size_t hint_size)
{
  (void)ctx, (void)name, (void)hint, (void)hint_size;
  return NULL;
}

static struct generation *load(lua_State *L, const struct bind_env *bind,
                               struct buf *text)
{
  struct faults faults = {0};
  struct generation_options options = {
      .scripts_dir = t_slice(L, 1),
      .policies_dir = t_slice(L, 2),
      .workers = 1,
      .vm = {.open_api = bind_open, .api_ctx = (void *)(uintptr_t)bind},
      .find_secret = find_secret,
  };
  struct generation *g = generation_load(&options, 1, &faults);
  if (!g) faults_print(&faults, text);
  faults_finish(&faults);
  return g;
}

// `fails`: which allocation fails, -1 for none. False: it was out of memory.
static bool print(const struct prove_options *o, bool json, long fails,
                  struct buf *text)
{
  struct prove_sum sum;
  struct prove_printer printer = {.out = text, .json = json};
  struct proof_sink sink = prove_printer_sink(&printer);
  fault_fail_after(fails);
  bool ok = prove(o, &sink, &sum);
  fault_fail_after(-1);
  if (ok) prove_print_end(&printer, &sum);
  return ok;
}

// run(scripts_dir, policies_dir, { setting =, tool =, seed =, json =, fails = }):
// the text; or nil and the faults. `fails`: the nth allocation; then "" is out of
// memory.
static int run(lua_State *L)
{
  lua_settop(L, 3);
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_getfield(L, 3, "setting"); // 4
  lua_getfield(L, 3, "tool");    // 5
  lua_getfield(L, 3, "seed");    // 6
  lua_getfield(L, 3, "json");    // 7
  lua_getfield(L, 3, "fails");   // 8
  struct bind_env bind = {.find_secret = find_secret,
                          .secrets = secret_set_new()};
  struct buf text = {0};
  struct generation *g = load(L, &bind, &text);
  struct prove_options o = {.catalog = g ? g->catalog : NULL,
                            .bind = &bind,
                            .setting = lua_tostring(L, 4),
                            .seed = (uint64_t)luaL_optinteger(L, 6, 1)};
  const char *tool = lua_tostring(L, 5);
  if (g && tool) o.only = catalog_tool(g->catalog, slice_of(tool));
  if (g) {
    if (!print(&o, lua_toboolean(L, 7), (long)luaL_optinteger(L, 8, -1), &text))
      buf_reset(&text, 0);
    vm_free(g->vms[0]);
    generation_unref(g);
  } else {
    lua_pushnil(L);
  }
  secret_set_free(bind.secrets);
  t_finish(L, &text);
  return g ? 1 : 2;
}

// rows(): the settings that have a scenario
static int rows(lua_State *L)
{
  lua_newtable(L); // list
  for (size_t i = 0; prove_row(i); i++) {
    lua_pushstring(L, prove_row(i));
    lua_rawseti(L, -2, (lua_Integer)i + 1); // list
  }
  return 1;
}

int t_prove(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"run", run}, {"rows", rows}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
