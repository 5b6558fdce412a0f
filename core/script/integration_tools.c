// integration_tools.c -- the tools of an integration.

#include <lauxlib.h>

#include "base/json.h"
#include "script/call_result.h"
#include "script/convert.h"
#include "script/integration.h"
#include "script/schema_inside.h"

// One tool on its way: its table on the stack, its path.
struct tool_reader {
  struct integration_reader *up;
  struct tool *tool;
  struct slice path;
  int table;
  struct tool_words words;
};

static struct slice at(struct tool_reader *t, const char *name)
{
  return read_path(&t->up->reader, t->path, slice_of(name));
}

// --- schemas ---

// Appends the schema at `name` to load->text. False: none, or faulty.
static bool put_schema(struct integration_reader *r, int table,
                       struct slice path, const char *name)
{
  lua_State *L = r->reader.L;
  struct loading *load = r->load;
  buf_reset(&load->text, 1 << 16);
  int type = read_field(&r->reader, table, name); // value
  bool ok = type != LUA_TNIL &&
            schema_from_lua(L, -1, path, &load->text, load->faults);
  lua_pop(L, 1);
  return ok;
}

struct schema *integration_schema(struct integration_reader *r, int table,
                                  struct slice path, const char *name,
                                  struct slice otherwise)
{
  struct loading *load = r->load;
  size_t before = load->faults->errors;
  path = read_path(&r->reader, path, slice_of(name));
  if (!put_schema(r, table, path, name)) {
    if (load->faults->errors > before || !otherwise.data) return NULL;
    buf_add(&load->text, otherwise);
  }
  struct schema *schema = NULL;
  struct error err;
  if (schema_compile(buf_slice(&load->text), &schema, &err) != OK)
    faults_add(load->faults, path, "%s", err.message);
  return schema;
}

static void read_args(struct tool_reader *t)
{
  const struct slice none = SLICE("{\"type\":\"object\",\"properties\":{},"
                                  "\"additionalProperties\":false}");
  struct schema *args =
      integration_schema(t->up, t->table, t->path, "args", none);
  t->tool->args = args;
  if (args && args->types != TYPE_OBJECT)
    faults_add(t->up->load->faults, at(t, "args"),
               "arguments have names: the schema must say type = \"object\"");
}

static void read_result(struct tool_reader *t)
{
  t->tool->result =
      integration_schema(t->up, t->table, t->path, "result", (struct slice){0});
}

// --- annotations ---

static void read_hints(struct tool_reader *t, int table, struct slice path)
{
  static const char *const known[] = {"title", "read_only", "destructive",
                                      "idempotent", "open_world"};
  struct reader *r = &t->up->reader;
  struct annotations *a = &t->tool->annotations;
  read_known(r, table, path, WORD_LIST(known));
  read_text(r, table, path, "title", &t->words.annotations_title);
  read_hint(r, table, path, "read_only", &a->read_only);
  read_hint(r, table, path, "destructive", &a->destructive);
  read_hint(r, table, path, "idempotent", &a->idempotent);
  read_hint(r, table, path, "open_world", &a->open_world);
  if (a->read_only == 1 && a->destructive == 1)
    faults_add(t->up->load->faults, path,
               "read_only and destructive contradict each other");
}

static void read_annotations(struct tool_reader *t)
{
  lua_State *L = t->up->reader.L;
  t->tool->annotations = (struct annotations){-1, -1, -1, -1};
  int type = read_field(&t->up->reader, t->table, "annotations"); // hints
  if (type == LUA_TTABLE)
    read_hints(t, lua_gettop(L), at(t, "annotations"));
  else if (type != LUA_TNIL)
    read_wrong(&t->up->reader, at(t, "annotations"), -1, "a table");
  lua_pop(L, 1);
}

// --- policy ---

// Why two of its requests at a time could do harm; NULL if its annotations do
// not say so. What they leave open is judged by each request's method.
static const char *unsafe_twice(const struct annotations *a)
{
  if (a->read_only == 1 || a->idempotent == 1) return NULL;
  if (a->destructive == 1) return "destructive = true";
  if (a->idempotent == 0) return "idempotent = false";
  return a->read_only == 0 ? "read_only = false" : NULL;
}

// A fault of whoever names the policy: the tool, else the integration.
static void check_hedging(struct tool_reader *t, bool names_it)
{
  struct faults *faults = t->up->load->faults;
  const struct policy *p = t->tool->policy;
  const char *why = unsafe_twice(&t->tool->annotations);
  if (p->hedge_extra == 0 || !why) return;
  if (names_it)
    faults_add(faults, at(t, "policy"),
               "%.*s hedges (hedge.extra is %lld): it sends a request a second "
               "time before the first has ended, but the annotations say that "
               "this does harm (%s); name a policy without hedge.extra",
               SLICE_ARG(p->name), (long long)p->hedge_extra, why);
  else
    faults_add(faults, SLICE("upstream.policy"),
               "%.*s hedges (hedge.extra is %lld), but %.*s.annotations say "
               "that it does harm to send a request twice (%s); give that tool "
               "a policy without hedge.extra",
               SLICE_ARG(p->name), (long long)p->hedge_extra,
               SLICE_ARG(t->path), why);
}

static void read_policy(struct tool_reader *t)
{
  lua_State *L = t->up->reader.L;
  t->tool->policy = integration_policy(t->up, t->table, t->path,
                                       t->up->draft->integration.policy);
  bool names_it = read_field(&t->up->reader, t->table, "policy") != LUA_TNIL;
  lua_pop(L, 1);
  check_hedging(t, names_it);
  integration_check_cache(t->up, t->tool, t->path, names_it);
}

// --- functions ---

static uint32_t read_function(struct tool_reader *t, const char *name,
                              bool required)
{
  lua_State *L = t->up->reader.L;
  int type = read_field(&t->up->reader, t->table, name); // value
  if (type == LUA_TFUNCTION)
    return integration_slot(
        t->up, (struct slot_path){
                   {SLICE("tools"), t->tool->short_name, slice_of(name)}});
  if (type != LUA_TNIL)
    read_wrong(&t->up->reader, at(t, name), -1, "a function");
  else if (required)
    faults_add(t->up->load->faults, at(t, name),
               "is missing: the function that does it");
  lua_pop(L, 1);
  return 0;
}

// --- what is given instead ---

static const char *why_not_data(struct tool_reader *t, int value,
                                struct error *err)
{
  struct tool *tool = t->tool;
  struct reader *r = &t->up->reader;
  struct buf *out = &t->up->load->text;
  struct json_doc doc;
  buf_reset(out, 1 << 16);
  if (call_result_is_content(r->L, value))
    return "content is made by a function";
  if (convert_put(r->L, value, tool->result, out, err) != OK)
    return err->message;
  struct slice text = arena_copy(r->arena, buf_slice(out));
  if (!buf_ok(out) || !text.data ||
      json_parse(&doc, text, (struct json_limits){0}, r->arena, err) != OK)
    luaL_error(r->L, "not enough memory");
  if (tool->result && schema_check(tool->result, &doc, 0, err) != OK)
    return err->message;
  tool->fallback_data = text;
  return NULL;
}

// A function, or the value itself.
static void read_fallback(struct tool_reader *t)
{
  lua_State *L = t->up->reader.L;
  struct tool *tool = t->tool;
  struct error err;
  int type = read_field(&t->up->reader, t->table, "fallback"); // value
  if (type == LUA_TTABLE) {
    const char *why = why_not_data(t, lua_gettop(L), &err);
    if (why) faults_add(t->up->load->faults, at(t, "fallback"), "%s", why);
  } else if (type != LUA_TNIL && type != LUA_TFUNCTION) {
    read_wrong(&t->up->reader, at(t, "fallback"), -1, "a function or a table");
  }
  lua_pop(L, 1); //
  if (type == LUA_TFUNCTION)
    tool->fallback_slot = read_function(t, "fallback", false);
  read_flag(&t->up->reader, t->table, t->path, "fallback_after_effect",
            &tool->fallback_after_effect);
  if (tool->fallback_after_effect && type == LUA_TNIL)
    faults_add(t->up->load->faults, at(t, "fallback_after_effect"),
               "there is no fallback");
}

// --- as a task ---

static void read_task(struct tool_reader *t)
{
  static const char *const known[] = {"optional", "required"};
  struct reader *r = &t->up->reader;
  struct tool *tool = t->tool;
  struct slice word;
  if (read_text(r, t->table, t->path, "task", &word)) {
    if (slice_is(word, "optional"))
      tool->task = TASK_OPTIONAL;
    else if (slice_is(word, "required"))
      tool->task = TASK_REQUIRED;
    else
      read_unknown(r, at(t, "task"), "must be \"optional\" or \"required\"",
                   word, WORD_LIST(known));
  }
  tool->prepare_slot = read_function(t, "prepare", false);
  if (tool->prepare_slot && read_field(r, t->table, "task") == LUA_TNIL)
    faults_add(t->up->load->faults, at(t, "prepare"),
               "runs before a task begins: say task = \"optional\" too, or do "
               "it in run");
  lua_settop(r->L, t->table);
}

// --- one tool ---

static void read_about(struct tool_reader *t)
{
  struct reader *r = &t->up->reader;
  if (!read_text(r, t->table, t->path, "about", &t->tool->about)) {
    if (read_field(r, t->table, "about") == LUA_TNIL)
      faults_add(t->up->load->faults, at(t, "about"),
                 "is missing: what agents read to choose the tool");
    lua_pop(r->L, 1);
  }
  read_text(r, t->table, t->path, "title", &t->tool->title);
}

struct slice integration_full_name(struct integration_reader *r,
                                   struct slice path, struct slice name,
                                   const char *what)
{
  struct faults *faults = r->load->faults;
  struct slice up = r->draft->integration.prefix;
  struct slice full = arena_printf(r->reader.arena, "%.*s%s%.*s", SLICE_ARG(up),
                                   up.len ? "_" : "", SLICE_ARG(name));
  if (!full.data) luaL_error(r->reader.L, "not enough memory");
  if (!load_is_script_name(name))
    faults_add(faults, path, "a %s's name is a-z, then a-z, 0-9 and _", what);
  else if (full.len > TOOL_NAME_MAX)
    faults_add(faults, path, "%.*s has %zu characters, and %d are allowed",
               SLICE_ARG(full), full.len, TOOL_NAME_MAX);
  return full;
}

static void read_tool_name(struct tool_reader *t)
{
  t->tool->name =
      integration_full_name(t->up, t->path, t->tool->short_name, "tool");
}

// A repetition must come before the service has forgotten the key.
static void check_retention(struct tool_reader *t)
{
  const struct idempotency_rule *rule = &t->up->draft->integration.idempotency;
  const struct policy *p = t->tool->policy;
  if (!rule->header.data || !p) return;
  bool task = t->tool->task != TASK_NEVER;
  long long ms = task ? p->task_deadline_ms : p->deadline_ms;
  if (ms <= rule->retention_ms) return;
  faults_add(t->up->load->faults, at(t, "policy"),
             "a call may take %lld ms (%sdeadline_ms of %.*s), and the service "
             "forgets a key after %lld ms (upstream.idempotency.retention_ms)",
             ms, task ? "task." : "", SLICE_ARG(p->name),
             (long long)rule->retention_ms);
}

static void read_tool(struct tool_reader *t)
{
  static const char *const known[] = {"about",
                                      "title",
                                      "args",
                                      "result",
                                      "policy",
                                      "annotations",
                                      "run",
                                      "fallback",
                                      "task",
                                      "prepare",
                                      "fallback_after_effect",
                                      "icons",
                                      "meta",
                                      "ui"};
  struct reader *r = &t->up->reader;
  struct tool *tool = t->tool;
  read_known(r, t->table, t->path, WORD_LIST(known));
  read_about(t);
  read_args(t);
  read_result(t);
  read_annotations(t);
  read_policy(t);
  tool->run_slot = read_function(t, "run", true);
  read_fallback(t);
  read_task(t);
  check_retention(t);
  struct shown shown;
  integration_shown(t->up, t->table, t->path, SHOWN_TOOL, &shown);
  t->words.members = shown.members;
  if (tool->args) integration_tool_json(t->up, tool, &t->words);
}

static void add_tool(struct integration_reader *r, int tools, struct slice name)
{
  lua_State *L = r->reader.L;
  struct tool_draft *draft = arena_alloc(r->reader.arena, sizeof(*draft));
  if (!draft) luaL_error(L, "not enough memory");
  draft->next = r->draft->tools;
  r->draft->tools = draft;
  draft->tool.name = draft->tool.short_name = name;
  r->draft->integration.tool_count++;
  struct slice path = read_path(&r->reader, SLICE("tools"), name);
  int type = read_field(&r->reader, tools, name.data); // tool
  struct tool_reader t = {r, &draft->tool, path, lua_gettop(L), {{0}, {0}}};
  read_tool_name(&t);
  if (type == LUA_TTABLE)
    read_tool(&t);
  else
    read_wrong(&r->reader, path, -1, "a table");
  lua_settop(L, tools);
}

void integration_tools(struct integration_reader *r, int table)
{
  lua_State *L = r->reader.L;
  struct slice path = SLICE("tools");
  int type = read_field(&r->reader, table, "tools"), tools = lua_gettop(L);
  size_t count = 0;
  if (type == LUA_TTABLE) {
    struct slice *names = read_names(&r->reader, tools, path, &count);
    for (size_t i = 0; i < count; i++) {
      add_tool(r, tools, names[i]);
    }
  } else if (type != LUA_TNIL) {
    read_wrong(&r->reader, path, -1, "a table");
  }
  bool none = type == LUA_TNIL || (type == LUA_TTABLE && count == 0);
  if (none && !r->draft->offers)
    faults_warn(r->load->faults, path, "there are none");
  lua_settop(L, table);
}

// --- as an entry of tools/list ---

void integration_put_text(struct buf *out, const char *name, struct slice text)
{
  if (!text.data) return;
  json_put_name(out, name);
  json_put_string(out, text);
}

static void put_hint(struct buf *out, const char *name, int8_t hint)
{
  if (hint < 0) return;
  json_put_name(out, name);
  buf_puts(out, hint ? "true" : "false");
}

static void put_annotations(struct buf *out, const struct annotations *a,
                            struct slice title)
{
  bool said = title.data || a->read_only >= 0 || a->destructive >= 0 ||
              a->idempotent >= 0 || a->open_world >= 0;
  if (!said) return;
  json_put_name(out, "annotations");
  buf_putc(out, '{');
  integration_put_text(out, "title", title);
  put_hint(out, "readOnlyHint", a->read_only);
  put_hint(out, "destructiveHint", a->destructive);
  put_hint(out, "idempotentHint", a->idempotent);
  put_hint(out, "openWorldHint", a->open_world);
  buf_putc(out, '}');
}

void integration_tool_json(struct integration_reader *r, struct tool *tool,
                           const struct tool_words *words)
{
  struct buf *out = &r->load->text;
  buf_reset(out, 1 << 16);
  buf_putc(out, '{');
  integration_put_text(out, "name", tool->name);
  integration_put_text(out, "title", tool->title);
  integration_put_text(out, "description", tool->about);
  json_put_name(out, "inputSchema");
  buf_add(out, schema_text(tool->args));
  if (tool->result) {
    json_put_name(out, "outputSchema");
    buf_add(out, schema_text(tool->result));
  }
  put_annotations(out, &tool->annotations, words->annotations_title);
  buf_add(out, words->members);
  buf_putc(out, '}');
  tool->json = arena_copy(r->reader.arena, buf_slice(out));
  if (!buf_ok(out) || !tool->json.data)
    luaL_error(r->reader.L, "not enough memory");
}
