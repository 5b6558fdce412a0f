// http_chunk.c -- the chunked coding, read strictly; see http_chunk.h.

#include "net/http_chunk.h"

#include "net/header.h"

#define DIGITS_MAX   8
#define OVERHEAD_MAX (8u * 1024)

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static enum chunk_state on_size(struct chunks *c, char byte)
{
  int digit = hex_digit(byte);
  if (digit < 0 || ++c->digits > DIGITS_MAX) return CHUNK_BAD;
  c->left = c->left << 4 | (uint64_t)digit;
  return CHUNK_DIGITS;
}

static enum chunk_state on_digits(struct chunks *c, char byte)
{
  if (byte == '\r') return CHUNK_SIZE_LF;
  if (byte == ';') return CHUNK_EXTENSION;
  return on_size(c, byte);
}

// Text that we ignore; endless text is an attack.
static enum chunk_state on_ignored(struct chunks *c, char byte,
                                   enum chunk_state same, enum chunk_state lf)
{
  unsigned char u = (unsigned char)byte;
  if (byte == '\r') return lf;
  if ((u < ' ' && byte != '\t') || u == 0x7f) return CHUNK_BAD;
  return ++c->overhead > OVERHEAD_MAX ? CHUNK_BAD : same;
}

static enum chunk_state on_size_lf(struct chunks *c, char byte)
{
  if (byte != '\n') return CHUNK_BAD;
  c->digits = 0;
  return c->left ? CHUNK_DATA : CHUNK_LINE;
}

static enum chunk_state on_name(struct chunks *c, char byte)
{
  bool good = header_name_ok((struct slice){&byte, 1});
  return ++c->overhead > OVERHEAD_MAX || !good ? CHUNK_BAD : CHUNK_NAME;
}

static enum chunk_state expect(char byte, char wanted, enum chunk_state next)
{
  return byte == wanted ? next : CHUNK_BAD;
}

static enum chunk_state step(struct chunks *c, char byte)
{
  switch (c->state) {
  case CHUNK_SIZE: return on_size(c, byte);
  case CHUNK_DIGITS: return on_digits(c, byte);
  case CHUNK_EXTENSION:
    return on_ignored(c, byte, CHUNK_EXTENSION, CHUNK_SIZE_LF);
  case CHUNK_SIZE_LF: return on_size_lf(c, byte);
  case CHUNK_DATA_CR: return expect(byte, '\r', CHUNK_DATA_LF);
  case CHUNK_DATA_LF: return expect(byte, '\n', CHUNK_SIZE);
  case CHUNK_LINE: return byte == '\r' ? CHUNK_LAST_LF : on_name(c, byte);
  case CHUNK_NAME: return byte == ':' ? CHUNK_TRAILER : on_name(c, byte);
  case CHUNK_TRAILER:
    return on_ignored(c, byte, CHUNK_TRAILER, CHUNK_TRAILER_LF);
  case CHUNK_TRAILER_LF: return expect(byte, '\n', CHUNK_LINE);
  case CHUNK_LAST_LF: return expect(byte, '\n', CHUNK_DONE);
  case CHUNK_DATA:
  case CHUNK_DONE:
  case CHUNK_BAD: break;
  }
  return CHUNK_BAD;
}

static size_t take_data(struct chunks *c, struct slice rest, struct buf *body)
{
  size_t n = rest.len < c->left ? rest.len : (size_t)c->left;
  buf_append(body, rest.data, n);
  c->left -= n;
  if (c->left == 0) c->state = CHUNK_DATA_CR;
  return n;
}

size_t chunks_decode(struct chunks *c, struct slice raw, struct buf *body,
                     uint32_t max_body, int *status)
{
  size_t at = 0;
  while (at < raw.len && c->state < CHUNK_DONE) {
    if (c->state == CHUNK_DATA) {
      struct slice rest = {raw.data + at, raw.len - at};
      at += take_data(c, rest, body);
      continue;
    }
    c->state = step(c, raw.data[at++]);
    *status = 400;
    if (c->state == CHUNK_DATA && c->left > max_body - body->len) {
      *status = 413;
      c->state = CHUNK_BAD;
    }
  }
  return at;
}
