---@meta
error "types only"

--- What a script keeps from call to call: values that JSON can say, for the
--- principal of the call alone, or for all with `shared = true`. It is a cache:
--- a value may go before its time. Reloads keep it, a restart does not. A name is
--- a text, or a table (the arguments, say), which stands for its JSON. None waits.
---@class tide.Cache
local Cache = {}

---@class tide.CacheName
---@field shared? boolean the one for all principals

---@class tide.CacheTimes: tide.CacheName
---@field ttl_ms integer how long get() gives it
---@field stale_ms? integer how long stale() does after that; ten times ttl_ms, at most a day

--- Nothing if there is none, or if its time is over.
---@param name string|table
---@param options? tide.CacheName
---@return any value
---@return integer? age_ms since it was set
function Cache:get(name, options) end

--- The same, also when its time is over: for fallbacks.
---@param name string|table
---@param options? tide.CacheName
---@return any value
---@return integer? age_ms
function Cache:stale(name, options) end

--- Keeps a value in place of what was there. One that is too large is refused.
---@param name string|table
---@param value any
---@param options tide.CacheTimes
---@return true? ok
---@return tide.Error? error
function Cache:set(name, value, options) end

---@param name string|table
---@param options? tide.CacheName
---@return boolean there it was there
function Cache:delete(name, options) end

--- Forgets what matches, of all principals: values by their names, and answers
--- of the service, which are called as in `"GET /items?page=2"`. `*` stands for
--- any bytes, `?` for one.
---@param pattern string
---@return integer count
function Cache:invalidate(pattern) end
