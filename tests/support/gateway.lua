--- The real binary with scripts of the spec's own, for end-to-end specs.
--
--   local g = gateway.start {
--     scripts = { ["shop.lua"] = [[return { name = "shop", ... }]] },
--     replace = { UPSTREAM = up:url("") },   -- $UPSTREAM in all files
--     args = { "--trail" }, env = { SHOP_KEY = "..." },
--   }
--   local result, answer = g:call("shop_list", { limit = 3 })  -- modern MCP
--   g:write("scripts/shop.lua", text)
--   g:log()      g:stop()

local cjson = require "cjson"

local process = require "process"
local web = require "web"

local gateway = {}

local Gateway = {}
Gateway.__index = Gateway

gateway.binary = os.getenv("TIDEGATE") or "build/dev/tidegate"

-- Not os.execute(): the shell that it starts would inherit a sanitizer.
local function run(...)
  local code, _, err = process.run { ... }
  assert(code == 0, err)
end

local function make_folder()
  local path = os.tmpname()
  os.remove(path)
  run("mkdir", "-p", path .. "/scripts", path .. "/policies")
  return path
end

local function remove_folder(path)
  run("rm", "-rf", path)
end

local function substitute(text, replace)
  return (text:gsub("%$([A-Z_]+)", replace or {}))
end

--- Writes below the folder; by rename, as editors do.
function Gateway:write(name, text)
  local path = self.folder .. "/" .. name
  local folder = path:match("^(.*)/")
  run("mkdir", "-p", folder)
  local file = assert(io.open(path .. ".new", "wb"))
  file:write(substitute(text, self.replace))
  file:close()
  assert(os.rename(path .. ".new", path))
end

function Gateway:remove(name)
  assert(os.remove(self.folder .. "/" .. name))
end

local function folder_with(options)
  local self = setmetatable({ folder = make_folder(), replace = options.replace }, Gateway)
  for name, text in pairs(options.scripts or {}) do self:write("scripts/" .. name, text) end
  for name, text in pairs(options.policies or {}) do self:write("policies/" .. name, text) end
  for name, text in pairs(options.files or {}) do self:write(name, text) end
  return self
end

--- The files alone, for a server that somebody else starts; g:drop() ends them.
gateway.folder = folder_with

function Gateway:drop()
  remove_folder(self.folder)
end

local function command(self, word, options)
  local argv = {
    gateway.binary, word,
    "--scripts", self.folder .. "/scripts",
    "--policies", self.folder .. "/policies",
    env = options.env,
  }
  for _, arg in ipairs(options.args or {}) do
    argv[#argv + 1] = (arg:gsub("%$FOLDER", self.folder))
  end
  return argv
end

--- Runs another command to its end: exit code, stdout, stderr.
--- options as start(), and `word` ("check"); `input` for its stdin.
function gateway.run(word, options)
  local self = folder_with(options)
  local argv = command(self, word, options)
  argv.input = options.input
  local code, out, err = process.run(argv)
  remove_folder(self.folder)
  return code, out, err
end

--- Starts `tidegate serve` and waits until it serves.
function gateway.start(options)
  local self = folder_with(options)
  local argv = command(self, "serve", options)
  if not table.concat(argv, " "):find("--listen", 1, true) then
    argv[#argv + 1] = "--listen"
    argv[#argv + 1] = "127.0.0.1:0"
  end
  -- A machine that is busy with other specs makes workers late.
  if not table.concat(argv, " "):find("--shed-lag-ms", 1, true) then
    argv[#argv + 1] = "--shed-lag-ms"
    argv[#argv + 1] = "0"
  end
  argv.env = argv.env or {}
  -- ours alone: Lua's modules stay loaded
  argv.env.ASAN_OPTIONS = "detect_leaks=1" .. (options.asan or "")
  self.process = process.spawn(argv)
  local address = self.process:line("listening address=(%S+)", 20, "stderr")
  self.port = math.tointeger(tonumber(address:match(":(%d+)$")))
  self.unix = address:match("^unix:(.*)$")
  self.process:line("serving version", 20, "stderr")
  self.id = 0
  return self
end

--- Starts `tidegate serve --stdio` (its args say so), to be written to and read
--- from by `process`.
function gateway.pipe(options)
  local self = folder_with(options)
  self.process = process.spawn(command(self, "serve", options))
  self.process:line("serving version", 20, "stderr")
  return self
end

function Gateway:log()
  return self.process:stderr()
end

--- Waits for a line of the log.
function Gateway:logged(pattern, timeout_s)
  return process.eventually(function() return self:log():match(pattern) end, timeout_s or 10)
end

function Gateway:signal(name)
  self.process:signal(name)
end

--- Ends it; raises unless it ended cleanly (a sanitizer's finding does not).
function Gateway:stop()
  if self.stopped then return end
  self.stopped = true
  local code = self.process:stop(20)
  local log = self:log()
  remove_folder(self.folder)
  if code ~= 0 then error(("ended with %s\n%s"):format(code, log:sub(-6000)), 2) end
end

local VERSION = "2026-07-28"
local META = "io.modelcontextprotocol/"

function gateway.envelope(params)
  params = params or {}
  params._meta = params._meta or {}
  params._meta[META .. "protocolVersion"] = VERSION
  local can = META .. "clientCapabilities"
  params._meta[can] = params._meta[can] or setmetatable({}, nil)
  return params
end

local function encode(message)
  -- cjson writes an empty table as {}, which is right for all that is empty here.
  return cjson.encode(message)
end

--- The options of one modern request, for web.request() and web.open().
function Gateway:modern(method, params, extra)
  self.id = self.id + 1
  local headers = {
    ["Content-Type"] = "application/json",
    Accept = "application/json, text/event-stream",
    ["MCP-Protocol-Version"] = VERSION,
    ["Mcp-Method"] = method,
    ["Mcp-Name"] = params and params.name or nil,
  }
  for name, value in pairs(extra or {}) do headers[name] = value end
  return {
    port = self.port, unix = self.unix, method = "POST", path = "/mcp", headers = headers,
    body = encode {
      jsonrpc = "2.0", id = self.id, method = method, params = gateway.envelope(params),
    },
  }
end

--- One modern request: the decoded message, and the HTTP answer.
function Gateway:rpc(method, params, extra)
  local answer = assert(web.request(self:modern(method, params, extra)))
  local body = answer.body
  if (answer.headers["content-type"] or ""):find("event-stream", 1, true) then
    body = body:match("data: ([^\n]*)\n\n$")
  end
  return body ~= "" and cjson.decode(body) or nil, answer
end

--- Calls a tool: its result, and the HTTP answer. `text` is the result's text.
function Gateway:call(tool, arguments)
  local message, answer = self:rpc("tools/call", { name = tool, arguments = arguments or {} })
  if message.error then return nil, message.error end
  local result = message.result
  result.text = result.content[1] and result.content[1].text
  return result, answer
end

--- A tool call that must fail: its error object.
function Gateway:fails(tool, arguments)
  local result = assert(self:call(tool, arguments))
  assert(result.isError, "the call did not fail: " .. cjson.encode(result))
  return result.structuredContent or result._meta["dev.tidegate/error"], result
end

function Gateway:running()
  return self.process:running()
end

--- Memory in KiB, and how many descriptors are open.
function Gateway:usage()
  local pid = self.process:pid()
  local status = assert(io.open(("/proc/%d/status"):format(pid))):read("a")
  local _, list = process.run { "ls", ("/proc/%d/fd"):format(pid) }
  local _, fds = list:gsub("\n", "")
  return tonumber(status:match("VmRSS:%s*(%d+)")), fds
end

return gateway
