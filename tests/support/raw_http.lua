--- A client that speaks bytes: for specs that say exactly what is sent, also
--- what no decent client would. Blocks, for at most five seconds.
local socket = require "socket"

local raw = {}
local Client = {}
Client.__index = Client

--- `name`: "127.0.0.1:8080" or "unix:/path".
function raw.connect(name)
  local path = name:match "^unix:(.*)"
  local sock
  if path then
    sock = require "socket.unix"()
    assert(sock:connect(path))
  else
    local host, port = name:match "^%[?(.-)%]?:(%d+)$"
    sock = assert(socket.connect(host, tonumber(port)))
    sock:setoption("tcp-nodelay", true)
  end
  sock:settimeout(5)
  return setmetatable({ sock = sock }, Client)
end

function Client:send(bytes)
  return self.sock:send(bytes)
end

function Client:read(n)
  local bytes, err, part = self.sock:receive(n)
  return bytes or part, err
end

function Client:line()
  return self.sock:receive "*l"
end

--- All that comes until the server closes.
function Client:rest()
  local bytes, err, part = self.sock:receive "*a"
  return bytes or part, err
end

function Client:closed()
  local byte, err = self.sock:receive(1)
  return byte == nil and err == "closed"
end

function Client:close()
  self.sock:close()
end

local function read_chunks(client)
  local pieces = {}
  while true do
    local size = tonumber(assert(client:line()), 16)
    local data = size > 0 and client:read(size) or ""
    assert(client:line() == "")
    if size == 0 then return table.concat(pieces), #pieces end
    pieces[#pieces + 1] = data
  end
end

--- One answer: status, headers (names in lower case) and body; nil if the
--- server closed before. `head`: it answers a HEAD.
function Client:answer(head)
  local first, err = self:line()
  if not first then return nil, err end
  local a = { status = tonumber(first:match "^HTTP/1%.1 (%d+) "), headers = {}, line = first }
  for line in function() return self:line() end do
    if line == "" then break end
    local name, value = line:match "^([^:]+): (.*)$"
    a.headers[name:lower()] = value
  end
  if head or a.status == 204 or a.status == 304 or a.status < 200 then return a end
  if a.headers["transfer-encoding"] == "chunked" then
    a.body, a.chunks = read_chunks(self)
  elseif a.headers["content-length"] then
    local n = tonumber(a.headers["content-length"])
    a.body = n > 0 and self:read(n) or ""
  else
    a.body = self:rest()
  end
  return a
end

--- Sends and reads one answer.
function Client:ask(bytes)
  assert(self:send(bytes))
  return self:answer(bytes:sub(1, 5) == "HEAD ")
end

return raw
