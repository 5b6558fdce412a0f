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

--- What a file in scripts/ returns.
---@class tide.Integration
---@field name string
---@field title? string
---@field about? string
---@field upstream tide.Upstream
---@field auth? tide.Auth|fun(ctx: tide.Context, request: tide.AuthRequest)
---@field tools table<string, tide.Tool>
