// http_parse.c -- http-parser 2.9.4 as the judge; see http_parse.h.
//
// To use llhttp instead, replace this file.

#include "net/http_parse.h"

#include <http_parser.h>

_Static_assert(sizeof(struct http_parser) <=
                   sizeof(((struct judge *)0)->opaque),
               "struct judge must hold the parser");

static struct http_parser *parser(struct judge *j)
{
  return (struct http_parser *)(void *)j->opaque;
}

static int on_body(struct http_parser *p, const char *at, size_t len)
{
  (void)at;
  struct judge *j = p->data;
  j->data += len;
  return 0;
}

static int on_complete(struct http_parser *p)
{
  struct judge *j = p->data;
  j->done = true;
  return 0;
}

static bool feed(struct judge *j, struct slice bytes)
{
  static const struct http_parser_settings settings = {
      .on_body = on_body, .on_message_complete = on_complete};
  struct http_parser *p = parser(j);
  size_t taken = http_parser_execute(p, &settings, bytes.data, bytes.len);
  return taken == bytes.len && HTTP_PARSER_ERRNO(p) == HPE_OK;
}

int judge_head(struct judge *j, struct slice head,
               const struct head_framing *framing, bool *keep_alive)
{
  struct http_parser *p = parser(j);
  http_parser_init(p, HTTP_REQUEST);
  p->data = j;
  j->data = 0;
  j->done = false;
  if (!feed(j, head))
    return HTTP_PARSER_ERRNO(p) == HPE_INVALID_METHOD ? 501 : 400;
  bool body = framing->chunked || framing->length > 0;
  if (j->done == body) return 400;
  uint64_t left = p->content_length; // the parser's word for "none" is -1
  if (body && !framing->chunked && left != framing->length) return 400;
  *keep_alive = http_should_keep_alive(p);
  return 0;
}

bool judge_chunks(struct judge *j, struct slice raw, uint64_t data, bool done)
{
  if (raw.len == 0) return true;
  return feed(j, raw) && j->data == data && j->done == done;
}
