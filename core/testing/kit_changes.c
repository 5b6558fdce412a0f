// kit_changes.c -- what scripts say has changed, for specs to read.

#include "testing/kit.h"

static void note(struct kit *kit, struct slice what)
{
  buf_add(&kit->changes, what);
  buf_putc(&kit->changes, '\n');
}

static void on_changed(void *ctx, enum list_kind list)
{
  note(ctx, slice_of(list_names[list]));
}

static void on_updated(void *ctx, struct slice uri)
{
  note(ctx, uri);
}

void kit_listen(struct kit *kit)
{
  kit->announcer = (struct announcer){on_changed, on_updated, kit};
  kit->live.announcer = &kit->announcer;
}

/// kit:changes(): string[]
/// Forgets them.
int kit_changes(lua_State *L)
{
  struct kit *kit = kit_check(L);
  struct slice rest = buf_slice(&kit->changes);
  lua_newtable(L); // list
  for (lua_Integer i = 1; rest.len; i++) {
    const char *end = memchr(rest.data, '\n', rest.len);
    size_t len = end ? (size_t)(end - rest.data) : rest.len;
    lua_pushlstring(L, rest.data, len); // list what
    lua_rawseti(L, -2, i);              // list
    rest = (struct slice){rest.data + len + 1, rest.len - len - 1};
  }
  buf_reset(&kit->changes, 0);
  return 1;
}
