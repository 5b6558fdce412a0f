// http_client.c -- the seam between those who call services and a transport;
// see http_client.h for the contract.

#include "net/http_client.h"

#include <assert.h>
#include <stdlib.h>

#include "base/fault.h"
#include "net/curl_transport.h"

struct http_client {
  const struct http_transport *transport;
  void *self;
};

// --- how an attempt ended ---

static const struct {
  const char *name;
  bool not_executed;
  const char *sentence;
} ends[HTTP_ENDS] = {
#define X(constant, name, not_executed, sentence)                              \
  [constant] = {name, not_executed, sentence},
    HTTP_END_LIST(X)
#undef X
};

const char *http_end_name(enum http_end end)
{
  assert(end < HTTP_ENDS);
  return ends[end].name;
}

const char *http_end_sentence(enum http_end end)
{
  assert(end < HTTP_ENDS);
  return ends[end].sentence;
}

bool http_end_not_executed(enum http_end end)
{
  assert(end < HTTP_ENDS);
  return ends[end].not_executed;
}

// --- the answer ---

bool http_answer_next(const struct http_answer *a, size_t *at,
                      struct header *field)
{
  if (*at >= a->head.len) return false;
  const char *line = a->head.data + *at;
  const char *end = memchr(line, '\n', a->head.len - *at);
  const char *colon = end ? memchr(line, ':', (size_t)(end - line)) : NULL;
  if (!colon) return false; // a transport writes whole lines only
  const char *value = colon + 1;
  while (value < end && *value == ' ')
    value++;
  field->name = (struct slice){line, (size_t)(colon - line)};
  field->value = (struct slice){value, (size_t)(end - value)};
  *at = (size_t)(end + 1 - a->head.data);
  return true;
}

struct slice http_answer_header(const struct http_answer *a, const char *name)
{
  struct slice wanted = slice_of(name);
  struct header field;
  size_t at = 0;
  while (http_answer_next(a, &at, &field))
    if (slice_eq_nocase(field.name, wanted)) return field.value;
  return (struct slice){0};
}

void http_answer_finish(struct http_answer *a)
{
  if (!a) return;
  if (a->release) {
    a->release(a->shared);
  } else {
    buf_finish(&a->head);
    buf_finish(&a->body);
  }
  *a = (struct http_answer){0};
}

// --- the client ---

struct http_client *http_client_over(const struct http_transport *transport,
                                     void *self)
{
  struct http_client *client = fault_now() ? NULL : calloc(1, sizeof(*client));
  if (!client) {
    transport->free(self);
    return NULL;
  }
  *client = (struct http_client){.transport = transport, .self = self};
  return client;
}

struct http_client *http_client_new(struct loop *loop,
                                    struct http_client_options options)
{
  if (!options.max_idle_connections) options.max_idle_connections = 256;
  if (!options.idle_s) options.idle_s = 30;
  if (!options.max_age_s) options.max_age_s = 300;
  if (!options.user_agent) options.user_agent = "tidegate/" TIDEGATE_VERSION;

  struct curl_transport *self = curl_transport_new(loop, &options);
  return self ? http_client_over(&curl_transport, self) : NULL;
}

void http_client_free(struct http_client *client)
{
  if (!client) return;
  client->transport->free(client->self);
  free(client);
}

struct http_transfer *http_start(struct http_client *client,
                                 const struct http_attempt *attempt,
                                 http_done_fn done, void *ctx)
{
  struct http_attempt full = *attempt;
  if (!full.connect_ms) full.connect_ms = 3000;
  if (!full.total_ms) full.total_ms = 10000;
  if (!full.max_body_bytes) full.max_body_bytes = 16 << 20;

  struct http_transfer *t =
      client->transport->start(client->self, &full, done, ctx);
  if (t)
    *t = (struct http_transfer){.transport = client->transport,
                                .self = client->self};
  return t;
}

void http_cancel(struct http_transfer *transfer)
{
  transfer->transport->cancel(transfer->self, transfer);
}

struct http_client_stats http_client_stats(const struct http_client *client)
{
  return client->transport->stats(client->self);
}
