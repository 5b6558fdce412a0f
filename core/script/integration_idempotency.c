// integration_idempotency.c -- upstream.idempotency: true, or { header =,
// quoted =, retention_ms = }.

#include "guard/idempotency.h"
#include "script/integration.h"

#define PATH             SLICE("upstream.idempotency")
#define RETENTION_MIN_MS 1000
#define RETENTION_MAX_MS INT64_C(2678400000) // 31 days
#define NS_PER_MS        1000000

static void read_header(struct integration_reader *r, int table)
{
  struct integration *in = &r->draft->integration;
  struct faults *faults = r->load->faults;
  struct slice name = {0}, path = SLICE("upstream.idempotency.header");
  if (!read_text(&r->reader, table, PATH, "header", &name)) return;
  if (!header_name_ok(name))
    faults_add(faults, path, "is not the name of a header");
  else if (integration_owns_header(name) ||
           slice_eq_nocase(name, SLICE("authorization")))
    faults_add(faults, path, "%.*s is used for something else",
               SLICE_ARG(name));
  else
    in->idempotency.header = name;
}

static void read_retention(struct integration_reader *r, int table)
{
  lua_State *L = r->reader.L;
  int64_t *out = &r->draft->integration.idempotency.retention_ms;
  struct slice path = SLICE("upstream.idempotency.retention_ms");
  int type = read_field(&r->reader, table, "retention_ms"); // ms
  lua_Integer ms = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : -1;
  if (ms >= RETENTION_MIN_MS && ms <= RETENTION_MAX_MS)
    *out = ms;
  else if (type == LUA_TNUMBER)
    faults_add(r->load->faults, path,
               "must be a whole number from %d to %lld (31 days)",
               RETENTION_MIN_MS, (long long)RETENTION_MAX_MS);
  else if (type != LUA_TNIL)
    read_wrong(&r->reader, path, -1, "milliseconds");
  lua_pop(L, 1); //
}

// One of upstream.headers would be on every request, and the same on all.
static void check_headers(struct integration_reader *r)
{
  const struct integration *in = &r->draft->integration;
  for (size_t i = 0; i < in->header_count; i++)
    if (slice_eq_nocase(in->headers[i].name, in->idempotency.header))
      faults_add(
          r->load->faults,
          read_path(&r->reader, SLICE("upstream.headers"), in->headers[i].name),
          "carries the key of upstream.idempotency, which is another "
          "for each request");
}

void integration_idempotency(struct integration_reader *r, int upstream)
{
  static const char *const known[] = {"header", "quoted", "retention_ms"};
  lua_State *L = r->reader.L;
  struct idempotency_rule *rule = &r->draft->integration.idempotency;
  int type = read_field(&r->reader, upstream, "idempotency"); // value
  bool on =
      type == LUA_TTABLE || (type == LUA_TBOOLEAN && lua_toboolean(L, -1));
  if (on)
    *rule = (struct idempotency_rule){.header = SLICE("Idempotency-Key"),
                                      .retention_ms =
                                          IDEMPOTENCY_RETENTION_NS / NS_PER_MS};
  if (type == LUA_TTABLE) {
    int table = lua_gettop(L);
    read_known(&r->reader, table, PATH, WORD_LIST(known));
    read_header(r, table);
    read_flag(&r->reader, table, PATH, "quoted", &rule->quoted);
    read_retention(r, table);
  } else if (type != LUA_TNIL && type != LUA_TBOOLEAN) {
    read_wrong(&r->reader, PATH, -1, "true or a table");
  }
  lua_pop(L, 1); //
  if (on) check_headers(r);
}
