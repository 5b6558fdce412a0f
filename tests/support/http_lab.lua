--- The HTTP server of `T.http_server` and its clients, for the specs of net/.
local http_server = require("T").http_server
local raw = require "raw_http"
local socket = require "socket"

local lab = { server = nil }

--- Starts the server of this spec; lab.stop() ends it.
function lab.start(options)
  lab.server = assert(http_server.start(options or {}))
  return lab.server
end

function lab.stop()
  http_server.files()
  if lab.server then lab.server:stop() end
  lab.server = nil
end

function lab.connect()
  return raw.connect(lab.server:name())
end

function lab.get(path, fields)
  return "GET " .. path .. " HTTP/1.1\r\nHost: a\r\n" .. (fields or "") .. "\r\n"
end

function lab.post(path, body, fields)
  return ("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n%s"):format(path, #body,
    fields or "", body)
end

--- What /big/N and /take/N answer.
function lab.letters(n)
  return ("abcdefghijklmnopqrstuvwxyz"):rep(n // 26 + 1):sub(1, n)
end

--- The server runs in another thread: waits for what must come.
function lab.eventually(check)
  for _ = 1, 500 do
    local stats = lab.server:stats()
    if check(stats) then return stats end
    socket.sleep(0.01)
  end
  error("it did not come to that", 2)
end

return lab
