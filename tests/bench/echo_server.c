// echo_server.c -- the floor: what the server side costs by itself.
//
//   echo_server 127.0.0.1:18080 [REQUESTS]
//
// Answers each request with 150 bytes (GET), or with its own body, and ends
// after that many requests (default: when interrupted). Then it prints the CPU
// time that each has cost; connections and the start are in it, so use many:
//
//   wrk -t1 -c64 -d10s http://127.0.0.1:18080/

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <ev.h>

#include "loop/loop.h"
#include "net/http_server.h"

struct bench {
  struct loop *loop;
  struct http_server *server;
  uint64_t wanted, served;
};

static void on_request(struct http_request *req, const struct http_message *m,
                       void *ctx)
{
  static const char text[] =
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":"
      "\"text\",\"text\":\"0123456789012345678901234567890123456789012345678901"
      "23456789\"}],\"isError\":false}}";
  static const struct header type = {
      {"Content-Type", sizeof("Content-Type") - 1},
      {"application/json", sizeof("application/json") - 1}};
  struct bench *b = ctx;
  struct slice body = m->body.len ? m->body : SLICE(text);
  http_respond(req, 200, &type, 1, body);
  if (++b->served == b->wanted) loop_stop(b->loop);
}

static void on_signal(struct ev_loop *ev, struct ev_signal *w, int events)
{
  (void)ev, (void)events;
  loop_stop(w->data);
}

static double us_of(struct timeval t)
{
  return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

static void print_cost(const struct rusage *before, uint64_t served)
{
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  double n = served ? (double)served : 1.;
  double user = (us_of(use.ru_utime) - us_of(before->ru_utime)) / n;
  double sys = (us_of(use.ru_stime) - us_of(before->ru_stime)) / n;
  printf("%llu requests, %.2f us of CPU each (user %.2f, system %.2f)\n",
         (unsigned long long)served, user + sys, user, sys);
}

static bool open_server(struct bench *b, const char *address)
{
  struct error err = {0};
  int fd;
  b->loop = loop_new();
  b->server =
      http_server_new(b->loop, (struct http_server_options){0}, on_request, b);
  if (http_listen(slice_of(address), &fd, &err) == OK)
    return http_server_add(b->server, fd) == OK;
  fprintf(stderr, "echo_server: %s\n", err.message);
  return false;
}

int main(int argc, char **argv)
{
  struct bench b = {0};
  if (argc < 2 || !open_server(&b, argv[1])) return 1;
  b.wanted = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
  struct ev_signal interrupted;
  ev_signal_init(&interrupted, on_signal, SIGINT);
  interrupted.data = b.loop;
  ev_signal_start(loop_libev(b.loop), &interrupted);
  struct rusage before;
  getrusage(RUSAGE_SELF, &before);
  loop_run(b.loop);
  print_cost(&before, b.served);
  http_server_free(b.server);
  loop_free(b.loop);
  return 0;
}
