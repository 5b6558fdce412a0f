// uri_template.c -- see uri_template.h for the contract.

#include "script/uri_template.h"

#include "base/encode.h"
#include "base/json.h"

#define PARTS_MAX 32
#define URI_MAX   4096

// --- reading ---

struct template_reader {
  struct slice rest;
  struct arena *arena;
  struct uri_template *t;
  struct error *err;
};

static enum error_code fault(struct template_reader *r, const char *what)
{
  return error_set(r->err, E_INVALID, "%s", what);
}

static bool is_name(struct slice name)
{
  if (!name.len || name.len > 64) return false;
  for (size_t i = 0; i < name.len; i++) {
    char c = name.data[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(i && c >= '0' && c <= '9')) return false;
  }
  return true;
}

static bool is_variable(const struct uri_part *part)
{
  return part->kind != 'l';
}

static enum error_code add(struct template_reader *r, char kind,
                           struct slice text)
{
  struct uri_template *t = r->t;
  if (t->count == PARTS_MAX) return fault(r, "has too many parts");
  if (kind != 'l' && !is_name(text))
    return fault(r, "each { } holds one name of letters, digits and _, with + "
                    "/ or . before it, or {?a,b} at the end");
  bool follows = t->count && is_variable(&t->parts[t->count - 1]);
  if (follows && (kind == 's' || kind == '+'))
    return fault(r, "something must stand between two names");
  for (size_t i = 0; kind != 'l' && i < t->count; i++)
    if (is_variable(&t->parts[i]) && slice_eq(t->parts[i].text, text))
      return fault(r, "has a name twice");
  text = arena_copy(r->arena, text);
  if (!text.data) return error_set(r->err, E_NO_MEMORY, "out of memory");
  t->parts[t->count++] = (struct uri_part){kind, text};
  if (kind != '?') t->fixed = t->count;
  return OK;
}

static enum error_code add_parameters(struct template_reader *r,
                                      struct slice names)
{
  enum error_code code = OK;
  while (code == OK) {
    const char *comma = memchr(names.data, ',', names.len);
    size_t len = comma ? (size_t)(comma - names.data) : names.len;
    code = add(r, '?', (struct slice){names.data, len});
    if (!comma) break;
    names = (struct slice){comma + 1, names.len - len - 1};
  }
  return code;
}

static enum error_code read_expression(struct template_reader *r)
{
  const char *end = memchr(r->rest.data, '}', r->rest.len);
  if (!end) return fault(r, "has a { without }");
  struct slice inside = {r->rest.data + 1, (size_t)(end - r->rest.data - 1)};
  r->rest = (struct slice){end + 1, r->rest.len - inside.len - 2};
  char op = inside.len ? inside.data[0] : 's';
  if (op != '+' && op != '/' && op != '.' && op != '?')
    return add(r, 's', inside);
  inside = (struct slice){inside.data + 1, inside.len - 1};
  return op == '?' ? add_parameters(r, inside) : add(r, op, inside);
}

static enum error_code read_part(struct template_reader *r)
{
  if (r->t->count > r->t->fixed) return fault(r, "{?a,b} must be at the end");
  if (r->rest.data[0] == '{') return read_expression(r);
  const char *brace = memchr(r->rest.data, '{', r->rest.len);
  size_t len = brace ? (size_t)(brace - r->rest.data) : r->rest.len;
  struct slice text = {r->rest.data, len};
  if (memchr(text.data, '}', len)) return fault(r, "has a } without {");
  r->rest = (struct slice){r->rest.data + len, r->rest.len - len};
  return add(r, 'l', text);
}

enum error_code uri_template_read(struct slice text, struct arena *arena,
                                  struct uri_template *t, struct error *err)
{
  struct template_reader r = {text, arena, t, err};
  *t = (struct uri_template){
      .parts = arena_alloc(arena, PARTS_MAX * sizeof(*t->parts))};
  if (!t->parts) return error_set(err, E_NO_MEMORY, "out of memory");
  enum error_code code = OK;
  while (code == OK && r.rest.len)
    code = read_part(&r);
  if (code != OK) return code;
  bool any = false;
  for (size_t i = 0; i < t->count; i++)
    any |= is_variable(&t->parts[i]);
  if (!any) return fault(&r, "has no { }: it is a resource, not a template");
  return OK;
}

// --- matching ---

struct match {
  const struct uri_template *t;
  struct slice uri; // without what {?...} takes
  size_t at;
  struct buf *out;
};

static bool put_value(struct match *m, struct slice name, struct slice value)
{
  struct buf plain = {0};
  bool good = percent_get(&plain, value) && buf_ok(&plain);
  if (good) {
    json_put_name(m->out, name.data);
    json_put_string(m->out, buf_slice(&plain));
  }
  buf_finish(&plain);
  return good;
}

static bool starts_with(struct slice s, size_t at, struct slice with)
{
  return s.len - at >= with.len && !memcmp(s.data + at, with.data, with.len);
}

// What ends a value: the literal behind it, or the sign of the next expression.
static struct slice terminator(const struct uri_template *t, size_t i)
{
  if (i + 1 >= t->fixed) return (struct slice){0};
  const struct uri_part *next = &t->parts[i + 1];
  return next->kind == 'l' ? next->text : (struct slice){&next->kind, 1};
}

static size_t end_of_value(const struct match *m, size_t i)
{
  struct slice stop = terminator(m->t, i);
  if (!stop.len) return m->uri.len;
  bool last = i + 2 == m->t->fixed && m->t->parts[i + 1].kind == 'l';
  if (last && m->uri.len < m->at + stop.len) return m->at;
  size_t from = last ? m->uri.len - stop.len : m->at + 1;
  for (size_t at = from; at < m->uri.len; at++)
    if (starts_with(m->uri, at, stop)) return at;
  return m->at; // nothing: no match
}

static bool is_one_segment(struct slice value)
{
  for (size_t i = 0; i < value.len; i++)
    if (strchr("/?#", value.data[i])) return false;
  return true;
}

static bool match_part(struct match *m, size_t i)
{
  const struct uri_part *part = &m->t->parts[i];
  if (part->kind == 'l') {
    if (!starts_with(m->uri, m->at, part->text)) return false;
    m->at += part->text.len;
    return true;
  }
  bool signed_ = part->kind == '/' || part->kind == '.';
  if (signed_ && (m->at == m->uri.len || m->uri.data[m->at++] != part->kind))
    return false;
  size_t end = end_of_value(m, i);
  if (end <= m->at) return false;
  struct slice value = {m->uri.data + m->at, end - m->at};
  if (part->kind != '+' && !is_one_segment(value)) return false;
  m->at = end;
  return put_value(m, part->text, value);
}

// a=1&b=2; what is not named in the template means nothing.
static bool match_parameter(struct match *m, struct slice pair)
{
  const char *equals = memchr(pair.data, '=', pair.len);
  size_t len = equals ? (size_t)(equals - pair.data) : pair.len;
  struct slice name = {pair.data, len}, value = SLICE("");
  if (equals) value = (struct slice){equals + 1, pair.len - len - 1};
  for (size_t i = m->t->fixed; i < m->t->count; i++)
    if (slice_eq(m->t->parts[i].text, name))
      return put_value(m, m->t->parts[i].text, value);
  return true;
}

static bool match_parameters(struct match *m, struct slice query)
{
  while (query.len) {
    const char *and = memchr(query.data, '&', query.len);
    size_t len = and? (size_t)(and-query.data) : query.len;
    if (!match_parameter(m, (struct slice){query.data, len})) return false;
    size_t used = len + (and? 1 : 0);
    query = (struct slice){query.data + used, query.len - used};
  }
  return true;
}

static bool match_all(struct match *m)
{
  struct slice query = SLICE("");
  const char *mark = memchr(m->uri.data, '?', m->uri.len);
  if (mark && m->t->count > m->t->fixed) {
    size_t len = (size_t)(mark - m->uri.data);
    query = (struct slice){mark + 1, m->uri.len - len - 1};
    m->uri.len = len;
  }
  for (size_t i = 0; i < m->t->fixed; i++)
    if (!match_part(m, i)) return false;
  return m->at == m->uri.len && match_parameters(m, query);
}

bool uri_template_match(const struct uri_template *t, struct slice uri,
                        struct buf *out)
{
  size_t before = out->len;
  struct match m = {t, uri, 0, out};
  if (!uri.len || uri.len > URI_MAX) return false;
  buf_putc(out, '{');
  bool good = match_all(&m);
  buf_putc(out, '}');
  if (!good) out->len = before;
  return good;
}
