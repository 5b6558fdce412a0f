--- Event streams: as text, and as they come.
--
--   local stream = sse.open(g:modern("subscriptions/listen", { ... }))
--   stream.status, stream:next(), stream:close()

local json = require "cjson"
local socket = require "socket"

local web = require "web"

local M = {}

--- The messages in a stream, decoded, and how many comments there are.
function M.messages(text)
  local messages, comments = {}, 0
  for block in text:gmatch "(.-)\n\n" do
    local data = block:match "data: ([^\n]*)"
    if data and data ~= "" then
      messages[#messages + 1] = json.decode(data)
    elseif block:match "^:" then
      comments = comments + 1
    end
  end
  return messages, comments
end

local Stream = {}
Stream.__index = Stream

-- Reads what has come, for at most `seconds`; false when the server has closed.
local function fill(self, seconds)
  self.client:settimeout(seconds)
  local byte, err = self.client:receive(1)
  if not byte then return err == "timeout" and nil end
  self.client:settimeout(0)
  local rest, _, partial = self.client:receive "*a"
  self.raw = self.raw .. byte .. (rest or partial)
  return true
end

-- Moves whole chunks from the raw bytes to the text.
local function dechunk(self)
  while true do
    local size, start = self.raw:match "^(%x+)\r\n()"
    size = size and tonumber(size, 16)
    if not size or #self.raw < start + size + 1 then return end
    self.text = self.text .. self.raw:sub(start, start + size - 1)
    self.raw = self.raw:sub(start + size + 2)
    if size == 0 then self.ended = true end
  end
end

--- The next message, decoded; nil when none comes within `seconds` (5), or no
--- more will come: then `ended` says whether the stream was ended properly.
function Stream:next(seconds)
  local deadline = socket.gettime() + (seconds or 5)
  while true do
    local block, rest = self.text:match "^(.-)\n\n(.*)$"
    if block then
      self.text = rest
      local data = block:match "data: ([^\n]*)"
      if data and data ~= "" then return json.decode(data) end -- "" is a priming event
      if not data then self.comments = self.comments + 1 end
    else
      local left = deadline - socket.gettime()
      if self.ended or left <= 0 or fill(self, left) == false then return nil end
      dechunk(self)
    end
  end
end

--- All that comes within `seconds` of each other.
function Stream:all(seconds)
  local list = {}
  for message in function() return self:next(seconds) end do list[#list + 1] = message end
  return list
end

function Stream:close()
  self.client:close()
end

--- Sends the request and reads the head of its answer; `body` if it is no stream.
function M.open(request)
  local self = { client = web.open(request), raw = "", text = "", comments = 0 }
  setmetatable(self, Stream)
  while not self.raw:find("\r\n\r\n", 1, true) do assert(fill(self, 10), "no answer") end
  local head, rest = self.raw:match "^(.-\r\n)\r\n(.*)$"
  self.status = math.tointeger(tonumber(head:match "^HTTP/1%.1 (%d+)"))
  self.raw = rest
  if head:lower():find("transfer-encoding: chunked", 1, true) then
    dechunk(self)
  else
    self.body = rest
  end
  return self
end

return M
