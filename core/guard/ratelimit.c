// ratelimit.c -- see ratelimit.h for the contract.

#include "guard/ratelimit.h"

#define S          UINT64_C(1000000000)
#define NUMBER_MAX UINT64_C(999999999999) // 12 digits, enough for an epoch
#define RESET_MAX  UINT64_C(604800)       // a week

struct reader {
  const char *at, *end;
};

static bool peek_is(const struct reader *r, char c)
{
  return r->at < r->end && *r->at == c;
}

static void skip_blanks(struct reader *r)
{
  while (peek_is(r, ' ') || peek_is(r, '\t'))
    r->at++;
}

static bool read_number(struct reader *r, uint64_t *n)
{
  const char *first = r->at;
  for (*n = 0; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
    *n = *n * 10 + (uint64_t)(*r->at - '0');
    if (*n > NUMBER_MAX) return false;
  }
  return r->at > first;
}

static bool whole_number(struct slice s, uint64_t *n)
{
  if (!s.data) return false;
  struct reader r = {s.data, s.data + s.len};
  skip_blanks(&r);
  if (!read_number(&r, n)) return false;
  skip_blanks(&r);
  return r.at == r.end;
}

// --- structured fields, as much of them as these two use ---

static bool is_key(char c)
{
  return (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

static bool ends_name(char c, bool quoted)
{
  return quoted ? c == '"' : c == ';' || c == ',' || c == ' ' || c == '\t';
}

// A string with backslashes, or a token.
static bool read_name(struct reader *r, struct slice *name)
{
  bool quoted = peek_is(r, '"');
  if (quoted) r->at++;
  name->data = r->at;
  while (r->at < r->end && !ends_name(*r->at, quoted)) {
    if (quoted && *r->at == '\\' && ++r->at == r->end) return false;
    r->at++;
  }
  name->len = (size_t)(r->at - name->data);
  if (!quoted) return name->len > 0;
  if (r->at == r->end) return false;
  r->at++;
  return true;
}

struct item {
  struct slice name;
  bool has[2];
  uint64_t n[2];
};

// ;key=value, where the two keys that are wanted are one letter each.
static bool read_parameter(struct reader *r, const char keys[2],
                           struct item *item)
{
  r->at++; // ;
  skip_blanks(r);
  const char *key = r->at;
  while (r->at < r->end && is_key(*r->at))
    r->at++;
  bool single = r->at == key + 1;
  if (r->at == key || !peek_is(r, '=')) return false;
  r->at++;

  struct slice ignored;
  for (int i = 0; single && i < 2; i++) {
    if (*key != keys[i]) continue;
    item->has[i] = read_number(r, &item->n[i]);
    return item->has[i];
  }
  return read_name(r, &ignored);
}

static bool read_item(struct reader *r, const char keys[2], struct item *item)
{
  *item = (struct item){0};
  skip_blanks(r);
  if (!read_name(r, &item->name)) return false;
  for (skip_blanks(r); peek_is(r, ';'); skip_blanks(r))
    if (!read_parameter(r, keys, item)) return false;
  if (r->at == r->end) return true;
  if (!peek_is(r, ',')) return false;
  r->at++;
  return true;
}

static uint64_t quota_of(struct slice policy, struct slice name)
{
  if (!policy.data) return 0;
  struct reader r = {policy.data, policy.data + policy.len};
  struct item item;
  while (r.at < r.end && read_item(&r, "qw", &item))
    if (item.has[0] && slice_eq(item.name, name)) return item.n[0];
  return 0;
}

// Fewer a second is tighter.
static bool is_tighter(const struct ratelimit *a, const struct ratelimit *b)
{
  return !b->known || a->left * b->reset_s < b->left * a->reset_s;
}

static struct ratelimit read_draft(const struct ratelimit_fields *f)
{
  struct ratelimit best = {.known = false};
  if (!f->ratelimit.data) return best;
  struct reader r = {f->ratelimit.data, f->ratelimit.data + f->ratelimit.len};
  struct item item;
  while (r.at < r.end) {
    if (!read_item(&r, "rt", &item)) return (struct ratelimit){.known = false};
    if (!item.has[0] || !item.has[1] || item.n[1] > RESET_MAX) continue;
    if (item.n[0] > UINT32_MAX) continue;
    struct ratelimit one = {true, item.n[0], quota_of(f->policy, item.name),
                            item.n[1]};
    if (is_tighter(&one, &best)) best = one;
  }
  return best;
}

// --- the older ones ---

static uint64_t from_now_s(uint64_t reset, bool is_epoch, int64_t wall_ms)
{
  if (!is_epoch) return reset;
  uint64_t now_s = wall_ms > 0 ? (uint64_t)wall_ms / 1000 : 0;
  return reset > now_s ? reset - now_s : 0;
}

static struct ratelimit read_plain(const struct ratelimit_fields *f,
                                   int64_t wall_ms)
{
  struct ratelimit r = {.known = false};
  uint64_t reset;
  if (!whole_number(f->remaining, &r.left) || !whole_number(f->reset, &reset))
    return (struct ratelimit){.known = false};
  if (!whole_number(f->limit, &r.quota)) r.quota = 0;
  r.reset_s = from_now_s(reset, f->reset_is_epoch, wall_ms);
  r.known = r.reset_s <= RESET_MAX && r.left <= UINT32_MAX;
  return r.known ? r : (struct ratelimit){.known = false};
}

struct ratelimit ratelimit_read(const struct ratelimit_fields *f,
                                int64_t wall_ms)
{
  struct ratelimit r = read_draft(f);
  return r.known ? r : read_plain(f, wall_ms);
}

// --- pacing ---

uint64_t ratelimit_interval_ns(const struct ratelimit *r, uint64_t own_ns)
{
  if (!r->known || r->reset_s == 0) return own_ns;
  bool plenty = r->quota == 0 ? r->left > 0 : r->left >= (r->quota + 9) / 10;
  if (plenty) return own_ns;
  uint64_t paced = r->reset_s * S / (r->left > 0 ? r->left : 1);
  return paced > own_ns ? paced : own_ns;
}

uint64_t ratelimit_lasts_ns(const struct ratelimit *r, double unit)
{
  if (!r->known) return 0;
  uint64_t reset = r->reset_s * S;
  uint64_t spread = reset / 10 < S ? reset / 10 : S;
  if (!(unit > 0)) unit = 0;
  if (unit > 1) unit = 1;
  return reset + (uint64_t)(unit * (double)spread);
}
