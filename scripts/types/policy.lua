---@meta
error "types only"

--- Settings of one named policy; the list with defaults is in core/guard/policy.h.
---@class tide.Policy
---@field deadline_ms? integer the whole call, whatever happens inside (30000)
---@field attempt? tide.PolicyAttempt
---@field response? tide.PolicyResponse

---@class tide.PolicyAttempt
---@field timeout_ms? integer one try on the wire (10000)
---@field connect_ms? integer name lookup, TCP and TLS of a new connection (3000)
---@field first_byte_ms? integer until the answer begins; 0: no limit of its own (0)

---@class tide.PolicyResponse
---@field max_bytes? integer the decoded body of an answer (16777216)

---@class tide.policy
tide.policy = {}

--- A new policy: the settings of `base`, over them those of `more`, nested ones
--- included.
---@param base tide.Policy
---@param more tide.Policy
---@param ... tide.Policy
---@return tide.Policy
function tide.policy.extend(base, more, ...) end
