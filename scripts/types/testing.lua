---@meta tidegate.testing
error "types only"

--- The engine below the socket, in virtual time, for specs: tests/README.md.
local testing = {}

---@class tide.KitOptions
---@field scripts? string folder; "scripts"
---@field policies? string folder; "policies"
---@field secrets? table<string, string> what `secret = "name"` stands for
---@field env? table<string, string> what tide.env reads
---@field now? string the time at the beginning; "2026-01-01T00:00:00Z"
---@field seed? integer of all chance; 1
---@field cache_bytes? integer what may be kept of answers; 64 MiB
---@field script_bytes? integer what scripts may use; 64 MiB
---@field chaos_ms? integer for so long policies may inject faults (chaos.*); 0

--- What the service does with one request: an answer, or a way of failing.
---@class tide.Behaviour
---@field status? integer 200
---@field headers? table<string, string|string[]>
---@field json? any the body, as JSON
---@field body? string the body, as it is
---@field delay_ms? integer until the answer begins, or the failure comes
---@field body_ms? integer from there until its body is whole
---@field hang? boolean it never comes
---@field fail? tide.Failure
---@field sent? boolean false: it fails before the request is out

---@alias tide.Failure
---| "no_name" # the name does not resolve
---| "refused"
---| "connect_timeout"
---| "tls_failed"
---| "tls_untrusted"
---| "blocked" # the address is not allowed
---| "stale_connection" # a reused connection died before an answer
---| "reset"
---| "cut" # in the middle of the answer
---| "timeout"
---| "garbage" # no HTTP
---| "too_large"
---| "stream_refused"
---| "failed"

--- A request that went out.
---@class tide.SentRequest
---@field method string
---@field url string
---@field path string as it stands in the URL, without the query
---@field query table<string, string|string[]> decoded; a list if a name repeats
---@field headers table<string, string> by lower-case name
---@field body? string
---@field json? any the body, if it is JSON
---@field at_ms integer when, as of kit:now_ms()
---@field replayable boolean may it be sent twice
---@field matched boolean was there a rule for it

---@class tide.CallOptions
---@field principal? string who calls; "tester"
---@field request_id? string
---@field deadline_ms? integer if that is earlier than the policy's
---@field client? ("form"|"url"|"sample"|"tools"|"context"|"roots")[] what can be asked; all
---@field era? "modern"|"legacy" a question has the handler run again, or wait; "modern"

---@alias tide.TaskStatus "working"|"input_required"|"completed"|"failed"|"cancelled"

--- A call. But for `done`, fields are nil until it has ended.
---@class tide.KitCall
---@field done boolean
---@field status? tide.TaskStatus of a task, at any time
---@field status_message? string of a task: how far it says it is
---@field ok? boolean
---@field form? "json"|"text"|"content"|"error"|"bytes"
---@field value? any the result: decoded JSON or content, or the text
---@field body? string the result's bytes
---@field content? table[] blocks beside the value, of tide.content.result
---@field meta? table its `_meta`
---@field error? tide.Error
---@field attempts? integer on the wire
---@field side_effect? "none"|"possible"|"done"
---@field degraded? boolean not what was asked for but the next best
---@field source? string of a degraded result: "fallback", "static", "cache"
---@field age_ms? integer how old that is, if it is known
---@field ms? integer how long it took
---@field trail? table[] the steps: { step =, code =, at_us =, label = }
local KitCall = {}

--- The client leaves. False if the call had ended.
---@return boolean
function KitCall:cancel() end

--- Lets time go by until it has ended.
---@return tide.KitCall self
function KitCall:wait() end

--- The trail as `tidegate call` prints it.
---@return string
function KitCall:explain() end

--- The trail in words, as `tidegate call --explain` prints it.
---@return string
function KitCall:timeline() end

---@class tide.Kit
local Kit = {}

--- Loads all scripts and policies. Raises with every fault.
---@param options? tide.KitOptions
---@return tide.Kit
function testing.new(options) end

--- What becomes of requests: `"GET https://host/path*"`, where `*` is anything
--- and a pattern without `?` matches any query. The first request gets the first
--- behaviour, and so on; the last stays. Of several rules the newest counts.
--- What no rule matches is refused. A function decides when the request is there.
---@param pattern string
---@param behaviour tide.Behaviour|fun(request: tide.SentRequest): tide.Behaviour
---@param ... tide.Behaviour|fun(request: tide.SentRequest): tide.Behaviour
---@return tide.Kit self
function Kit:upstream(pattern, behaviour, ...) end

--- What a script asked.
---@class tide.Asked
---@field kind "form"|"url"|"sample"|"roots"
---@field key string
---@field message? string
---@field fields? table the form, as JSON Schema
---@field url? string
---@field params table all of it, as the protocol has it
---@field at_ms integer

--- What the user or the client says: "accept", "decline", "cancel", or a table.
--- `raw` is a whole result, to see what becomes of a bad one.
---@class tide.KitAnswer
---@field action? "accept"|"decline"|"cancel" "accept"
---@field values? table of a form
---@field text? string of the model
---@field content? table[]
---@field model? string
---@field role? string
---@field stop_reason? string
---@field roots? { uri: string, name?: string }[]
---@field raw? any

--- Answers the questions of scripts: each is for one of them, the last stays. A
--- function that returns nothing is a user who has gone, as is none.
---@param answer string|tide.KitAnswer|fun(asked: tide.Asked): string|tide.KitAnswer|nil
---@param ... string|tide.KitAnswer|fun(asked: tide.Asked): string|tide.KitAnswer|nil
---@return tide.Kit self
function Kit:answer(answer, ...) end

--- What was asked, oldest first.
---@return tide.Asked[]
function Kit:questions() end

--- Calls a tool and lets time go by until it has ended.
---@param tool string the full name, as "github_list_issues"
---@param arguments? table|string a table, or JSON text
---@param options? tide.CallOptions
---@return tide.KitCall
function Kit:call(tool, arguments, options) end

--- Reads a resource, also one of a template. The same fields as a call: `value` is
--- what the handler gave, `form` "bytes" if that is no text.
---@param uri string
---@param options? tide.CallOptions
---@return tide.KitCall
function Kit:read(uri, options) end

--- Gets a prompt: `value` is what its handler gave.
---@param name string the full name, as "inventory_restock"
---@param arguments? table|string
---@param options? tide.CallOptions
---@return tide.KitCall
function Kit:prompt(name, arguments, options) end

--- Begins a task, as a client that knows tasks does: its `prepare` is over when
--- this returns (or has failed, then it is none). advance() makes it go on, under
--- the policy's task.deadline_ms; what it asks waits for kit:answer().
---@param tool string
---@param arguments? table|string
---@param options? tide.CallOptions
---@return tide.KitCall
function Kit:task(tool, arguments, options) end

--- Begins a call; advance() and wait() make it go on.
---@param tool string
---@param arguments? table|string
---@param options? tide.CallOptions
---@return tide.KitCall
function Kit:start(tool, arguments, options) end

--- Lets so much time go by.
---@param ms integer
function Kit:advance(ms) end

--- How much time has gone by.
---@return integer
function Kit:now_ms() end

--- What went out, oldest first; with a pattern as for upstream(), what it is for.
---
---     local sent = kit:requests "POST https://api.example.com/orders"
---     assert.equal(sent[1].headers["idempotency-key"], sent[2].headers["idempotency-key"])
---@param pattern? string
---@return tide.SentRequest[]
function Kit:requests(pattern) end

--- The tools as clients see them, by name.
---@return table<string, table>
function Kit:tools() end

--- What the engine has logged.
---@return string
function Kit:log() end

--- Forgets rules, requests, answers, questions and log.
function Kit:clear() end

--- As if the worker had too much to do, or no more: then nothing is hedged, and
--- what is stale is not refreshed.
---@param late boolean
function Kit:late(late) end

--- Does nothing run any more? If not, what does.
---@return boolean
---@return string? what
function Kit:quiet() end

--- What scripts said with ctx.changed and ctx.updated, in order: "tools",
--- "prompts", "resources", or the URI of a resource. Forgets it.
---@return string[]
function Kit:changes() end

--- What the cache holds and has done, and the flights that calls share.
---@return table<string, integer> figures entries, bytes, fresh, stale, last_resort,
--- negative, misses, stored, refused, outdated, evicted, invalidated, flights,
--- waiters, led, joined, abandoned
function Kit:cache() end

--- Bytes that the scripts need, after a full collection.
---@return integer
function Kit:memory() end

--- The engine's n-th allocation from now on fails, once; in builds of the engine
--- for development. Has the last one that was asked for happened?
---@param n? integer
---@return boolean
function Kit:starve(n) end

--- Cancels what runs. `local kit <close> = testing.new()` does it as well.
function Kit:close() end

--- JSON as the engine has it: `null` and empty arrays are kept apart.
---@class tide.KitJson
---@field null lightuserdata
testing.json = {}

---@param text string
---@return any
function testing.json.decode(text) end

---@param value any
---@return string
function testing.json.encode(value) end

--- Marks a list as an array even when it is empty.
---@param list table
---@return table list
function testing.json.array(list) end

return testing
