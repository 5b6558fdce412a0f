// classify.c -- see classify.h for the contract.

#include "script/classify.h"

#include <lauxlib.h>
#include <stdio.h>

#include "base/log.h"
#include "guard/upstream.h"
#include "loop/clock.h"
#include "script/response.h"

#define BOUNDS   ((struct vm_bounds){.instructions = 100000, .ms = 5})
#define NONSENSE "it said "
#define TELL_NS  (60 * NS_PER_S)

static const char classifiers_key; // its address: [integration] = classifier

struct classifier {
  struct vm *vm;
  const struct integration *integration;
};

struct classifier *classifier_of(lua_State *L, const struct integration *in)
{
  if (!in->classify_slot) return NULL;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &classifiers_key) != LUA_TTABLE) {
    lua_newtable(L); // nil table
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &classifiers_key); // nil table
    lua_remove(L, -2);                                   // table
  }
  if (lua_rawgetp(L, -1, in) != LUA_TUSERDATA) { // table nil
    struct classifier *new = lua_newuserdatauv(L, sizeof(*new), 0);
    *new = (struct classifier){vm_of(L), in}; // table nil classifier
    lua_pushvalue(L, -1);
    lua_rawsetp(L, -4, in); // table nil classifier
    lua_remove(L, -2);      // table classifier
  }
  struct classifier *c = lua_touserdata(L, -1);
  lua_pop(L, 2); //
  return c;
}

void classifier_keep(void *ctx, bool keep)
{
  const struct classifier *c = ctx;
  if (keep)
    vm_hold(c->vm);
  else
    vm_release(c->vm);
}

// --- asking ---

struct asked {
  struct vm *vm;
  uint32_t slot;
  const struct http_answer *answer;
  enum outcome outcome; // by the table, then what it said
  char nonsense[64];    // what it returned instead
};

static bool read_word(const char *word, enum outcome *out)
{
  if (!strcmp(word, "overload")) {
    *out = OUTCOME_SERVER_ERROR;
    return true;
  }
  for (int o = 0; o < OUTCOMES; o++) {
    if (!outcome_may_be_said((enum outcome)o)) continue;
    if (strcmp(word, outcome_name((enum outcome)o))) continue;
    *out = (enum outcome)o;
    return true;
  }
  return false;
}

static int ask(lua_State *L)
{
  struct asked *a = lua_touserdata(L, 1);
  vm_push_function(a->vm, L, a->slot);         // asked fn
  response_lend(L, a->answer);                 // asked fn res
  lua_pushstring(L, outcome_name(a->outcome)); // asked fn res outcome
  lua_call(L, 2, 1);                           // asked word
  if (lua_isnil(L, -1)) return 0;
  if (lua_type(L, -1) == LUA_TSTRING &&
      read_word(lua_tostring(L, -1), &a->outcome))
    return 0;
  const char *shown = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
                                                     : luaL_typename(L, -1);
  snprintf(a->nonsense, sizeof(a->nonsense), NONSENSE "'%.40s'", shown);
  return 0;
}

// OK: `a->outcome` is what it said, or as it was. Else `err` says why it has no
// word.
static enum error_code run(struct asked *a, struct error *err)
{
  struct asked q = *a;
  enum error_code code = vm_protect_within(a->vm, BOUNDS, ask, &q, err);
  response_take_back(vm_state(a->vm));
  if (code == OK && !q.nonsense[0]) {
    a->outcome = q.outcome;
    return OK;
  }
  if (code != OK) return code;
  return error_set(err, E_SCRIPT, "%s, which is no outcome", q.nonsense);
}

// What was raised begins with a file or a code.
static bool is_nonsense(const struct error *err)
{
  return strncmp(err->message, NONSENSE, sizeof(NONSENSE) - 1) == 0;
}

// --- at work ---

static void tell(const struct classifier *c, const struct error *err,
                 uint64_t count)
{
  const struct integration *in = c->integration;
  uint64_t now = loop_now(vm_loop(c->vm));
  uint64_t told = atomic_load_explicit(&in->upstream->classify_told_ns,
                                       memory_order_relaxed);
  if (told && now < told + TELL_NS) return;
  atomic_store_explicit(&in->upstream->classify_told_ns, now,
                        memory_order_relaxed);
  log_warn(vm_log(c->vm), "script/classify",
           "upstream.classify failed integration=%.*s times=%llu, what the "
           "status says stands: %s",
           SLICE_ARG(in->name), (unsigned long long)count, err->message);
}

static void step(const struct classifier *c, struct trail *trail,
                 enum error_code code, uint64_t count, const char *label)
{
  trail_add(trail, loop_exact(vm_loop(c->vm)), TRAIL_CLASSIFY, code,
            (int64_t)count, 0, slice_of(label));
}

static const char *why(enum error_code code, const struct error *err)
{
  if (code == E_SCRIPT_LIMIT) return "it took too long";
  return is_nonsense(err) ? "it said nonsense" : "it raised";
}

enum outcome classifier_ask(void *ctx, const struct http_answer *answer,
                            enum outcome by_table, struct trail *trail)
{
  const struct classifier *c = ctx;
  struct error err;
  struct asked a = {.vm = c->vm,
                    .slot = c->integration->classify_slot,
                    .answer = answer,
                    .outcome = by_table};
  enum error_code code = run(&a, &err);
  struct upstream *u = c->integration->upstream;
  if (code != OK) {
    uint64_t count = 1 + atomic_fetch_add_explicit(&u->classify_failed, 1,
                                                   memory_order_relaxed);
    step(c, trail, code, count, why(code, &err));
    tell(c, &err, count);
  } else if (a.outcome != by_table) {
    char label[TRAIL_LABEL + 1];
    snprintf(label, sizeof(label), "%s, not %s", outcome_name(a.outcome),
             outcome_name(by_table));
    step(c, trail, OK,
         atomic_load_explicit(&u->classify_failed, memory_order_relaxed),
         label);
  }
  return a.outcome;
}

// --- a trial ---

static const struct {
  int status;
  enum outcome outcome;
  const char *head, *body;
} samples[] = {
    {200, OUTCOME_OK, "Content-Type: application/json\n", "{}"},
    {204, OUTCOME_OK, "", ""},
    {404, OUTCOME_APP_ERROR, "Content-Type: application/json\n", "{}"},
    {429, OUTCOME_THROTTLED, "Retry-After: 1\n", ""},
    {503, OUTCOME_SERVER_ERROR, "Content-Type: text/html\n", "<html></html>"},
};

const char *classifier_try(struct vm *vm, uint32_t slot, bool *sure,
                           struct error *room)
{
  const char *said = NULL;
  *sure = false;
  for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]) && !*sure; i++) {
    struct http_answer answer = {.end = HTTP_ANSWERED,
                                 .status = samples[i].status,
                                 .total_ns = NS_PER_MS};
    buf_puts(&answer.head, samples[i].head);
    buf_puts(&answer.body, samples[i].body);
    struct asked a = {.vm = vm,
                      .slot = slot,
                      .answer = &answer,
                      .outcome = samples[i].outcome};
    struct error err;
    enum error_code code = run(&a, &err);
    http_answer_finish(&answer);
    if (code == OK) continue;
    *sure = code == E_SCRIPT_LIMIT || is_nonsense(&err);
    if (said && !*sure) continue; // the first one is told
    error_set(room, code, "asked about a %d it failed: %.400s",
              samples[i].status, err.message);
    said = room->message;
  }
  return said;
}
