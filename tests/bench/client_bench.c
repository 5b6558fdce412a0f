// client_bench.c -- what an attempt costs through net/http_client.
//
//   client_bench URL [requests [at once [body bytes to POST]]]
//
// Prints CPU of this process per request (user, system), which is far more
// stable than throughput, and the latencies. 1,000 requests are not counted:
// they open the connections and fill the caches.

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "loop/clock.h"
#include "net/http_client.h"

#define WARM_UP 1000

struct bench {
  struct loop *loop;
  struct http_client *client;
  struct http_attempt attempt;
  unsigned left;    // to be started
  unsigned running; // started and not ended
  unsigned failed;
  uint64_t bytes;
  double *latency_us; // NULL: not measured
  size_t measured;
};

static void start_one(struct bench *b);

static void on_done(void *ctx, struct http_answer *answer)
{
  struct bench *b = ctx;
  b->running--;
  if (answer->end != HTTP_ANSWERED && b->failed++ == 0)
    fprintf(stderr, "%s: %s\n", http_end_name(answer->end), answer->detail);
  b->bytes += answer->body.len;
  if (b->latency_us)
    b->latency_us[b->measured++] = (double)answer->total_ns / 1e3;
  if (b->left > 0)
    start_one(b);
  else if (b->running == 0)
    loop_stop(b->loop);
}

static void start_one(struct bench *b)
{
  b->left--;
  b->running++;
  if (!http_start(b->client, &b->attempt, on_done, b)) abort();
}

static void run(struct bench *b, unsigned requests, unsigned at_once)
{
  b->left = requests;
  while (b->left > 0 && b->running < at_once)
    start_one(b);
  loop_run(b->loop);
}

static double cpu_us(struct timeval t)
{
  return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void measure(struct bench *b, unsigned requests, unsigned at_once)
{
  struct rusage before, after;
  b->latency_us = calloc(requests, sizeof(*b->latency_us));
  if (!b->latency_us) abort();
  b->bytes = 0;
  getrusage(RUSAGE_SELF, &before);
  uint64_t from = clock_mono_ns();
  run(b, requests, at_once);
  double seconds = (double)(clock_mono_ns() - from) / 1e9;
  getrusage(RUSAGE_SELF, &after);

  double user = cpu_us(after.ru_utime) - cpu_us(before.ru_utime);
  double sys = cpu_us(after.ru_stime) - cpu_us(before.ru_stime);
  qsort(b->latency_us, b->measured, sizeof(double), ascending);
  printf("cpu_us=%.1f user_us=%.1f sys_us=%.1f per_s=%.0f p50_us=%.0f "
         "p99_us=%.0f bytes=%.0f failed=%u max_rss_kib=%ld\n",
         (user + sys) / requests, user / requests, sys / requests,
         requests / seconds, b->latency_us[b->measured / 2],
         b->latency_us[b->measured * 99 / 100], (double)b->bytes / requests,
         b->failed, after.ru_maxrss);
  free(b->latency_us);
}

static unsigned number(char **argv, int argc, int at, unsigned otherwise)
{
  return argc > at ? (unsigned)strtoul(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
  if (argc < 2) {
    fprintf(stderr, "client_bench URL [requests [at once [body bytes]]]\n");
    return 2;
  }
  unsigned requests = number(argv, argc, 2, 100000);
  unsigned at_once = number(argv, argc, 3, 64);
  unsigned posted = number(argv, argc, 4, 0);
  char *body = calloc(1, posted + 1);
  struct bench b = {.loop = loop_new()};
  b.client = http_client_new(b.loop, (struct http_client_options){0});
  b.attempt = (struct http_attempt){
      .method = posted ? SLICE("POST") : SLICE("GET"),
      .url = slice_of(argv[1]),
      .headers = (struct header[]){{SLICE("Accept"), SLICE("application/json")},
                                   {SLICE("Authorization"),
                                    SLICE("Bearer 0123456789abcdef")}},
      .header_count = 2,
      .body = {posted ? body : NULL, posted},
      .max_body_bytes = 64 << 20,
      .allow_private = true,
      .insecure_tls = true,
  };
  run(&b, WARM_UP < requests ? WARM_UP : requests, at_once);
  measure(&b, requests, at_once);
  http_client_free(b.client);
  loop_free(b.loop);
  free(body);
  return b.failed != 0;
}
