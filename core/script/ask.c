// ask.c -- see ask.h for the contract.

#include "script/ask.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/hash.h"
#include "base/json.h"
#include "script/form.h"

const char *ask_method(enum ask_kind kind)
{
  static const char *const names[ASK_KINDS] = {
      [ASK_FORM] = "elicitation/create",
      [ASK_URL] = "elicitation/create",
      [ASK_SAMPLE] = "sampling/createMessage",
      [ASK_ROOTS] = "roots/list"};
  return names[kind];
}

const char *ask_need_name(unsigned need)
{
  static const char *const names[ASK_NEEDS] = {
      "elicitation by form", "elicitation by url",     "sampling",
      "sampling with tools", "sampling with contexts", "roots"};
  unsigned i = 0;
  while (i + 1 < ASK_NEEDS && !(need & (1u << i)))
    i++;
  return names[i];
}

// --- the life of a question ---

// What was asked, and nothing of when: see the head of ask.h.
bool question_init(struct question *q)
{
  unsigned char hash[SHA256_LEN];
  struct buf text = {0};
  buf_putc(&text, (char)q->kind);
  buf_add(&text, q->params);
  bool good = buf_ok(&text) && hash_sha256(buf_slice(&text), hash);
  buf_finish(&text);
  list_init(&q->link);
  if (good) memcpy(q->digest, hash, ASK_DIGEST_LEN);
  return good;
}

void question_finish(struct question *q)
{
  buf_finish(&q->answer);
}

static void settle(struct question *q)
{
  assert(!q->settled);
  list_remove(&q->link);
  q->settled = true;
  q->on_settled(q);
}

void question_fail(struct question *q, enum error_code code, const char *format,
                   ...)
{
  char text[ERROR_MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  q->error.retry_after_ms = -1;
  error_set(&q->error, code, "%s", text);
  settle(q);
}

// --- answers ---

struct reading {
  struct question *q;
  const struct json_doc *doc;
  struct arena *arena;
  struct error *err;
};

static enum error_code wrong(const struct reading *r, const char *what)
{
  return error_set(r->err, E_BAD_RESPONSE, "the client's answer to %s: %s",
                   ask_method(r->q->kind), what);
}

static bool is_type(const struct reading *r, uint32_t node, enum json_type type)
{
  return node != JSON_NONE && json_type(r->doc, node) == type;
}

// Who fills in nothing may send nothing.
static enum error_code check_values(struct reading *r, uint32_t values,
                                    struct error *err)
{
  const struct form *form = r->q->form;
  struct buf *out = &r->q->answer;
  struct json_doc none;
  if (values != JSON_NONE) return form_check(form, r->doc, values, out, err);
  enum error_code code =
      json_parse(&none, SLICE("{}"), (struct json_limits){0}, r->arena, err);
  return code == OK ? form_check(form, &none, 0, out, err) : code;
}

static enum error_code read_values(struct reading *r)
{
  struct error err;
  struct buf *out = &r->q->answer;
  uint32_t values = json_get(r->doc, 0, "content");
  buf_add(out, SLICE("{\"action\":\"accept\""));
  if (r->q->kind == ASK_FORM) {
    if (values != JSON_NONE && !is_type(r, values, JSON_OBJECT))
      return wrong(r, "content must be an object");
    json_put_name(out, "content");
    if (check_values(r, values, &err) != OK) return wrong(r, err.message);
  }
  buf_putc(out, '}');
  return OK;
}

static enum error_code read_choice(struct reading *r)
{
  uint32_t node = json_get(r->doc, 0, "action");
  struct slice action = {0};
  if (node != JSON_NONE) action = json_string(r->doc, node, r->arena);
  if (slice_is(action, "accept")) return read_values(r);
  if (!slice_is(action, "decline") && !slice_is(action, "cancel"))
    return wrong(r, "action must be accept, decline or cancel");
  buf_printf(&r->q->answer, "{\"action\":\"%.*s\"}", SLICE_ARG(action));
  return OK;
}

static bool is_block(const struct reading *r, uint32_t node)
{
  return is_type(r, node, JSON_OBJECT) &&
         is_type(r, json_get(r->doc, node, "type"), JSON_STRING);
}

static bool is_content(const struct reading *r, uint32_t content)
{
  if (!is_type(r, content, JSON_ARRAY)) return is_block(r, content);
  uint32_t it = json_first(r->doc, content);
  for (; it != JSON_NONE; it = json_next(r->doc, content, it))
    if (!is_block(r, it)) return false;
  return true;
}

static enum error_code read_sample(struct reading *r)
{
  if (!is_type(r, json_get(r->doc, 0, "role"), JSON_STRING))
    return wrong(r, "role must be a string");
  if (!is_type(r, json_get(r->doc, 0, "model"), JSON_STRING))
    return wrong(r, "model must be a string");
  uint32_t content = json_get(r->doc, 0, "content");
  if (content == JSON_NONE || !is_content(r, content))
    return wrong(r, "content must be a block, or an array of blocks");
  buf_add(&r->q->answer, r->doc->text);
  return OK;
}

static enum error_code read_roots(struct reading *r)
{
  uint32_t roots = json_get(r->doc, 0, "roots");
  if (!is_type(r, roots, JSON_ARRAY)) return wrong(r, "roots must be an array");
  uint32_t it = json_first(r->doc, roots);
  for (; it != JSON_NONE; it = json_next(r->doc, roots, it))
    if (!is_type(r, it, JSON_OBJECT) ||
        !is_type(r, json_get(r->doc, it, "uri"), JSON_STRING))
      return wrong(r, "a root must be an object with a uri");
  buf_add(&r->q->answer, r->doc->text);
  return OK;
}

static enum error_code read_answer(struct reading *r)
{
  if (json_type(r->doc, 0) != JSON_OBJECT) return wrong(r, "it is no object");
  switch (r->q->kind) {
  case ASK_FORM:
  case ASK_URL: return read_choice(r);
  case ASK_SAMPLE: return read_sample(r);
  case ASK_ROOTS: return read_roots(r);
  case ASK_KINDS: break;
  }
  return E_INTERNAL;
}

static enum error_code check(struct question *q, struct slice result,
                             struct error *err)
{
  struct arena arena = {0};
  struct json_doc doc;
  struct reading r = {q, &doc, &arena, err};
  buf_reset(&q->answer, 0);
  enum error_code code = OK;
  if (result.len > ASK_ANSWER_MAX) code = wrong(&r, "it is too long");
  if (code == OK)
    code = json_parse(&doc, result, (struct json_limits){0}, &arena, err);
  if (code == OK) code = read_answer(&r);
  if (code == OK && !buf_ok(&q->answer))
    code = error_set(err, E_NO_MEMORY, "%s", error_sentence(E_NO_MEMORY));
  arena_finish(&arena);
  return code;
}

enum error_code question_answer(struct question *q, struct slice result,
                                struct error *err)
{
  assert(!q->settled);
  enum error_code code = check(q, result, err);
  if (code != OK) return code;
  q->error = (struct error){.retry_after_ms = -1};
  settle(q);
  return OK;
}

// --- names ---

static struct asking_key *find_key(const struct asking *a, struct slice key)
{
  struct asking_key *it = a->keys;
  while (it && !slice_eq(it->key, key))
    it = it->next;
  return it;
}

static struct slice use(struct asking *a, struct slice key)
{
  struct asking_key *it =
      fault_now() ? NULL : arena_alloc(a->arena, sizeof(*it));
  if (!it || !key.data) return (struct slice){0};
  *it = (struct asking_key){a->keys, key, 1};
  a->keys = it;
  return key;
}

// A client answers by key: two questions of one would get one answer.
static struct slice numbered(struct asking *a, struct slice word, uint32_t *n)
{
  struct slice key;
  do
    key = arena_printf(a->arena, "%.*s_%u", SLICE_ARG(word), (*n)++);
  while (key.data && find_key(a, key));
  return use(a, key);
}

struct slice asking_name(struct asking *a, struct slice wanted)
{
  uint32_t n = a->total;
  if (!wanted.data) return numbered(a, SLICE("ask"), &n);
  struct asking_key *before = find_key(a, wanted);
  if (!before) return use(a, arena_copy(a->arena, wanted));
  n = before->times + 1;
  struct slice key = numbered(a, wanted, &n);
  before->times = n - 1;
  return key;
}

// --- what is the same in each replay ---

const unsigned char *asking_run(struct asking *a)
{
  if (!a->has_run) a->has_run = random_bytes(a->run, RUN_ID_LEN);
  return a->has_run ? a->run : NULL;
}

// Not the id itself: what a script draws must not tell it.
static bool derive(struct asking *a, const char *what, uint32_t n,
                   unsigned char out[SHA256_LEN])
{
  char text[40];
  int len = snprintf(text, sizeof(text), "%s%s %u",
                     a->prepares ? "prepare " : "", what, n);
  struct slice key = {(const char *)asking_run(a), RUN_ID_LEN};
  return key.data &&
         hash_hmac_sha256(key, (struct slice){text, (size_t)len}, out);
}

struct prng *asking_chance(struct asking *a)
{
  unsigned char hash[SHA256_LEN];
  if (a->has_chance) return &a->chance;
  if (!derive(a, "chance", 0, hash)) return NULL;
  uint64_t seed;
  memcpy(&seed, hash, sizeof(seed));
  prng_seed(&a->chance, seed);
  a->has_chance = true;
  return &a->chance;
}

bool asking_uuid(struct asking *a, char out[UUID_LEN + 1])
{
  unsigned char h[SHA256_LEN];
  if (!derive(a, "uuid", a->uuids++, h)) return false;
  h[6] = (unsigned char)((h[6] & 0x0F) | 0x40);
  h[8] = (unsigned char)((h[8] & 0x3F) | 0x80);
  char *p = out;
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
    p += snprintf(p, 3, "%02x", h[i]);
  }
  return true;
}
