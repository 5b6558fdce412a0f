// integration_shown.c -- what clients show of a tool, a resource, a prompt, and
// keep of a list: icons, _meta, annotations, MCP Apps, cache hints.
//
// It is read into JSON here, once, so that nothing but bytes is left of it: the
// members that go to the end of its entry, each with a comma before it.

#include "script/integration_shown.h"

#include <lauxlib.h>

#include "base/iso_time.h"
#include "base/json.h"

#define TTL_MAX_MS INT64_C(31536000000) // a year
#define LIST_MAX   32                   // icons, domains
#define APP_MIME   "text/html;profile=mcp-app"

static struct slice at(const struct shown_reader *s, struct slice path,
                       const char *name)
{
  return read_path(&s->up->reader, path, slice_of(name));
}

static struct faults *faults_of(const struct shown_reader *s)
{
  return s->up->load->faults;
}

// --- small values ---

// A whole number from 0 to `max`, -1 if there is none.
static int64_t read_whole(struct reader *r, int table, struct slice path,
                          const char *name, int64_t max)
{
  int type = read_field(r, table, name), whole = 0; // value
  lua_Integer n = type == LUA_TNUMBER ? lua_tointegerx(r->L, -1, &whole) : 0;
  bool good = whole && n >= 0 && n <= max;
  struct slice here = read_path(r, path, slice_of(name));
  if (type == LUA_TNUMBER && !good)
    faults_add(r->faults, here, "must be a whole number, 0 to %lld",
               (long long)max);
  else if (type != LUA_TNUMBER && type != LUA_TNIL)
    read_wrong(r, here, -1, "a number");
  lua_pop(r->L, 1); //
  return good ? n : -1;
}

static void put_texts(struct shown_reader *s, struct slice path,
                      shown_text_fn put)
{
  lua_State *L = s->up->reader.L;
  int list = lua_gettop(L);
  lua_Integer n = (lua_Integer)lua_rawlen(L, list);
  if (n > LIST_MAX)
    faults_add(faults_of(s), path, "has %lld entries, and %d are allowed",
               (long long)n, LIST_MAX);
  buf_putc(s->out, '[');
  for (lua_Integer i = 1; i <= n && i <= LIST_MAX; i++) {
    if (lua_rawgeti(L, list, i) == LUA_TSTRING) { // list text
      struct slice text;
      text.data = lua_tolstring(L, -1, &text.len);
      json_sep(s->out);
      put(s, path, text);
    } else {
      read_wrong(&s->up->reader, path, -1, "a list of texts");
    }
    lua_pop(L, 1); // list
  }
  buf_putc(s->out, ']');
}

void shown_put_list(struct shown_reader *s, struct slice path,
                    const struct shown_list *list)
{
  lua_State *L = s->up->reader.L;
  int type = read_field(&s->up->reader, list->table, list->name); // list
  path = at(s, path, list->name);
  if (type == LUA_TTABLE) {
    json_put_name(s->out, list->as);
    put_texts(s, path, list->put);
  } else if (type != LUA_TNIL) {
    read_wrong(&s->up->reader, path, -1, "a list");
  }
  lua_pop(L, 1); //
}

void shown_put_one_of(struct shown_reader *s, struct slice path,
                      struct slice text, struct word_list words)
{
  for (size_t i = 0; i < words.count; i++)
    if (slice_is(text, words.words[i])) {
      json_put_string(s->out, text);
      return;
    }
  read_unknown(&s->up->reader, path, "unknown word", text, words);
  json_put_string(s->out, SLICE(""));
}

// --- icons ---

static bool is_icon_source(struct slice src)
{
  for (size_t i = 0; i < src.len; i++)
    if (src.data[i] <= ' ' || src.data[i] >= 127) return false;
  return (src.len > 8 && !memcmp(src.data, "https://", 8)) ||
         (src.len > 5 && !memcmp(src.data, "data:", 5));
}

static void put_size(struct shown_reader *s, struct slice path,
                     struct slice size)
{
  size_t i = 0;
  while (i < size.len && size.data[i] >= '0' && size.data[i] <= '9')
    i++;
  size_t width = i;
  bool good = width > 0 && i < size.len && size.data[i] == 'x';
  for (i++; good && i < size.len; i++)
    good = size.data[i] >= '0' && size.data[i] <= '9';
  good = good && size.len > width + 1;
  if (!good && !slice_is(size, "any"))
    faults_add(faults_of(s), path, "a size is as \"48x48\", or \"any\"");
  json_put_string(s->out, size);
}

static void put_source(struct shown_reader *s, struct slice path,
                       struct slice src)
{
  if (!is_icon_source(src))
    faults_add(faults_of(s), path,
               "an icon is at an https:// address, or in a data: URI");
  json_put_name(s->out, "src");
  json_put_string(s->out, src);
}

static void put_icon_table(struct shown_reader *s, struct slice path)
{
  static const char *const known[] = {"src", "mime", "sizes", "theme"};
  static const char *const themes[] = {"light", "dark"};
  struct reader *r = &s->up->reader;
  int icon = lua_gettop(r->L);
  struct slice text;
  read_known(r, icon, path, WORD_LIST(known));
  if (read_text(r, icon, path, "src", &text))
    put_source(s, at(s, path, "src"), text);
  else
    faults_add(faults_of(s), at(s, path, "src"), "is missing: where it is");
  if (read_text(r, icon, path, "mime", &text)) {
    json_put_name(s->out, "mimeType");
    json_put_string(s->out, text);
  }
  shown_put_list(s, path,
                 &(struct shown_list){icon, "sizes", "sizes", put_size});
  if (!read_text(r, icon, path, "theme", &text)) return;
  json_put_name(s->out, "theme");
  shown_put_one_of(s, at(s, path, "theme"), text, WORD_LIST(themes));
}

// One icon on the top: its address, or a table.
static void put_icon(struct shown_reader *s, struct slice path)
{
  lua_State *L = s->up->reader.L;
  struct slice src;
  json_sep(s->out);
  buf_putc(s->out, '{');
  if (lua_type(L, -1) == LUA_TSTRING) {
    src.data = lua_tolstring(L, -1, &src.len);
    put_source(s, path, src);
  } else if (lua_istable(L, -1)) {
    put_icon_table(s, path);
  } else {
    read_wrong(&s->up->reader, path, -1, "an address or a table");
  }
  buf_putc(s->out, '}');
}

static void put_icons(struct shown_reader *s)
{
  lua_State *L = s->up->reader.L;
  int type = read_field(&s->up->reader, s->table, "icons"); // icons
  int list = lua_gettop(L);
  struct slice path = at(s, s->path, "icons");
  lua_Integer n = type == LUA_TTABLE ? (lua_Integer)lua_rawlen(L, list) : 0;
  if (type != LUA_TTABLE && type != LUA_TNIL)
    read_wrong(&s->up->reader, path, -1, "a list of icons");
  else if (n > LIST_MAX || (n == 0 && type == LUA_TTABLE))
    faults_add(faults_of(s), path, "is a list of 1 to %d icons", LIST_MAX);
  else if (n > 0)
    json_put_name(s->out, "icons");
  for (lua_Integer i = 1; i <= n && i <= LIST_MAX; i++) {
    if (i == 1) buf_putc(s->out, '[');
    lua_rawgeti(L, list, i); // icons icon
    put_icon(s, arena_printf(&faults_of(s)->arena, "%.*s[%lld]",
                             SLICE_ARG(path), (long long)i));
    lua_settop(L, list); // icons
    if (i == n || i == LIST_MAX) buf_putc(s->out, ']');
  }
  lua_pop(L, 1); //
}

// --- annotations of resources ---

static void put_audience(struct shown_reader *s, struct slice path,
                         struct slice who)
{
  static const char *const known[] = {"user", "assistant"};
  shown_put_one_of(s, path, who, WORD_LIST(known));
}

static void put_priority(struct shown_reader *s, int table, struct slice path)
{
  lua_State *L = s->up->reader.L;
  int type = read_field(&s->up->reader, table, "priority"); // priority
  double value = lua_tonumber(L, -1);
  if (type == LUA_TNUMBER && value >= 0 && value <= 1) {
    json_put_name(s->out, "priority");
    json_put_double(s->out, value);
  } else if (type != LUA_TNIL) {
    faults_add(faults_of(s), at(s, path, "priority"), "is a number, 0 to 1");
  }
  lua_pop(L, 1); //
}

static void put_modified(struct shown_reader *s, int table, struct slice path)
{
  int64_t seconds;
  int32_t ns;
  struct slice when;
  if (!read_text(&s->up->reader, table, path, "last_modified", &when)) return;
  if (!iso_time_parse(when, &seconds, &ns))
    faults_add(faults_of(s), at(s, path, "last_modified"),
               "is a time as \"2026-11-20T09:15:00Z\"");
  json_put_name(s->out, "lastModified");
  json_put_string(s->out, when);
}

static void put_annotations(struct shown_reader *s)
{
  static const char *const known[] = {"audience", "priority", "last_modified"};
  struct reader *r = &s->up->reader;
  int type = read_field(r, s->table, "annotations"); // annotations
  int table = lua_gettop(r->L);
  struct slice path = at(s, s->path, "annotations");
  if (type == LUA_TTABLE) {
    read_known(r, table, path, WORD_LIST(known));
    json_put_name(s->out, "annotations");
    buf_putc(s->out, '{');
    shown_put_list(
        s, path,
        &(struct shown_list){table, "audience", "audience", put_audience});
    put_priority(s, table, path);
    put_modified(s, table, path);
    buf_putc(s->out, '}');
  } else if (type != LUA_TNIL) {
    read_wrong(r, path, -1, "a table");
  }
  lua_settop(r->L, table - 1); //
}

// --- all of it ---

static struct slice keep(struct shown_reader *s, size_t from)
{
  struct reader *r = &s->up->reader;
  struct slice text = {s->out->data + from, s->out->len - from};
  if (text.len == 0 && buf_ok(s->out)) return SLICE("");
  text = arena_copy(r->arena, text);
  if (!buf_ok(s->out) || !text.data) luaL_error(r->L, "not enough memory");
  return text;
}

// An object behind `{"x":0` so that each member has its comma.
static size_t begin(struct shown_reader *s)
{
  buf_reset(s->out, 1 << 16);
  buf_puts(s->out, "{0");
  return s->out->len;
}

static struct slice read_meta(struct shown_reader *s, enum shown_kind kind)
{
  size_t from = begin(s);
  shown_put_meta(s);
  if (kind != SHOWN_PROMPT) shown_put_ui(s, kind);
  return keep(s, from);
}

void integration_shown(struct integration_reader *r, int table,
                       struct slice path, enum shown_kind kind,
                       struct shown *out)
{
  struct shown_reader s = {r, path, table, &r->load->text};
  int64_t size = -1;
  bool resource = kind == SHOWN_RESOURCE || kind == SHOWN_TEMPLATE;
  out->meta = read_meta(&s, kind);
  if (out->meta.len) { // without its first comma
    out->meta.data++;
    out->meta.len--;
  }
  size_t from = begin(&s);
  put_icons(&s);
  if (resource) put_annotations(&s);
  if (kind == SHOWN_RESOURCE)
    size = read_whole(&r->reader, table, path, "size", INT64_C(1) << 50);
  if (size >= 0) {
    json_put_name(s.out, "size");
    json_put_int(s.out, size);
  }
  if (out->meta.len) {
    json_put_name(s.out, "_meta");
    buf_putc(s.out, '{');
    buf_add(s.out, out->meta);
    buf_putc(s.out, '}');
  }
  out->members = keep(&s, from);
}

// --- how long it may be kept ---

bool integration_cache(struct integration_reader *r, int table,
                       struct slice path, const char *name,
                       struct cache_hint *out)
{
  static const char *const known[] = {"ttl_ms", "scope"};
  static const char *const scopes[] = {"public", "private"};
  int type = read_field(&r->reader, table, name); // hint
  int hint = lua_gettop(r->reader.L);
  struct slice scope;
  path = read_path(&r->reader, path, slice_of(name));
  if (type == LUA_TTABLE) {
    read_known(&r->reader, hint, path, WORD_LIST(known));
    out->said = true;
    int64_t ms = read_whole(&r->reader, hint, path, "ttl_ms", TTL_MAX_MS);
    if (ms > 0) out->ttl_ms = ms;
    if (read_text(&r->reader, hint, path, "scope", &scope)) {
      out->shared = slice_is(scope, "public");
      if (!out->shared && !slice_is(scope, "private"))
        read_unknown(&r->reader, read_path(&r->reader, path, SLICE("scope")),
                     "must be \"public\" or \"private\"", scope,
                     WORD_LIST(scopes));
    }
  } else if (type != LUA_TNIL) {
    read_wrong(&r->reader, path, -1, "a table");
  }
  lua_settop(r->reader.L, hint - 1); //
  return out->said;
}

struct slice integration_app_mime(struct slice uri, struct slice mime)
{
  bool app = uri.len > 5 && !memcmp(uri.data, "ui://", 5);
  return app && !mime.data ? SLICE(APP_MIME) : mime;
}
