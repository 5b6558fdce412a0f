// call_result.c -- see call_result.h for the contract.

#include "script/call_result.h"

#include <lauxlib.h>

#include "script/convert.h"
#include "script/fault.h"
#include "script/response.h"

static bool is_content(lua_State *L, int index)
{
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  luaL_getmetatable(L, CONTENT_TYPE); // own content
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2); //
  return same;
}

static bool is_content_list(lua_State *L, int index)
{
  if (!lua_istable(L, index)) return false;
  lua_rawgeti(L, index, 1); // first
  bool is = is_content(L, lua_gettop(L));
  lua_pop(L, 1); //
  return is;
}

bool call_result_is_content(lua_State *L, int index)
{
  return is_content(L, index) || is_content_list(L, index);
}

static enum error_code fail(struct call_result *r, const struct error *why)
{
  r->form = CALL_ERROR;
  r->error.status = 0;
  r->error.retry_after_ms = -1;
  return error_set(&r->error, E_BAD_RESPONSE,
                   "the tool's result cannot be used: %s", why->message);
}

// A body that cannot be read as text must be said to be what it is.
static enum error_code read_text(const struct tool *tool, struct slice text,
                                 struct call_result *r)
{
  size_t at;
  struct error why;
  r->form = CALL_TEXT;
  r->body = text;
  if (utf8_valid(text, &at)) return OK;
  if (tool->kind == KIND_RESOURCE) {
    r->form = CALL_BYTES;
    return OK;
  }
  error_set(&why, E_INVALID,
            "not text (byte %zu is not UTF-8); return binary data with "
            "tide.content.image or tide.content.resource",
            at);
  return fail(r, &why);
}

static enum error_code read_response(struct response *res,
                                     const struct tool *tool,
                                     struct call_result *r)
{
  struct slice body = buf_slice(&res->answer.body);
  struct error why;
  if (res->ended) {
    error_set(&why, E_INVALID, "a response of a call that has ended");
    return fail(r, &why);
  }
  if (!tool->result && !response_is_json(res)) return read_text(tool, body, r);
  r->form = CALL_JSON;
  r->body = body;
  if (json_valid(body, (struct json_limits){0}, &why) != OK)
    return fail(r, &why);
  r->body_checked = true;
  return OK;
}

static enum error_code write_value(lua_State *L, const struct schema *schema,
                                   struct buf *out, struct call_result *r)
{
  struct error why;
  enum error_code code = convert_put(L, 1, schema, out, &why);
  if (code != OK) return fail(r, &why);
  r->body = buf_slice(out);
  r->body_checked = true;
  return OK;
}

static enum error_code write_content(lua_State *L, struct buf *out,
                                     struct call_result *r)
{
  r->form = CALL_CONTENT;
  if (is_content_list(L, 1)) return write_value(L, NULL, out, r);
  buf_putc(out, '[');
  enum error_code code = write_value(L, NULL, out, r);
  buf_putc(out, ']');
  r->body = buf_slice(out);
  return code;
}

static enum error_code check_declared(const struct tool *tool,
                                      struct call_result *r)
{
  if (!tool->result) return OK;
  struct arena arena = {0};
  struct json_doc doc;
  struct error why;
  if (r->form != CALL_JSON) {
    error_set(&why, E_INVALID, "content, where a value is declared");
    return fail(r, &why);
  }
  enum error_code code =
      json_parse(&doc, r->body, (struct json_limits){0}, &arena, &why);
  if (code == OK) code = schema_check(tool->result, &doc, 0, &why);
  arena_finish(&arena);
  return code == OK ? OK : fail(r, &why);
}

static enum error_code read_nothing(const struct tool *tool,
                                    struct call_result *r)
{
  r->form = CALL_TEXT;
  r->body = SLICE("done");
  if (tool->kind == KIND_TOOL) return OK;
  r->form = CALL_ERROR;
  r->error.retry_after_ms = -1;
  return error_set(&r->error, E_NOT_FOUND, "there is no such thing");
}

static enum error_code read_form(lua_State *L, const struct tool *tool,
                                 struct buf *out, struct call_result *r)
{
  struct response *res = response_at(L, 1);
  if (res) return read_response(res, tool, r);
  if (call_result_is_content(L, 1)) return write_content(L, out, r);

  size_t len;
  const char *text;
  int type = lua_type(L, 1);
  if (tool->result) type = LUA_TTABLE; // a value, whatever it is
  switch (type) {
  case LUA_TNONE:
  case LUA_TNIL: return read_nothing(tool, r);
  case LUA_TSTRING:
    text = lua_tolstring(L, 1, &len);
    buf_append(out, text, len);
    return read_text(tool, buf_slice(out), r);
  default:
    r->form = CALL_JSON;
    lua_settop(L, 1); // nothing is null
    return write_value(L, tool->result, out, r);
  }
}

// --- tide.content.result ---

static bool is_whole(lua_State *L, int index)
{
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  luaL_getmetatable(L, RESULT_TYPE); // own result
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2); //
  return same;
}

static enum error_code fail_with(struct call_result *r, const char *what)
{
  struct error why;
  error_set(&why, E_INVALID, "%s", what);
  return fail(r, &why);
}

// The field of the table at 1 as JSON in the arena; absent if it is nil. -0 +0
static enum error_code read_part(lua_State *L, const char *name,
                                 struct arena *arena, struct slice *part,
                                 struct call_result *r)
{
  struct buf out = {0};
  struct error why;
  enum error_code code = OK;
  lua_pushstring(L, name);                   // name
  if (lua_rawget(L, 1) != LUA_TNIL) {        // part
    bool one = is_content(L, lua_gettop(L)); // of blocks
    if (one) buf_putc(&out, '[');
    code = convert_put(L, lua_gettop(L), NULL, &out, &why);
    if (one) buf_putc(&out, ']');
    if (code == OK) *part = arena_copy(arena, buf_slice(&out));
    if (code == OK && (!buf_ok(&out) || !part->data))
      code = error_set(&why, E_NO_MEMORY, "out of memory");
  }
  lua_pop(L, 1); //
  buf_finish(&out);
  return code == OK ? OK : fail(r, &why);
}

// Leaves its value at 1, so that it is read like any other.
static enum error_code open_whole(lua_State *L, const struct tool *tool,
                                  struct arena *arena, struct call_result *r)
{
  if (tool->kind != KIND_TOOL)
    return fail_with(r, "tide.content.result is for tools");
  enum error_code code = read_part(L, "content", arena, &r->content, r);
  if (code == OK) code = read_part(L, "meta", arena, &r->meta, r);
  if (code != OK) return code;
  lua_settop(L, 1);
  lua_pushliteral(L, "value"); // result "value"
  lua_rawget(L, 1);            // result value
  lua_replace(L, 1);           // value
  return OK;
}

// Without a value the blocks are all there is.
static enum error_code read_whole(lua_State *L, const struct tool *tool,
                                  struct buf *out, struct arena *arena,
                                  struct call_result *r)
{
  enum error_code code = open_whole(L, tool, arena, r);
  if (code != OK) return code;
  if (lua_isnil(L, 1) && r->content.data && !tool->result) {
    r->form = CALL_CONTENT;
    r->body = r->content;
    r->body_checked = true;
    r->content = (struct slice){0};
    return OK;
  }
  code = read_form(L, tool, out, r);
  if (code == OK && r->content.data && r->form != CALL_JSON)
    return fail_with(r, "a text or blocks, where content is given as well");
  return code;
}

enum error_code call_result_read(lua_State *L, const struct tool *tool,
                                 struct buf *out, struct arena *arena,
                                 struct call_result *r)
{
  enum error_code code = is_whole(L, 1) ? read_whole(L, tool, out, arena, r)
                                        : read_form(L, tool, out, r);
  if (code == OK) code = check_declared(tool, r);
  if (code == OK && !buf_ok(out)) {
    r->form = CALL_ERROR;
    return error_set(&r->error, E_NO_MEMORY, "the result is too large");
  }
  return code;
}

void call_result_details(lua_State *L, int index, struct arena *arena,
                         struct call_result *r)
{
  fault_read(L, index, &r->error);
  lua_pushliteral(L, "details");   // "details"
  int type = lua_rawget(L, index); // details
  if (type == LUA_TTABLE) {
    struct buf out = {0};
    if (convert_put(L, lua_gettop(L), NULL, &out, NULL) == OK && buf_ok(&out) &&
        out.data[0] == '{')
      r->details = arena_copy(arena, buf_slice(&out));
    buf_finish(&out);
  }
  lua_pop(L, 1); //
}
