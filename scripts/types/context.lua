---@meta
error "types only"

--- What belongs to one call.
---@class tide.Context
---@field http tide.Http
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

---@alias tide.NoteLevel "debug"|"info"|"notice"|"warning"|"error"|"critical"|"alert"|"emergency"

--- Tells the client something while the call runs, if it wants to hear of that
--- level; a text or whatever becomes JSON. At most a thousand notices in a call.
--- Does not wait. What operators should read goes to `ctx.log`.
---@param level tide.NoteLevel
---@param data any
function Context.notify(level, data) end

---@alias tide.ErrorMap fun(response: tide.Response, err: tide.Error): tide.ErrorCode|tide.Error|nil

---@class tide.Upstream
---@field base string "https://api.example.com/v1"
---@field policy? string
---@field errors? table<integer, tide.ErrorCode>|tide.ErrorMap
---@field headers? table<string, string>
---@field private? boolean private addresses are allowed; a loopback base says so itself
---@field insecure_tls? boolean for development only

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

---@class tide.Tool
---@field about string
---@field title? string
---@field args? table<string, tide.Word>|tide.Word
---@field result? table<string, tide.Word>|tide.Word
---@field annotations? tide.Annotations
---@field policy? string
---@field run fun(ctx: tide.Context, args: table): any, tide.Error?
---@field fallback? fun(ctx: tide.Context, args: table, err: tide.Error): any, tide.Error?

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
---@field mime? string media type; else it follows from what `read` returns
---@field policy? string
---@field read fun(ctx: tide.Context): any, tide.Error?

--- Resources that are alike. The names in the URI's braces are the variables:
--- {name}, {+name} with slashes, {/name}, {.name}, and {?a,b} at the end.
---@class tide.Template
---@field uri string "stock://items/{sku}{?lang}"
---@field about string
---@field title? string
---@field mime? string
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
---@field args? table<string, tide.Word>
---@field policy? string
---@field run fun(ctx: tide.Context, args: tide.Known): tide.Say|tide.Say[]?, tide.Error?
---@field complete? table<string, tide.Completer>

--- What a file in scripts/ returns.
---@class tide.Integration
---@field name string
---@field title? string
---@field about? string
---@field upstream tide.Upstream
---@field auth? tide.Auth|fun(ctx: tide.Context, request: tide.AuthRequest)
---@field tools? table<string, tide.Tool>
---@field resources? table<string, tide.Resource>
---@field templates? table<string, tide.Template>
---@field prompts? table<string, tide.Prompt>
