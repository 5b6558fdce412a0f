// integration_auth.c -- how requests to the service are signed.

#include <lauxlib.h>

#include "script/integration.h"
#include "script/secret_value.h"

#define PATH     SLICE("auth")
#define HINT_MAX 200

static struct slice at(struct integration_reader *r, const char *name)
{
  return read_path(&r->reader, PATH, slice_of(name));
}

// --- the secret ---

// The catalog holds the reference from here on. Ends it when out of memory.
static void hold(struct integration_reader *r, struct secret *secret)
{
  struct catalog *c = r->load->catalog;
  if (!c->secrets) // at most one for each file
    c->secrets = arena_alloc(&c->arena, (r->load->file_count + 1) *
                                            sizeof(struct secret *));
  if (!c->secrets) {
    secret_unref(secret);
    luaL_error(r->reader.L, "not enough memory");
  }
  c->secrets[c->secret_count++] = secret;
  r->draft->integration.auth.secret = secret;
  if (secret_reveal(secret).len < SECRET_SCRUB_MIN)
    faults_warn(r->load->faults, at(r, "secret"),
                "is shorter than %d bytes, so it cannot be kept out of logs "
                "and answers",
                SECRET_SCRUB_MIN);
}

static void find(struct integration_reader *r, struct slice name, bool optional)
{
  const struct generation_options *o = r->load->options;
  char hint[HINT_MAX] = "";
  struct secret *secret =
      o->find_secret ? o->find_secret(o->secret_ctx, name, hint, sizeof(hint))
                     : NULL;
  if (secret)
    hold(r, secret);
  else if (!optional)
    faults_add(r->load->faults, at(r, "secret"),
               "there is no secret %.*s%s%s (or say optional = true)",
               SLICE_ARG(name), hint[0] ? "; set " : "", hint);
}

static void read_secret(struct integration_reader *r, int auth)
{
  lua_State *L = r->reader.L;
  bool optional = false;
  struct slice name;
  read_flag(&r->reader, auth, PATH, "optional", &optional);
  int type = read_field(&r->reader, auth, "secret"); // secret
  struct secret *value = secret_value(L, -1);
  if (value)
    hold(r, secret_ref(value));
  else if (type == LUA_TNIL && !optional)
    faults_add(r->load->faults, at(r, "secret"),
               "is missing: the name of a secret");
  else if (type == LUA_TSTRING) {
    if (read_text(&r->reader, auth, PATH, "secret", &name)) {
      if (load_is_script_name(name))
        find(r, name, optional);
      else
        faults_add(r->load->faults, at(r, "secret"),
                   "expected the name of a secret, such as \"github_token\", "
                   "and never the secret itself");
    }
  } else if (type != LUA_TNIL)
    read_wrong(&r->reader, at(r, "secret"), -1, "the name of a secret");
  lua_pop(L, 1);
}

// --- the kinds ---

static void missing(struct integration_reader *r, int auth, const char *name,
                    const char *what)
{
  if (read_field(&r->reader, auth, name) == LUA_TNIL)
    faults_add(r->load->faults, at(r, name), "is missing: %s", what);
  lua_pop(r->reader.L, 1);
}

static void read_basic(struct integration_reader *r, int auth)
{
  struct auth *a = &r->draft->integration.auth;
  a->kind = AUTH_BASIC;
  if (!read_text(&r->reader, auth, PATH, "user", &a->user))
    missing(r, auth, "user", "the name to log in with");
  else if (memchr(a->user.data, ':', a->user.len))
    faults_add(r->load->faults, at(r, "user"), "must not hold a colon");
}

static void read_key(struct integration_reader *r, int auth)
{
  struct auth *a = &r->draft->integration.auth;
  struct slice query;
  bool header = read_text(&r->reader, auth, PATH, "header", &a->name);
  bool in_query = read_text(&r->reader, auth, PATH, "query", &query);
  a->kind = header ? AUTH_KEY_HEADER : AUTH_KEY_QUERY;
  if (header && in_query)
    faults_add(r->load->faults, PATH, "has a header and a query; one of them");
  else if (!header && !in_query)
    faults_add(r->load->faults, PATH,
               "api_key goes where? say header = \"X-Api-Key\" or query = "
               "\"key\"");
  else if (header && !header_name_ok(a->name))
    faults_add(r->load->faults, at(r, "header"), "is not the name of a header");
  if (!header && in_query) a->name = query;
}

static void read_bearer(struct integration_reader *r, int auth)
{
  (void)auth;
  r->draft->integration.auth.kind = AUTH_BEARER;
}

static const struct kind {
  const char *name;
  void (*read)(struct integration_reader *r, int auth);
  const char *known[6];
  size_t count;
} kinds[] = {
    {"bearer", read_bearer, {"kind", "secret", "optional"}, 3},
    {"api_key", read_key, {"kind", "secret", "optional", "header", "query"}, 5},
    {"basic", read_basic, {"kind", "secret", "optional", "user"}, 4},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct kind *read_kind_of(struct integration_reader *r, int auth)
{
  static const char *const names[] = {"bearer", "api_key", "basic"};
  struct slice name;
  if (!read_text(&r->reader, auth, PATH, "kind", &name)) {
    missing(r, auth, "kind", "\"bearer\", \"api_key\" or \"basic\"");
    return NULL;
  }
  for (size_t i = 0; i < KINDS; i++) {
    if (slice_is(name, kinds[i].name)) return &kinds[i];
  }
  struct slice reason = arena_printf(
      &r->load->faults->arena,
      "there is no kind %.*s; use bearer, api_key, basic or a function",
      SLICE_ARG(name));
  read_unknown(&r->reader, at(r, "kind"),
               reason.data ? reason.data : "there is no such kind", name,
               WORD_LIST(names));
  return NULL;
}

void integration_auth(struct integration_reader *r, int table)
{
  lua_State *L = r->reader.L;
  struct auth *a = &r->draft->integration.auth;
  int type = read_field(&r->reader, table, "auth"), auth = lua_gettop(L);
  if (type == LUA_TFUNCTION) {
    a->kind = AUTH_FUNCTION;
    a->slot = integration_slot(r, (struct slot_path){{SLICE("auth")}}); //
  } else if (type == LUA_TTABLE) {
    const struct kind *kind = read_kind_of(r, auth);
    if (kind) {
      read_known(&r->reader, auth, PATH,
                 (struct word_list){kind->known, kind->count});
      kind->read(r, auth);
      read_secret(r, auth);
    }
  } else if (type != LUA_TNIL) {
    read_wrong(&r->reader, PATH, -1, "a table or a function");
  }
  if (type != LUA_TNIL && !r->draft->integration.base.data) {
    lua_settop(L, table);
    bool upstream = read_field(&r->reader, table, "upstream") != LUA_TNIL;
    if (!upstream) // else that is the fault
      faults_add(r->load->faults, PATH,
                 "is for an upstream, and there is none");
  }
  lua_settop(L, table);
}
