--- An integration against recorded answers, through the real engine.
--
--   local github = recorded.start "github"            -- tests/fixtures/github
--   local result = github:call("github_get_issue", { repo = "a/b", number = 1 })
--   local _, err = github:call(...)                    -- a failed call
--   github:stop()

local cjson = require "cjson"
local socket = require "socket"

local process = require "process"

local recorded = {}

local Recorded = {}
Recorded.__index = Recorded

local HERE = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$" or "."
local ROOT = HERE .. "/../.."
local BINARY = os.getenv "TIDEGATE" or ROOT .. "/build/dev/tidegate"

--- options.env: variables for tidegate; false removes one. options.scripts: where
--- the integration is, if not in scripts/.
function recorded.start(integration, options)
  local folder = HERE .. "/../fixtures/" .. integration
  local p = process.spawn { "node", HERE .. "/recorded.mjs", folder }
  return setmetatable({
    process = p,
    port = tonumber(p:line "^(%d+)$"),
    integration = integration,
    env = options and options.env,
    scripts = options and options.scripts or ROOT .. "/scripts",
  }, Recorded)
end

--- What the service has been asked: { method, path, query, headers, json }.
function Recorded:requests()
  local client = assert(socket.connect("127.0.0.1", self.port))
  client:settimeout(5)
  assert(client:send "GET /@requests HTTP/1.0\r\n\r\n")
  local answer = assert(client:receive "*a")
  client:close()
  return cjson.decode(answer:match "\r\n\r\n(.*)$")
end

-- "not_found: there is no such thing (attempts 1, side effect none)"
local function read_error(text)
  for line in text:gmatch "[^\n]+" do
    local code, message, attempts, effect =
      line:match "^([%l_]+): (.*) %(attempts (%d+), side effect (%l+)%)$"
    if code then
      return {
        code = code, message = message, attempts = tonumber(attempts), side_effect = effect,
      }
    end
  end
end

--- One call with `tidegate call`: its result, or nil and its error. `output`
--- is all that it printed.
function Recorded:call(tool, args)
  local code, out, err = process.run {
    BINARY, "call", tool, cjson.encode(args),
    "--scripts", self.scripts, "--policies", ROOT .. "/policies",
    "--base", ("%s=http://127.0.0.1:%d"):format(self.integration, self.port),
    env = self.env,
  }
  self.output = out .. err
  local failure = code == 1 and read_error(err)
  if failure then return nil, failure end
  local ok, value = pcall(cjson.decode, out)
  if ok and code == 0 then return value end
  error(("%s: exit code %s\n%s%s"):format(tool, code, out, err), 2)
end

--- What `tidegate check` says, and whether it is content.
function Recorded:check()
  local code, out, err = process.run {
    BINARY, "check", "--scripts", self.scripts, "--policies", ROOT .. "/policies", env = self.env,
  }
  return out .. err, code == 0
end

function Recorded:stop()
  return self.process:stop()
end

return recorded
