// origin.c -- see origin.h for the contract.

#include "mcp/origin.h"

#include <string.h>

#include "base/buf.h"
#include "mcp/header_value.h"

static bool is_port(struct slice port)
{
  if (port.len < 2 || port.len > 6 || port.data[0] != ':') return false;
  for (size_t i = 1; i < port.len; i++)
    if (port.data[i] < '0' || port.data[i] > '9') return false;
  return true;
}

// Is it `name`, with or without a port?
static bool is_host(struct slice host, struct slice name)
{
  if (host.len < name.len) return false;
  if (!slice_eq_nocase((struct slice){host.data, name.len}, name)) return false;
  struct slice port = {host.data + name.len, host.len - name.len};
  return port.len == 0 || is_port(port);
}

static bool is_loopback(struct slice host)
{
  return is_host(host, SLICE("localhost")) ||
         is_host(host, SLICE("127.0.0.1")) || is_host(host, SLICE("[::1]"));
}

// A client of HTTP/1.0 may name no host; a browser always does.
static bool host_ok(const struct origin_rules *rules, struct slice host)
{
  if (!host.data || is_loopback(host)) return true;
  for (size_t i = 0; i < rules->host_count; i++)
    if (is_host(host, rules->hosts[i])) return true;
  return false;
}

static struct slice without(struct slice s, const char *prefix)
{
  size_t len = strlen(prefix);
  if (s.len < len || strncasecmp(s.data, prefix, len)) return (struct slice){0};
  return (struct slice){s.data + len, s.len - len};
}

static bool origin_ok(const struct origin_rules *rules, struct slice origin)
{
  if (!origin.data) return true;
  struct slice host = without(origin, "http://");
  if (!host.data) host = without(origin, "https://");
  if (host.data && is_loopback(host)) return true;
  for (size_t i = 0; i < rules->origin_count; i++)
    if (slice_eq_nocase(origin, rules->origins[i])) return true;
  return false;
}

bool origin_check(const struct origin_rules *rules, const struct fields *fields,
                  bool unix_socket, struct refusal *why)
{
  bool twice =
      fields_twice(fields, FIELD_ORIGIN) || fields_twice(fields, FIELD_HOST);
  if (twice || !origin_ok(rules, fields->value[FIELD_ORIGIN]))
    return refuse(why, 403, RPC_TRANSPORT,
                  "Forbidden: this origin is not "
                  "allowed");
  if (!unix_socket && !host_ok(rules, fields->value[FIELD_HOST]))
    return refuse(why, 403, RPC_TRANSPORT, "Forbidden: this host is not ours");
  return true;
}

static bool may_send(struct slice name)
{
  static const char *const allowed[] = {
      "accept",       "authorization", "content-type", "last-event-id",
      "x-request-id", "traceparent",   "tracestate",   "baggage"};
  for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
    if (slice_eq_nocase(name, slice_of(allowed[i]))) return true;
  return without(name, "mcp-").data && header_name_ok(name);
}

struct slice origin_allowed_headers(struct slice asked, struct arena *arena)
{
  struct buf list = {0};
  while (asked.len) {
    const char *end = memchr(asked.data, ',', asked.len);
    size_t len = end ? (size_t)(end - asked.data) : asked.len;
    struct slice name = header_value_trim((struct slice){asked.data, len});
    size_t used = len + (end ? 1 : 0);
    asked = (struct slice){asked.data + used, asked.len - used};
    if (!may_send(name)) continue;
    if (list.len) buf_add(&list, SLICE(", "));
    buf_add(&list, name);
  }
  struct slice kept = {0};
  if (buf_ok(&list)) kept = arena_copy(arena, buf_slice(&list));
  buf_finish(&list);
  return kept;
}
