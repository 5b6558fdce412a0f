--- A plain HTTP/1.1 client for specs: one request, one connection.
--
--   local res = web.request { port = 8080, method = "POST", path = "/mcp",
--                             headers = { ... }, body = "..." }
--   res.status, res.headers["content-type"], res.body
--
-- `unix` instead of `port` for a unix socket.

local socket = require "socket"

local web = {}

local function connect(options)
  local client
  if options.unix then
    client = require "socket.unix"()
    assert(client:connect(options.unix))
  else
    client = assert(socket.connect(options.host or "127.0.0.1", options.port))
  end
  client:settimeout(options.timeout or 20)
  return client
end

local function head(options)
  local lines = {
    ("%s %s HTTP/1.1"):format(options.method or "GET", options.path or "/"),
  }
  local headers = { Host = "127.0.0.1", Connection = "close" }
  for name, value in pairs(options.headers or {}) do headers[name] = value end
  if options.body then headers["Content-Length"] = #options.body end
  for name, value in pairs(headers) do
    if value then lines[#lines + 1] = name .. ": " .. value end
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local function dechunk(text)
  local out, at = {}, 1
  while true do
    local size, stop = text:match("^(%x+)[^\r]*\r\n()", at)
    size = tonumber(size, 16)
    if not size or size == 0 then return table.concat(out) end
    out[#out + 1] = text:sub(stop, stop + size - 1)
    at = stop + size + 2
  end
end

function web.parse(text)
  local status, fields, body = text:match("^HTTP/1%.[01] (%d+)[^\r]*\r\n(.-)\r\n\r\n(.*)$")
  if not status then
    status, body = text:match("^HTTP/1%.[01] (%d+)[^\r]*\r\n\r\n(.*)$")
    fields = ""
  end
  if not status then return nil, text end
  local headers = {}
  for name, value in (fields .. "\r\n"):gmatch("([^:\r\n]+):%s*([^\r\n]*)\r\n") do
    headers[name:lower()] = value
  end
  if headers["transfer-encoding"] == "chunked" then body = dechunk(body) end
  return { status = math.tointeger(tonumber(status)), headers = headers, body = body }
end

--- Sends and keeps the connection: for requests that are given up, or awaited.
function web.open(options)
  local client = connect(options)
  assert(client:send(head(options) .. (options.body or "")))
  return client
end

--- The rest of an open()ed request's answer; nil when the connection was cut.
function web.finish(client)
  local text, err, partial = client:receive("*a")
  client:close()
  text = text or partial or ""
  if text == "" then return nil, err end
  return web.parse(text)
end

function web.request(options)
  return web.finish(web.open(options))
end

return web
