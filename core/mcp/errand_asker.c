// errand_asker.c -- a handler that runs on asks: its task waits, and the client
// finds the question when it looks.
//
// The names of questions are never used twice in a task (clients answer each
// once), so one whose answer was wrong comes again under another.

#include <string.h>

#include "base/json.h"
#include "mcp/ask.h"
#include "mcp/errands.h"

static struct errand_asker *asker_of(struct asker *a)
{
  return LIST_ITEM(a, struct errand_asker, asker);
}

static unsigned lacks(struct asker *a, unsigned needs)
{
  return needs & ~asker_of(a)->can;
}

static int64_t now(const struct errand_asker *a)
{
  return loop_wall_ms(a->server->options.loop);
}

// A secret that stood bare in JSON leaves something that is JSON no more: then
// it is not asked.
static bool ask(struct errand_asker *a, const struct question *q,
                struct slice name)
{
  struct buf request = {0}, clean = {0};
  buf_puts(&request, "{\"method\":");
  json_put_string(&request, slice_of(ask_method(q->kind)));
  buf_puts(&request, ",\"params\":");
  buf_add(&request, q->params);
  buf_putc(&request, '}');
  struct slice json = buf_slice(&request);
  bool hidden = secret_hide(a->server->options.secrets, &json, &clean);
  bool good =
      buf_ok(&request) &&
      (!hidden || json_valid(json, (struct json_limits){0}, NULL) == OK) &&
      errand_ask(a->errand, name, json, now(a));
  buf_finish(&request);
  buf_finish(&clean);
  return good;
}

static enum error_code put(struct asker *base, struct question *q,
                           struct error *err)
{
  struct errand_asker *a = asker_of(base);
  if (!ask(a, q, q->key))
    return error_set(err, E_UNAVAILABLE,
                     "there is no room for another question");
  list_append(&a->open, &q->link);
  return OK;
}

static void drop(struct asker *base, struct question *q, bool late)
{
  struct errand_asker *a = asker_of(base);
  (void)late;
  list_remove(&q->link);
  errand_unask(a->errand, q->key, now(a));
}

static const struct asker_ops ops = {lacks, put, drop, NULL, NULL};

void errand_asker_init(struct errand_asker *a, struct errand *e,
                       const struct mcp_server *s, unsigned can)
{
  *a = (struct errand_asker){{&ops}, e, s, can, {NULL, NULL}, 0};
  list_init(&a->open);
}

// The name that it was asked by first.
static struct slice first_name(struct slice name)
{
  const char *mark = memchr(name.data, '#', name.len);
  if (mark) name.len = (size_t)(mark - name.data);
  return name;
}

static struct question *find(const struct errand_asker *a, struct slice name)
{
  name = first_name(name);
  LIST_EACH (it, &a->open) {
    struct question *q = LIST_ITEM(it, struct question, link);
    if (slice_eq(q->key, name)) return q;
  }
  return NULL;
}

static void ask_again(struct errand_asker *a, struct question *q,
                      const struct error *why)
{
  struct buf name = {0};
  buf_add(&name, q->key);
  buf_printf(&name, "#%u", ++a->again);
  errand_say(a->errand, slice_of(why->message), now(a));
  bool good =
      a->again < ASK_TOTAL_MAX && buf_ok(&name) && ask(a, q, buf_slice(&name));
  buf_finish(&name);
  if (good) return;
  list_remove(&q->link);
  question_fail(q, E_BAD_RESPONSE, "%s", why->message);
}

void errand_asker_answer(struct errand_asker *a,
                         const struct errand_answer *answer)
{
  struct question *q = find(a, answer->question);
  struct error err = {.retry_after_ms = -1};
  if (!q) return; // its time was over
  if (answer->error)
    question_refused(q, answer->text);
  else if (question_answer(q, answer->text, &err) != OK)
    ask_again(a, q, &err);
}
