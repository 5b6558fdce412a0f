// fuzz_url.c -- net/url: what url_join() yields stays under its base.
//
// The input is a base and a path with a line feed between them.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "net/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
  if (!ok) abort();
}

static bool inside(struct slice part, struct slice text)
{
  return !part.data || (part.data >= text.data &&
                        part.data + part.len <= text.data + text.len);
}

static void check_parts(struct slice text, const struct url *url)
{
  check(inside(url->scheme, text) && inside(url->host, text));
  check(inside(url->path, text) && inside(url->query, text));
  check(inside(url->fragment, text));
  check(url->host.len > 0 && !memchr(text.data, '\n', text.len));
  check(url->path.len == 0 || url->path.data[0] == '/');
}

// No segment of the decoded path is "." or "..".
static void check_segments(struct slice path)
{
  struct buf plain = {0};
  check(percent_get(&plain, path));
  size_t from = 0;
  for (size_t i = 0; i <= plain.len; i++) {
    if (i < plain.len && plain.data[i] != '/' && plain.data[i] != '\\')
      continue;
    struct slice segment = {plain.data + from, i - from};
    check(!slice_is(segment, ".") && !slice_is(segment, ".."));
    from = i + 1;
  }
  buf_finish(&plain);
}

static void check_join(struct slice base, struct slice path)
{
  struct buf out = {0};
  struct url parts, again;
  struct error err;
  if (url_join(&out, base, path, &err) != OK) {
    check(out.len == 0);
    return;
  }
  check(url_parse(base, &parts, NULL) == OK);
  check(url_parse(buf_slice(&out), &again, &err) == OK);
  check(slice_eq(parts.scheme, again.scheme));
  check(slice_eq(parts.host, again.host) && parts.port == again.port);
  check(!again.query.data && !again.fragment.data);
  size_t kept = base.len - (base.data[base.len - 1] == '/');
  check(out.len > kept && !memcmp(out.data, base.data, kept));
  check(out.data[kept] == '/');
  struct slice added = {out.data + kept, out.len - kept};
  check_segments(added);
  url_add_query(&out, path, base);
  check(url_parse(buf_slice(&out), &again, &err) == OK);
  check(again.query.data && slice_eq(parts.host, again.host));
  buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *)data;
  const char *lf = size ? memchr(text, '\n', size) : NULL;
  if (!lf) return 0;
  struct slice base = {text, (size_t)(lf - text)};
  struct slice path = {lf + 1, size - base.len - 1};

  struct url url;
  if (url_parse(base, &url, NULL) == OK) check_parts(base, &url);
  check_join(base, path);
  check_join(SLICE("https://host:81/base/"), path);
  return 0;
}
