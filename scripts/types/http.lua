---@meta
error "types only"

--- Requests to the integration's upstream: base, auth, headers and policy are
--- applied already. Each waits for the answer; other calls go on meanwhile.
--- Failures are `nil, error`; `assert(ctx.http:get(...))` hands one on.
---@class tide.Http
local Http = {}

---@class tide.RequestOptions
---@field query? table<string, string|number|boolean|(string|number)[]> lists repeat the name
---@field headers? table<string, string|tide.Secret>
---@field json? any the body, encoded; sets Content-Type
---@field form? table<string, string|number|boolean> the body, as an HTML form
---@field body? string the body as it is
---@field timeout_ms? integer of one attempt; at most what the policy allows
---@field deadline_ms? integer of this request with its repetitions; at most what the call has left
---@field attempts? integer how often it may be sent; at most what the policy allows
---@field idempotent? boolean it may be sent again though its method says no
---@field idempotency_key? string|false your own key, or none, where upstream.idempotency is said
---@field cache? false|tide.CacheOptions is its answer kept; else the policy says so

--- What is not said here, the policy says; a table turns it on.
---@class tide.CacheOptions
---@field ttl_ms? integer how long it is fresh, if the answer does not say
---@field stale_ms? integer then it is served so long while a refresh runs
---@field stale_if_error_ms? integer and so long when the service fails
---@field negative_ms? integer how long a 404 or 410 is kept
---@field shared? boolean other principals may be served it
---@field safe? boolean this POST changes nothing
---@field key? string stands for path, query, headers and body

---@param path string below the upstream's base
---@param options? tide.RequestOptions
---@return tide.Response? response
---@return tide.Error? error
function Http:get(path, options) end

---@param path string
---@param options? tide.RequestOptions
---@return tide.Response? response
---@return tide.Error? error
function Http:head(path, options) end

---@param path string
---@param options? tide.RequestOptions
---@return tide.Response? response
---@return tide.Error? error
function Http:post(path, options) end

---@param path string
---@param options? tide.RequestOptions
---@return tide.Response? response
---@return tide.Error? error
function Http:put(path, options) end

---@param path string
---@param options? tide.RequestOptions
---@return tide.Response? response
---@return tide.Error? error
function Http:patch(path, options) end

---@param path string
---@param options? tide.RequestOptions
---@return tide.Response? response
---@return tide.Error? error
function Http:delete(path, options) end

---@param method string
---@param path string
---@param options? tide.RequestOptions
---@return tide.Response? response
---@return tide.Error? error
function Http:request(method, path, options) end
