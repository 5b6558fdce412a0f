---@meta
error "types only"

--- An answer of the upstream. Returned from a tool as it is, its JSON is handed
--- on without being decoded.
---@class tide.Response
---@field status integer
---@field headers table<string, string> names in any spelling; pairs() shows lower case
---@field body string
---@field json any the body decoded, when first read; raises if it is not JSON
---@field ms number how long the service took for it
---@field cached boolean it was kept from before
---@field stale boolean and is too old, but the best there is just now
---@field age_ms integer since it was kept; 0 if it was not
local Response = {}
