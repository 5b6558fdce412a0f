---@meta
error "types only"

---@class tide.url
tide.url = {}

--- Percent-encodes one part of a path or query.
---@param text string
---@return string
function tide.url.encode(text) end

---@param text string
---@return string? text
---@return tide.Error? error
function tide.url.decode(text) end

--- "a=1&b=two%20words", names in order; lists repeat the name.
---@param values table<string, string|number|boolean|(string|number)[]>
---@return string
function tide.url.query(values) end

---@class tide.Url
---@field scheme string
---@field host string
---@field port? integer
---@field path string
---@field query? string
---@field fragment? string

---@param text string
---@return tide.Url? url
---@return tide.Error? error
function tide.url.parse(text) end
