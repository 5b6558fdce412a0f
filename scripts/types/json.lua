---@meta
error "types only"

---@class tide.json
---@field null lightuserdata what JSON's null becomes, and becomes null again
tide.json = {}

--- JSON text of a value. A table is an array when its keys are 1..n; an empty
--- one is an object, unless tide.json.array() says otherwise.
---@param value any
---@return string
function tide.json.encode(value) end

--- The value of a JSON text, or nil and an error.
---@param text string
---@return any value
---@return tide.Error? error
function tide.json.decode(text) end

--- Marks a table as an array, also when it is empty; returns it.
---@generic T: table
---@param list T
---@return T
function tide.json.array(list) end
