// t_process.c -- child processes for the specs: nothing that a spec starts may
// outlive it.
//
// A child dies with the busted process (PR_SET_PDEATHSIG) and with the last
// reference to its userdata. It leads a process group, and signals go to the
// whole group. LD_PRELOAD is taken out of its environment: busted runs with
// libasan preloaded, which is not for node or nginx.

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int t_process(lua_State *L);

#define TYPE "T.process"

struct child {
  pid_t pid; // 0 when it has been waited for
  int pidfd;
  int in;     // writing end of its standard input, -1 when closed
  int status; // from waitpid()
};

struct launch {
  char **argv, **envp;
  const char *cwd;
  int in, out, err; // -1: /dev/null
};

static void close_fd(int *fd)
{
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

// A NULL-terminated array of the strings of the list at `index`, on the stack
// as userdata; the strings stay referenced by the list.
// -0 +1 m
static char **string_array(lua_State *L, int index)
{
  luaL_checktype(L, index, LUA_TTABLE);
  size_t n = (size_t)luaL_len(L, index);
  char **strings = lua_newuserdatauv(L, (n + 1) * sizeof(*strings), 0);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1); // ... array string
    strings[i] = (char *)(uintptr_t)luaL_checkstring(L, -1);
    lua_pop(L, 1); // ... array
  }
  strings[n] = NULL;
  return strings;
}

static int file_option(lua_State *L, const char *name)
{
  lua_getfield(L, 1, name); // options ... path
  const char *path = luaL_optstring(L, -1, "/dev/null");
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  lua_pop(L, 1);
  if (fd < 0) luaL_error(L, "cannot open %s", path);
  return fd;
}

static void move_fd(int fd, int to)
{
  if (dup2(fd, to) < 0) _exit(126);
}

// In the child, between fork and exec: async-signal-safe calls only.
_Noreturn static void become(const struct launch *l, pid_t parent)
{
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  move_fd(l->in, 0);
  move_fd(l->out, 1);
  move_fd(l->err, 2);
  if (l->cwd && chdir(l->cwd)) _exit(126);
  execvpe(l->argv[0], l->argv, l->envp);
  _exit(127);
}

// spawn { argv = {...}, env = {"K=V", ...}, cwd =, stdout = path, stderr = path }
static int spawn(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct launch l = {0};
  lua_getfield(L, 1, "cwd"); // options cwd
  l.cwd = luaL_optstring(L, -1, NULL);
  lua_getfield(L, 1, "argv");  // options cwd argv
  l.argv = string_array(L, 3); // options cwd argv array
  lua_getfield(L, 1, "env");   // options cwd argv array env
  l.envp = string_array(L, 5); // options cwd argv array env array
  luaL_argcheck(L, l.argv[0], 1, "argv is empty");

  struct child *c = lua_newuserdatauv(L, sizeof(*c), 0); // ... child
  *c = (struct child){.pidfd = -1, .in = -1};
  luaL_setmetatable(L, TYPE);
  l.out = file_option(L, "stdout");
  l.err = file_option(L, "stderr");
  int in[2];
  if (pipe2(in, O_CLOEXEC)) return luaL_error(L, "pipe: %d", errno);
  l.in = in[0];
  c->in = in[1];

  pid_t parent = getpid(), pid = fork();
  if (pid == 0) become(&l, parent);
  close(l.in);
  close(l.out);
  close(l.err);
  if (pid < 0) return luaL_error(L, "fork: %d", errno);
  setpgid(pid, pid); // whoever comes first
  c->pid = pid;
  c->pidfd = pidfd_open(pid, 0);
  return 1;
}

static void reaped(struct child *c)
{
  c->pid = 0;
  close_fd(&c->pidfd);
  close_fd(&c->in);
}

// wait(ms): the exit code, or 128 + the signal; nil when it still runs then.
static int wait_exit(lua_State *L)
{
  struct child *c = luaL_checkudata(L, 1, TYPE);
  int ms = (int)luaL_checkinteger(L, 2);
  if (c->pid) {
    struct pollfd ended = {.fd = c->pidfd, .events = POLLIN};
    poll(&ended, 1, ms);
    if (waitpid(c->pid, &c->status, WNOHANG) != c->pid) return 0;
    kill(-c->pid, SIGKILL); // what it left behind in its group
    reaped(c);
  }
  int status = c->status;
  lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status)
                                       : 128 + WTERMSIG(status));
  return 1;
}

static int send_signal(lua_State *L)
{
  struct child *c = luaL_checkudata(L, 1, TYPE);
  int sig = (int)luaL_checkinteger(L, 2);
  bool sent = c->pid && !kill(-c->pid, sig);
  // The child may not lead its group yet.
  if (!sent && c->pid) sent = !kill(c->pid, sig);
  lua_pushboolean(L, sent);
  return 1;
}

static int collect(lua_State *L)
{
  struct child *c = luaL_checkudata(L, 1, TYPE);
  if (c->pid) {
    kill(-c->pid, SIGKILL);
    kill(c->pid, SIGKILL);
    waitpid(c->pid, &c->status, 0);
  }
  reaped(c);
  return 0;
}

// write(bytes): all of them, or nil when the child does not read any more.
static int write_in(lua_State *L)
{
  struct child *c = luaL_checkudata(L, 1, TYPE);
  size_t len;
  const char *bytes = luaL_checklstring(L, 2, &len);
  while (len > 0 && c->in >= 0) {
    ssize_t n = write(c->in, bytes, len);
    if (n < 0 && errno != EINTR) break;
    if (n < 0) continue;
    bytes += n;
    len -= (size_t)n;
  }
  if (len > 0) return 0;
  lua_pushboolean(L, true);
  return 1;
}

static int close_in(lua_State *L)
{
  struct child *c = luaL_checkudata(L, 1, TYPE);
  close_fd(&c->in);
  return 0;
}

static int child_pid(lua_State *L)
{
  struct child *c = luaL_checkudata(L, 1, TYPE);
  lua_pushinteger(L, c->pid);
  return 1;
}

// environment(): { "K=V", ... } of this process, without LD_PRELOAD.
static int environment(lua_State *L)
{
  lua_newtable(L); // list
  lua_Integer n = 0;
  for (char **e = environ; *e; e++) {
    if (!strncmp(*e, "LD_PRELOAD=", 11)) continue;
    lua_pushstring(L, *e);   // list pair
    lua_rawseti(L, -2, ++n); // list
  }
  return 1;
}

static int self_pid(lua_State *L)
{
  lua_pushinteger(L, getpid());
  return 1;
}

static int sleep_ms(lua_State *L)
{
  lua_Integer ms = luaL_checkinteger(L, 1);
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
  return 0;
}

static int now_ms(lua_State *L)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  lua_pushinteger(L, t.tv_sec * 1000 + t.tv_nsec / 1000000);
  return 1;
}

int t_process(lua_State *L)
{
  static const luaL_Reg methods[] = {
      {"wait", wait_exit}, {"signal", send_signal},
      {"write", write_in}, {"close_in", close_in},
      {"pid", child_pid},  {"kill", collect},
      {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"spawn", spawn},       {"environment", environment},
      {"self_pid", self_pid}, {"sleep_ms", sleep_ms},
      {"now_ms", now_ms},     {NULL, NULL}};
  signal(SIGPIPE, SIG_IGN);   // a child that is gone is an error, not our end
  luaL_newmetatable(L, TYPE); // meta
  luaL_newlib(L, methods);    // meta methods
  lua_setfield(L, -2, "__index"); // meta
  lua_pushcfunction(L, collect);  // meta collect
  lua_setfield(L, -2, "__gc");    // meta
  lua_pop(L, 1);
  luaL_newlib(L, functions); // functions
  return 1;
}
