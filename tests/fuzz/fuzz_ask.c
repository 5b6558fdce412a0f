// fuzz_ask.c -- what clients send back for a question: sealed states, answers,
// and the requests that they belong to.
//
// Nothing opens but what was sealed here; a state of whatever bytes, sealed with
// the right key, is refused or means the same when it is sealed again. An answer
// is refused, or is what the question may have; a request has one digest, however
// it is spelt.

#include <stdint.h>
#include <stdlib.h>

#include "mcp/ask.h"
#include "mcp/ask_state.h"
#include "script/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
  if (!ok) abort();
}

// --- states ---

static void check_same(const struct ask_state *a, const struct ask_state *b)
{
  check(a->round == b->round && a->expires_ms == b->expires_ms);
  check(!memcmp(a->run, b->run, RUN_ID_LEN));
  check(!memcmp(a->request, b->request, SHA256_LEN));
  check(slice_eq(a->principal, b->principal));
  const struct replay_answer *x = a->answers, *y = b->answers;
  for (; x && y; x = x->next, y = y->next)
    check(slice_eq(x->text, y->text));
  check(!x && !y);
  const struct replay_question *p = a->asked, *q = b->asked;
  for (; p && q; p = p->next, q = q->next)
    check(slice_eq(p->key, q->key));
  check(!p && !q);
}

static void check_sealed(const struct seal_ring *ring, struct slice plain)
{
  struct arena arena = {0};
  struct buf text = {0}, again = {0};
  struct ask_state state, same;
  if (seal(ring, "ask", plain, &text) &&
      ask_state_open(ring, buf_slice(&text), &arena, &state)) {
    check(ask_state_seal(ring, &state, &again));
    check(ask_state_open(ring, buf_slice(&again), &arena, &same));
    check_same(&state, &same);
  }
  buf_finish(&text);
  buf_finish(&again);
  arena_finish(&arena);
}

static void check_states(struct slice input)
{
  struct arena arena = {0};
  struct seal_ring *ring; // a new key each time
  struct ask_state state;
  check(seal_ring_new(NULL, 0, &ring, NULL) == OK);
  check(!ask_state_open(ring, input, &arena, &state));
  check_sealed(ring, input);
  // Most inputs are too short: behind the fixed part they are longer.
  struct buf longer = {0};
  buf_putc(&longer, 1);
  for (int i = 0; i < 1 + 8 + RUN_ID_LEN + SHA256_LEN; i++)
    buf_putc(&longer, 0);
  buf_add(&longer, input);
  check_sealed(ring, buf_slice(&longer));
  buf_finish(&longer);
  arena_finish(&arena);
  seal_ring_free(ring);
}

// --- answers ---

static const char fields[] =
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},"
    "\"n\":{\"type\":\"integer\",\"default\":7},\"l\":{\"type\":\"array\","
    "\"items\":{\"type\":\"string\",\"enum\":[\"x\",\"y\"]}}}}";

static void on_settled(struct question *q)
{
  check(q->settled);
}

static void check_answer(enum ask_kind kind, const struct form *form,
                         struct slice input)
{
  struct error err;
  struct question q = {.kind = kind,
                       .form = form,
                       .params = SLICE("{}"),
                       .on_settled = on_settled};
  question_init(&q);
  if (question_answer(&q, input, &err) == OK)
    check(json_valid(buf_slice(&q.answer), (struct json_limits){0}, NULL) ==
          OK);
  else
    check(!q.settled);
  question_finish(&q);
}

static void check_answers(struct slice input)
{
  struct arena arena = {0};
  struct form form;
  struct buf params = {0}, changed = {0};
  check(form_make(&form, slice_of(fields), &arena, NULL) == OK);
  for (int kind = 0; kind < ASK_KINDS; kind++)
    check_answer((enum ask_kind)kind, &form, input);
  buf_puts(&params, "{\"requestedSchema\":");
  buf_add(&params, form.requested);
  buf_putc(&params, '}');
  if (upgrade_answer(&changed, buf_slice(&params), input))
    check(json_valid(buf_slice(&changed), (struct json_limits){0}, NULL) == OK);
  else
    check(changed.len == 0);
  buf_finish(&params);
  buf_finish(&changed);
  form_finish(&form);
  arena_finish(&arena);
}

// --- requests ---

// The input as params, as it is and with the members that do not count.
static void check_digest(struct slice input)
{
  unsigned char one[SHA256_LEN], two[SHA256_LEN];
  struct arena arena = {0};
  struct json_doc doc, more;
  struct buf text = {0}, spelt = {0};
  buf_puts(&text, "{\"p\":{\"a\":");
  buf_add(&text, input);
  buf_puts(&text, "}}");
  buf_puts(&spelt, "{ \"p\" : {\"_meta\":1,\"\\u0061\" : ");
  buf_add(&spelt, input);
  buf_puts(&spelt, " ,\"requestState\":\"s\" } }");
  struct json_limits limits = {0};
  if (json_parse(&doc, buf_slice(&text), limits, &arena, NULL) == OK &&
      json_parse(&more, buf_slice(&spelt), limits, &arena, NULL) == OK) {
    uint32_t p = json_get(&doc, 0, "p"), q = json_get(&more, 0, "p");
    check(ask_request_digest(&doc, SLICE("m"), p, one));
    check(ask_request_digest(&more, SLICE("m"), q, two));
    check(doc.nodes[p].count != 1 || !memcmp(one, two, SHA256_LEN));
  }
  buf_finish(&text);
  buf_finish(&spelt);
  arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct slice input = {(const char *)data, size};
  if (size > 60000) return 0;
  check_states(input);
  check_answers(input);
  check_digest(input);
  return 0;
}
