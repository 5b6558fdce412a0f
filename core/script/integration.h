// integration.h -- one load on its way: files, policies, integrations; for
// generation*.c, integration*.c and policy_read.c alone.
//
// What is read of a script is a draft; drafts become the catalog when all files
// are known to be good. Everything lives in the arena of the catalog except
// schemas, which the draft owns until then.

#ifndef SCRIPT_INTEGRATION_H
#define SCRIPT_INTEGRATION_H

#include "script/catalog.h"
#include "script/generation.h"
#include "script/read.h"

#define SLOT_DEPTH 4

// Where in the table of a script something stands: tools, list_issues, run.
struct slot_path {
  struct slice names[SLOT_DEPTH]; // as far as they are there
};

// A function of the script: where it stands, and its number.
struct slot {
  struct slot *next;
  uint32_t number;
  struct slot_path path;
};

struct tool_draft {
  struct tool_draft *next;
  struct tool tool;
};

struct offer_draft {
  struct offer_draft *next;
  enum offer_kind kind;
  struct offer offer;
};

struct draft {
  struct draft *next;
  struct integration integration;
  struct slot *slots;
  struct tool_draft *tools;
  struct offer_draft *offers;
};

struct source_file {
  struct slice shown; // "github.lua", "github/init.lua"
  struct slice stem;  // "github"
  struct slice text;
  struct draft *draft; // NULL until it was read
};

// A file that was required: read once, so that every VM runs the same text.
struct module_file {
  struct module_file *next;
  struct slice shown, text;
};

struct policy_draft {
  struct policy_draft *next;
  struct policy policy;
  struct slice file;
};

struct loading {
  const struct generation_options *options;
  struct faults *faults;
  struct catalog *catalog;
  struct vm **vms; // [options->workers]
  struct source_file *files;
  size_t file_count;
  struct module_file *modules;
  struct policy_draft *policies;
  bool policies_broken; // some of them could not be read
  struct draft *drafts;
  struct buf text; // whatever is being written or read
};

// The table that a script returned, kept in the registry of its VM.
void load_keep_table(struct loading *load, struct vm *vm); // -1 +0
void load_push_table(lua_State *L);                        // -0 +1

// Notes what vm_load() said, without the file's name before the line.
void load_say(struct loading *load, const struct error *err);

// --- generation_files.c ---

// Fills load->files with scripts_dir, sorted. Notes what cannot be read.
void load_find_scripts(struct loading *load);
// The files of a folder by name, sorted; absent if the folder cannot be read.
struct slice *load_list(struct loading *load, struct slice dir, size_t *count);
// The text of dir/name, absent with a fault noted if it cannot be had.
struct slice load_read_file(struct loading *load, struct slice dir,
                            struct slice name);
// vm_options.read_module
enum error_code load_read_module(void *ctx, struct slice script,
                                 struct slice name, struct vm_module *module,
                                 struct error *err);
bool load_is_script_name(struct slice name); // [a-z][a-z0-9_]*
bool load_is_lua_file(struct slice name);    // and no editor's temporary

// --- policy_read.c ---
void load_policies(struct loading *load);
const struct policy *load_policy(const struct loading *load, struct slice name);

// --- integration_read.c: the kept table of the first VM ---
void integration_read(struct loading *load, struct source_file *file);
// The same functions of another VM into the slots of that VM.
void integration_bind(struct loading *load, struct source_file *file,
                      struct vm *vm);

// --- for integration_*.c ---

struct integration_reader {
  struct reader reader;
  struct loading *load;
  struct draft *draft;
};

// Takes the function on the top for a place. -1 +0; its number
uint32_t integration_slot(struct integration_reader *r, struct slot_path path);
// The policy named at `name` of the table; `fallback` if there is none.
const struct policy *integration_policy(struct integration_reader *r, int table,
                                        struct slice path,
                                        const struct policy *fallback);
// Notes where a policy that keeps answers does not suit who names it: the tool
// (or offer) at `path`, else the integration.
void integration_check_cache(struct integration_reader *r,
                             const struct tool *tool, struct slice path,
                             bool names_it);
void integration_upstream(struct integration_reader *r, int table);
// upstream.idempotency; the table `upstream`
void integration_idempotency(struct integration_reader *r, int upstream);
void integration_auth(struct integration_reader *r, int table);
void integration_tools(struct integration_reader *r, int table);
void integration_offers(struct integration_reader *r, int table);
// Is it a header that only the engine writes?
bool integration_owns_header(struct slice name);
// The schema at `name` of the table, else the one that `otherwise` says; NULL if
// that is absent, or with a fault.
struct schema *integration_schema(struct integration_reader *r, int table,
                                  struct slice path, const char *name,
                                  struct slice otherwise);
// Appends "name":"text", unless the text is absent.
void integration_put_text(struct buf *out, const char *name, struct slice text);
// "prefix_name", checked.
struct slice integration_full_name(struct integration_reader *r,
                                   struct slice path, struct slice name,
                                   const char *what);
// What clients show of it besides: members of its entry, each with a comma before
// it, and of its _meta, with commas between them.
enum shown_kind { SHOWN_TOOL, SHOWN_RESOURCE, SHOWN_TEMPLATE, SHOWN_PROMPT };
struct shown {
  struct slice members, meta;
};
void integration_shown(struct integration_reader *r, int table,
                       struct slice path, enum shown_kind kind,
                       struct shown *out);
// Reads { ttl_ms =, scope = } at `name`; false if there is none.
bool integration_cache(struct integration_reader *r, int table,
                       struct slice path, const char *name,
                       struct cache_hint *out);
// Apps have a media type of their own.
struct slice integration_app_mime(struct slice uri, struct slice mime);

// Writes tool->json.
struct tool_words {
  struct slice annotations_title;
  struct slice members; // as integration_shown() has them
};
void integration_tool_json(struct integration_reader *r, struct tool *tool,
                           const struct tool_words *words);

// --- catalog.c ---

// Moves what was drafted into the catalog. False when out of memory.
bool catalog_build(struct loading *load);

#endif
