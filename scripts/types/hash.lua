---@meta
error "types only"

---@class tide.hash
tide.hash = {}

---@param bytes string|tide.Secret
---@return string hex
function tide.hash.sha256(bytes) end

--- HMAC-SHA-256.
---@param key string|tide.Secret
---@param bytes string
---@param options? { encoding?: "hex"|"base64"|"raw" }
---@return string hex or as the encoding says
function tide.hash.hmac(key, bytes, options) end

--- Compares without telling by its time how much was right.
---@param a string|tide.Secret
---@param b string|tide.Secret
---@return boolean
function tide.hash.equal(a, b) end
