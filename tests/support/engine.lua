--- A kit (tidegate.testing) of one integration that a spec gives as text.
--
--   local kit = engine {
--     script = [[...]],       -- scripts/demo.lua, or
--     tools = [[...]],        -- what comes before its table, which is then
--     fields = [[...]],       -- { name = "demo", upstream, tools } and these
--     policy = [[...]],       -- what its policy says besides the plain one, or
--     policies = [[...]],     -- policies/demo.lua
--     seed = 1, ...           -- whatever else testing.new takes
--   }

local testing = require "tidegate.testing"

local folder = require "folder"

-- Every global function of the text becomes a tool without arguments.
local TEMPLATE = [[
local handlers = {}
%s
local tools = {}
for name, run in pairs(handlers) do
  tools[name] = type(run) == "table" and run or { run = run }
  tools[name].about = tools[name].about or name
  tools[name].args = tools[name].args or tide.schema.raw { type = "object" }
end
local integration = {
  name = "demo", title = "The demo",
  upstream = { base = "https://demo.example", policy = "demo" },
  tools = tools,
}
for name, value in pairs { %s } do integration[name] = value end
return integration
]]

-- Without what the guard adds on its own: its specs turn that on.
local POLICIES = [[
local plain = {
  deadline_ms = 10000, attempt = { timeout_ms = 4000 }, retry = { attempts = 1 },
  breaker = { consecutive = 0, min_calls = 10000 }, bulkhead = { concurrent = 1000 },
}
return { demo = tide.policy.extend(plain, { %s }) }
]]

local engine = {}

--- The folder alone, which the caller removes: for a spec that makes many kits.
function engine.write(options)
  local path = folder.new()
  local script = options.script or TEMPLATE:format(options.tools, options.fields or "")
  folder.fill(path, {
    ["scripts/demo.lua"] = script,
    ["policies/demo.lua"] = options.policies or POLICIES:format(options.policy or ""),
  })
  return path
end

local function open(_, options)
  local path = engine.write(options)
  local ok, kit = pcall(testing.new, {
    scripts = path .. "/scripts",
    policies = path .. "/policies",
    secrets = options.secrets,
    env = options.env,
    now = options.now,
    seed = options.seed,
    chaos_ms = options.chaos_ms,
  })
  folder.remove(path)
  if not ok then error(kit, 0) end
  return kit
end

return setmetatable(engine, { __call = open })
