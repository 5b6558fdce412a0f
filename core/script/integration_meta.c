// integration_meta.c -- _meta of what is offered: any members, and MCP Apps.

#include <lauxlib.h>

#include "base/json.h"
#include "script/convert.h"
#include "script/integration_shown.h"
#include "script/meta_key.h"

#define FLAT "ui/resourceUri" // what hosts read before `ui` was an object

static struct slice at(const struct shown_reader *s, struct slice path,
                       const char *name)
{
  return read_path(&s->up->reader, path, slice_of(name));
}

static struct faults *faults_of(const struct shown_reader *s)
{
  return s->up->load->faults;
}

// --- any members ---

// The members of `meta`, as they are.
static void put_meta_members(struct shown_reader *s, int table,
                             struct slice path)
{
  struct reader *r = &s->up->reader;
  size_t count;
  struct slice *names = read_names(r, table, path, &count);
  for (size_t i = 0; i < count; i++) {
    struct error err;
    struct slice here = read_path(r, path, names[i]);
    const char *why = meta_key_fault(names[i]);
    if (slice_is(names[i], "ui")) why = "say it in the field ui";
    if (why) faults_add(faults_of(s), here, "%s", why);
    json_sep(s->out);
    json_put_string(s->out, names[i]);
    buf_putc(s->out, ':');
    read_field(r, table, names[i].data); // value
    if (convert_put(r->L, lua_gettop(r->L), NULL, s->out, &err) != OK)
      faults_add(faults_of(s), here, "%s", err.message);
    lua_pop(r->L, 1); //
  }
}

void shown_put_meta(struct shown_reader *s)
{
  struct reader *r = &s->up->reader;
  int type = read_field(r, s->table, "meta"); // meta
  struct slice path = at(s, s->path, "meta");
  if (type == LUA_TTABLE)
    put_meta_members(s, lua_gettop(r->L), path);
  else if (type != LUA_TNIL)
    read_wrong(r, path, -1, "a table");
  lua_pop(r->L, 1); //
}

// --- MCP Apps ---

// One that this script has, or a template for it.
static bool is_served(const struct shown_reader *s, struct slice uri)
{
  struct buf variables = {0};
  bool found = false;
  for (const struct offer_draft *o = s->up->draft->offers; o && !found;
       o = o->next)
    found = (o->kind == OFFER_RESOURCE && slice_eq(o->offer.key, uri)) ||
            (o->kind == OFFER_TEMPLATE &&
             uri_template_match(&o->offer.pattern, uri, &variables));
  buf_finish(&variables);
  return found;
}

static void put_who(struct shown_reader *s, struct slice path, struct slice who)
{
  static const char *const known[] = {"model", "app"};
  shown_put_one_of(s, path, who, WORD_LIST(known));
}

static void put_tool_ui(struct shown_reader *s, int ui, struct slice path)
{
  static const char *const known[] = {"resource", "visibility"};
  struct reader *r = &s->up->reader;
  struct slice uri = {0};
  read_known(r, ui, path, WORD_LIST(known));
  bool has = read_text(r, ui, path, "resource", &uri);
  if (has && (uri.len < 6 || memcmp(uri.data, "ui://", 5)))
    faults_add(faults_of(s), at(s, path, "resource"),
               "is the uri of an app, ui://...");
  else if (has && !is_served(s, uri))
    faults_add(faults_of(s), at(s, path, "resource"),
               "%.*s is no resource of this integration", SLICE_ARG(uri));
  json_put_name(s->out, "ui");
  buf_putc(s->out, '{');
  if (has) json_put_name(s->out, "resourceUri");
  if (has) json_put_string(s->out, uri);
  shown_put_list(s, path,
                 &(struct shown_list){ui, "visibility", "visibility", put_who});
  buf_putc(s->out, '}');
  if (!has) return;
  json_put_name(s->out, FLAT);
  json_put_string(s->out, uri);
}

static void put_domain(struct shown_reader *s, struct slice path,
                       struct slice domain)
{
  bool good = memchr(domain.data, ':', domain.len) != NULL;
  for (size_t i = 0; i < domain.len; i++)
    good = good && domain.data[i] > ' ' && domain.data[i] < 127 &&
           !strchr("'\";,", domain.data[i]);
  if (!good)
    faults_add(faults_of(s), path,
               "an origin is as \"https://api.example.com\"");
  json_put_string(s->out, domain);
}

static void put_csp(struct shown_reader *s, int ui, struct slice path)
{
  static const char *const known[] = {"connect", "resource", "frame",
                                      "base_uri"};
  static const char *const as[] = {"connectDomains", "resourceDomains",
                                   "frameDomains", "baseUriDomains"};
  struct reader *r = &s->up->reader;
  int type = read_field(r, ui, "csp"), csp = lua_gettop(r->L); // csp
  path = at(s, path, "csp");
  if (type == LUA_TTABLE) {
    read_known(r, csp, path, WORD_LIST(known));
    json_put_name(s->out, "csp");
    buf_putc(s->out, '{');
    for (size_t i = 0; i < sizeof(as) / sizeof(as[0]); i++)
      shown_put_list(s, path,
                     &(struct shown_list){csp, known[i], as[i], put_domain});
    buf_putc(s->out, '}');
  } else if (type != LUA_TNIL) {
    read_wrong(r, path, -1, "a table");
  }
  lua_settop(r->L, csp - 1); //
}

static const struct permission {
  const char *name, *as;
} permissions[] = {{"camera", "camera"},
                   {"microphone", "microphone"},
                   {"geolocation", "geolocation"},
                   {"clipboard_write", "clipboardWrite"}};

static void put_permissions(struct shown_reader *s, int ui, struct slice path)
{
  static const char *const known[] = {"camera", "microphone", "geolocation",
                                      "clipboard_write"};
  struct reader *r = &s->up->reader;
  int type = read_field(r, ui, "permissions"); // permissions
  int table = lua_gettop(r->L);
  path = at(s, path, "permissions");
  if (type == LUA_TTABLE) {
    read_known(r, table, path, WORD_LIST(known));
    json_put_name(s->out, "permissions");
    buf_putc(s->out, '{');
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
      bool wanted = false;
      read_flag(r, table, path, permissions[i].name, &wanted);
      if (wanted) json_put_name(s->out, permissions[i].as);
      if (wanted) buf_puts(s->out, "{}");
    }
    buf_putc(s->out, '}');
  } else if (type != LUA_TNIL) {
    read_wrong(r, path, -1, "a table");
  }
  lua_settop(r->L, table - 1); //
}

static void put_resource_ui(struct shown_reader *s, int ui, struct slice path)
{
  static const char *const known[] = {"csp", "permissions", "domain",
                                      "prefers_border"};
  struct reader *r = &s->up->reader;
  struct slice domain;
  bool border = false;
  read_known(r, ui, path, WORD_LIST(known));
  json_put_name(s->out, "ui");
  buf_putc(s->out, '{');
  put_csp(s, ui, path);
  put_permissions(s, ui, path);
  if (read_text(r, ui, path, "domain", &domain)) {
    json_put_name(s->out, "domain");
    json_put_string(s->out, domain);
  }
  if (read_flag(r, ui, path, "prefers_border", &border)) {
    json_put_name(s->out, "prefersBorder");
    buf_puts(s->out, border ? "true" : "false");
  }
  buf_putc(s->out, '}');
}

void shown_put_ui(struct shown_reader *s, enum shown_kind kind)
{
  struct reader *r = &s->up->reader;
  int type = read_field(r, s->table, "ui"), ui = lua_gettop(r->L); // ui
  struct slice path = at(s, s->path, "ui");
  if (type == LUA_TTABLE && kind == SHOWN_TOOL)
    put_tool_ui(s, ui, path);
  else if (type == LUA_TTABLE)
    put_resource_ui(s, ui, path);
  else if (type != LUA_TNIL)
    read_wrong(r, path, -1, "a table");
  lua_settop(r->L, ui - 1); //
}
