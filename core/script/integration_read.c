// integration_read.c -- the table of a script, top level.

#include "script/integration.h"

#include <lauxlib.h>

#include "script/classify.h"

static const char table_key; // its address: what the script returned

void load_keep_table(struct loading *load, struct vm *vm)
{
  (void)load;
  lua_rawsetp(vm_state(vm), LUA_REGISTRYINDEX, &table_key); //
}

void load_push_table(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &table_key); // table
}

uint32_t integration_slot(struct integration_reader *r, struct slot_path path)
{
  lua_State *L = r->reader.L;
  struct slot *slot = arena_alloc(r->reader.arena, sizeof(*slot));
  if (!slot) luaL_error(L, "not enough memory");
  *slot = (struct slot){r->draft->slots, ++r->load->catalog->slots, path};
  r->draft->slots = slot;
  vm_set_function(vm_of(L), slot->number); //
  return slot->number;
}

const struct policy *integration_policy(struct integration_reader *r, int table,
                                        struct slice path,
                                        const struct policy *fallback)
{
  struct slice name;
  if (!read_text(&r->reader, table, path, "policy", &name)) return fallback;
  const struct policy *policy = load_policy(r->load, name);
  if (policy) return policy;
  const struct catalog *c = r->load->catalog;
  const char **names =
      arena_alloc(r->reader.arena, (c->policy_count + 1) * sizeof(*names));
  size_t n = 0;
  for (; names && n < c->policy_count; n++) {
    names[n] = c->policies[n].name.data;
  }
  struct slice reason = arena_printf(
      &r->load->faults->arena, "there is no policy %.*s%s", SLICE_ARG(name),
      r->load->policies_broken ? ", or its file has a fault" : "");
  read_unknown(&r->reader, read_path(&r->reader, path, SLICE("policy")),
               reason.data ? reason.data : "there is no such policy", name,
               (struct word_list){names, n});
  return fallback;
}

static void read_name(struct integration_reader *r, int table,
                      struct slice stem)
{
  struct integration *i = &r->draft->integration;
  struct slice name = {0};
  struct faults *faults = r->load->faults;
  i->name = stem; // whatever it says, this is what it must be
  if (!read_text(&r->reader, table, (struct slice){0}, "name", &name)) {
    if (read_field(&r->reader, table, "name") == LUA_TNIL)
      faults_add(faults, SLICE("name"), "is missing (expected \"%.*s\")",
                 SLICE_ARG(stem));
    lua_pop(r->reader.L, 1);
  } else if (!slice_eq(name, stem)) {
    faults_add(faults, SLICE("name"),
               "must be the file's name, \"%.*s\" (got \"%.*s\")",
               SLICE_ARG(stem), SLICE_ARG(name));
  }
}

// What stands before the names of its tools: its own name unless it says so.
static void read_prefix(struct integration_reader *r, int table)
{
  struct integration *i = &r->draft->integration;
  struct slice path = SLICE("prefix");
  lua_State *L = r->reader.L;
  int type = read_field(&r->reader, table, "prefix"); // prefix
  bool none = type == LUA_TBOOLEAN && !lua_toboolean(L, -1);
  lua_pop(L, 1); //
  i->prefix = none ? SLICE("") : i->name;
  if (none ||
      !read_text(&r->reader, table, (struct slice){0}, "prefix", &i->prefix))
    return;
  if (!load_is_script_name(i->prefix))
    faults_add(r->load->faults, path,
               "is a-z, then a-z, 0-9 and _; or false for no prefix");
}

// How long clients may keep the lists, as far as this script is concerned.
static void read_cache(struct integration_reader *r, int table)
{
  static const char *const known[CACHED_LISTS] = {"tools", "resources",
                                                  "templates", "prompts"};
  struct slice path = SLICE("cache");
  int type = read_field(&r->reader, table, "cache"); // cache
  int cache = lua_gettop(r->reader.L);
  if (type == LUA_TTABLE) {
    read_known(&r->reader, cache, path, WORD_LIST(known));
    for (int i = 0; i < CACHED_LISTS; i++)
      integration_cache(r, cache, path, known[i],
                        &r->draft->integration.lists[i]);
  } else if (type != LUA_TNIL) {
    read_wrong(&r->reader, path, -1, "a table");
  }
  lua_settop(r->reader.L, cache - 1); //
}

static int read_table(lua_State *L)
{
  static const char *const known[] = {
      "name",      "title",     "about",   "upstream", "auth",         "tools",
      "resources", "templates", "prompts", "prefix",   "instructions", "cache"};
  struct integration_reader *r = lua_touserdata(L, 1);
  struct integration *i = &r->draft->integration;
  const struct slice root = {0};
  load_push_table(L); // reader table
  if (!lua_istable(L, 2)) {
    faults_add(r->load->faults, root,
               "must return a table, got %s (does it end with "
               "`return { ... }`?)",
               read_kind(L, 2));
    return 0;
  }
  read_known(&r->reader, 2, root, WORD_LIST(known));
  read_name(r, 2, i->name);
  read_text(&r->reader, 2, root, "title", &i->title);
  read_text(&r->reader, 2, root, "about", &i->about);
  read_prefix(r, 2);
  read_text(&r->reader, 2, root, "instructions", &i->instructions);
  read_cache(r, 2);
  integration_upstream(r, 2);
  integration_auth(r, 2);
  integration_offers(r, 2);
  integration_tools(r, 2);
  return 0;
}

// Not while the table is walked, which is a run of its own.
static void try_classify(struct loading *load, const struct draft *draft)
{
  struct error room;
  bool sure;
  uint32_t slot = draft->integration.classify_slot;
  if (!slot) return;
  const char *why = classifier_try(load->vms[0], slot, &sure, &room);
  struct slice path = SLICE("upstream.classify");
  if (why && sure)
    faults_add(load->faults, path, "%s", why);
  else if (why)
    faults_warn(load->faults, path, "%s", why);
}

void integration_read(struct loading *load, struct source_file *file)
{
  struct arena *arena = &load->catalog->arena;
  struct draft *draft = arena_alloc(arena, sizeof(*draft));
  if (!draft) {
    faults_add(load->faults, (struct slice){0}, "out of memory");
    return;
  }
  draft->next = load->drafts;
  load->drafts = file->draft = draft;
  draft->integration.name = file->stem;
  draft->integration.file = file->shown;
  struct integration_reader r = {
      {vm_state(load->vms[0]), load->faults, arena}, load, draft};
  struct error err;
  if (vm_protect(load->vms[0], read_table, &r, &err) != OK)
    faults_add(load->faults, (struct slice){0}, "cannot be read: %s",
               err.message);
  else
    try_classify(load, draft);
}

// --- the same functions in another VM ---

struct binding {
  struct loading *load;
  const struct slot *slots;
};

// Pushes the value at table[a], nil if the table is none. -1 +1
static void step(lua_State *L, struct slice name)
{
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    lua_pushnil(L);
    return;
  }
  lua_pushlstring(L, name.data, name.len); // table name
  lua_rawget(L, -2);                       // table value
  lua_remove(L, -2);                       // value
}

static struct slice push_at(lua_State *L, struct loading *load,
                            const struct slot *slot)
{
  struct arena *arena = &load->faults->arena;
  const struct slice *names = slot->path.names;
  struct slice shown = SLICE("");
  load_push_table(L); // value
  for (size_t i = 0; i < SLOT_DEPTH && names[i].data; i++) {
    step(L, names[i]);
    shown = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(shown), i ? "." : "",
                         SLICE_ARG(names[i]));
  }
  return shown;
}

static int bind_slots(lua_State *L)
{
  const struct binding *b = lua_touserdata(L, 1);
  for (const struct slot *slot = b->slots; slot; slot = slot->next) {
    struct slice path = push_at(L, b->load, slot); // binding value
    if (lua_isfunction(L, -1)) {
      vm_set_function(vm_of(L), slot->number); // binding
      continue;
    }
    faults_add(b->load->faults, path,
               "was a function in one VM and is %s in another: a script must "
               "give the same table each time",
               read_kind(L, -1));
    lua_pop(L, 1);
  }
  return 0;
}

void integration_bind(struct loading *load, struct source_file *file,
                      struct vm *vm)
{
  struct binding b = {load, file->draft->slots};
  struct error err;
  if (vm_protect(vm, bind_slots, &b, &err) != OK)
    faults_add(load->faults, (struct slice){0}, "cannot be read: %s",
               err.message);
}
