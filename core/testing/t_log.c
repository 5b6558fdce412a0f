// t_log.c -- shows base/log to the specs. The clock is a number in the box.

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "testing/t_base.h"

#define TYPE "T.log"

int t_log(lua_State *L);

struct box {
  struct log *log;
  struct secret_set *set;
  struct secret *secret;
  int64_t now_ms;
  int read_fd, write_fd;
};

static int64_t read_clock(void *ctx)
{
  return ((struct box *)ctx)->now_ms;
}

static struct box *check(lua_State *L)
{
  return luaL_checkudata(L, 1, TYPE);
}

static enum log_level check_level(lua_State *L, int index)
{
  enum log_level level;
  luaL_argcheck(L, log_parse_level(t_slice(L, index), &level), index, "level");
  return level;
}

// new(level, now_ms, secret?): a log into a pipe.
static int new (lua_State *L)
{
  lua_settop(L, 3);
  enum log_level level = check_level(L, 1);
  int64_t now_ms = luaL_checkinteger(L, 2);
  struct box *box = lua_newuserdatauv(L, sizeof(*box), 0); // ... box
  *box = (struct box){.now_ms = now_ms, .set = secret_set_new()};
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return luaL_error(L, "pipe");
  fcntl(fds[0], F_SETFL, O_NONBLOCK); // the log must not rely on it
  box->read_fd = fds[0];
  box->write_fd = fds[1];
  if (!lua_isnil(L, 3)) box->secret = secret_new(box->set, t_slice(L, 3));
  box->log = log_new((struct log_options){.fd = fds[1],
                                          .level = level,
                                          .clock = read_clock,
                                          .clock_ctx = box,
                                          .secrets = box->set});
  luaL_setmetatable(L, TYPE);
  return 1;
}

// write(level, module, message)
static int write_line(lua_State *L)
{
  struct box *box = check(L);
  log_write(box->log, check_level(L, 2), luaL_checkstring(L, 3), "%s",
            luaL_checkstring(L, 4));
  return 0;
}

static int flush(lua_State *L)
{
  log_flush(check(L)->log);
  return 0;
}

static int set_level(lua_State *L)
{
  log_set_level(check(L)->log, check_level(L, 2));
  return 0;
}

static int only(lua_State *L)
{
  log_only(check(L)->log, lua_tostring(L, 2)); // the spec keeps the string
  return 0;
}

static int on(lua_State *L)
{
  lua_pushboolean(L, log_on(check(L)->log, check_level(L, 2)));
  return 1;
}

// What is in the pipe.
static int output(lua_State *L)
{
  struct box *box = check(L);
  struct buf b = {0};
  while (buf_reserve(&b, 65536)) {
    ssize_t n = read(box->read_fd, b.data + b.len, 65536);
    if (n <= 0) break;
    b.len += (size_t)n;
  }
  return t_finish(L, &b);
}

static int finish(lua_State *L)
{
  struct box *box = check(L);
  if (!box->log) return 0;
  log_free(box->log);
  box->log = NULL;
  secret_unref(box->secret);
  secret_set_free(box->set);
  close(box->read_fd);
  close(box->write_fd);
  return 0;
}

// value(text, size)
static int value(lua_State *L)
{
  size_t size = (size_t)luaL_checkinteger(L, 2);
  char *out = lua_newuserdatauv(L, size, 0);
  lua_pushstring(L, log_value(out, size, t_slice(L, 1)));
  return 1;
}

// --- several threads into one pipe ---

struct writer {
  struct box *box;
  int number, lines;
};

static void *write_on(void *ctx)
{
  struct writer *w = ctx;
  struct log *log = log_new((struct log_options){
      .fd = w->box->write_fd, .clock = read_clock, .clock_ctx = w->box});
  for (int i = 0; i < w->lines; i++) {
    log_write(log, i % 5 ? LOG_INFO : LOG_WARN, "crowd", "n=%d i=%d %.*s",
              w->number, i, i % 90,
              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
  }
  log_free(log);
  return NULL;
}

// crowd(lines): four threads write so many lines each into the pipe.
static int crowd(lua_State *L)
{
  pthread_t threads[4];
  struct writer writers[4];
  for (int i = 0; i < 4; i++) {
    writers[i] = (struct writer){check(L), i, (int)luaL_checkinteger(L, 2)};
    pthread_create(&threads[i], NULL, write_on, &writers[i]);
  }
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  return 0;
}

int t_log(lua_State *L)
{
  static const luaL_Reg methods[] = {{"write", write_line}, {"flush", flush},
                                     {"level", set_level},  {"on", on},
                                     {"only", only},        {"output", output},
                                     {"finish", finish},    {"crowd", crowd},
                                     {"__gc", finish},      {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"new", new}, {"value", value}, {NULL, NULL}};
  luaL_newmetatable(L, TYPE);     // meta
  luaL_setfuncs(L, methods, 0);   // meta
  lua_pushvalue(L, -1);           // meta meta
  lua_setfield(L, -2, "__index"); // meta
  lua_pop(L, 1);                  //
  luaL_newlib(L, functions);      // T
  return 1;
}
