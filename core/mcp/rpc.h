// rpc.h -- JSON-RPC errors: the codes, and a refusal on its way to the client.
//
// The codes are those of the specification; none may be invented (-32000 and
// -32001 are what the official SDKs use below the protocol). What an error of a
// tool is called stands in base/error.h, not here: tools fail inside results.

#ifndef MCP_RPC_H
#define MCP_RPC_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

enum rpc_code {
  RPC_PARSE_ERROR = -32700,
  RPC_INVALID_REQUEST = -32600,
  RPC_METHOD_NOT_FOUND = -32601,
  RPC_INVALID_PARAMS = -32602,
  RPC_INTERNAL_ERROR = -32603,
  RPC_TRANSPORT = -32000,
  RPC_NO_SESSION = -32001,
  RPC_NO_RESOURCE = -32002, // legacy
  RPC_HEADER_MISMATCH = -32020,
  RPC_MISSING_CAPABILITY = -32021,
  RPC_UNSUPPORTED_VERSION = -32022
};

#define REFUSAL_MESSAGE_MAX 256

// Why a message is not served.
struct refusal {
  int status; // HTTP
  enum rpc_code code;
  struct slice data; // JSON; absent if none
  char message[REFUSAL_MESSAGE_MAX];
};

// Fills `why` and returns false, so that a check can say `return refuse(...)`.
bool refuse(struct refusal *why, int status, enum rpc_code code,
            const char *format, ...) __attribute__((format(printf, 4, 5)));

// Appends `{"jsonrpc":"2.0","id":7,"error":{...}}`. `id` is its original
// spelling; an absent one is written as null, or left out if `modern`.
void rpc_put_error(struct buf *out, struct slice id, bool modern,
                   const struct refusal *why);

// Appends `{"jsonrpc":"2.0","id":7,"result":`; the caller appends the result
// and the closing brace.
void rpc_put_result_head(struct buf *out, struct slice id);

#endif
