// ask_state.c -- see ask_state.h for the contract.
//
// The plain bytes: form (1), round (1), expires (8), run (16), request (32),
// principal (2 + n), answers (2, each digest 16, text 4 + n), questions (1, each
// digest 16, key 1 + n). Integers are big-endian. Another layout gets another
// form number.

#include "mcp/ask_state.h"

#include <stdlib.h>
#include <string.h>

enum { FORM = 1, ANSWERS_MAX = ASK_ROUNDS_MAX * ASK_OPEN_MAX };

static const char purpose[] = "ask";

// --- writing ---

static void put_number(struct buf *b, uint64_t value, int bytes)
{
  while (bytes-- > 0)
    buf_putc(b, (char)(value >> (8 * bytes) & 0xff));
}

static void put_text(struct buf *b, struct slice text, int bytes)
{
  put_number(b, text.len, bytes);
  buf_add(b, text);
}

// Answers that did not fit their question are asked for again.
static void put_answers(struct buf *b, const struct replay_answer *first)
{
  unsigned n = 0;
  for (const struct replay_answer *it = first; it; it = it->next)
    n += !it->wrong;
  put_number(b, n, 2);
  for (const struct replay_answer *it = first; it; it = it->next) {
    if (it->wrong) continue;
    buf_append(b, it->digest, ASK_DIGEST_LEN);
    put_text(b, it->text, 4);
  }
}

static void put_questions(struct buf *b, const struct replay_question *first)
{
  unsigned n = 0;
  for (const struct replay_question *it = first; it; it = it->next)
    n++;
  put_number(b, n, 1);
  for (const struct replay_question *it = first; it; it = it->next) {
    buf_append(b, it->digest, ASK_DIGEST_LEN);
    put_text(b, it->key, 1);
  }
}

bool ask_state_seal(const struct seal_ring *ring, const struct ask_state *state,
                    struct buf *out)
{
  struct buf plain = {0};
  put_number(&plain, FORM, 1);
  put_number(&plain, state->round, 1);
  put_number(&plain, (uint64_t)state->expires_ms, 8);
  buf_append(&plain, state->run, RUN_ID_LEN);
  buf_append(&plain, state->request, SHA256_LEN);
  put_text(&plain, state->principal, 2);
  put_answers(&plain, state->answers);
  put_questions(&plain, state->asked);
  bool good = buf_ok(&plain) && seal(ring, purpose, buf_slice(&plain), out);
  buf_finish(&plain);
  return good;
}

// --- reading: the seal says that we wrote it, so what does not fit is of
// another release ---

struct input {
  struct slice rest;
  struct arena *arena;
  bool bad;
};

static struct slice get_bytes(struct input *in, size_t n)
{
  struct slice bytes = {in->rest.data, n};
  if (in->bad || in->rest.len < n) {
    in->bad = true;
    return (struct slice){0};
  }
  in->rest.data += n;
  in->rest.len -= n;
  return bytes;
}

static uint64_t get_number(struct input *in, size_t bytes)
{
  struct slice text = get_bytes(in, bytes);
  uint64_t value = 0;
  for (size_t i = 0; i < text.len; i++)
    value = value << 8 | (unsigned char)text.data[i];
  return value;
}

static void get_fixed(struct input *in, unsigned char *out, size_t n)
{
  struct slice bytes = get_bytes(in, n);
  if (bytes.data) memcpy(out, bytes.data, n);
}

static void *get_place(struct input *in, size_t size)
{
  void *place = in->bad ? NULL : arena_alloc(in->arena, size);
  in->bad = !place;
  return place;
}

static struct replay_answer *get_answers(struct input *in)
{
  struct replay_answer *first = NULL, **end = &first;
  uint64_t n = get_number(in, 2);
  if (n > ANSWERS_MAX) in->bad = true;
  for (; n > 0 && !in->bad; n--) {
    struct replay_answer *it = get_place(in, sizeof(*it));
    if (!it) break;
    get_fixed(in, it->digest, ASK_DIGEST_LEN);
    it->text = get_bytes(in, get_number(in, 4));
    *end = it;
    end = &it->next;
  }
  return first;
}

static struct replay_question *get_questions(struct input *in)
{
  struct replay_question *first = NULL, **end = &first;
  uint64_t n = get_number(in, 1);
  if (n > ASK_OPEN_MAX) in->bad = true;
  for (; n > 0 && !in->bad; n--) {
    struct replay_question *it = get_place(in, sizeof(*it));
    if (!it) break;
    get_fixed(in, it->digest, ASK_DIGEST_LEN);
    it->key = get_bytes(in, get_number(in, 1));
    *end = it;
    end = &it->next;
  }
  return first;
}

static bool decode(struct slice plain, struct arena *arena,
                   struct ask_state *state)
{
  struct input in = {plain, arena, false};
  if (get_number(&in, 1) != FORM) return false;
  state->round = (uint32_t)get_number(&in, 1);
  state->expires_ms = (int64_t)get_number(&in, 8);
  get_fixed(&in, state->run, RUN_ID_LEN);
  get_fixed(&in, state->request, SHA256_LEN);
  state->principal = get_bytes(&in, get_number(&in, 2));
  state->answers = get_answers(&in);
  state->asked = get_questions(&in);
  return !in.bad && in.rest.len == 0;
}

bool ask_state_open(const struct seal_ring *ring, struct slice text,
                    struct arena *arena, struct ask_state *state)
{
  struct buf plain = {0};
  *state = (struct ask_state){0};
  bool good = unseal(ring, purpose, text, &plain);
  struct slice kept = {0};
  if (good) kept = arena_copy(arena, buf_slice(&plain));
  buf_finish(&plain);
  return kept.data && decode(kept, arena, state);
}

// --- the request ---

struct member {
  struct slice name; // decoded
  uint32_t value;
};

static int by_name(const void *a, const void *b)
{
  const struct member *x = a, *y = b;
  size_t shorter = x->name.len < y->name.len ? x->name.len : y->name.len;
  int order = memcmp(x->name.data, y->name.data, shorter);
  return order ? order
               : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

struct spelling {
  const struct json_doc *doc;
  struct arena arena;
  struct buf out;
};

static void spell(struct spelling *s, uint32_t node);

static struct member *sorted(struct spelling *s, uint32_t object, size_t *n)
{
  size_t room = s->doc->nodes[object].count;
  struct member *list = arena_alloc(&s->arena, (room + 1) * sizeof(*list));
  *n = 0;
  uint32_t it = list ? json_first(s->doc, object) : JSON_NONE;
  while (it != JSON_NONE) {
    uint32_t value = json_next(s->doc, object, it);
    struct slice name = json_string(s->doc, it, &s->arena);
    if (!name.data) return NULL;
    list[(*n)++] = (struct member){name, value};
    it = json_next(s->doc, object, value);
  }
  if (list) qsort(list, *n, sizeof(*list), by_name);
  return list;
}

static bool is_of_the_round(struct slice name)
{
  return slice_is(name, "_meta") || slice_is(name, "requestState") ||
         slice_is(name, "inputResponses");
}

static void spell_object(struct spelling *s, uint32_t object, bool params)
{
  size_t n;
  const struct member *list = sorted(s, object, &n);
  if (!list) s->out.failed = true;
  buf_putc(&s->out, '{');
  for (size_t i = 0; list && i < n; i++) {
    if (params && is_of_the_round(list[i].name)) continue;
    json_sep(&s->out);
    json_put_string(&s->out, list[i].name);
    buf_putc(&s->out, ':');
    spell(s, list[i].value);
  }
  buf_putc(&s->out, '}');
}

static void spell_array(struct spelling *s, uint32_t array)
{
  buf_putc(&s->out, '[');
  uint32_t it = json_first(s->doc, array);
  for (; it != JSON_NONE; it = json_next(s->doc, array, it)) {
    json_sep(&s->out);
    spell(s, it);
  }
  buf_putc(&s->out, ']');
}

// As deep as the document, which has a limit.
static void spell(struct spelling *s, uint32_t node)
{
  enum json_type type = json_type(s->doc, node);
  if (type == JSON_OBJECT) {
    spell_object(s, node, false);
  } else if (type == JSON_ARRAY) {
    spell_array(s, node);
  } else if (type == JSON_STRING) {
    struct slice text = json_string(s->doc, node, &s->arena);
    if (!text.data) s->out.failed = true;
    json_put_string(&s->out, text);
  } else {
    buf_add(&s->out, json_raw(s->doc, node));
  }
}

bool ask_request_digest(const struct json_doc *doc, struct slice method,
                        uint32_t params, unsigned char out[SHA256_LEN])
{
  struct spelling s = {.doc = doc};
  json_put_string(&s.out, method);
  if (params != JSON_NONE) spell_object(&s, params, true);
  bool good = buf_ok(&s.out) && hash_sha256(buf_slice(&s.out), out);
  buf_finish(&s.out);
  arena_finish(&s.arena);
  return good;
}
