---@meta
error "types only"

--- What belongs to one call.
---@class tide.Context
---@field http tide.Http
---@field cache tide.Cache
---@field log tide.Log lines carry the tool and the request id
---@field deadline integer milliseconds left when read
---@field principal string who calls; "anonymous" without authentication
---@field request_id string
---@field tool string the tool's full name
local Context = {}

--- Tells the client how far the call is, if it asked to be told. `progress` must
--- grow from one to the next; one that does not is not sent. Does not wait.
---@param progress number
---@param total? number
---@param message? string
function Context.progress(progress, total, message) end

--- Calls another tool, as an agent would: its arguments are checked, its policy
--- and its upstream's state hold, its fallback answers for it. `tool` is the short
--- name of a tool of the same integration, or the full name of any. It ends when
--- this call does, and has no more time than this call has left. At most eight
--- calls deep. A table, a text or blocks of tide.content, as the tool returns them;
--- a failure is `nil, error`. Waits.
---
---     local item = assert(ctx.call("get_item", { sku = args.sku }))
---     local rain = ctx.call("open_meteo_forecast", { city = "Oslo" })
---@param tool string
---@param args? table
---@return any value
---@return tide.Error? error
function Context.call(tool, args) end

---@alias tide.NoteLevel "debug"|"info"|"notice"|"warning"|"error"|"critical"|"alert"|"emergency"

--- Tells the client something while the call runs, if it wants to hear of that
--- level; a text or whatever becomes JSON. At most a thousand notices in a call.
--- Does not wait. What operators should read goes to `ctx.log`.
---@param level tide.NoteLevel
---@param data any
function Context.notify(level, data) end

--- What the user is asked. Without `fields` and `url` it is a yes or no. Never ask
--- for a secret by a form, which the client and its model may see: give a `url`
--- where it is entered, and check there that it is the same user.
---@class tide.Question
---@field message string what the user reads
---@field fields? table<string, tide.Word> texts, numbers, booleans, choices, lists of choices; flat
---@field url? string https; the user opens it elsewhere (a login, a payment)
---@field key? string its name in the protocol; "ask_1" and so on
---@field timeout? integer seconds until nobody will answer; 300, at most 3600

---@class tide.Answer
---@field action "accept"|"decline"|"cancel" cancel: neither yes nor no
---@field values? table what was filled in, checked, with the defaults
---@field key? string of a question with a url

--- Asks the user in the middle of the call. Waits; the deadline stands still
--- meanwhile. In the current revision of MCP the handler runs again from its
--- beginning with the answer, so ask first, then act: after a request that must
--- not be sent twice a question raises. What is asked must read the same each
--- time; tide.random and tide.uuid give the same values again, tide.time.now and
--- math.random do not.
---@param question tide.Question
---@return tide.Answer? answer
---@return tide.Error? err "unsupported": the client cannot; "timeout": nobody answered
function Context.ask(question) end

--- Tells the client that what the user opened a URL for is done. Does not wait.
---@param answer tide.Answer
function Context.asked(answer) end

---@class tide.SampleTool
---@field name string
---@field about string
---@field args? table<string, tide.Word>|tide.Word

--- `prefer` names models, best first, and says how much cost, speed and
--- intelligence matter, 0 to 1: { "claude", speed = 0.8 }.
---@class tide.Sample
---@field messages string|(string|tide.Content|tide.Message)[] a text is what the user says
---@field max_tokens? integer 1000
---@field system? string
---@field prefer? table
---@field temperature? number
---@field stop? string[]
---@field metadata? table
---@field context? "none"|"this"|"all" of which servers; needs a client that has it
---@field tools? tide.SampleTool[] needs a client that has them
---@field tool_choice? "auto"|"required"|"none"
---@field key? string
---@field timeout? integer

---@class tide.SampleAnswer
---@field text string all texts of the content
---@field content table[] blocks, as the protocol has them
---@field role string
---@field model string
---@field stop_reason? string

--- Asks the client's model. Waits, as ctx.ask does and by the same rules.
---@param request tide.Sample
---@return tide.SampleAnswer? answer
---@return tide.Error? err "forbidden": the user said no
function Context.sample(request) end

--- The folders that the client works in. Waits, as ctx.ask does.
---@param options? { key?: string, timeout?: integer }
---@return { uri: string, name?: string }[]? roots
---@return tide.Error? err
function Context.roots(options) end

--- Can the client be asked this? "tools" and "context" are those of ctx.sample.
--- Does not wait.
---@param what "form"|"url"|"sample"|"tools"|"context"|"roots"
---@return boolean
function Context.can_ask(what) end

--- Lets the client's connection go while a long call runs on: the client comes
--- back for the answer, and asks again after `retry_ms`. Only clients of MCP
--- 2025-11-25 with a session can; for all others nothing happens, and it returns
--- false. Does not wait.
---@param retry_ms? integer 0 to 60,000; default 1,000
---@return boolean detached
function Context.detach(retry_ms) end

--- Tells every client that listens that what a list shows is another now. After
--- a reload the engine finds that out by itself. Does not wait.
---@param list "tools"|"prompts"|"resources"
function Context.changed(list) end

--- Tells every client that watches it that the resource of this URI holds
--- something else now, so that it reads again. Raises when no resource has the
--- URI and no template describes it. Does not wait.
---@param uri string
function Context.updated(uri) end

---@alias tide.ErrorMap fun(response: tide.Response, err: tide.Error): tide.ErrorCode|tide.Error|nil

---@class tide.Upstream
---@field base string "https://api.example.com/v1"
---@field policy? string
---@field errors? table<integer, tide.ErrorCode>|tide.ErrorMap
---@field headers? table<string, string>
---@field classify? tide.Classify what an answer means, where its status does not say
---@field idempotency? boolean|tide.Idempotency it knows a request again by a key
---@field private? boolean private addresses are allowed; a loopback base says so itself
---@field insecure_tls? boolean for development only

--- What an answer of the upstream means for repeating it, for the breaker, the
--- limits and the cache; nil where its status says so already, which is `outcome`.
--- Asked for each answer before anybody else: it may not wait, and gets 100,000
--- instructions. Where it fails, `outcome` stands, and the log says so. It cannot
--- make anything be repeated that must not be.
---
---     classify = function(res, outcome)
---       if res.status == 200 and res.headers["x-quota"] == "exceeded" then return "throttled" end
---     end
---@alias tide.Classify fun(res: tide.Response, outcome: tide.Outcome): tide.Outcome?

---@alias tide.Outcome
---| "ok"
---| "app_error"       # it said no: the request is at fault, the service is well
---| "throttled"       # too many: not executed; later
---| "server_error"    # it failed; also "overload"
---| "overload"
---| "not_implemented" # it never will
---| "bad_payload"     # executed, but the answer cannot be used

--- The service does nothing twice that comes with the same key. Then each POST
--- and PATCH gets one, made anew for each request of each call and the same on
--- all its attempts, and may be repeated when nothing is known of its fate. For a
--- service that wants it in the body, `tide.uuid()` makes one that stays the same
--- when the handler is run again; the request then says `idempotent = true`.
---@class tide.Idempotency
---@field header? string "Idempotency-Key"
---@field quoted? boolean the key stands in quotes, as the IETF draft wants it
---@field retention_ms? integer how long the service knows a key; a day

---@class tide.Annotations
---@field read_only? boolean it changes nothing
---@field destructive? boolean it may destroy something
---@field idempotent? boolean twice is the same as once
---@field open_world? boolean it reaches things outside the service

---@class tide.Auth
---@field kind "bearer"|"basic"|"api_key"
---@field secret? string|tide.Secret
---@field header? string api_key: the header that carries it
---@field query? string api_key: the query parameter that carries it
---@field user? string basic
---@field optional? boolean go on without when the secret is not set

--- A request before it is sent. An auth function changes its headers and adds
--- to its query; the rest is to read, for signatures.
---@class tide.AuthRequest
---@field method string
---@field url string
---@field path string
---@field body? string
---@field query table<string, string|tide.Secret> what is put here is added
---@field headers table<string, string|tide.Secret>

--- A picture that clients may show; a text is its address alone.
---@class tide.Icon
---@field src string an https address, or a data: URI
---@field mime? string
---@field sizes? string[] "48x48", or "any"
---@field theme? "light"|"dark" what it is to stand on

--- What goes into `_meta` as it is: names, or com.example/name.
---@alias tide.Meta table<string, any>

--- How long clients may keep it, and whether others may have the same.
---@class tide.CacheHint
---@field ttl_ms? integer 0: they ask each time
---@field scope? "public"|"private" private, unless it says otherwise

---@class tide.CacheHints
---@field tools? tide.CacheHint
---@field resources? tide.CacheHint
---@field templates? tide.CacheHint
---@field prompts? tide.CacheHint

--- MCP Apps: the resource that shows what the tool brings.
---@class tide.ToolUi
---@field resource? string "ui://...", a resource of this integration
---@field visibility? ("model"|"app")[] who may call it; both by default

--- What the page of an app may do.
---@class tide.AppUi
---@field csp? tide.AppCsp
---@field permissions? tide.AppPermissions
---@field domain? string
---@field prefers_border? boolean

---@class tide.AppCsp
---@field connect? string[] origins that it may talk to
---@field resource? string[] that it may load from
---@field frame? string[]
---@field base_uri? string[]

---@class tide.AppPermissions
---@field camera? boolean
---@field microphone? boolean
---@field geolocation? boolean
---@field clipboard_write? boolean

--- Whom a resource is for, and how much it matters.
---@class tide.ResourceAnnotations
---@field audience? ("user"|"assistant")[]
---@field priority? number 0 to 1
---@field last_modified? string "2026-11-20T09:15:00Z"

---@class tide.Tool
---@field about string
---@field title? string
---@field icons? (string|tide.Icon)[]
---@field meta? tide.Meta
---@field ui? tide.ToolUi
---@field task? "optional"|"required" it runs on after the answer, if clients can, or only then
---@field prepare? fun(ctx: tide.Context, args: table): any, tide.Error? before a task begins
---@field args? table<string, tide.Word>|tide.Word
---@field result? table<string, tide.Word>|tide.Word
---@field annotations? tide.Annotations
---@field policy? string
---@field run fun(ctx: tide.Context, args: table, prepared?: any): any, tide.Error?
---@field fallback? tide.Fallback|table what to answer when the service cannot
---@field fallback_after_effect? boolean also when something may have been done

--- Asked when the service failed (`unavailable`, `timeout`, `rate_limited`,
--- `upstream_error`, `bad_response`, `tls_failed`), not when it said no; `err` has
--- `attempts`, `side_effect` and `details`, too. What it returns is marked as
--- degraded. When it fails as well or returns nothing, `err` is what the agent is told. Not asked
--- when something may have been done, unless the tool is `read_only` or says
--- `fallback_after_effect = true`. Instead of a function a table, which is then
--- the answer.
---@alias tide.Fallback fun(ctx: tide.Context, args: table, err: tide.Error): any, tide.Error?

--- Returns the words that a user may go on with, at most 100 are shown; `others`
--- are the arguments or variables that are known already.
---@alias tide.Known table<string, string>
---@alias tide.Completer fun(ctx: tide.Context, prefix: string, others: tide.Known): string[]?

--- What clients can read by its URI. `read` returns a text, bytes, a value (which
--- becomes JSON), a response, or blocks of tide.content; nothing means that there
--- is none.
---@class tide.Resource
---@field uri string "stock://items"
---@field about string
---@field title? string
---@field mime? string media type; else it follows from what `read` returns, or it is an app
---@field size? integer bytes
---@field icons? (string|tide.Icon)[]
---@field annotations? tide.ResourceAnnotations
---@field meta? tide.Meta
---@field ui? tide.AppUi of an app: uri "ui://..."
---@field cache? tide.CacheHint of what is read; nobody keeps it by default
---@field policy? string
---@field read fun(ctx: tide.Context): any, tide.Error?

--- Resources that are alike. The names in the URI's braces are the variables:
--- {name}, {+name} with slashes, {/name}, {.name}, and {?a,b} at the end.
---@class tide.Template
---@field uri string "stock://items/{sku}{?lang}"
---@field about string
---@field title? string
---@field mime? string
---@field icons? (string|tide.Icon)[]
---@field annotations? tide.ResourceAnnotations
---@field meta? tide.Meta
---@field ui? tide.AppUi
---@field cache? tide.CacheHint
---@field policy? string
---@field read fun(ctx: tide.Context, vars: table<string, string>): any, tide.Error?
---@field complete? table<string, tide.Completer>

---@alias tide.Say string|tide.Content|tide.Message

---@class tide.Message
---@field role "user"|"assistant"
---@field content string|tide.Content

--- What users can start from. Its arguments are texts. `run` returns a text, a
--- block, or a list of texts, blocks and messages.
---@class tide.Prompt
---@field about string
---@field title? string
---@field icons? (string|tide.Icon)[]
---@field meta? tide.Meta
---@field args? table<string, tide.Word>
---@field policy? string
---@field run fun(ctx: tide.Context, args: tide.Known): tide.Say|tide.Say[]?, tide.Error?
---@field complete? table<string, tide.Completer>

--- What a file in scripts/ returns.
---@class tide.Integration
---@field name string
---@field title? string
---@field about? string
---@field prefix? string|false before the names of tools and prompts; its name if it says nothing
---@field instructions? string what agents are told of it when they connect
---@field cache? tide.CacheHints of the lists; of all integrations the least counts
---@field upstream tide.Upstream
---@field auth? tide.Auth|fun(ctx: tide.Context, request: tide.AuthRequest)
---@field tools? table<string, tide.Tool>
---@field resources? table<string, tide.Resource>
---@field templates? table<string, tide.Template>
---@field prompts? table<string, tide.Prompt>
