---@meta
error "types only"

--- The one global of scripts and policies; read-only.
---@class tide
---@field schema tide.schema
---@field policy tide.policy
---@field log tide.log
---@field time tide.time
---@field json tide.json
---@field base64 tide.base64
---@field url tide.url
---@field hash tide.hash
---@field content tide.content
tide = {}

--- A variable of the environment that the engine was started with, TIDEGATE_*
--- or one that --allow-env names; `default` when it is not set. Without a default
--- a missing variable raises. For secrets there is `tide.secret`.
---@param name string
---@param default? string
---@return string
function tide.env(name, default) end

--- A uniform random number: in [0, 1), or an integer in [low, high].
---@param low? integer
---@param high? integer
---@return number
function tide.random(low, high) end

--- A random UUID (version 4).
---@return string
function tide.uuid() end

---@class tide.AllOptions
---@field concurrency? integer how many at once; all by default

--- Runs the functions of a list or map side by side and waits for all of them.
--- What the function at a key returned is results[key]; where it failed, that is
--- nil and errors[key] is its error. Without any failure errors is nil. At most
--- 100 functions.
---
---     local results, errors = tide.all({
---       function() return ctx.http:get("/a") end,
---       function() return ctx.http:get("/b") end,
---     }, { concurrency = 4 })
---@param functions table<integer|string, fun(): any, tide.Error?>
---@param options? tide.AllOptions
---@return table<integer|string, any> results
---@return table<integer|string, tide.Error>? errors
function tide.all(functions, options) end
