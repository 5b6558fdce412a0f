// catalog.h -- the verified definitions of one generation, as plain C.
//
// Built once by the loader from the first VM, immutable from then on, shared
// by all workers. Functions of scripts are slots (vm.h), valid in each VM of
// the generation; 0 means that there is none.

#ifndef SCRIPT_CATALOG_H
#define SCRIPT_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"
#include "base/secret.h"
#include "guard/policy.h"
#include "net/header.h"
#include "script/schema.h"
#include "script/uri_template.h"

#define TOOL_NAME_MAX 64

enum auth_kind {
  AUTH_NONE,
  AUTH_BEARER,     // Authorization: Bearer <secret>
  AUTH_BASIC,      // Authorization: Basic base64(user:secret)
  AUTH_KEY_HEADER, // <name>: <secret>
  AUTH_KEY_QUERY,  // ?<name>=<secret>
  AUTH_FUNCTION    // auth(ctx, request)
};

struct auth {
  enum auth_kind kind;
  struct slice name;     // of the header or query parameter
  struct slice user;     // basic
  struct secret *secret; // NULL if optional and not there
  uint32_t slot;         // AUTH_FUNCTION
};

struct status_error { // upstream.errors = { [404] = "not_found" }
  int status;
  enum error_code code;
};

// How the service is told that a request is the same one again.
struct idempotency_rule {
  struct slice header; // absent: it knows no keys
  bool quoted;         // a structured field, as the IETF draft has it
  int64_t retention_ms;
};

// What clients may keep, and for how long.
struct cache_hint {
  bool said;
  bool partly; // of all integrations together: some of them say nothing
  bool shared; // with other callers
  int64_t ttl_ms;
};

// The lists that clients keep.
enum cached_list {
  CACHED_TOOLS,
  CACHED_RESOURCES,
  CACHED_TEMPLATES,
  CACHED_PROMPTS,
  CACHED_LISTS
};

struct integration {
  struct slice name, title, about, file;
  struct slice prefix; // of the names of its tools and prompts; may be empty
  struct slice instructions;             // absent if none
  struct cache_hint lists[CACHED_LISTS]; // of what is its own
  uint32_t index;
  struct slice base;  // "https://api.github.com", no trailing slash
  bool allow_private; // upstream.private = true, or a loopback base
  bool insecure_tls;
  const struct policy *policy;
  struct upstream
      *upstream; // shared state; set by who loads, before it is live
  const struct header *headers; // upstream.headers
  size_t header_count;
  const struct status_error *errors;
  size_t error_count;
  uint32_t errors_slot;   // upstream.errors as a function
  uint32_t classify_slot; // upstream.classify
  struct idempotency_rule idempotency;
  struct auth auth;
  struct tool **tools; // by short name
  size_t tool_count;
};

// Hints of MCP; -1 not said, 0 false, 1 true.
struct annotations {
  int8_t read_only, destructive, idempotent, open_world;
};

// Does it run on after the answer, as a task of the protocol?
enum task_support { TASK_NEVER, TASK_OPTIONAL, TASK_REQUIRED };

// What a call calls: a tool, or a handler that is called like one.
enum tool_kind { KIND_TOOL, KIND_RESOURCE, KIND_PROMPT };

struct tool {
  const struct integration *integration;
  enum tool_kind kind;
  uint32_t index;    // in catalog->tools
  struct slice name; // "github_list_issues"
  struct slice short_name, title, about;
  struct schema *args;   // {} takes no arguments; NULL: a resource's, unchecked
  struct schema *result; // NULL if not declared
  struct annotations annotations;
  const struct policy *policy; // never NULL
  uint32_t run_slot, fallback_slot;
  struct slice fallback_data; // JSON, in place of a fallback's function
  bool fallback_after_effect; // also when something may have been done
  enum task_support task;
  uint32_t prepare_slot; // runs before the task begins
  struct slice json;     // the tool as an entry of tools/list (modern form)
};

// A function that completes what a user begins to type: an argument of a
// prompt, a variable of a template.
struct completer {
  struct slice name;
  uint32_t slot; // (ctx, prefix, others)
};

// What is offered besides tools: a resource, a template of resources, a prompt.
struct offer {
  struct slice key;            // uri, text of the template, name of the prompt
  struct tool handler;         // how it is called; its json is the list's entry
  struct slice mime;           // of resources; absent if not said
  struct slice meta;           // members of the contents' _meta; may be empty
  struct cache_hint cache;     // of what is read
  struct uri_template pattern; // of templates
  const struct completer *completers;
  size_t completer_count;
};

enum offer_kind { OFFER_RESOURCE, OFFER_TEMPLATE, OFFER_PROMPT, OFFER_KINDS };

struct offer_list { // sorted by key
  struct offer *items;
  size_t count;
};

struct catalog {
  struct arena arena;
  uint64_t number; // of the generation
  struct integration *integrations;
  size_t integration_count;
  struct tool *tools; // sorted by name: the order of tools/list
  size_t tool_count;
  struct map by_name;
  struct offer_list offers[OFFER_KINDS];
  struct cache_hint lists[CACHED_LISTS]; // of all integrations together
  struct slice instructions;             // the same; absent if none
  struct policy *policies;
  size_t policy_count;
  uint32_t slots;          // functions in each VM: 1..slots
  struct secret **secrets; // references the catalog holds
  size_t secret_count;
};

// Gives each integration its upstream in `set`, by its name and base: another
// base is another upstream, with a record of its own. Before the catalog is
// live. False: no memory.
struct upstream_set;
bool catalog_join(struct catalog *c, struct upstream_set *set, uint64_t now_ns);

const struct tool *catalog_tool(const struct catalog *c, struct slice name);
// NULL when there is none of that key.
const struct offer *catalog_offer(const struct catalog *c, enum offer_kind kind,
                                  struct slice key);
// The first template that describes the URI; the variables are appended to
// `out` as a JSON object. NULL when there is none.
const struct offer *catalog_template(const struct catalog *c, struct slice uri,
                                     struct buf *out);
// Is it a resource, or does a template describe it?
bool catalog_has_resource(const struct catalog *c, struct slice uri);

// What clients see of each list, as a number: two generations with equal ones
// have equal lists.
struct catalog_digests {
  uint64_t tools, prompts, resources; // resources with their templates
};
struct catalog_digests catalog_digests(const struct catalog *c);

void catalog_free(struct catalog *c); // NULL is fine

#endif
