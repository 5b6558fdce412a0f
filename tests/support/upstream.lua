--- Starts upstream.mjs: a service that misbehaves on request.
--
--   local up = upstream.start()             -- up.http, up.https, ... are ports
--   up:url("/json"), up:url("/json", "h2")  -- http: or https: as the port needs
--   up:stats()                              -- what it has counted
--   up:stop()

local cjson = require "cjson"
local socket = require "socket"

local process = require "process"

local upstream = {}

local Upstream = {}
Upstream.__index = Upstream

local TLS = { https = true, self_signed = true, expired = true, wrong_name = true, h2 = true }

local HERE = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."

--- options.plain: without the TLS listeners, which starts faster.
function upstream.start(options)
  local plain = options and options.plain
  local p = process.spawn { "node", HERE .. "/upstream.mjs", plain and "--plain" or nil }
  local self = setmetatable(cjson.decode(p:line("^{.*}$", 20)), Upstream)
  for name, value in pairs(self) do
    self[name] = math.tointeger(value) or value -- cjson reads floats
  end
  self.process = p
  return self
end

function Upstream:url(path, listener)
  listener = listener or "http"
  local scheme = TLS[listener] and "https" or "http"
  return ("%s://%s:%d%s"):format(scheme, self.host, self[listener], path)
end

--- { counts = { [path] = requests executed }, connections = { [listener] = n },
--- open = n }
function Upstream:stats()
  local client = assert(socket.connect(self.host, self.http))
  client:settimeout(5)
  assert(client:send("GET /stats HTTP/1.0\r\n\r\n"))
  local answer = assert(client:receive("*a"))
  client:close()
  return cjson.decode(answer:match("\r\n\r\n(.*)$"))
end

--- How often that path has been executed.
function Upstream:count(path)
  return self:stats().counts[path] or 0
end

function Upstream:stop()
  return self.process:stop()
end

return upstream
