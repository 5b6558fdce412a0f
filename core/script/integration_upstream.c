// integration_upstream.c -- where the service is and how it fails.

#include <arpa/inet.h>
#include <lauxlib.h>
#include <netinet/in.h>

#include "net/address.h"
#include "net/url.h"
#include "script/integration.h"

#define PATH SLICE("upstream")

static struct slice at(struct integration_reader *r, struct slice name)
{
  return read_path(&r->reader, PATH, name);
}

// --- base ---

// An address written as numbers; false for a name.
static bool is_address(struct slice host, struct sockaddr_storage *address)
{
  char text[64];
  if (host.len >= sizeof(text)) return false;
  memcpy(text, host.data, host.len);
  text[host.len] = '\0';
  struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)address;
  memset(address, 0, sizeof(*address));
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    return true;
  }
  if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1) return false;
  v6->sin6_family = AF_INET6;
  return true;
}

static bool is_loopback(struct slice host)
{
  struct sockaddr_storage address;
  if (slice_eq_nocase(host, SLICE("localhost"))) return true;
  if (!is_address(host, &address)) return false;
  const struct sockaddr_in *v4 = (const void *)&address;
  const struct sockaddr_in6 *v6 = (const void *)&address;
  if (address.ss_family == AF_INET)
    return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static void check_host(struct integration_reader *r, const struct url *url)
{
  struct integration *i = &r->draft->integration;
  struct sockaddr_storage address;
  struct faults *faults = r->load->faults;
  if (is_loopback(url->host)) {
    i->allow_private = true;
    return;
  }
  if (!i->allow_private && is_address(url->host, &address) &&
      !address_is_public((const struct sockaddr *)&address))
    faults_add(faults, at(r, SLICE("base")),
               "%.*s is not a public address; say private = true if that is "
               "meant",
               SLICE_ARG(url->host));
  if (slice_eq_nocase(url->scheme, SLICE("http")))
    faults_warn(faults, at(r, SLICE("base")),
                "http is not encrypted: what is sent can be read on the way");
}

static bool has_dots(struct slice path)
{
  struct slice rest = path;
  while (rest.len) {
    size_t n = 1;
    while (n < rest.len && rest.data[n] != '/') {
      n++;
    }
    struct slice segment = {rest.data + 1, n - 1};
    if (slice_is(segment, ".") || slice_is(segment, "..")) return true;
    rest = (struct slice){rest.data + n, rest.len - n};
  }
  return false;
}

static void read_base(struct integration_reader *r, int upstream)
{
  struct integration *i = &r->draft->integration;
  struct faults *faults = r->load->faults;
  struct slice path = at(r, SLICE("base")), base;
  struct url url;
  struct error err;
  if (!read_text(&r->reader, upstream, PATH, "base", &base)) {
    if (read_field(&r->reader, upstream, "base") == LUA_TNIL)
      faults_add(faults, path, "is missing (as in \"https://api.github.com\")");
    lua_pop(r->reader.L, 1);
    return;
  }
  if (url_parse(base, &url, &err) != OK) {
    faults_add(faults, path, "%s", err.message);
  } else if (url.query.data || url.fragment.data) {
    faults_add(faults, path, "must end with the path, without ? and #");
  } else if (has_dots(url.path)) {
    faults_add(faults, path, "must not hold . or .. as a part of the path");
  } else {
    check_host(r, &url);
    while (base.len && base.data[base.len - 1] == '/') {
      base.len--;
    }
    i->base = base;
  }
}

// --- headers ---

// Names that the engine writes itself.
bool integration_owns_header(struct slice name)
{
  static const char *const ours[] = {
      "host",       "content-length", "transfer-encoding",
      "connection", "keep-alive",     "upgrade",
      "te",         "trailer",        "expect"};
  for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
    if (slice_eq_nocase(name, slice_of(ours[i]))) return true;
  }
  return false;
}

static void read_header(struct integration_reader *r, int table,
                        struct slice up, struct slice name)
{
  struct integration *i = &r->draft->integration;
  struct faults *faults = r->load->faults;
  struct slice path = read_path(&r->reader, up, name), value = {0};
  struct header *header = (struct header *)&i->headers[i->header_count];
  if (!header_name_ok(name)) {
    faults_add(faults, path, "is not the name of a header");
  } else if (integration_owns_header(name)) {
    faults_add(faults, path, "is written by the engine itself");
  } else if (slice_eq_nocase(name, SLICE("authorization"))) {
    faults_add(faults, path, "belongs into auth, where secrets are kept safe");
  } else if (read_text(&r->reader, table, up, name.data, &value)) {
    if (!header_value_ok(value))
      faults_add(faults, path, "is not the value of a header");
    *header = (struct header){name, value};
    i->header_count++;
  }
}

static void read_headers(struct integration_reader *r, int upstream)
{
  lua_State *L = r->reader.L;
  struct slice path = at(r, SLICE("headers"));
  int type = read_field(&r->reader, upstream, "headers"); // headers
  if (type == LUA_TTABLE) {
    size_t count;
    struct slice *names = read_names(&r->reader, -1, path, &count);
    r->draft->integration.headers =
        arena_alloc(r->reader.arena, (count + 1) * sizeof(struct header));
    if (!r->draft->integration.headers) luaL_error(L, "not enough memory");
    for (size_t k = 0; k < count; k++) {
      read_header(r, lua_gettop(L), path, names[k]);
    }
  } else if (type != LUA_TNIL) {
    read_wrong(&r->reader, path, -1, "a table");
  }
  lua_pop(L, 1);
}

// --- errors ---

static const char *const error_names[] = {
#define X(constant, name, http, retry, sentence) name,
    ERROR_LIST(X)
#undef X
};

static bool read_code(struct integration_reader *r, struct slice path,
                      enum error_code *code)
{
  lua_State *L = r->reader.L;
  struct slice name;
  if (lua_type(L, -1) != LUA_TSTRING) {
    read_wrong(&r->reader, path, -1, "an error code such as \"not_found\"");
    return false;
  }
  name.data = lua_tolstring(L, -1, &name.len);
  if (error_parse(name, code) && *code != OK) return true;
  struct slice reason = arena_printf(
      &r->load->faults->arena, "there is no error code %.*s", SLICE_ARG(name));
  read_unknown(&r->reader, path,
               reason.data ? reason.data : "there is no such code", name,
               (struct word_list){error_names + 1, ERROR_CODES - 1});
  return false;
}

#define STATUS_MIN 400
#define STATUS_MAX 599

// Every key is a status of a failure.
static void check_statuses(struct integration_reader *r, struct slice path)
{
  lua_State *L = r->reader.L;
  int table = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) { // table key value
    lua_Integer status = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
    if (status >= STATUS_MIN && status <= STATUS_MAX) continue;
    if (lua_isinteger(L, -2))
      faults_add(r->load->faults, path, "%lld is no status from %d to %d",
                 (long long)status, STATUS_MIN, STATUS_MAX);
    else
      faults_add(r->load->faults, path,
                 "expected a status from %d to %d as the key, got %s",
                 STATUS_MIN, STATUS_MAX, read_kind(L, -2));
  }
}

static void read_error_table(struct integration_reader *r, struct slice path)
{
  lua_State *L = r->reader.L;
  struct integration *i = &r->draft->integration;
  int table = lua_gettop(L);
  struct status_error *errors = arena_alloc(
      r->reader.arena, (STATUS_MAX - STATUS_MIN + 1) * sizeof(*errors));
  if (!errors) luaL_error(L, "not enough memory");
  i->errors = errors;
  check_statuses(r, path);
  for (int status = STATUS_MIN; status <= STATUS_MAX; status++) {
    enum error_code code;
    struct slice here = arena_printf(&r->load->faults->arena, "%.*s[%d]",
                                     SLICE_ARG(path), status);
    bool there = lua_rawgeti(L, table, status) != LUA_TNIL; // table code
    if (there && read_code(r, here, &code))
      errors[i->error_count++] = (struct status_error){status, code};
    lua_pop(L, 1); // table
  }
}

static void read_errors(struct integration_reader *r, int upstream)
{
  lua_State *L = r->reader.L;
  struct slice path = at(r, SLICE("errors"));
  int type = read_field(&r->reader, upstream, "errors"); // errors
  if (type == LUA_TFUNCTION) {
    r->draft->integration.errors_slot = integration_slot(
        r, (struct slot_path){{SLICE("upstream"), SLICE("errors")}}); //
    return;
  }
  if (type == LUA_TTABLE)
    read_error_table(r, path);
  else if (type != LUA_TNIL)
    read_wrong(&r->reader, path, -1, "a table or a function");
  lua_pop(L, 1);
}

// --- classify ---

static void read_classify(struct integration_reader *r, int upstream)
{
  int type = read_field(&r->reader, upstream, "classify"); // classify
  if (type == LUA_TFUNCTION) {
    r->draft->integration.classify_slot = integration_slot(
        r, (struct slot_path){{SLICE("upstream"), SLICE("classify")}}); //
    return;
  }
  if (type != LUA_TNIL)
    read_wrong(&r->reader, at(r, SLICE("classify")), -1, "a function");
  lua_pop(r->reader.L, 1);
}

// --- together ---

static void read_fields(struct integration_reader *r, int upstream)
{
  static const char *const known[] = {"base",        "policy",  "errors",
                                      "headers",     "private", "insecure_tls",
                                      "idempotency", "classify"};
  struct integration *i = &r->draft->integration;
  read_known(&r->reader, upstream, PATH, WORD_LIST(known));
  read_flag(&r->reader, upstream, PATH, "private", &i->allow_private);
  read_flag(&r->reader, upstream, PATH, "insecure_tls", &i->insecure_tls);
  if (i->insecure_tls)
    faults_warn(r->load->faults, at(r, SLICE("insecure_tls")),
                "CERTIFICATES ARE NOT CHECKED: anyone on the way can read and "
                "change everything; never in production");
  read_base(r, upstream);
  read_headers(r, upstream);
  read_errors(r, upstream);
  read_classify(r, upstream);
  integration_idempotency(r, upstream);
  i->policy = integration_policy(r, upstream, PATH, i->policy);
}

void integration_upstream(struct integration_reader *r, int table)
{
  lua_State *L = r->reader.L;
  r->draft->integration.policy = load_policy(r->load, SLICE("default"));
  int type = read_field(&r->reader, table, "upstream"); // upstream
  if (type == LUA_TTABLE)
    read_fields(r, lua_gettop(L));
  else if (type != LUA_TNIL)
    read_wrong(&r->reader, PATH, -1, "a table");
  lua_settop(L, table);
}
