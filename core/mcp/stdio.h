// stdio.h -- MCP over two pipes: one message per line, both eras on one stream.
//
// Another outlet beside HTTP (serve.h). The connection is the legacy session;
// modern requests need none. What leaves is whole lines and nothing else. A
// line ends in LF or CRLF; empty ones mean nothing; one that is too long is
// refused and skipped; a last one without an end counts.
//
//   OPEN      lines are read and served
//   DRAINING  the input has ended, or mcp_stdio_drain(): what runs may end
//   ENDED     on_end was, or soon is, called
//
// No more is read while OPEN_MAX requests run, or while the client does not
// read its answers. For the worker's thread.

#ifndef MCP_STDIO_H
#define MCP_STDIO_H

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "loop/loop.h"

struct mcp_server;
struct mcp_stdio;

struct mcp_stdio_options {
  struct loop *loop;             // keeps
  struct mcp_server *server;     // keeps; freed before
  struct log *log;               // keeps; NULL is fine
  int in, out;                   // descriptors; the caller's to close
  size_t line_max;               // bytes of one message; default 4 MiB
  uint32_t grace_ms;             // for what runs when the input ends
  void (*on_message)(void *ctx); // a line came; NULL is fine
  // Once, never inline: all is answered, or time is up, or nobody reads the
  // answers. What still runs is cancelled by mcp_server_free().
  void (*on_end)(void *ctx);
  void *ctx; // keeps
};

// Begins to read. NULL when out of memory or randomness.
struct mcp_stdio *mcp_stdio_new(const struct mcp_stdio_options *options);
// Reads no more and gives what runs `grace_ms`; told twice, it ends now.
void mcp_stdio_drain(struct mcp_stdio *io, uint32_t grace_ms);
// After mcp_server_free(), whose answers are still written if the client takes
// them within a second. NULL is fine.
void mcp_stdio_free(struct mcp_stdio *io);

#endif
