// outgoing_key.c -- see outgoing.h: the key by which a service knows a
// repetition.

#include <lauxlib.h>

#include "bind/outgoing.h"
#include "guard/idempotency.h"

static const struct idempotency_rule *rule_of(const struct outgoing *o)
{
  return &call_tool(o->part.call)->integration->idempotency;
}

// A key for what may be repeated anyway would only make each of them another.
static bool needs_key(const struct outgoing *o)
{
  return rule_of(o)->header.data && !o->plain && !o->no_key && !o->idempotent &&
         !o->cache.safe && !method_is_idempotent(o->method) &&
         call_tool(o->part.call)->annotations.read_only != 1;
}

static const char *part_of(struct call *call)
{
  if (call_asking(call)->prepares) return "prepare";
  return call_falls_back(call) ? "fallback" : "run";
}

static bool derive(lua_State *L, struct outgoing *o,
                   struct idempotency_key *key)
{
  struct call *call = o->part.call;
  const unsigned char *run = asking_run(call_asking(call));
  struct slice operation = arena_printf(
      &o->arena, "%.*s %s %.*s %.*s", SLICE_ARG(call_tool(call)->name),
      part_of(call), SLICE_ARG(o->method), SLICE_ARG(o->path));
  if (!run || !operation.data) return false;
  struct idempotency_step step = {.tenant = call_principal(call),
                                  .run = call_tool(call)->integration->base,
                                  .step = operation,
                                  .ordinal = task_ordinal(L)};
  return idempotency_derived(key, (struct slice){(const char *)run, RUN_ID_LEN},
                             &step);
}

void outgoing_make_key(lua_State *L, struct outgoing *o)
{
  struct idempotency_key key;
  if (o->key.data || !needs_key(o)) return;
  if (!derive(L, o, &key)) luaL_error(L, "not enough memory");
  o->key = arena_copy(&o->arena, slice_of(key.text));
  if (!o->key.data) luaL_error(L, "not enough memory");
}

static void drop_header(struct outgoing *o, struct slice name)
{
  size_t kept = 0;
  for (size_t i = 0; i < o->header_count; i++)
    if (!slice_eq_nocase(o->headers[i].name, name))
      o->headers[kept++] = o->headers[i];
  o->header_count = kept;
}

bool outgoing_put_key(struct outgoing *o)
{
  const struct idempotency_rule *rule = rule_of(o);
  if (!o->key.data) return true;
  const char *quote = rule->quoted ? "\"" : "";
  struct slice value =
      arena_printf(&o->arena, "%s%.*s%s", quote, SLICE_ARG(o->key), quote);
  drop_header(o, rule->header);
  return value.data && outgoing_default_header(o, rule->header, value);
}
