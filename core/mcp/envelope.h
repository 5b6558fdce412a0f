// envelope.h -- one JSON-RPC message: read, checked, not yet understood.
//
//   {"jsonrpc":"2.0","id":7,"method":"tools/call","params":{...}}   request
//   {"jsonrpc":"2.0","method":"notifications/cancelled", ...}       notification
//   {"jsonrpc":"2.0","id":0,"result":{...}}                         response
//
// An id is a string or a number written as an integer, and is handed back with
// its original spelling: 0, "" and integers of forty digits are ids; null,
// floats, objects are not. A member that comes twice in the message, in its
// params or in their _meta makes the message ambiguous, so it is refused.

#ifndef MCP_ENVELOPE_H
#define MCP_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "mcp/rpc.h"

#define ENVELOPE_ID_MAX 1024 // bytes of its spelling

// The prefix of the keys in _meta that the protocol owns.
#define META_PREFIX "io.modelcontextprotocol/"

enum message_kind { MESSAGE_REQUEST, MESSAGE_NOTIFICATION, MESSAGE_RESPONSE };

struct envelope {
  const struct json_doc *doc;
  enum message_kind kind;
  uint32_t message;    // its node
  struct slice id;     // raw; absent if there is none that can be read
  struct slice method; // decoded; absent in a response
  uint32_t params;     // an object, or JSON_NONE
  uint32_t meta;       // params._meta if it is an object, or JSON_NONE
  uint32_t claim;      // the value of META_PREFIX "protocolVersion" in it
};

// Reads the message at `node`. False: `why` is filled, and `env` has the id and
// the claim as far as they could be read, for the answer. Borrows `doc`.
bool envelope_read(struct envelope *env, const struct json_doc *doc,
                   uint32_t node, struct arena *arena, struct refusal *why);

// May it wait for those that run? Not what they may wait for: an answer to their
// question, a notification that they are cancelled.
bool envelope_can_wait(struct slice text);

// The claim of the message at `node`, whatever else is wrong with it.
uint32_t envelope_claim(const struct json_doc *doc, uint32_t node);

#endif
