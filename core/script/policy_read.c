// policy_read.c -- policies/*.lua: tables of named settings.
//
// The chunk sees tide.policy.extend and nothing else, and runs on a small
// budget: a policy is data.

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>

#include "guard/policy_check.h"
#include "script/integration.h"
#include "script/policy_value.h"
#include "script/sandbox.h"

#define NESTED_MAX   8
#define INSTRUCTIONS 1000000
#define MEMORY       ((size_t)8 * 1024 * 1024)
#define STEP_MAX     64 // bytes of one name in a path

// --- tide.policy.extend ---

static void copy_table(lua_State *L, int from, int depth)
{
  luaL_checkstack(L, 8, NULL);
  if (depth > NESTED_MAX) luaL_error(L, "tables are nested too deeply");
  int into = lua_gettop(L);                  // ... copy
  for (lua_pushnil(L); lua_next(L, from);) { // copy key value
    lua_pushvalue(L, -2);                    // copy key value key
    lua_rotate(L, -2, 1);                    // copy key key value
    if (lua_istable(L, -1)) {
      int inner = lua_gettop(L);
      lua_pushvalue(L, -2);                    // copy key key value key
      if (lua_rawget(L, into) != LUA_TTABLE) { // copy key key value inner
        lua_pop(L, 1);
        lua_newtable(L);
      }
      copy_table(L, inner, depth + 1);
      lua_remove(L, -2); // copy key key inner
    }
    lua_rawset(L, into); // copy key
  }
}

int policy_value_extend(lua_State *L)
{
  int n = lua_gettop(L);
  for (int i = 1; i <= (n < 2 ? 2 : n); i++) {
    luaL_checktype(L, i, LUA_TTABLE);
  }
  lua_newtable(L); // base more ... copy
  for (int i = 1; i <= n; i++) {
    copy_table(L, i, 0);
  }
  return 1;
}

// In place of all that scripts see. -0 +0
static void open_policy_api(lua_State *L, void *ctx)
{
  (void)ctx;
  int shared = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, shared);) { // shared key value
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushnil(L);        // shared key key nil
    lua_rawset(L, shared); // shared key
  }
  lua_newtable(L);                           // shared tide
  lua_newtable(L);                           // shared tide policy
  lua_pushcfunction(L, policy_value_extend); // shared tide policy extend
  lua_setfield(L, -2, "extend");             // shared tide policy
  lua_setfield(L, -2, "policy");             // shared tide
  sandbox_freeze(L, "tide", true);           // shared view
  lua_setfield(L, -2, "tide");               // shared
}

// --- settings ---

struct settings {
  struct reader reader;
  struct loading *load;
  struct policy *policy;
  uint64_t said; // bit of each field that the file sets
};

// The first step of the field's path, and the rest behind the dot if there is.
static struct slice first_step(const struct policy_field *field,
                               const char **rest)
{
  const char *dot = strchr(field->path, '.');
  *rest = dot ? dot + 1 : NULL;
  return (struct slice){field->path, dot ? (size_t)(dot - field->path)
                                         : strlen(field->path)};
}

// Names known on one level: of all fields, or within a group.
static size_t known_names(struct settings *s, struct slice group,
                          const char **names)
{
  size_t n = 0;
  for (size_t i = 0; i < policy_field_count; i++) {
    const char *rest;
    struct slice first = first_step(&policy_fields[i], &rest);
    if (group.data && (!rest || !slice_eq(first, group))) continue;
    struct slice name = group.data ? slice_of(rest) : first;
    bool listed = n && slice_is(name, names[n - 1]);
    if (!listed) names[n++] = arena_copy(s->reader.arena, name).data;
  }
  return n;
}

static void set_number(struct settings *s, const struct policy_field *field,
                       int64_t value)
{
  *policy_member(s->policy, field) = value;
  s->said |= UINT64_C(1) << (field - policy_fields);
}

static void read_number(struct settings *s, struct slice path,
                        const struct policy_field *field)
{
  lua_State *L = s->reader.L;
  char what[80];
  if (field->min == 0 && field->max == 1)
    snprintf(what, sizeof(what), "1 (on) or 0 (off)");
  else
    snprintf(what, sizeof(what), "a whole number from %lld to %lld",
             (long long)field->min, (long long)field->max);
  if (lua_type(L, -1) != LUA_TNUMBER) {
    read_wrong(&s->reader, path, -1, what);
    return;
  }
  double value = lua_tonumber(L, -1);
  bool in_range =
      value >= (double)field->min && value <= (double)field->max; // not NaN
  if (in_range && floor(value) == value)
    set_number(s, field, (int64_t)value);
  else if (isnan(value))
    faults_add(s->load->faults, path, "must be %s (got nan)", what);
  else
    faults_add(s->load->faults, path, "must be %s (got %.15g)", what, value);
}

// The value on the top stands at `name` of a group, or at the first level.
static void read_setting(struct settings *s, struct slice path,
                         struct slice group, struct slice name);

static void read_level(struct settings *s, struct slice path,
                       struct slice group)
{
  lua_State *L = s->reader.L;
  size_t count;
  int table = lua_gettop(L);
  struct slice *names = read_names(&s->reader, table, path, &count);
  for (size_t i = 0; i < count; i++) {
    read_field(&s->reader, table, names[i].data); // table value
    read_setting(s, read_path(&s->reader, path, names[i]), group, names[i]);
    lua_settop(L, table); // table
  }
}

static void read_setting(struct settings *s, struct slice path,
                         struct slice group, struct slice name)
{
  bool is_group = false;
  for (size_t i = 0; i < policy_field_count; i++) {
    const char *rest;
    struct slice first = first_step(&policy_fields[i], &rest);
    bool here = group.data
                    ? rest && slice_eq(first, group) && slice_is(name, rest)
                    : !rest && slice_eq(first, name);
    if (here) {
      read_number(s, path, &policy_fields[i]);
      return;
    }
    is_group |= !group.data && rest && slice_eq(first, name);
  }
  const char *names[64];
  if (!is_group)
    read_unknown(&s->reader, path, "unknown key", name,
                 (struct word_list){names, known_names(s, group, names)});
  else if (lua_istable(s->reader.L, -1))
    read_level(s, path, name);
  else
    read_wrong(&s->reader, path, -1, "a table");
}

// --- what contradicts itself ---

struct saying {
  struct settings *settings;
  struct slice path;
};

static void on_contradiction(void *ctx, bool refuse, const char *message)
{
  struct saying *saying = ctx;
  struct faults *faults = saying->settings->load->faults;
  if (refuse)
    faults_add(faults, saying->path, "%s", message);
  else
    faults_warn(faults, saying->path, "%s", message);
}

static void check_sense(struct settings *s, struct slice path)
{
  struct saying saying = {s, path};
  policy_check(s->policy, s->said, on_contradiction, &saying);
}

// --- files ---

static bool is_policy_name(struct slice name)
{
  bool begins = true;
  for (size_t i = 0; i < name.len; i++) {
    char c = name.data[i];
    bool letter = (c >= 'a' && c <= 'z');
    bool more = (c >= '0' && c <= '9') || c == '_';
    if (c == '.' ? begins : !letter && (begins || !more)) return false;
    begins = c == '.';
  }
  return name.len > 0 && name.len <= STEP_MAX && !begins;
}

static bool is_taken(struct loading *load, struct slice name)
{
  for (struct policy_draft *d = load->policies; d; d = d->next) {
    if (!slice_eq(d->policy.name, name)) continue;
    faults_add(load->faults, name, "is defined in %.*s already",
               SLICE_ARG(d->file));
    return true;
  }
  return false;
}

static struct policy_draft *add_policy(struct loading *load, struct slice name)
{
  struct policy_draft *d = arena_alloc(&load->catalog->arena, sizeof(*d));
  if (!d) return NULL;
  policy_init(&d->policy, name);
  d->file = load->faults->file;
  d->next = load->policies;
  load->policies = d;
  load->catalog->policy_count++;
  return d;
}

// The table of one policy is on the top.
static void read_policy(struct loading *load, lua_State *L, struct slice name)
{
  struct settings s = {{L, load->faults, &load->catalog->arena}, load, NULL, 0};
  struct slice path = read_path(&s.reader, (struct slice){0}, name);
  if (!is_policy_name(name)) {
    faults_add(load->faults, path,
               "a policy's name is words of a-z, 0-9 and _ with dots between");
  } else if (!lua_istable(L, -1)) {
    read_wrong(&s.reader, path, -1, "a table");
  } else if (!is_taken(load, name)) {
    struct policy_draft *d = add_policy(load, name);
    if (!d) luaL_error(L, "not enough memory");
    s.policy = &d->policy;
    read_level(&s, path, (struct slice){0});
    d->policy.said = s.said;
    check_sense(&s, path);
  }
}

static int read_table(lua_State *L)
{
  struct loading *load = lua_touserdata(L, 1);
  struct reader r = {L, load->faults, &load->catalog->arena};
  const struct slice root = {0};
  size_t count;
  load_push_table(L); // load table
  if (!lua_istable(L, 2)) {
    faults_add(load->faults, root, "must return a table of policies, got %s",
               read_kind(L, 2));
    return 0;
  }
  struct slice *names = read_names(&r, 2, root, &count);
  for (size_t i = 0; i < count; i++) {
    read_field(&r, 2, names[i].data); // load table policy
    read_policy(load, L, names[i]);
    lua_settop(L, 2); // load table
  }
  return 0;
}

static void read_file(struct loading *load, struct vm *vm, struct slice name)
{
  struct error err;
  const struct slice root = {0};
  struct slice text = load_read_file(load, load->options->policies_dir, name);
  if (!text.data) return;
  if (vm_load(vm, load->faults->file, text, &err) != OK) {
    load_say(load, &err);
    return;
  }
  load_keep_table(load, vm);
  if (vm_protect(vm, read_table, load, &err) != OK)
    faults_add(load->faults, root, "cannot be read: %s", err.message);
}

static void read_files(struct loading *load)
{
  struct vm_options options = {.max_memory = MEMORY,
                               .task.slice_instructions = INSTRUCTIONS,
                               .open_api = open_policy_api,
                               .seed = 1};
  size_t count;
  struct slice *names = load_list(load, load->options->policies_dir, &count);
  if (!names) return; // only the built-in policy
  struct vm *vm = vm_new(options);
  for (size_t i = 0; i < count && vm; i++) {
    if (!load_is_lua_file(names[i])) continue;
    faults_set_file(load->faults,
                    arena_printf(&load->faults->arena, "policies/%.*s",
                                 SLICE_ARG(names[i])));
    read_file(load, vm, names[i]);
  }
  if (!vm) faults_add(load->faults, (struct slice){0}, "out of memory");
  vm_free(vm);
}

static void build(struct loading *load)
{
  struct catalog *c = load->catalog;
  c->policies = arena_alloc(&c->arena, c->policy_count * sizeof(*c->policies));
  if (!c->policies) {
    c->policy_count = 0;
    faults_add(load->faults, (struct slice){0}, "out of memory");
    return;
  }
  size_t i = c->policy_count; // drafts are newest first
  for (struct policy_draft *d = load->policies; d; d = d->next) {
    c->policies[--i] = d->policy;
  }
}

void load_policies(struct loading *load)
{
  size_t before = load->faults->errors;
  if (load->options->policies_dir.len) read_files(load);
  load->policies_broken = load->faults->errors > before;
  faults_set_file(load->faults, (struct slice){0});
  struct policy_draft *d = load->policies;
  while (d && !slice_is(d->policy.name, "default")) {
    d = d->next;
  }
  if (!d) add_policy(load, SLICE("default"));
  build(load);
}

const struct policy *load_policy(const struct loading *load, struct slice name)
{
  const struct catalog *c = load->catalog;
  for (size_t i = 0; i < c->policy_count; i++) {
    if (slice_eq(c->policies[i].name, name)) return &c->policies[i];
  }
  return NULL;
}
