---@meta
error "types only"

---@class tide.time
tide.time = {}

--- Seconds since 1970, with fractions.
---@return number
function tide.time.now() end

--- Waits; other calls go on meanwhile.
---@param seconds number
function tide.time.sleep(seconds) end

--- "2026-07-28T12:00:00Z"; now when nothing is given.
---@param seconds? number
---@return string
function tide.time.iso(seconds) end

--- Seconds since 1970 of an ISO 8601 time, or nil and an error.
---@param text string
---@return number? seconds
---@return tide.Error? error
function tide.time.parse(text) end
