// fields.c -- see fields.h for the contract.

#include "mcp/fields.h"

#include "mcp/header_value.h"

static const struct {
  struct slice name;
  enum field field;
} known[] = {
    {{"mcp-protocol-version", 20}, FIELD_VERSION},
    {{"mcp-method", 10}, FIELD_METHOD},
    {{"mcp-name", 8}, FIELD_NAME},
    {{"mcp-session-id", 14}, FIELD_SESSION},
    {{"content-type", 12}, FIELD_CONTENT_TYPE},
    {{"host", 4}, FIELD_HOST},
    {{"origin", 6}, FIELD_ORIGIN},
    {{"x-request-id", 12}, FIELD_REQUEST_ID},
    {{"last-event-id", 13}, FIELD_LAST_EVENT},
};

static enum field field_of(struct slice name)
{
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (known[i].name.len == name.len && slice_eq_nocase(known[i].name, name))
      return known[i].field;
  return FIELDS;
}

// Cuts what stands before the next `mark` off `rest`, without blanks.
static struct slice take(struct slice *rest, char mark)
{
  const char *end = memchr(rest->data, mark, rest->len);
  size_t len = end ? (size_t)(end - rest->data) : rest->len;
  struct slice item = {rest->data, len};
  size_t used = len + (end ? 1 : 0);
  *rest = (struct slice){rest->data + used, rest->len - used};
  return header_value_trim(item);
}

// `q=0`, `q=0.000`: the client says that it will not take this.
static bool is_refused(struct slice parameters)
{
  while (parameters.len) {
    struct slice one = take(&parameters, ';');
    if (one.len < 3 ||
        !slice_eq_nocase((struct slice){one.data, 2}, SLICE("q=")))
      continue;
    size_t i = 2;
    while (i < one.len && (one.data[i] == '0' || one.data[i] == '.'))
      i++;
    return i == one.len;
  }
  return false;
}

static bool is_range(struct slice range, const char *whole, const char *half)
{
  return slice_eq_nocase(range, slice_of(whole)) ||
         slice_eq_nocase(range, slice_of(half)) || slice_is(range, "*/*");
}

static void read_accept(struct fields *f, struct slice value)
{
  while (value.len) {
    struct slice item = take(&value, ',');
    struct slice range = take(&item, ';');
    if (is_refused(item)) continue;
    f->accepts_json |= is_range(range, "application/json", "application/*");
    f->accepts_sse |= is_range(range, "text/event-stream", "text/*");
  }
}

void fields_read(struct fields *f, const struct header *headers, size_t n)
{
  *f = (struct fields){0};
  bool any_accept = false;
  for (size_t i = 0; i < n; i++) {
    if (slice_eq_nocase(headers[i].name, SLICE("accept"))) {
      any_accept = true;
      read_accept(f, headers[i].value);
      continue;
    }
    enum field field = field_of(headers[i].name);
    if (field == FIELDS) continue;
    if (f->value[field].data) f->twice |= 1u << field;
    f->value[field] = header_value_trim(headers[i].value);
  }
  if (!any_accept) f->accepts_json = f->accepts_sse = true;
}

bool fields_are_json(const struct fields *f)
{
  struct slice rest = f->value[FIELD_CONTENT_TYPE];
  if (f->none) return true;
  if (!rest.data || fields_twice(f, FIELD_CONTENT_TYPE)) return false;
  return slice_eq_nocase(take(&rest, ';'), SLICE("application/json"));
}
