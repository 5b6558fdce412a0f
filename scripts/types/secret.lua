---@meta
error "types only"

--- Prints as `***` wherever it goes; only auth, hash.hmac and headers can use
--- what is in it.
---@class tide.Secret
local Secret = {}

---@class tide.SecretOptions
---@field optional? boolean nil instead of a fault when it is not set

--- A secret by its name: the environment (GITHUB_TOKEN for "github_token") or a
--- file. Only while the script is loaded, so that a missing one is reported then.
---@param name string
---@param options? tide.SecretOptions
---@return tide.Secret?
function tide.secret(name, options) end
