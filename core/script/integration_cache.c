// integration_cache.c -- policies that keep answers, and whom they do not suit.

#include "script/integration.h"

static bool keeps(const struct policy *p)
{
  return p->cache_on || p->cache_ttl_ms > 0;
}

// "cache.ttl_ms is 30000": what turns it on.
static struct slice switch_of(struct faults *faults, const struct policy *p)
{
  if (p->cache_ttl_ms == 0) return SLICE("cache.on is 1");
  return arena_printf(&faults->arena, "cache.ttl_ms is %lld",
                      (long long)p->cache_ttl_ms);
}

// What annotations leave open is judged by each request's method: but then
// nobody has thought of it.
static void check_read_only(struct faults *faults, const struct tool *tool,
                            struct slice path, struct slice shown)
{
  const struct policy *p = tool->policy;
  const struct annotations *a = &tool->annotations;
  if (tool->kind != KIND_TOOL || a->read_only == 1) return;
  if (a->read_only == 0 || a->destructive == 1)
    faults_add(faults, path,
               "%.*s keeps answers (%.*s), but %.*s.annotations say that it "
               "changes something (%s), and it must not decide by what was "
               "there before; name a policy without cache",
               SLICE_ARG(p->name), SLICE_ARG(switch_of(faults, p)),
               SLICE_ARG(shown),
               a->read_only == 0 ? "read_only = false" : "destructive = true");
  else
    faults_warn(faults, path,
                "%.*s keeps answers (%.*s), and %.*s.annotations do not say "
                "read_only = true; say so if it only reads, else name a policy "
                "without cache for it",
                SLICE_ARG(p->name), SLICE_ARG(switch_of(faults, p)),
                SLICE_ARG(shown));
}

// A function may log in as whoever calls.
static void check_shared(struct faults *faults, const struct auth *auth,
                         const struct policy *p, struct slice path)
{
  if (!p->cache_shared || auth->kind != AUTH_FUNCTION) return;
  faults_add(faults, path,
             "%.*s serves one principal what another one fetched "
             "(cache.shared is 1), but auth is a function, which may log in "
             "as each of them; leave cache.shared out, and say cache = { "
             "shared = true } at requests that are the same for all",
             SLICE_ARG(p->name));
}

void integration_check_cache(struct integration_reader *r,
                             const struct tool *tool, struct slice path,
                             bool names_it)
{
  struct faults *faults = r->load->faults;
  if (!tool->policy || !keeps(tool->policy)) return;
  struct slice where = names_it ? read_path(&r->reader, path, SLICE("policy"))
                                : SLICE("upstream.policy");
  check_read_only(faults, tool, where, path);
  check_shared(faults, &r->draft->integration.auth, tool->policy, where);
}
