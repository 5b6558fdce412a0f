// inbound.h -- one POST, read and judged: which era, which session, which
// messages; or why not. Nothing is done yet, so all of it can be tested with
// bytes and headers alone.
//
// The order is the ladder's: media type, JSON, array or object, the envelope,
// the era (era.h), what the client accepts as an answer; then a modern request
// climbs the rungs, a legacy one shows its session and its version.

#ifndef MCP_INBOUND_H
#define MCP_INBOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/seal.h"
#include "mcp/era.h"
#include "mcp/session.h"

#define BATCH_MAX 50

// What judging needs beside the request itself.
struct inbound_rules {
  const struct seal_ring *seals;
  struct mcp_shared *shared;
  struct method_table methods;       // requests
  struct method_table notifications; // what is done about them
  struct slice principal;
  uint32_t session_ttl_s;
  int64_t now_ms; // wall clock
};

struct message_in {
  struct envelope env;
  const struct method *method; // NULL: not found (legacy), nothing to do
};

struct inbound {
  struct fields fields;
  struct json_doc doc;
  enum era era;
  enum revision revision; // modern: the claimed; legacy: agreed or assumed
  uint32_t capabilities;  // of the client
  bool batch;
  struct message_in *messages;
  uint32_t count;
  bool has_session; // legacy
  struct session session;
  // When refused:
  struct refusal why;
  struct slice id; // to echo; absent if there is none
};

// Reads the fields only; comes first.
void inbound_begin(struct inbound *in, const struct header *headers, size_t n);

// The same for a transport that has no headers: the connection is the session,
// and `peer` what it agreed on.
void inbound_begin_bare(struct inbound *in, const struct session *peer);

// Judges a POST, or a line. False: refused, see `why`. Everything lies in `arena`, which
// must outlive `in`; borrows `body` as long.
bool inbound_read(struct inbound *in, struct slice body,
                  const struct inbound_rules *rules, struct arena *arena);

// Finds the session that the header names: 404 if it is not (any more) one.
// True without a header. For POST and DELETE.
bool inbound_find_session(struct inbound *in, const struct inbound_rules *rules,
                          struct arena *arena);
// The same for what only a session has (GET, DELETE): 400 without one, or with
// a version that we do not speak.
bool inbound_need_session(struct inbound *in, const struct inbound_rules *rules,
                          struct arena *arena);

#endif
