// t_retry.c -- shows guard/backoff, guard/retry and the table of outcomes.

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "guard/retry.h"
#include "testing/t_fields.h"

int t_retry(lua_State *L);

#define NEVER INT64_MAX

static enum outcome outcome_arg(lua_State *L, const char *name)
{
  for (int o = 0; o < OUTCOMES; o++)
    if (!strcmp(name, outcome_name((enum outcome)o))) return (enum outcome)o;
  return (enum outcome)luaL_error(L, "no outcome %s", name);
}

// bound(base_ns, cap_ns, n)
static int bound(lua_State *L)
{
  lua_pushinteger(
      L, (lua_Integer)backoff_bound_ns((uint64_t)luaL_checkinteger(L, 1),
                                       (uint64_t)luaL_checkinteger(L, 2),
                                       (uint32_t)luaL_checkinteger(L, 3)));
  return 1;
}

static int jitter(lua_State *L)
{
  lua_pushinteger(L, (lua_Integer)backoff_ns((uint64_t)luaL_checkinteger(L, 1),
                                             luaL_checknumber(L, 2)));
  return 1;
}

static int hinted(lua_State *L)
{
  lua_pushinteger(
      L, (lua_Integer)backoff_hinted_ns((uint64_t)luaL_checkinteger(L, 1),
                                        luaL_checkinteger(L, 2)));
  return 1;
}

static enum retry_plea plea_arg(lua_State *L)
{
  lua_getfield(L, 1, "plea"); // name?
  const char *name = luaL_optstring(L, -1, "none");
  lua_pop(L, 1); //
  for (int p = 0; p < PLEAS; p++)
    if (!strcmp(name, retry_plea_name((enum retry_plea)p)))
      return (enum retry_plea)p;
  return (enum retry_plea)luaL_error(L, "no plea %s", name);
}

static struct retry_facts facts_arg(lua_State *L)
{
  lua_getfield(L, 1, "outcome"); // outcome
  enum outcome o = outcome_arg(L, luaL_checkstring(L, -1));
  lua_pop(L, 1); //
  return (struct retry_facts){
      .outcome = o,
      .plea = plea_arg(L),
      .attempts_done = (uint32_t)t_integer(L, 1, "done", 1),
      .max_attempts = (uint32_t)t_integer(L, 1, "max", RETRY_ATTEMPTS),
      .hint_ms = t_integer(L, 1, "hint_ms", -1),
      .repeatable = t_flag(L, 1, "repeatable", true),
      .free_used = t_flag(L, 1, "free_used", false),
      .handed_on = t_flag(L, 1, "handed_on", false),
      .body_replayable = t_flag(L, 1, "body_replayable", true),
      .cancelled = t_flag(L, 1, "cancelled", false),
      .draining = t_flag(L, 1, "draining", false),
      .breaker_open = t_flag(L, 1, "breaker_open", false),
      .now_ns = (uint64_t)t_integer(L, 1, "now", 0),
      .deadline_ns = (uint64_t)t_integer(L, 1, "deadline", NEVER),
      .gate_ns = (uint64_t)t_integer(L, 1, "gate", 0),
      .min_useful_ns = (uint64_t)t_integer(L, 1, "min_useful", 20000000),
      .unit = t_number(L, 1, "unit", 0.5),
  };
}

// decide(facts[, tokens of the budget]): verdict, rule, wait_ns, tokens left,
// free
static int decide(lua_State *L)
{
  struct retry_facts facts = facts_arg(L);
  struct backoff_options backoff = {BACKOFF_BASE_NS, BACKOFF_BASE_THROTTLED_NS,
                                    BACKOFF_CAP_NS};
  struct budget_options options = {luaL_optinteger(L, 2, BUDGET_CAP),
                                   BUDGET_DEPOSIT, 0};
  struct budget budget;
  budget_init(&budget, &options, 0);
  struct retry_answer a = retry_decide(&facts, &backoff, &budget, &options);
  lua_pushstring(L, retry_name(a.verdict));        // name
  lua_pushinteger(L, retry_rule(a.verdict));       // name rule
  lua_pushinteger(L, (lua_Integer)a.wait_ns);      // name rule wait
  lua_pushinteger(L, (lua_Integer)budget.balance); // name rule wait left
  lua_pushboolean(L, a.free);                      // name rule wait left free
  return 5;
}

// outcomes(): { [name] = { executed=, retry=, health=, charge=, load=, sample= } }
static int outcomes(lua_State *L)
{
  lua_newtable(L); // all
  for (int o = 0; o < OUTCOMES; o++) {
    const struct outcome_row *row = outcome_row((enum outcome)o);
    const struct {
      const char *name;
      int value;
    } columns[] = {
        {"executed", (int)row->executed}, {"retry", (int)row->retry},
        {"health", (int)row->health},     {"charge", (int)row->charge},
        {"load", (int)row->load},         {"sample", (int)row->sample}};
    lua_newtable(L); // all row
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
      lua_pushinteger(L, columns[i].value); // all row value
      lua_setfield(L, -2, columns[i].name); // all row
    }
    lua_setfield(L, -2, row->name); // all
  }
  return 1;
}

int t_retry(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"bound", bound},   {"jitter", jitter},     {"hinted", hinted},
      {"decide", decide}, {"outcomes", outcomes}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
