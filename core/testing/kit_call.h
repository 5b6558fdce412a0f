// kit_call.h -- a call of the kit, for kit_call.c and kit_fields.c alone.

#ifndef TESTING_KIT_CALL_H
#define TESTING_KIT_CALL_H

#include "mcp/errand.h"
#include "testing/kit.h"

// In kit->calls while it runs. Freed when it has ended and Lua has dropped it.
struct kit_call {
  struct list link;
  struct kit *kit; // good while it runs
  struct call *call;
  struct kit_client client;
  struct call_options options; // to start it again with
  struct json_doc doc;
  struct deferred again;
  unsigned char run[RUN_ID_LEN];
  uint32_t deadline_ms;
  bool done, dropped;
  bool task, prepares, begun; // begun: prepared, or done
  char says[ERRAND_SAYS_MAX + 1];
  char tool[TOOL_NAME_MAX + 1];
  uint64_t start_ns, end_ns;

  enum call_form form;
  struct buf body, details, content, meta;
  struct error error;
  uint32_t attempts;
  enum side_effect side_effect;
  char source[24]; // of a degraded result
  int64_t age_ms;
  struct trail trail;

  struct buf text;      // scratch
  struct arena scratch; // scratch
};

// Pushes that field, nil while there is none. False: a call has no such field.
// +1 or +0 (kit_fields.c)
bool kit_push_field(lua_State *L, struct kit_call *c, const char *name);

#endif
