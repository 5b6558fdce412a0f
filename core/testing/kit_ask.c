// kit_ask.c -- the user and the client that calls of the kit ask.

#include <string.h>

#include "script/convert.h"
#include "testing/kit.h"

// --- a question, as a table ---

// What is asked, whoever holds it.
struct asked {
  enum ask_kind kind;
  struct slice key, params;
};

static void set_member(lua_State *L, const char *from, const char *to)
{
  if (lua_istable(L, -1)) // question params
    lua_getfield(L, -1, from);
  else
    lua_pushnil(L);
  lua_setfield(L, -3, to); // question params
}

static void push_question(lua_State *L, struct kit *kit, const struct asked *q)
{
  static const char *const kinds[ASK_KINDS] = {"form", "url", "sample",
                                               "roots"};
  lua_createtable(L, 0, 7); // question
  kit_set_slice(L, "kind", slice_of(kinds[q->kind]));
  kit_set_slice(L, "key", q->key);
  lua_pushinteger(
      L, (lua_Integer)((loop_now(kit->loop) - KIT_START_NS) / NS_PER_MS));
  lua_setfield(L, -2, "at_ms");             // question
  kit_push_json(L, q->params, &kit->asked); // question params
  set_member(L, "message", "message");
  set_member(L, "requestedSchema", "fields");
  set_member(L, "url", "url");
  lua_setfield(L, -2, "params"); // question
}

// --- an answer, as JSON ---

static void put(lua_State *L, struct buf *out, const char *name, int index)
{
  struct error err;
  json_put_name(out, name);
  if (convert_put(L, index, NULL, out, &err) != OK)
    luaL_error(L, "an answer: %s: %s", name, err.message);
}

// answer[name] as the member `as`, if it is there. -0 +0
static bool put_field(lua_State *L, struct buf *out, const char *name,
                      const char *as)
{
  bool there = lua_getfield(L, 1, name) != LUA_TNIL; // value
  if (there) put(L, out, as, lua_gettop(L));
  lua_pop(L, 1); //
  return there;
}

static void put_choice(lua_State *L, struct buf *out)
{
  if (!put_field(L, out, "action", "action"))
    buf_puts(out, "\"action\":\"accept\"");
  put_field(L, out, "values", "content");
}

static void put_sample(lua_State *L, struct buf *out)
{
  if (!put_field(L, out, "role", "role"))
    buf_puts(out, "\"role\":\"assistant\"");
  if (!put_field(L, out, "model", "model"))
    buf_puts(out, ",\"model\":\"test\"");
  put_field(L, out, "stop_reason", "stopReason");
  if (put_field(L, out, "content", "content")) return;
  lua_getfield(L, 1, "text"); // text
  buf_puts(out, ",\"content\":{\"type\":\"text\"");
  put(L, out, "text", lua_gettop(L));
  buf_putc(out, '}');
  lua_pop(L, 1); //
}

static void check_action(lua_State *L)
{
  static const char *const actions[] = {"accept", "decline", "cancel"};
  if (lua_getfield(L, 1, "action") != LUA_TNIL) { // action
    const char *action = luaL_tolstring(L, -1, NULL);
    size_t i = 0;
    while (i < 3 && strcmp(action, actions[i]))
      i++;
    if (i == 3)
      luaL_error(L, "an answer: an action is accept, decline or cancel, not %s",
                 action);
    lua_pop(L, 1); // action
  }
  lua_pop(L, 1); //
}

// The table or string at 1.
static void put_answer(lua_State *L, enum ask_kind kind, struct buf *out)
{
  static const char *const names[] = {
      "action",  "values", "text",        "role", "model",
      "content", "roots",  "stop_reason", "raw",  NULL};
  if (lua_type(L, 1) == LUA_TSTRING) { // "decline"
    lua_createtable(L, 0, 1);          // text answer
    lua_insert(L, 1);                  // answer text
    lua_setfield(L, 1, "action");      // answer
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  kit_check_keys(L, 1, "an answer", names);
  check_action(L);
  if (lua_getfield(L, 1, "raw") != LUA_TNIL) { // answer raw
    struct error err;
    if (lua_type(L, -1) == LUA_TSTRING)
      buf_puts(out, lua_tostring(L, -1));
    else if (convert_put(L, -1, NULL, out, &err) != OK)
      luaL_error(L, "an answer: raw: %s", err.message);
    return;
  }
  buf_putc(out, '{');
  if (kind == ASK_ROOTS)
    put_field(L, out, "roots", "roots");
  else if (kind == ASK_SAMPLE)
    put_sample(L, out);
  else
    put_choice(L, out);
  buf_putc(out, '}');
}

// --- asking the spec ---

struct asking_spec {
  struct kit *kit;
  const struct asked *q;
  struct buf *out; // nothing: nobody answers
};

// Leaves the next answer of the list on the top; the last one stays. -1 +1
static void take_next(lua_State *L)
{
  lua_rawgeti(L, -1, 1);       // list answer
  if (lua_rawlen(L, -2) > 1) { // list answer
    lua_Integer n = (lua_Integer)lua_rawlen(L, -2);
    for (lua_Integer k = 1; k <= n; k++) {
      lua_rawgeti(L, -2, k + 1); // list answer next
      lua_rawseti(L, -3, k);     // list answer
    }
  }
  lua_replace(L, -2); // answer
}

// The protected part: questions, answers, how.
static int ask_spec(lua_State *L)
{
  struct asking_spec *s = lua_touserdata(L, 3);
  lua_settop(L, 2);                                     // questions answers
  push_question(L, s->kit, s->q);                       // + question
  lua_pushvalue(L, -1);                                 // + question question
  lua_rawseti(L, 1, (lua_Integer)lua_rawlen(L, 1) + 1); // + question
  lua_insert(L, 1);                                     // question qs answers
  take_next(L);                                         // question qs answer
  lua_replace(L, 2);                                    // question answer
  if (lua_isfunction(L, 2)) {
    lua_insert(L, 1);  // fn question
    lua_call(L, 1, 1); // answer
  } else {
    lua_remove(L, 1); // answer
  }
  if (lua_isnil(L, 1)) return 0;
  put_answer(L, s->q->kind, s->out);
  return 0;
}

// False: nobody answers. Runs inside the engine, so what it raises waits until
// that is left.
static bool ask(struct kit *kit, const struct asked *q, struct buf *out)
{
  lua_State *L = kit->L;
  struct asking_spec s = {kit, q, out};
  if (!L || kit->raised || !lua_checkstack(L, 8)) return false;
  lua_pushcfunction(L, ask_spec);
  lua_getiuservalue(L, kit->self, KIT_QUESTIONS);
  lua_getiuservalue(L, kit->self, KIT_ANSWERS);
  lua_pushlightuserdata(L, &s); // fn questions answers how
  if (lua_pcall(L, 3, 0, 0) == LUA_OK) return out->len > 0;
  kit->raised = true;
  lua_setiuservalue(L, kit->self, KIT_RAISED);
  return false;
}

// --- a call that waits ---

static struct kit_client *client_of(struct asker *a)
{
  return LIST_ITEM(a, struct kit_client, parked);
}

static unsigned lacks(struct asker *a, unsigned needs)
{
  return needs & ~client_of(a)->can;
}

static enum error_code park(struct asker *a, struct question *q,
                            struct error *err)
{
  (void)err;
  struct kit_client *c = client_of(a);
  if (list_empty(&c->open)) loop_defer(c->kit->loop, &c->turn);
  list_append(&c->open, &q->link);
  return OK;
}

static void drop(struct asker *a, struct question *q, bool late)
{
  (void)late;
  struct kit_client *c = client_of(a);
  list_remove(&q->link);
  if (list_empty(&c->open)) deferred_cancel(&c->turn);
}

// Each is told of in its turn: answering one may drop or ask others.
static void answer_parked(void *ctx)
{
  struct kit_client *c = ctx;
  struct list now;
  list_init(&now);
  while (!list_empty(&c->open)) {
    struct list *first = c->open.next;
    list_remove(first);
    list_append(&now, first);
  }
  while (!list_empty(&now)) {
    struct question *q = LIST_ITEM(now.next, struct question, link);
    struct asked asked = {q->kind, q->key, q->params};
    struct buf text = {0};
    struct error err;
    list_remove(&q->link);
    if (!ask(c->kit, &asked, &text)) // it waits for its time to be over
      list_append(&c->unanswered, &q->link);
    else if (question_answer(q, buf_slice(&text), &err) != OK)
      question_fail(q, err.code, "%s", err.message);
    buf_finish(&text);
  }
}

void kit_client_ask_again(struct kit_client *c)
{
  if (list_empty(&c->unanswered)) return;
  if (list_empty(&c->open)) loop_defer(c->kit->loop, &c->turn);
  LIST_EACH (it, &c->unanswered) {
    list_remove(it);
    list_append(&c->open, it);
  }
}

static const struct asker_ops park_ops = {lacks, park, drop, NULL, NULL};

// --- a call that is replayed ---

static void on_round(struct replay *r)
{
  struct kit_client *c = LIST_ITEM(r, struct kit_client, replay);
  c->suspend(c);
}

bool kit_client_answers(struct kit_client *c)
{
  bool all = !c->replay.failed;
  struct replay_question *it = c->replay.asked;
  for (; it && all; it = it->next) {
    struct asked asked = {it->kind, it->key, it->params};
    struct buf text = {0};
    all = ask(c->kit, &asked, &text) &&
          replay_add(&c->replay, it->digest, buf_slice(&text));
    buf_finish(&text);
  }
  replay_again(&c->replay);
  return all;
}

// --- the life ---

void kit_client_init(struct kit_client *c, struct kit *kit)
{
  c->kit = kit;
  c->can = (1u << ASK_NEEDS) - 1;
  c->parked.ops = &park_ops;
  list_init(&c->open);
  list_init(&c->unanswered);
  deferred_init(&c->turn, answer_parked, c);
  c->replay = (struct replay){
      .loop = kit->loop, .arena = &c->arena, .on_round = on_round};
  replay_init(&c->replay);
}

void kit_client_finish(struct kit_client *c)
{
  deferred_cancel(&c->turn);
  deferred_cancel(&c->replay.turn);
  arena_finish(&c->arena);
}

struct asker *kit_client_asker(struct kit_client *c)
{
  c->replay.can = c->can;
  return c->parks ? &c->parked : &c->replay.asker;
}

// --- methods ---

/// kit:answer(answer: table|string|function, ...): kit
/// What the user says to the questions of scripts; each is for one question,
/// the last stays. What waits for an answer, as a task does, is asked again.
int kit_answer(lua_State *L)
{
  struct kit *kit = kit_check(L);
  int n = lua_gettop(L) - 1;
  lua_createtable(L, n, 0); // ... list
  for (int k = 1; k <= n; k++) {
    int type = lua_type(L, k + 1);
    luaL_argcheck(
        L, type == LUA_TTABLE || type == LUA_TSTRING || type == LUA_TFUNCTION,
        k + 1, "an answer is a table, an action or a function");
    lua_pushvalue(L, k + 1); // ... list answer
    lua_rawseti(L, -2, k);   // ... list
  }
  lua_setiuservalue(L, 1, KIT_ANSWERS);
  kit_ask_again(kit);
  lua_settop(L, 1);
  return 1;
}

/// kit:questions(): table
/// All that was asked since the kit was made or cleared, oldest first.
int kit_questions(lua_State *L)
{
  kit_check(L);
  lua_getiuservalue(L, 1, KIT_QUESTIONS); // list
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
  lua_createtable(L, (int)n, 0); // list copy
  for (lua_Integer k = 1; k <= n; k++) {
    lua_rawgeti(L, -2, k); // list copy question
    lua_rawseti(L, -2, k); // list copy
  }
  return 1;
}
