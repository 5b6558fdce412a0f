---@meta
error "types only"

--- lua-cjson, for scripts that come from elsewhere and for encoding by the
--- thousand. Its numbers are floats and its [] comes back as {}: tide.json keeps
--- both as they were.
---@class tide.cjson
---@field null lightuserdata the same as tide.json.null
tide.cjson = {}

--- JSON text of a value, names in no order. Raises for what it cannot say. Does not wait.
---@param value any
---@return string
function tide.cjson.encode(value) end

--- The value of a JSON text. Raises for what is no JSON. Does not wait.
---@param text string
---@return any value
function tide.cjson.decode(text) end
