// announce.c -- see announce.h for the contract.

#include "mcp/announce.h"

static void tell_list(struct hub *hub, enum list_kind list)
{
  static const enum hub_topic topics[LIST_KINDS] = {
      [LIST_TOOLS] = HUB_TOOLS,
      [LIST_PROMPTS] = HUB_PROMPTS,
      [LIST_RESOURCES] = HUB_RESOURCES,
  };
  hub_publish(hub, topics[list], SLICE(""), SLICE(""));
}

static void on_changed(void *ctx, enum list_kind list)
{
  tell_list(ctx, list);
}

static void on_updated(void *ctx, struct slice uri)
{
  hub_publish(ctx, HUB_RESOURCE, uri, SLICE(""));
}

struct announcer announce_to(struct hub *hub)
{
  return (struct announcer){on_changed, on_updated, hub};
}

void announce_lists(struct hub *hub, const struct catalog_digests *before,
                    const struct catalog_digests *after)
{
  if (before->tools != after->tools) tell_list(hub, LIST_TOOLS);
  if (before->prompts != after->prompts) tell_list(hub, LIST_PROMPTS);
  if (before->resources != after->resources) tell_list(hub, LIST_RESOURCES);
}
