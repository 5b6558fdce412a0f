// result.c -- see result.h for the contract.

#include "mcp/result.h"

#include <assert.h>
#include <stdio.h>

#include "base/json.h"
#include "mcp/downgrade.h"

// --- before anything is written ---

static bool is_json(struct slice text)
{
  return json_valid(text, (struct json_limits){0}, NULL) == OK;
}

static void fail(struct call_result *r, enum error_code code, const char *text)
{
  r->form = CALL_ERROR;
  r->details = (struct slice){0};
  r->error.status = 0;
  r->error.retry_after_ms = -1;
  error_set(&r->error, code, "%s", text);
}

// A secret that stood bare in JSON (a number, say) leaves something that is
// JSON no more; then it goes out as the text that it is.
static void hide_secrets(struct call_result *r,
                         const struct secret_set *secrets,
                         struct result_cleaned *c)
{
  if (secret_hide(secrets, &r->body, &c->body)) {
    bool text = r->form == CALL_TEXT || !is_json(r->body);
    if (text && r->form != CALL_ERROR) r->form = CALL_TEXT;
  }
  if (secret_hide(secrets, &r->details, &c->details) && !is_json(r->details))
    r->details = (struct slice){0};
  if (secret_hide(secrets, &r->content, &c->content) && !is_json(r->content))
    r->content = (struct slice){0};
  if (secret_hide(secrets, &r->meta, &c->meta) && !is_json(r->meta))
    r->meta = (struct slice){0};
  struct slice message = slice_of(r->error.message);
  if (r->form == CALL_ERROR && secret_hide(secrets, &message, &c->message))
    error_set(&r->error, r->error.code, "%.*s", SLICE_ARG(message));
}

static char first_byte(struct slice json)
{
  for (size_t i = 0; i < json.len; i++)
    if (!strchr(" \t\r\n", json.data[i])) return json.data[i];
  return '\0';
}

static void check_body(struct call_result *r)
{
  bool json = r->form == CALL_JSON || r->form == CALL_CONTENT;
  if (!json || r->body_checked) return;
  if (!is_json(r->body))
    fail(r, E_BAD_RESPONSE, "the service gave an answer that is not JSON");
  else if (r->form == CALL_CONTENT && first_byte(r->body) != '[')
    fail(r, E_SCRIPT, error_sentence(E_SCRIPT));
}

void result_clean(struct call_result *r, const struct secret_set *secrets,
                  struct result_cleaned *c)
{
  check_body(r);
  hide_secrets(r, secrets, c);
}

void result_cleaned_finish(struct result_cleaned *c)
{
  buf_finish(&c->body);
  buf_finish(&c->content);
  buf_finish(&c->meta);
  buf_finish(&c->message);
  buf_finish(&c->details);
}

// --- errors ---

// One sentence that a model can act on.
static void put_sentence(struct buf *out, const struct call_result *r)
{
  const struct error *e = &r->error;
  json_put_escaped(out, slice_of(e->message));
  if (r->side_effect == SIDE_EFFECT_POSSIBLE)
    buf_puts(out, "; it may have taken effect all the same");
  else if (r->side_effect == SIDE_EFFECT_DONE)
    buf_puts(out, "; it has taken effect all the same");
  if (e->retry_after_ms >= 0)
    buf_printf(out, "; try again in %lld s",
               (long long)(e->retry_after_ms + 999) / 1000);
  else if (error_may_retry(e->code))
    buf_puts(out, "; trying again later may help");
}

void result_put_error(struct buf *out, const struct call_result *r,
                      struct slice request_id)
{
  buf_printf(out, "{\"code\":\"%s\",\"message\":", error_name(r->error.code));
  json_put_string(out, slice_of(r->error.message));
  if (r->details.len) {
    buf_puts(out, ",\"details\":");
    buf_add(out, r->details);
  }
  if (r->error.retry_after_ms >= 0) {
    buf_puts(out, ",\"retry_after_ms\":");
    json_put_int(out, r->error.retry_after_ms);
  }
  buf_printf(out, ",\"attempts\":%u,\"side_effect\":\"%s\",\"request_id\":",
             r->attempts, side_effect_name(r->side_effect));
  json_put_string(out, request_id);
  buf_putc(out, '}');
}

// --- the result ---

static bool has_structured(const struct result_style *style)
{
  return style->revision >= REVISION_2025_06_18;
}

static void put_text_block(struct buf *out, struct slice text)
{
  buf_add(out, SLICE("{\"content\":[{\"type\":\"text\",\"text\":\""));
  json_put_escaped(out, text);
  buf_add(out, SLICE("\"}]"));
}

// What a script gives for those that do not read the value, else the same as
// text.
static void put_shown(struct buf *out, const struct call_result *r,
                      const struct result_style *style)
{
  if (!r->content.data) {
    put_text_block(out, r->body);
    return;
  }
  buf_add(out, SLICE("{\"content\":"));
  downgrade_content(out, r->content, style->revision);
}

// What legacy takes is an object: another value becomes { "result": value }.
static void put_json(struct buf *out, const struct call_result *r,
                     const struct result_style *style)
{
  put_shown(out, r, style);
  if (!has_structured(style)) return;
  bool wraps = style->revision < REVISION_2026_07_28 &&
               (first_byte(r->body) != '{' || downgrade_wraps(style->tool));
  buf_add(out, SLICE(",\"structuredContent\":"));
  if (wraps) buf_add(out, SLICE("{\"result\":"));
  buf_add(out, r->body);
  if (wraps) buf_putc(out, '}');
}

// A tool that declared its result promised structuredContent.
static void put_text(struct buf *out, const struct call_result *r,
                     const struct result_style *style)
{
  put_text_block(out, r->body);
  if (!style->tool->result || !has_structured(style)) return;
  bool wraps = style->revision < REVISION_2026_07_28;
  buf_add(out, SLICE(",\"structuredContent\":"));
  if (wraps) buf_add(out, SLICE("{\"result\":"));
  json_put_string(out, r->body);
  if (wraps) buf_putc(out, '}');
}

static void put_content(struct buf *out, const struct call_result *r,
                        const struct result_style *style)
{
  buf_add(out, SLICE("{\"content\":"));
  downgrade_content(out, r->body, style->revision);
}

// structuredContent of an error would not be what the tool's schema promises.
static bool error_is_structured(const struct result_style *style)
{
  return !style->tool->result && has_structured(style);
}

static void put_error(struct buf *out, const struct call_result *r,
                      const struct result_style *style)
{
  buf_add(out, SLICE("{\"content\":[{\"type\":\"text\",\"text\":\""));
  put_sentence(out, r);
  buf_add(out, SLICE("\"}],\"isError\":true"));
  if (!error_is_structured(style)) return;
  buf_add(out, SLICE(",\"structuredContent\":"));
  result_put_error(out, r, style->request_id);
}

void result_put_modern_tail(struct buf *out, struct slice server_info)
{
  buf_add(out, SLICE(",\"resultType\":\"complete\","
                     "\"_meta\":{\"io.modelcontextprotocol/serverInfo\":"));
  buf_add(out, server_info);
}

// Not what was asked for, but the next best.
static void put_degraded(struct buf *out, const struct call_result *r)
{
  json_put_name(out, "dev.tidegate/degraded");
  buf_puts(out, "true");
  json_put_name(out, "dev.tidegate/source");
  json_put_string(out, r->degraded);
  if (r->age_ms < 0) return;
  json_put_name(out, "dev.tidegate/age_ms");
  json_put_int(out, r->age_ms);
}

// The members of the script's own object.
static void put_own_meta(struct buf *out, struct slice meta)
{
  if (meta.len <= 2) return;
  json_sep(out);
  buf_add(out, (struct slice){meta.data + 1, meta.len - 2});
}

// The end of the result: what the modern revision asks for, and our own keys.
static void put_tail(struct buf *out, const struct call_result *r,
                     const struct result_style *style)
{
  bool modern = style->revision >= REVISION_2026_07_28;
  bool error = r->form == CALL_ERROR && !error_is_structured(style);
  bool trail = style->with_trail && r->trail;
  bool task = style->task.data != NULL;
  bool meta = error || trail || task || r->degraded.data ||
              (r->form != CALL_ERROR && r->meta.len > 2);
  if (modern)
    result_put_modern_tail(out, style->server_info);
  else if (meta)
    buf_add(out, SLICE(",\"_meta\":{"));
  if (task) {
    json_put_name(out, "io.modelcontextprotocol/related-task");
    buf_puts(out, "{\"taskId\":");
    json_put_string(out, style->task);
    buf_putc(out, '}');
  }
  if (r->form != CALL_ERROR) put_own_meta(out, r->meta);
  if (r->degraded.data) put_degraded(out, r);
  if (error) {
    json_put_name(out, "dev.tidegate/error");
    result_put_error(out, r, style->request_id);
  }
  if (trail) {
    json_put_name(out, "dev.tidegate/trail");
    trail_json(r->trail, out);
  }
  buf_puts(out, modern || meta ? "}}" : "}");
}

void result_put(struct buf *out, const struct call_result *result,
                const struct result_style *style)
{
  struct call_result r = *result;
  struct result_cleaned cleaned = {0};
  result_clean(&r, style->secrets, &cleaned);

  // Twice the body, and an eighth for the quotes that are escaped in one.
  buf_reserve(out, r.body.len * 2 + r.body.len / 8 + 1024);
  switch (r.form) {
  case CALL_JSON: put_json(out, &r, style); break;
  case CALL_TEXT:
  case CALL_BYTES: put_text(out, &r, style); break;
  case CALL_CONTENT: put_content(out, &r, style); break;
  case CALL_ERROR: put_error(out, &r, style); break;
  }
  put_tail(out, &r, style);
  result_cleaned_finish(&cleaned);
}
