// rpc.c -- see rpc.h for the contract.

#include "mcp/rpc.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"

bool refuse(struct refusal *why, int status, enum rpc_code code,
            const char *format, ...)
{
  why->status = status;
  why->code = code;
  why->data = (struct slice){0};
  va_list args;
  va_start(args, format);
  vsnprintf(why->message, sizeof(why->message), format, args);
  va_end(args);
  return false;
}

void rpc_put_error(struct buf *out, struct slice id, bool modern,
                   const struct refusal *why)
{
  buf_add(out, SLICE("{\"jsonrpc\":\"2.0\""));
  if (id.data || !modern) {
    buf_add(out, SLICE(",\"id\":"));
    buf_add(out, id.data ? id : SLICE("null"));
  }
  buf_add(out, SLICE(",\"error\":{\"code\":"));
  json_put_int(out, why->code);
  buf_add(out, SLICE(",\"message\":"));
  json_put_string(out, slice_of(why->message));
  if (why->data.data) {
    buf_add(out, SLICE(",\"data\":"));
    buf_add(out, why->data);
  }
  buf_add(out, SLICE("}}"));
}

void rpc_put_result_head(struct buf *out, struct slice id)
{
  buf_add(out, SLICE("{\"jsonrpc\":\"2.0\",\"id\":"));
  buf_add(out, id);
  buf_add(out, SLICE(",\"result\":"));
}
