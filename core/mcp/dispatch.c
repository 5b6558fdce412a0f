// dispatch.c -- the table of methods. A feature is a row and a file.

#include "mcp/capability.h"
#include "mcp/serve.h"

#define BOTH (METHOD_MODERN | METHOD_LEGACY)
#define WORK (BOTH | METHOD_WORK)
#define NAME(text)                                                             \
  {                                                                            \
    (text), sizeof(text) - 1                                                   \
  }

static const struct method requests[] = {
    {NAME("tools/call"), WORK | METHOD_ASKS, 0, tools_call_check,
     tools_call_run},
    {NAME("tools/list"), BOTH, 0, NULL, tools_list_run},
    {NAME("resources/list"), BOTH, 0, NULL, resources_list_run},
    {NAME("resources/templates/list"), BOTH, 0, NULL, templates_list_run},
    {NAME("resources/read"), WORK | METHOD_ASKS, 0, NULL, resources_read_run},
    {NAME("prompts/list"), BOTH, 0, NULL, prompts_list_run},
    {NAME("prompts/get"), WORK | METHOD_ASKS, 0, NULL, prompts_get_run},
    {NAME("completion/complete"), WORK, 0, NULL, complete_run},
    {NAME("subscriptions/listen"), METHOD_MODERN, 0, NULL, listen_run},
    {NAME("tasks/get"), METHOD_MODERN, CAPABILITY_TASKS, NULL, task_get_run},
    {NAME("tasks/update"), METHOD_MODERN, CAPABILITY_TASKS, NULL,
     task_update_run},
    {NAME("tasks/cancel"), METHOD_MODERN, CAPABILITY_TASKS, NULL,
     task_cancel_run},
    {NAME("tasks/get"), METHOD_LEGACY, 0, NULL, legacy_task_get_run},
    {NAME("tasks/cancel"), METHOD_LEGACY, 0, NULL, legacy_task_cancel_run},
    {NAME("tasks/result"), METHOD_LEGACY, 0, NULL, legacy_task_result_run},
    {NAME("tasks/list"), METHOD_LEGACY, 0, NULL, legacy_task_list_run},
    {NAME("logging/setLevel"), METHOD_LEGACY, 0, NULL, set_level_run},
    {NAME("resources/subscribe"), METHOD_LEGACY, 0, NULL, subscribe_run},
    {NAME("resources/unsubscribe"), METHOD_LEGACY, 0, NULL, unsubscribe_run},
    {NAME("ping"), METHOD_LEGACY, 0, NULL, ping_run},
    {NAME("server/discover"), METHOD_MODERN, 0, NULL, discover_run},
    {NAME("initialize"), METHOD_LEGACY, 0, NULL, initialize_run},
};

// Other notifications are accepted and mean nothing to us.
static const struct method notifications[] = {
    {NAME("notifications/cancelled"), BOTH, 0, NULL, cancelled_run},
    {NAME("notifications/initialized"), METHOD_LEGACY, 0, NULL,
     initialized_run},
};

const struct method_table method_requests = {requests, sizeof(requests) /
                                                           sizeof(requests[0])};
const struct method_table method_notifications = {
    notifications, sizeof(notifications) / sizeof(notifications[0])};
