---@meta
error "types only"

---@class tide.hash
tide.hash = {}

---@param bytes string
---@return string hex
function tide.hash.sha256(bytes) end

--- HMAC-SHA-256.
---@param key string|tide.Secret
---@param bytes string
---@return string hex
function tide.hash.hmac(key, bytes) end

--- Compares without telling by its time how much was right.
---@param a string
---@param b string
---@return boolean
function tide.hash.equal(a, b) end
