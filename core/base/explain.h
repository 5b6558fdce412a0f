// explain.h -- a trail, told to whoever was woken.
//
// The steps of one call as a timeline: when each was, how long it took, a bar
// that shows where in the call that was, and what was decided and why, in words.
// Waits are seen as dots, time on the wire as '=', what failed as '!'. Behind it
// the totals: attempts, time on the wire, time waited, the side effect.
//
//   shop_list: upstream_error after 2.040 s
//   https://shop.example, policy rest.read
//
//           at      took  |                    |
//         0 us            |                    | route     shop_list, generation 3
//         0 us    1.000 s |==========          | attempt   1 GET /items
//      1.000 s            |         !          | answer    503, 12 bytes: ...
//      1.000 s   40.0 ms  |          .         | backoff   waits 40 ms, then ...
//
// Whoever has a trail can print it: `tidegate call --explain`, the kit, the
// admin API. ASCII but for labels. Pure; any thread.

#ifndef BASE_EXPLAIN_H
#define BASE_EXPLAIN_H

#include "base/trail.h"

struct explained {
  const struct trail *trail; // of a call that has ended
  struct slice name;         // "shop_list"
  struct slice where;        // a line on service and policy; may be absent
  uint32_t attempts;
  enum side_effect side_effect;
};

// Appends to `out`.
void explain_print(const struct explained *e, struct buf *out);

// The words of one step, without its name. Appends to `out`. False: a kind that
// has no words of its own; its numbers are named instead. A spec calls this for
// every kind.
bool explain_step(const struct trail_step *step, struct buf *out);

// "85 us", "12.3 ms", "1.284 s".
void explain_time(uint64_t ns, char out[24]);

#endif
