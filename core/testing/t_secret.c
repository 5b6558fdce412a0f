// t_secret.c -- shows base/secret to the specs.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/secret.h"
#include "testing/t_base.h"

#define TYPE "T.secret_set"

int t_secret(lua_State *L);

struct box {
  struct secret_set *set;
};

static struct secret_set *check_set(lua_State *L)
{
  struct box *box = luaL_checkudata(L, 1, TYPE);
  luaL_argcheck(L, box->set, 1, "the set is freed");
  return box->set;
}

static int new (lua_State *L)
{
  struct box *box = lua_newuserdatauv(L, sizeof(*box), 0); // set
  box->set = secret_set_new();
  luaL_setmetatable(L, TYPE);
  return box->set ? 1 : 0;
}

// add(value): a light userdata to be given to drop(), or nil.
static int add(lua_State *L)
{
  struct secret *s = secret_new(check_set(L), t_slice(L, 2));
  if (!s) return 0;
  lua_pushlightuserdata(L, s);
  return 1;
}

static int drop(lua_State *L)
{
  check_set(L);
  secret_unref(lua_touserdata(L, 2));
  return 0;
}

static int reveal(lua_State *L)
{
  check_set(L);
  struct slice s = secret_reveal(lua_touserdata(L, 2));
  lua_pushlstring(L, s.data, s.len);
  return 1;
}

static int found(lua_State *L)
{
  lua_pushboolean(L, secret_found(check_set(L), t_slice(L, 2)));
  return 1;
}

static int scrub(lua_State *L)
{
  struct secret_set *set = check_set(L);
  struct slice text = t_slice(L, 2);
  char *exact = lua_newuserdatauv(L, text.len + 1, 0); // for ASan
  memcpy(exact + 1, text.data, text.len);
  struct buf b = {0};
  secret_scrub(set, (struct slice){exact + 1, text.len}, &b);
  return t_finish(L, &b);
}

// Ends the set; all its secrets must have been dropped.
static int finish(lua_State *L)
{
  struct box *box = luaL_checkudata(L, 1, TYPE);
  secret_set_free(box->set);
  box->set = NULL;
  return 0;
}

// --- several threads ---

struct crowd {
  struct secret_set *set;
  struct slice text; // holds the secret that stays
  atomic_bool stop;
  atomic_int missed; // readers that saw it
};

static void *read_on(void *ctx)
{
  struct crowd *c = ctx;
  while (!atomic_load(&c->stop)) {
    struct buf b = {0};
    secret_scrub(c->set, c->text, &b);
    if (b.len == c->text.len || !secret_found(c->set, c->text)) {
      atomic_fetch_add(&c->missed, 1);
    }
    buf_finish(&b);
  }
  return NULL;
}

static void *write_on(void *ctx)
{
  struct crowd *c = ctx;
  for (int i = 0; i < 500; i++) {
    char value[32];
    int n = snprintf(value, sizeof(value), "passing-by-%d", i % 7);
    struct slice s = {value, (size_t)n};
    struct secret *first = secret_new(c->set, s);
    struct secret *again = secret_new(c->set, s);
    secret_unref(first);
    secret_unref(again);
  }
  return NULL;
}

// crowd(text): two threads add and drop secrets while two scrub `text`, which
// holds a secret of the set; how often that was not seen.
static int crowd(lua_State *L)
{
  struct crowd c = {.set = check_set(L), .text = t_slice(L, 2)};
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, i < 2 ? read_on : write_on, &c);
  pthread_join(threads[2], NULL);
  pthread_join(threads[3], NULL);
  atomic_store(&c.stop, true);
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  lua_pushinteger(L, atomic_load(&c.missed));
  return 1;
}

int t_secret(lua_State *L)
{
  static const luaL_Reg methods[] = {{"add", add},       {"drop", drop},
                                     {"reveal", reveal}, {"found", found},
                                     {"scrub", scrub},   {"finish", finish},
                                     {"crowd", crowd},   {NULL, NULL}};
  luaL_newmetatable(L, TYPE);     // meta
  luaL_setfuncs(L, methods, 0);   // meta
  lua_pushvalue(L, -1);           // meta meta
  lua_setfield(L, -2, "__index"); // meta
  lua_pop(L, 1);                  //
  lua_newtable(L);                // T
  lua_pushcfunction(L, new);      // T new
  lua_setfield(L, -2, "new");     // T
  return 1;
}
