// integration_offers.c -- the resources, templates and prompts of an integration.

#include <lauxlib.h>

#include "base/json.h"
#include "script/integration.h"

// What the kinds differ in.
struct kind {
  const char *group, *what;
  const char *function; // that does it
  struct word_list known;
  bool is_prompt, is_template;
  enum shown_kind shown;
};

// One offer on its way: its table on the stack, its path.
struct offer_reader {
  struct integration_reader *up;
  const struct kind *kind;
  struct offer *offer;
  struct slice path, title;
  struct shown shown;
  int table;
};

static struct slice at(struct offer_reader *o, const char *name)
{
  return read_path(&o->up->reader, o->path, slice_of(name));
}

static struct faults *faults_of(const struct offer_reader *o)
{
  return o->up->load->faults;
}

// Notes that a field which must be there is not, unless something wrong is.
static void must_be_there(struct offer_reader *o, const char *name,
                          const char *why)
{
  if (read_field(&o->up->reader, o->table, name) == LUA_TNIL)
    faults_add(faults_of(o), at(o, name), "is missing: %s", why);
  lua_pop(o->up->reader.L, 1);
}

static struct slot_path slot_at(const struct offer_reader *o,
                                struct slice function)
{
  return (struct slot_path){
      {slice_of(o->kind->group), o->offer->handler.short_name, function}};
}

static void read_function(struct offer_reader *o)
{
  lua_State *L = o->up->reader.L;
  const char *name = o->kind->function;
  int type = read_field(&o->up->reader, o->table, name); // value
  if (type == LUA_TFUNCTION) {
    o->offer->handler.run_slot =
        integration_slot(o->up, slot_at(o, slice_of(name))); //
    return;
  }
  if (type == LUA_TNIL)
    faults_add(faults_of(o), at(o, name),
               "is missing: the function that does "
               "it");
  else
    read_wrong(&o->up->reader, at(o, name), -1, "a function");
  lua_pop(L, 1);
}

// --- uris ---

static bool is_uri(struct slice uri)
{
  const char *colon = memchr(uri.data, ':', uri.len);
  if (!colon || colon == uri.data) return false;
  for (size_t i = 0; i < uri.len; i++)
    if (uri.data[i] <= ' ' || uri.data[i] >= 127) return false;
  return true;
}

static void read_uri(struct offer_reader *o)
{
  struct offer *offer = o->offer;
  struct error err;
  offer->key = SLICE("");
  if (!read_text(&o->up->reader, o->table, o->path, "uri", &offer->key))
    must_be_there(o, "uri", "what clients read it by");
  else if (!is_uri(offer->key))
    faults_add(faults_of(o), at(o, "uri"),
               "must be an absolute URI, as \"stock://items\"");
  else if (!o->kind->is_template &&
           memchr(offer->key.data, '{', offer->key.len))
    faults_add(faults_of(o), at(o, "uri"),
               "has a { }: describe it in templates instead");
  else if (o->kind->is_template &&
           uri_template_read(offer->key, o->up->reader.arena, &offer->pattern,
                             &err) != OK)
    faults_add(faults_of(o), at(o, "uri"), "%s", err.message);
}

// --- the arguments of prompts ---

// The names of what can be completed, NUL-terminated.
struct names {
  const char **list;
  size_t count;
};

static void *take(struct offer_reader *o, size_t size)
{
  void *p = arena_alloc(o->up->reader.arena, size);
  if (!p) luaL_error(o->up->reader.L, "not enough memory");
  return p;
}

static bool is_required(const struct json_doc *doc, struct slice name,
                        struct arena *arena)
{
  uint32_t list = json_get(doc, 0, "required");
  uint32_t it = list == JSON_NONE ? JSON_NONE : json_first(doc, list);
  for (; it != JSON_NONE; it = json_next(doc, list, it))
    if (slice_eq(json_string(doc, it, arena), name)) return true;
  return false;
}

// Absent when there is none; no memory is no reason to leave it out.
static struct slice text_at(struct offer_reader *o, const struct json_doc *doc,
                            uint32_t node, const char *name)
{
  uint32_t member = json_get(doc, node, name);
  if (member == JSON_NONE || json_type(doc, member) != JSON_STRING)
    return (struct slice){0};
  struct slice text = json_string(doc, member, o->up->reader.arena);
  if (!text.data) luaL_error(o->up->reader.L, "not enough memory");
  return text;
}

// One argument as prompts/list has it. They are texts: MCP has no others.
static void put_argument(struct offer_reader *o, const struct json_doc *doc,
                         struct slice name, uint32_t value)
{
  struct buf *out = &o->up->load->text;
  struct arena *arena = o->up->reader.arena;
  if (!slice_is(text_at(o, doc, value, "type"), "string"))
    faults_add(faults_of(o), read_path(&o->up->reader, at(o, "args"), name),
               "must be a text: clients send nothing else");
  json_sep(out);
  buf_putc(out, '{');
  integration_put_text(out, "name", name);
  integration_put_text(out, "title", text_at(o, doc, value, "title"));
  integration_put_text(out, "description",
                       text_at(o, doc, value, "description"));
  json_put_name(out, "required");
  buf_puts(out, is_required(doc, name, arena) ? "true}" : "false}");
}

// Appends the list of arguments; their names.
static struct names put_arguments(struct offer_reader *o)
{
  struct names names = {0};
  struct json_doc doc;
  struct arena *arena = o->up->reader.arena;
  struct schema *args = o->offer->handler.args;
  if (!args) return names; // with a fault
  if (json_parse(&doc, schema_text(args), (struct json_limits){0}, arena,
                 NULL) != OK)
    luaL_error(o->up->reader.L, "not enough memory");
  uint32_t all = json_get(&doc, 0, "properties");
  if (all == JSON_NONE) return names;
  names.list = take(o, (doc.nodes[all].count + 1) * sizeof(*names.list));
  json_put_name(&o->up->load->text, "arguments");
  buf_putc(&o->up->load->text, '[');
  uint32_t it = json_first(&doc, all);
  while (it != JSON_NONE) {
    uint32_t value = json_next(&doc, all, it);
    struct slice name = arena_copy(arena, json_string(&doc, it, arena));
    if (!name.data) luaL_error(o->up->reader.L, "not enough memory");
    put_argument(o, &doc, name, value);
    names.list[names.count++] = name.data;
    it = json_next(&doc, all, value);
  }
  buf_putc(&o->up->load->text, ']');
  return names;
}

static void read_args(struct offer_reader *o)
{
  o->offer->handler.args =
      integration_schema(o->up, o->table, o->path, "args",
                         SLICE("{\"type\":\"object\",\"properties\":{},"
                               "\"additionalProperties\":false}"));
}

static struct names variables(struct offer_reader *o)
{
  const struct uri_template *t = &o->offer->pattern;
  struct names names = {take(o, (t->count + 1) * sizeof(*names.list)), 0};
  for (size_t i = 0; i < t->count; i++)
    if (t->parts[i].kind != 'l')
      names.list[names.count++] = t->parts[i].text.data;
  return names;
}

// --- completion ---

static void add_completer(struct offer_reader *o, int table, struct slice name,
                          struct completer *to)
{
  struct slice path = at(o, "complete");
  int type = read_field(&o->up->reader, table, name.data); // value
  if (type != LUA_TFUNCTION) {
    read_wrong(&o->up->reader, read_path(&o->up->reader, path, name), -1,
               "a function");
    lua_pop(o->up->reader.L, 1);
    return;
  }
  struct slot_path slot = slot_at(o, SLICE("complete"));
  slot.names[SLOT_DEPTH - 1] = name;
  *to = (struct completer){name, integration_slot(o->up, slot)}; //
}

static void read_completers(struct offer_reader *o, struct names known)
{
  struct reader *r = &o->up->reader;
  int type = read_field(r, o->table, "complete"), table = lua_gettop(r->L);
  if (type == LUA_TTABLE) {
    size_t count = 0;
    struct slice path = at(o, "complete");
    struct slice *names = read_names(r, table, path, &count);
    read_known(r, table, path, (struct word_list){known.list, known.count});
    struct completer *list = take(o, (count + 1) * sizeof(*list));
    memset(list, 0, (count + 1) * sizeof(*list));
    for (size_t i = 0; i < count; i++)
      add_completer(o, table, names[i], &list[i]);
    o->offer->completers = list;
    o->offer->completer_count = count;
  } else if (type != LUA_TNIL) {
    read_wrong(r, at(o, "complete"), -1, "a table of functions");
  }
  lua_pop(r->L, 1);
}

// --- one offer ---

static void read_mime(struct offer_reader *o)
{
  struct slice *mime = &o->offer->mime;
  read_text(&o->up->reader, o->table, o->path, "mime", mime);
  if (mime->data && !memchr(mime->data, '/', mime->len))
    faults_add(faults_of(o), at(o, "mime"),
               "must be a media type, as \"application/json\"");
}

// Its entry in the list, as far as it is the same for all kinds.
static void put_entry(struct offer_reader *o)
{
  struct buf *out = &o->up->load->text;
  const struct offer *offer = o->offer;
  buf_reset(out, 1 << 16);
  buf_putc(out, '{');
  if (!o->kind->is_prompt)
    integration_put_text(out, o->kind->is_template ? "uriTemplate" : "uri",
                         offer->key);
  integration_put_text(out, "name", offer->handler.name);
  integration_put_text(out, "title", offer->handler.title);
  integration_put_text(out, "description", offer->handler.about);
  integration_put_text(out, "mimeType", offer->mime);
}

static void keep_entry(struct offer_reader *o)
{
  struct buf *out = &o->up->load->text;
  buf_add(out, o->shown.members);
  buf_putc(out, '}');
  o->offer->handler.json = arena_copy(o->up->reader.arena, buf_slice(out));
  if (!buf_ok(out) || !o->offer->handler.json.data)
    luaL_error(o->up->reader.L, "not enough memory");
}

static void read_offer(struct offer_reader *o)
{
  struct reader *r = &o->up->reader;
  struct tool *handler = &o->offer->handler;
  struct names names = {0};
  read_known(r, o->table, o->path, o->kind->known);
  if (!read_text(r, o->table, o->path, "about", &handler->about))
    must_be_there(o, "about", "what clients show of it");
  read_text(r, o->table, o->path, "title", &handler->title);
  handler->policy = integration_policy(o->up, o->table, o->path,
                                       o->up->draft->integration.policy);
  bool names_it = read_field(r, o->table, "policy") != LUA_TNIL;
  lua_pop(r->L, 1);
  integration_check_cache(o->up, handler, o->path, names_it);
  read_function(o);
  if (o->kind->is_prompt) {
    o->offer->key = handler->name;
    read_args(o);
  } else {
    read_uri(o);
    read_mime(o);
    o->offer->mime = integration_app_mime(o->offer->key, o->offer->mime);
    integration_cache(o->up, o->table, o->path, "cache", &o->offer->cache);
  }
  integration_shown(o->up, o->table, o->path, o->kind->shown, &o->shown);
  o->offer->meta = o->shown.meta;
  put_entry(o);
  if (o->kind->is_prompt) names = put_arguments(o);
  if (o->kind->is_template) names = variables(o);
  keep_entry(o);
  if (names.list) read_completers(o, names);
}

static void add_offer(struct integration_reader *r, enum offer_kind kind,
                      const struct kind *about, struct slice name)
{
  struct slice path = read_path(&r->reader, slice_of(about->group), name);
  struct offer_draft *draft = arena_alloc(r->reader.arena, sizeof(*draft));
  if (!draft) luaL_error(r->reader.L, "not enough memory");
  *draft = (struct offer_draft){.next = r->draft->offers, .kind = kind};
  struct tool *handler = &draft->offer.handler;
  handler->kind = about->is_prompt ? KIND_PROMPT : KIND_RESOURCE;
  handler->short_name = name;
  handler->annotations =
      (struct annotations){.read_only = 1, .destructive = -1, -1, -1};
  handler->name = draft->offer.key =
      integration_full_name(r, path, name, about->what);
  r->draft->offers = draft;
  struct offer_reader o = {.up = r,
                           .kind = about,
                           .offer = &draft->offer,
                           .path = path,
                           .table = lua_gettop(r->reader.L)};
  if (lua_istable(r->reader.L, -1))
    read_offer(&o);
  else
    read_wrong(&r->reader, path, -1, "a table");
}

static void read_group(struct integration_reader *r, int table,
                       enum offer_kind kind, const struct kind *about)
{
  lua_State *L = r->reader.L;
  struct slice path = slice_of(about->group);
  int type = read_field(&r->reader, table, about->group);
  int group = lua_gettop(L);
  size_t count = 0;
  struct slice *names = NULL;
  if (type == LUA_TTABLE)
    names = read_names(&r->reader, group, path, &count);
  else if (type != LUA_TNIL)
    read_wrong(&r->reader, path, -1, "a table");
  for (size_t i = 0; i < count; i++) {
    read_field(&r->reader, group, names[i].data); // offer
    add_offer(r, kind, about, names[i]);
    lua_settop(L, group);
  }
  lua_settop(L, table);
}

void integration_offers(struct integration_reader *r, int table)
{
  static const char *const of_resource[] = {
      "about", "title", "policy",      "uri",  "mime",  "read",
      "icons", "meta",  "annotations", "size", "cache", "ui"};
  static const char *const of_template[] = {
      "about", "title", "policy",      "uri",   "mime", "read",
      "icons", "meta",  "annotations", "cache", "ui",   "complete"};
  static const char *const of_prompt[] = {
      "about", "title", "policy", "args", "run", "complete", "icons", "meta"};
  const struct kind kinds[OFFER_KINDS] = {
      {"resources", "resource", "read", WORD_LIST(of_resource), false, false,
       SHOWN_RESOURCE},
      {"templates", "template", "read", WORD_LIST(of_template), false, true,
       SHOWN_TEMPLATE},
      {"prompts", "prompt", "run", WORD_LIST(of_prompt), true, false,
       SHOWN_PROMPT},
  };
  for (int kind = 0; kind < OFFER_KINDS; kind++)
    read_group(r, table, (enum offer_kind)kind, &kinds[kind]);
}
