// fuzz_envelope.c -- any request gets exactly one answer: JSON, an error with a
// code of the list, and the id of the request as it was spelled; or a stream of
// events, which ends when its client leaves.
//
// The input is the method on a line of its own, perhaps with a path and a query
// behind it, header fields one a line, an empty line, the body.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mcp/serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADERS = 24 };

static void check(bool ok)
{
  if (!ok) abort();
}

// --- the world around the server ---

static struct call *start_call(const struct live *live,
                               const struct call_options *options,
                               call_done_fn done, void *ctx)
{
  struct call_result result = {
      .form = CALL_JSON, .body = SLICE("{\"ok\":true}"), .body_checked = true};
  result.error.retry_after_ms = -1;
  check(live->generation && options->tool);
  done(ctx, NULL, &result);
  return NULL;
}

static void cancel_call(struct call *call, const char *by)
{
  (void)call;
  (void)by;
  abort(); // none is left running
}

struct catch
{
  int answers, status;
  bool streams;
  struct buf body;
  void (*on_gone)(void *ctx);
  void *gone_ctx;
};

static void respond(void *to, int status, const struct header *headers,
                    size_t n, struct buf *body)
{
  struct catch *c = to;
  c->answers++;
  c->status = status;
  buf_add(&c->body, buf_slice(body));
  for (size_t i = 0; i < n; i++)
    check(header_value_ok(headers[i].value));
}

static void begin(void *to, int status, const struct header *headers, size_t n)
{
  (void)headers, (void)n;
  struct catch *c = to;
  check(!c->streams);
  c->streams = true;
  c->status = status;
}

static bool write_bytes(void *to, struct slice bytes)
{
  struct catch *c = to;
  check(c->streams && !c->answers);
  buf_add(&c->body, bytes);
  return true;
}

static void end(void *to)
{
  struct catch *c = to;
  check(c->streams);
  c->answers++;
}

static void on_gone(void *to, void (*fn)(void *ctx), void *ctx)
{
  struct catch *c = to;
  c->on_gone = fn;
  c->gone_ctx = ctx;
}

// --- reading the input ---

static struct slice take_line(struct slice *rest)
{
  const char *end_of = memchr(rest->data, '\n', rest->len);
  size_t len = end_of ? (size_t)(end_of - rest->data) : rest->len;
  struct slice line = {rest->data, len};
  size_t used = len + (end_of ? 1 : 0);
  *rest = (struct slice){rest->data + used, rest->len - used};
  return line;
}

// What the HTTP server would let through.
static bool split(struct slice line, struct header *h)
{
  const char *colon = memchr(line.data, ':', line.len);
  if (!colon) return false;
  size_t len = (size_t)(colon - line.data);
  h->name = (struct slice){line.data, len};
  h->value = (struct slice){colon + 1, line.len - len - 1};
  return header_name_ok(h->name) && header_value_ok(h->value);
}

// "POST", "GET /sse", "POST /messages?sessionId=x"
static void read_target(struct slice line, struct http_message *m)
{
  m->method = line;
  m->path = SLICE("/mcp");
  const char *blank = memchr(line.data, ' ', line.len);
  if (!blank) return;
  m->method.len = (size_t)(blank - line.data);
  m->path = (struct slice){blank + 1, line.len - m->method.len - 1};
  const char *mark = memchr(m->path.data, '?', m->path.len);
  if (!mark) return;
  size_t len = (size_t)(mark - m->path.data);
  m->query = (struct slice){mark + 1, m->path.len - len - 1};
  m->path.len = len;
}

static struct http_message read_message(struct slice input,
                                        struct header *headers)
{
  struct http_message m = {.headers = headers};
  read_target(take_line(&input), &m);
  while (input.len) {
    struct slice line = take_line(&input);
    if (!line.len) break;
    if (m.header_count < HEADERS && split(line, &headers[m.header_count]))
      m.header_count++;
  }
  m.body = input;
  return m;
}

// --- what must hold ---

static void check_error(const struct json_doc *doc, uint32_t answer)
{
  uint32_t error = json_get(doc, answer, "error");
  if (error == JSON_NONE) {
    check(json_get(doc, answer, "result") != JSON_NONE);
    return;
  }
  int64_t code;
  check(json_int(doc, json_get(doc, error, "code"), &code));
  check(code >= RPC_PARSE_ERROR && code <= RPC_TRANSPORT);
}

// A request that is an object with one good id gets that id back.
static void check_id(const struct json_doc *answer, struct slice body,
                     struct arena *arena)
{
  struct json_doc doc;
  struct envelope env;
  struct refusal why;
  if (json_parse(&doc, body, (struct json_limits){0}, arena, NULL) != OK)
    return;
  envelope_read(&env, &doc, 0, arena, &why);
  uint32_t id = json_get(answer, 0, "id");
  if (!env.id.data) return;
  check(id != JSON_NONE && slice_eq(json_raw(answer, id), env.id));
}

static bool begins(const struct catch *c, const char *text)
{
  size_t len = strlen(text);
  return c->body.len >= len && !memcmp(c->body.data, text, len);
}

// A subscription, acknowledged; a session's own stream; HTTP+SSE. It is over when
// the client leaves.
static void leave_stream(struct catch *c)
{
  check(c->answers == 0 && c->status == 200);
  check(c->body.len == 0 || begins(c, "retry: 1000\nid: ") ||
        begins(c, "event: endpoint\ndata: /messages?sessionId=") ||
        begins(c, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":"
                  "\"notifications/subscriptions/acknowledged\""));
  c->on_gone(c->gone_ctx);
  check(c->answers == 1);
}

static void check_answer(const struct catch *c, const struct http_message *m)
{
  check(c->answers == 1);
  check(c->status >= 200 && c->status < 600);
  if (!c->body.len) return;
  struct json_doc doc;
  struct arena arena = {0};
  check(json_parse(&doc, buf_slice(&c->body), (struct json_limits){0}, &arena,
                   NULL) == OK);
  if (json_type(&doc, 0) == JSON_OBJECT) {
    check_error(&doc, 0);
    bool judged = c->status != 403 && c->status != 405 && c->status != 415 &&
                  !slice_is(m->path, "/sse") && !slice_is(m->path, "/messages");
    if (slice_is(m->method, "POST") && judged) check_id(&doc, m->body, &arena);
  } else {
    for (uint32_t it = json_first(&doc, 0); it; it = json_next(&doc, 0, it))
      check_error(&doc, it);
  }
  arena_finish(&arena);
}

// Made once: keys and schemas take longer than a request.
static struct mcp_server *make_server(void)
{
  static const struct runner runner = {.start = start_call,
                                       .cancel = cancel_call};
  static struct tool tool;
  static struct catalog catalog = {
      .number = 1, .tools = &tool, .tool_count = 1};
  static struct generation generation = {.catalog = &catalog};
  static struct live live = {.generation = &generation};
  static struct seal_ring *ring;
  struct slice key = SLICE("a key that stays the same");
  tool = (struct tool){.name = SLICE("demo_add"),
                       .short_name = SLICE("add"),
                       .json = SLICE("{\"name\":\"demo_add\"}")};
  check(schema_compile(SLICE("{\"type\":\"object\",\"properties\":{"
                             "\"region\":{\"type\":\"string\","
                             "\"x-mcp-header\":\"Region\"}}}"),
                       &tool.args, NULL) == OK);
  check(map_put(&catalog.by_name, tool.name, &tool));
  check(seal_ring_new(&key, 1, &ring, NULL) == OK);
  struct loop *loop = loop_new_simulated(1, 1);
  struct mcp_server_options options = {.loop = loop,
                                       .mailbox = mailbox_new(loop),
                                       .live = &live,
                                       .seals = ring,
                                       .path = SLICE("/mcp"),
                                       .sse_path = SLICE("/sse"),
                                       .message_path = SLICE("/messages")};
  return serve_new(&options, &runner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const struct outlet_ops ops = {.respond = respond,
                                        .begin = begin,
                                        .write = write_bytes,
                                        .end = end,
                                        .on_gone = on_gone};
  static struct mcp_server *server;
  if (!server) server = make_server();
  check(server);

  struct header headers[HEADERS];
  struct catch c = {0};
  struct http_message m =
      read_message((struct slice){(const char *)data, size}, headers);
  serve(server, &m, false, (struct outlet){&ops, &c});
  if (c.streams)
    leave_stream(&c);
  else
    check_answer(&c, &m);
  buf_finish(&c.body);
  return 0;
}
