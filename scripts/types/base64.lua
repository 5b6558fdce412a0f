---@meta
error "types only"

---@class tide.base64
tide.base64 = {}

---@param bytes string|tide.Secret
---@return string|tide.Secret a secret of a secret
function tide.base64.encode(bytes) end

--- The bytes, or nil and an error when the text is not base64.
---@param text string
---@return string? bytes
---@return tide.Error? error
function tide.base64.decode(text) end

--- For URLs: `-` and `_`, no padding.
---@param bytes string|tide.Secret
---@return string|tide.Secret a secret of a secret
function tide.base64.encode_url(bytes) end

---@param text string
---@return string? bytes
---@return tide.Error? error
function tide.base64.decode_url(text) end
