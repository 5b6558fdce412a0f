---@meta
error "types only"

---@alias tide.ErrorCode
---| "cancelled"        # the caller gave up
---| "invalid_argument" # an argument is not acceptable
---| "unauthorized"     # the service did not accept the credentials
---| "forbidden"        # the service does not allow this
---| "not_found"        # no such thing at the service
---| "conflict"         # it conflicts with the service's present state
---| "too_large"
---| "rate_limited"
---| "upstream_error"   # the service failed
---| "bad_response"     # the service gave an answer that cannot be used
---| "tls_failed"       # the service's certificate cannot be trusted
---| "blocked"          # this destination is not allowed for the integration
---| "unavailable"      # the service cannot be reached
---| "timeout"          # no answer in time
---| "unsupported"      # the client cannot do what is needed (ctx.ask and its like)
---| "script_failed"    # the integration's script failed
---| "script_limit"     # the script used more than it may
---| "bad_config"
---| "no_memory"
---| "internal"         # the engine failed

--- What went wrong. Returned as the second value, or raised.
---@class tide.Error
---@field code tide.ErrorCode
---@field message string one sentence that a model may read
---@field status? integer HTTP status of the upstream, if it answered
---@field details? any
---@field retry_after_ms? integer
---@field attempts? integer how often the request went on the wire
---@field side_effect? "none"|"possible"|"done" may a write have happened
local Error = {}

---@class tide.ErrorFields
---@field details? any
---@field retry_after_ms? integer
---@field status? integer
---@field attempts? integer
---@field side_effect? "none"|"possible"|"done"

--- Makes an error: `return nil, tide.error("not_found", "no such city")`.
---@param code tide.ErrorCode
---@param message? string
---@param fields? tide.ErrorFields
---@return tide.Error
function tide.error(code, message, fields) end
