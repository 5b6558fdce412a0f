// t_base.h -- what the C modules for specs share: slices in, buffers out.

#ifndef TESTING_T_BASE_H
#define TESTING_T_BASE_H

#include <lauxlib.h>

#include "base/buf.h"
#include "base/slice.h"

// Borrows the string for as long as it stays on the stack.
static inline struct slice t_slice(lua_State *L, int index)
{
  struct slice s;
  s.data = luaL_checklstring(L, index, &s.len);
  return s;
}

// The bytes, or nil if an append failed; ends the buffer. -0 +1
static inline int t_finish(lua_State *L, struct buf *b)
{
  if (buf_ok(b))
    lua_pushlstring(L, buf_slice(b).data, b->len);
  else
    lua_pushnil(L);
  buf_finish(b);
  return 1;
}

#endif
