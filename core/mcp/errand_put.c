// errand_put.c -- a task as JSON, in both dialects.

#include "base/iso_time.h"
#include "base/json.h"
#include "mcp/errands.h"

static const char *status_name(enum errand_status status)
{
  switch (status) {
  case ERRAND_WORKING: return "working";
  case ERRAND_ASKING: return "input_required";
  case ERRAND_COMPLETED: return "completed";
  case ERRAND_FAILED: return "failed";
  case ERRAND_CANCELLED: return "cancelled";
  }
  return "";
}

static void put_time(struct buf *out, const char *name, int64_t ms)
{
  char text[ISO_TIME_MAX];
  json_put_name(out, name);
  json_put_string(out, slice_of(iso_time_print(text, ms) ? text : ""));
}

void errand_put_progress(struct buf *out, const struct call_progress *p)
{
  json_put_double(out, p->progress);
  if (p->has_total) {
    buf_puts(out, " of ");
    json_put_double(out, p->total);
  }
  if (p->message.data) {
    buf_puts(out, ": ");
    buf_add(out, p->message);
  }
}

bool errand_is_fault(enum error_code code)
{
  return code == E_SCRIPT || code == E_SCRIPT_LIMIT || code == E_INTERNAL ||
         code == E_NO_MEMORY;
}

void errand_put(struct buf *out, const struct errand_view *v)
{
  bool modern = v->era == ERA_MODERN;
  json_put_name(out, "taskId");
  json_put_string(out, v->id);
  json_put_name(out, "status");
  json_put_string(out, slice_of(status_name(v->status)));
  if (v->says.data) {
    json_put_name(out, "statusMessage");
    json_put_string(out, v->says);
  }
  put_time(out, "createdAt", v->created_ms);
  put_time(out, "lastUpdatedAt", v->changed_ms);
  json_put_name(out, modern ? "ttlMs" : "ttl");
  json_put_int(out, v->ttl_ms);
  json_put_name(out, modern ? "pollIntervalMs" : "pollInterval");
  json_put_int(out, v->poll_ms);
}

void errand_put_details(struct buf *out, const struct errand_view *v)
{
  if (v->status == ERRAND_ASKING) {
    json_put_name(out, "inputRequests");
    errand_put_questions(out, v);
  } else if (v->outcome.len) {
    json_put_name(out, v->fault ? "error" : "result");
    buf_add(out, v->outcome);
  }
}
