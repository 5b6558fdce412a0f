---@meta
error "types only"

--- Settings of one named policy; the list with defaults is in core/guard/policy.h.
---@class tide.Policy
---@field deadline_ms? integer the whole call, whatever happens inside (30000)
---@field task? tide.PolicyTask
---@field attempt? tide.PolicyAttempt
---@field response? tide.PolicyResponse
---@field retry? tide.PolicyRetry
---@field hedge? tide.PolicyHedge
---@field breaker? tide.PolicyBreaker
---@field limiter? tide.PolicyLimiter
---@field bulkhead? tide.PolicyBulkhead
---@field adaptive? tide.PolicyAdaptive
---@field chaos? tide.PolicyChaos
---@field cache? tide.PolicyCache

---@class tide.PolicyTask
---@field deadline_ms? integer the same of a call that runs on as a task (600000)
---@field keep_ms? integer how long its result is kept after that (300000)
---@field poll_ms? integer how often clients should ask how it is (1000)

---@class tide.PolicyAttempt
---@field timeout_ms? integer one try on the wire (10000)
---@field connect_ms? integer name lookup, TCP and TLS of a new connection (3000)
---@field first_byte_ms? integer until the answer begins; 0 means no limit of its own (0)
---@field learned? integer 1: where 1.5 times the slowest thousandth is less, that is its time (0)

---@class tide.PolicyResponse
---@field max_bytes? integer the decoded body of an answer (16777216)

---@class tide.PolicyRetry
---@field attempts? integer tries in all; 1 means no retry (3)
---@field base_ms? integer bound of the first random wait; it doubles with each retry (50)
---@field throttled_base_ms? integer the same after an answer that says too many (1000)
---@field max_ms? integer the longest such wait (20000)
---@field budget? integer retries of all calls that successes need not have paid for (50)
---@field budget_percent? integer what successes pay for: retries per hundred of them (10)

---@class tide.PolicyHedge
---@field extra? integer tries beside the first, in place of retries, for what changes nothing (0)
---@field delay_ms? integer how long the first is given; 0 means its 95th percentile (0)

---@class tide.PolicyBreaker
---@field window_ms? integer how far back failures count (10000)
---@field min_calls? integer fewer in the window than this never open it by a share (20)
---@field fail_percent? integer share of failures that opens it (50)
---@field slow_percent? integer share of slow answers that opens it (80)
---@field slow_ms? integer from there on an answer is slow; 0 means 80 % of the attempt's time (0)
---@field consecutive? integer failures in a row that open it; 0 means that they do not matter (8)
---@field open_ms? integer how long it stays open, +-20 %; doubles when it opens again (5000)
---@field max_open_ms? integer the longest of that (60000)
---@field probes? integer attempts let through at a time to see whether it is well again (3)
---@field successes? integer good ones among them that close it (3)

---@class tide.PolicyLimiter
---@field limit? integer attempts per period; 0 means no limit (0)
---@field period_ms? integer the period (1000)
---@field burst? integer at once after a pause; 0 means as many as the limit (0)
---@field max_wait_ms? integer how long an attempt may wait for its turn (1000)

---@class tide.PolicyBulkhead
---@field concurrent? integer attempts on the wire at a time (64)
---@field queue? integer attempts that may wait for one of those places (64)
---@field max_wait_ms? integer and for how long (100)

---@class tide.PolicyAdaptive
---@field initial? integer places at first where their number is learned; 0 means it is not (0)
---@field least? integer never fewer than these, and never more than bulkhead.concurrent (4)

---@class tide.PolicyChaos
---@field percent? integer of the attempts fail on purpose, if the engine runs with --chaos-s (0)
---@field status? integer what those are answered; 0 means a refused connection (503)
---@field delay_percent? integer of the attempts wait first, if the engine runs with --chaos-s (0)
---@field delay_ms? integer for how long at most, by chance (1000)

---@class tide.PolicyCache
---@field on? integer 1: answers to reads are kept as long as they say themselves (0)
---@field ttl_ms? integer how long an answer that does not say it is fresh; above 0 means on (0)
---@field max_ttl_ms? integer the longest that any answer is fresh (3600000)
---@field stale_ms? integer then still served so long while a refresh runs; at most its ttl (60000)
---@field stale_if_error_ms? integer and so long when the service fails (0)
---@field negative_ms? integer the longest that a 404 or 410 is kept (30000)
---@field shared? integer 1: one principal may be served what another one fetched (0)
---@field coalesce? integer 1: who asks for the same at the same time shares one request (1)

---@class tide.policy
tide.policy = {}

--- A new policy: the settings of `base`, over them those of `more`, nested ones
--- included.
---@param base tide.Policy
---@param more tide.Policy
---@param ... tide.Policy
---@return tide.Policy
function tide.policy.extend(base, more, ...) end
