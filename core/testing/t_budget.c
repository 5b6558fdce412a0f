// t_budget.c -- shows guard/budget to the specs.

#include <stdbool.h>
#include <stdint.h>

#include "guard/budget.h"
#include "testing/t_fields.h"

#define TYPE "T.budget"

int t_budget(lua_State *L);

struct box {
  struct budget budget;
  struct budget_options options;
};

// new { cap=, deposit=, floor_per_s= }, now_ns
static int new (lua_State *L)
{
  struct budget_options options = {
      .cap = t_integer(L, 1, "cap", BUDGET_CAP),
      .deposit = t_integer(L, 1, "deposit", BUDGET_DEPOSIT),
      .floor_per_s = t_integer(L, 1, "floor_per_s", BUDGET_FLOOR_PER_S),
  };
  uint64_t now = (uint64_t)luaL_optinteger(L, 2, 0);
  struct box *b = t_new(L, sizeof(*b), TYPE); // budget
  b->options = options;
  budget_init(&b->budget, &b->options, now);
  return 1;
}

static int deposit(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  budget_deposit(&b->budget, &b->options);
  return 0;
}

static int withdraw(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  lua_pushboolean(L, budget_withdraw(&b->budget, &b->options,
                                     luaL_checkinteger(L, 2),
                                     (uint64_t)luaL_checkinteger(L, 3)));
  return 1;
}

static int give_back(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  budget_return(&b->budget, &b->options, luaL_checkinteger(L, 2));
  return 0;
}

static int balance(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  lua_pushinteger(L, budget_balance(&b->budget, &b->options,
                                    (uint64_t)luaL_checkinteger(L, 2)));
  return 1;
}

// How often something was withdrawn, and refused.
static int counts(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  lua_pushinteger(L, (lua_Integer)b->budget.withdrawn);
  lua_pushinteger(L, (lua_Integer)b->budget.refused);
  return 2;
}

int t_budget(lua_State *L)
{
  static const luaL_Reg methods[] = {
      {"deposit", deposit},     {"withdraw", withdraw}, {"balance", balance},
      {"give_back", give_back}, {"counts", counts},     {NULL, NULL}};
  t_type(L, TYPE, methods);
  lua_newtable(L);            // T
  lua_pushcfunction(L, new);  // T new
  lua_setfield(L, -2, "new"); // T
  return 1;
}
