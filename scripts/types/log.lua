---@meta
error "types only"

--- ctx.log writes lines of a call: `ctx.log:info("paged", { pages = 3 })`.
---@class tide.Log
local Log = {}

---@param message string
---@param fields? table<string, any>
function Log:debug(message, fields) end

---@param message string
---@param fields? table<string, any>
function Log:info(message, fields) end

---@param message string
---@param fields? table<string, any>
function Log:warn(message, fields) end

---@param message string
---@param fields? table<string, any>
function Log:error(message, fields) end

--- tide.log is for lines outside a call; it takes a dot, not a colon.
---@class tide.log
tide.log = {}

---@param message string
---@param fields? table<string, any>
function tide.log.debug(message, fields) end

---@param message string
---@param fields? table<string, any>
function tide.log.info(message, fields) end

---@param message string
---@param fields? table<string, any>
function tide.log.warn(message, fields) end

---@param message string
---@param fields? table<string, any>
function tide.log.error(message, fields) end
