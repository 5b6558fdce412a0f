// url.h -- taking absolute http(s) URLs apart and putting them together.

#ifndef NET_URL_H
#define NET_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

// Slices of the text; `host` without brackets of IPv6, `port` 0 if not given.
struct url {
  struct slice scheme, host, path, query, fragment;
  uint16_t port;
};

// Refuses: other schemes than http and https, userinfo, an empty or malformed
// host, a bad port, white space, controls and non-ASCII bytes. E_INVALID.
enum error_code url_parse(struct slice text, struct url *url,
                          struct error *err);

// Appends `base` + `path`. `path` must begin with '/' (and not "//"), hold no
// "." or ".." segment, no '?' or '#', no control; bytes outside RFC 3986's
// pchar (and '/') are percent-encoded, existing %XX stay. So a script's path
// cannot leave the integration's base. E_INVALID.
enum error_code url_join(struct buf *out, struct slice base, struct slice path,
                         struct error *err);

// Appends '?' or '&' as needed, then name=value, both percent-encoded.
void url_add_query(struct buf *out, struct slice name, struct slice value);

#endif
