// server.c -- see server.h for the contract.
//
// The edge between what is inside mcp/ (serve.h) and the world: HTTP requests
// as outlets, script/call.h as the runner.

#include "mcp/server.h"

#include "mcp/errands.h"

enum { COPY_MAX = 16384 }; // a smaller body is copied beside its headers

static void respond(void *to, int status, const struct header *headers,
                    size_t n, struct buf *body)
{
  if (body->cap > COPY_MAX)
    http_respond_buf(to, status, headers, n, body);
  else
    http_respond(to, status, headers, n, buf_slice(body));
}

static void begin(void *to, int status, const struct header *headers, size_t n)
{
  http_stream_begin(to, status, headers, n);
}

static bool write_bytes(void *to, struct slice bytes)
{
  return http_stream_write(to, bytes);
}

static void end(void *to)
{
  http_stream_end(to);
}

static void on_gone(void *to, void (*fn)(void *ctx), void *ctx)
{
  http_on_gone(to, fn, ctx);
}

static size_t unsent(void *to)
{
  return http_stream_pending(to);
}

static void last(void *to)
{
  http_stream_last(to);
}

static void on_drain(void *to, void (*fn)(void *ctx), void *ctx)
{
  http_stream_on_drain(to, fn, ctx);
}

static void leave(void *to)
{
  http_stream_leave(to);
}

static const struct outlet_ops http_outlet = {
    .respond = respond,
    .begin = begin,
    .write = write_bytes,
    .end = end,
    .on_gone = on_gone,
    .unsent = unsent,
    .last = last,
    .on_drain = on_drain,
    .leave = leave,
};
static const struct runner calls = {call_start, call_cancel, call_suspend};

struct mcp_server *mcp_server_new(const struct mcp_server_options *options)
{
  return serve_new(options, &calls);
}

void mcp_server_free(struct mcp_server *s)
{
  serve_free(s);
}

void mcp_server_drain(struct mcp_server *s)
{
  errands_drain(s);
}

bool mcp_server_owns(const struct mcp_server *s, const struct http_message *m)
{
  const struct mcp_server_options *o = &s->options;
  return slice_eq(m->path, o->path) ||
         (o->sse_path.len && (slice_eq(m->path, o->sse_path) ||
                              slice_eq(m->path, o->message_path)));
}

void mcp_server_handle(struct mcp_server *s, struct http_request *req,
                       const struct http_message *m)
{
  struct outlet outlet = {&http_outlet, req};
  serve(s, m, http_peer_is_unix(req), outlet);
}
