// secret.c -- values that must not be seen.
//
// The set keeps a list of secrets under a mutex and publishes an index of all
// their spellings (base/scrub.h). A reader announces itself in `readers` before
// it loads the index and leaves when it is done with it. A writer that finds
// no reader after it has published can free every older index: whoever comes
// later sees the new one. All of that is sequentially consistent.

#include "base/secret.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/list.h"
#include "base/scrub.h"

struct secret {
  struct list link; // of the set
  struct secret_set *set;
  atomic_size_t refs; // falls to 0 only under the mutex
  size_t len;
  char bytes[];
};

// An index, and the next older one that could not be freed yet.
struct snapshot {
  struct scrub *index;
  struct snapshot *older;
};

struct secret_set {
  pthread_mutex_t mutex;
  struct list secrets;
  struct snapshot *old; // under the mutex
  _Atomic(struct snapshot *) now;
  atomic_int readers;
};

// --- the spellings of a secret ---

// Spellings one behind the other, each with the end of the one before.
struct spellings {
  struct buf bytes;
  struct buf ends; // size_t
};

static void end_spelling(struct spellings *s, size_t begin)
{
  size_t end = s->bytes.len;
  if (end - begin < SECRET_SCRUB_MIN)
    s->bytes.len = begin;
  else
    buf_append(&s->ends, &end, sizeof(end));
}

static void add_plain(struct spellings *s, struct slice value)
{
  size_t begin = s->bytes.len;
  buf_add(&s->bytes, value);
  end_spelling(s, begin);
}

static void wipe_buf(struct buf *b)
{
  if (b->data) OPENSSL_cleanse(b->data, b->cap);
  buf_finish(b);
}

// The characters of base64 that `value` alone decides when `before` bytes (0
// to 2) stand before it in the group of three.
static void add_base64(struct spellings *s, struct slice value, size_t before,
                       void (*put)(struct buf *b, struct slice s))
{
  struct buf padded = {0}, coded = {0};
  buf_reserve(&padded, before + value.len);
  buf_append(&padded, "\0\0", before);
  buf_add(&padded, value);
  put(&coded, buf_slice(&padded));
  size_t first = (8 * before + 5) / 6, behind = 8 * padded.len / 6;
  if (!buf_ok(&padded) || !buf_ok(&coded))
    s->bytes.failed = true;
  else
    add_plain(s, (struct slice){coded.data + first, behind - first});
  wipe_buf(&padded);
  wipe_buf(&coded);
}

static void add_coded(struct spellings *s, struct slice value,
                      void (*put)(struct buf *b, struct slice s))
{
  size_t begin = s->bytes.len;
  put(&s->bytes, value);
  end_spelling(s, begin);
}

// "%2F" as "%2f".
static void percent_put_lower(struct buf *b, struct slice value)
{
  size_t at = b->len;
  percent_put(b, value);
  for (; at + 2 < b->len; at++) {
    if (b->data[at] != '%') continue;
    for (size_t i = at + 1; i <= at + 2; i++) {
      if (b->data[i] >= 'A' && b->data[i] <= 'F') b->data[i] |= 0x20;
    }
    at += 2;
  }
}

// As a form has it: a space is '+'.
static void form_put(struct buf *b, struct slice value)
{
  for (size_t i = 0; i < value.len; i++) {
    if (value.data[i] == ' ')
      buf_putc(b, '+');
    else
      percent_put(b, (struct slice){value.data + i, 1});
  }
}

static void add_spellings(struct spellings *s, struct slice value)
{
  if (value.len < SECRET_SCRUB_MIN) return;
  add_plain(s, value);
  add_coded(s, value, json_put_escaped);
  add_coded(s, value, percent_put);
  add_coded(s, value, percent_put_lower);
  add_coded(s, value, percent_put_path);
  add_coded(s, value, form_put);
  add_coded(s, value, base64_put); // whole, with its last bits and padding
  add_coded(s, value, base64url_put);
  for (size_t before = 0; before < 3; before++) {
    add_base64(s, value, before, base64_put);
    add_base64(s, value, before, base64url_put);
  }
}

// --- publishing ---

// Each spelling once. How many stay.
static size_t list_patterns(const struct spellings *s, struct slice *patterns)
{
  size_t n = 0, begin = 0, total = s->ends.len / sizeof(size_t);
  for (size_t i = 0; i < total; i++) {
    size_t end, seen = 0;
    memcpy(&end, s->ends.data + i * sizeof(end), sizeof(end));
    struct slice spelling = {s->bytes.data + begin, end - begin};
    begin = end;
    while (seen < n && !slice_eq(patterns[seen], spelling))
      seen++;
    if (seen == n) patterns[n++] = spelling;
  }
  return n;
}

static struct scrub *index_of(const struct spellings *s)
{
  if (!buf_ok(&s->bytes) || !buf_ok(&s->ends)) return NULL;
  size_t total = s->ends.len / sizeof(size_t);
  struct slice *patterns = fault_calloc(total + 1, sizeof(*patterns));
  if (!patterns) return NULL;
  struct scrub *index = scrub_new(patterns, list_patterns(s, patterns));
  free(patterns);
  return index;
}

#define SPELLINGS_MAX 14
#define LONGEST_BYTE  6 // "\u0001"

// All at once: growing would leave copies behind that nobody wipes.
static void reserve(struct spellings *s, const struct list *secrets)
{
  size_t size = 0;
  LIST_EACH (it, secrets) {
    size_t len = LIST_ITEM(it, struct secret, link)->len;
    size += SPELLINGS_MAX * (LONGEST_BYTE * len + 8);
  }
  buf_reserve(&s->bytes, size);
}

static struct snapshot *snapshot_of(const struct list *secrets)
{
  struct spellings s = {0};
  reserve(&s, secrets);
  LIST_EACH (it, secrets) {
    struct secret *secret = LIST_ITEM(it, struct secret, link);
    add_spellings(&s, (struct slice){secret->bytes, secret->len});
  }
  struct snapshot *snapshot = fault_calloc(1, sizeof(*snapshot));
  if (snapshot) snapshot->index = index_of(&s);
  wipe_buf(&s.bytes);
  buf_finish(&s.ends);
  if (snapshot && snapshot->index) return snapshot;
  free(snapshot);
  return NULL;
}

static void free_snapshots(struct snapshot *s)
{
  for (struct snapshot *older; s; s = older) {
    older = s->older;
    scrub_free(s->index);
    free(s);
  }
}

// Under the mutex. False without memory: then the index before stays.
static bool publish(struct secret_set *set)
{
  struct snapshot *next = snapshot_of(&set->secrets);
  if (!next) return false;
  struct snapshot *before = atomic_exchange(&set->now, next);
  if (before) {
    before->older = set->old;
    set->old = before;
  }
  if (atomic_load(&set->readers) == 0) {
    free_snapshots(set->old);
    set->old = NULL;
  }
  return true;
}

// --- the set ---

struct secret_set *secret_set_new(void)
{
  struct secret_set *set = fault_calloc(1, sizeof(*set));
  if (!set) return NULL;
  pthread_mutex_init(&set->mutex, NULL);
  list_init(&set->secrets);
  return set;
}

void secret_set_free(struct secret_set *set)
{
  if (!set) return;
  assert(list_empty(&set->secrets));
  free_snapshots(set->old);
  free_snapshots(atomic_load(&set->now));
  pthread_mutex_destroy(&set->mutex);
  free(set);
}

static struct secret *find(struct secret_set *set, struct slice value)
{
  LIST_EACH (it, &set->secrets) {
    struct secret *s = LIST_ITEM(it, struct secret, link);
    if (slice_eq((struct slice){s->bytes, s->len}, value)) return s;
  }
  return NULL;
}

static void wipe(struct secret *s)
{
  OPENSSL_cleanse(s->bytes, s->len);
  free(s);
}

static struct secret *add(struct secret_set *set, struct slice value)
{
  struct secret *s = fault_calloc(1, sizeof(*s) + value.len + 1);
  if (!s) return NULL;
  s->set = set;
  atomic_init(&s->refs, 1);
  s->len = value.len;
  if (value.len) memcpy(s->bytes, value.data, value.len);
  list_append(&set->secrets, &s->link);
  if (publish(set)) return s;
  list_remove(&s->link);
  wipe(s);
  return NULL;
}

struct secret *secret_new(struct secret_set *set, struct slice value)
{
  pthread_mutex_lock(&set->mutex);
  struct secret *s = find(set, value);
  if (s)
    atomic_fetch_add(&s->refs, 1);
  else
    s = add(set, value);
  pthread_mutex_unlock(&set->mutex);
  return s;
}

struct secret *secret_ref(struct secret *s)
{
  atomic_fetch_add(&s->refs, 1);
  return s;
}

// The last reference ends under the mutex, so that secret_new() cannot find a
// secret that is about to go.
static bool drop_shared(struct secret *s)
{
  size_t refs = atomic_load(&s->refs);
  while (refs > 1) {
    if (atomic_compare_exchange_weak(&s->refs, &refs, refs - 1)) return true;
  }
  return false;
}

void secret_unref(struct secret *s)
{
  if (!s || drop_shared(s)) return;
  struct secret_set *set = s->set;
  pthread_mutex_lock(&set->mutex);
  bool last = atomic_fetch_sub(&s->refs, 1) == 1;
  if (last) {
    list_remove(&s->link);
    publish(set); // without memory it goes on being scrubbed: no harm
  }
  pthread_mutex_unlock(&set->mutex);
  if (last) wipe(s);
}

struct slice secret_reveal(const struct secret *s)
{
  return (struct slice){s->bytes, s->len};
}

// --- reading ---

// The set is const to readers but for the count of them.
static const struct scrub *enter(const struct secret_set *set)
{
  struct secret_set *shared = (struct secret_set *)(uintptr_t)set;
  atomic_fetch_add(&shared->readers, 1);
  struct snapshot *now = atomic_load(&shared->now);
  return now ? now->index : NULL;
}

static void leave(const struct secret_set *set)
{
  struct secret_set *shared = (struct secret_set *)(uintptr_t)set;
  atomic_fetch_sub(&shared->readers, 1);
}

bool secret_found(const struct secret_set *set, struct slice text)
{
  if (!set) return false;
  const struct scrub *index = enter(set);
  size_t at, len;
  bool found = index && scrub_find(index, text, 0, &at, &len);
  leave(set);
  return found;
}

static void scrub(const struct scrub *index, struct slice text, struct buf *out)
{
  size_t done = 0, at, len;
  bool found = scrub_find(index, text, 0, &at, &len);
  while (found) {
    buf_append(out, text.data + done, at - done);
    buf_append(out, "***", 3);
    done = at + len;
    // what begins inside of it may end behind it
    while ((found = scrub_find(index, text, at + 1, &at, &len)) && at < done) {
      if (at + len > done) done = at + len;
    }
  }
  buf_append(out, text.data + done, text.len - done);
}

void secret_scrub(const struct secret_set *set, struct slice text,
                  struct buf *out)
{
  const struct scrub *index = set ? enter(set) : NULL;
  if (index)
    scrub(index, text, out);
  else
    buf_add(out, text);
  if (set) leave(set);
}

bool secret_hide(const struct secret_set *set, struct slice *text,
                 struct buf *clean)
{
  struct buf plain = {0};
  struct slice seen = *text;
  if (set && json_plain(seen, &plain)) seen = buf_slice(&plain);
  bool found = !buf_ok(&plain) || secret_found(set, seen);
  if (found) {
    if (buf_ok(&plain)) secret_scrub(set, seen, clean);
    *text = buf_ok(clean) ? buf_slice(clean) : (struct slice){"", 0};
  }
  wipe_buf(&plain);
  return found;
}
