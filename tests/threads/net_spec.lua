-- A loop and an HTTP server in a thread of their own, and others that post to
-- it: what loop/ and net/ share with the thread that started them.

local T = require "T"
local raw = require "raw_http"

describe("a mailbox", function()
  it("loses nothing and keeps each poster's order", function()
    local delivered, in_order = T.mailbox.threads(4, 20000)

    assert.same({ 80000, true }, { delivered, in_order })
  end)
end)

describe("workers", function()
  it("start, get messages and stop", function()
    local started, stopped, letters = T.mailbox.workers(8, false)

    assert.same({ 8, 8, 8 }, { started, stopped, letters })
  end)
end)

describe("two servers at one address", function()
  it("answer while they are asked for their figures, drain and stop", function()
    local one = assert(T.http_server.start {})
    local two = assert(T.http_server.start { address = one:name() })
    local clients, sum = {}, 0
    for i = 1, 40 do clients[i] = raw.connect(one:name()) end

    for _ = 1, 5 do
      for _, c in ipairs(clients) do
        c:send "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
        one:stats()
      end
      for _, c in ipairs(clients) do assert.equal(200, c:answer().status) end
    end

    for _, server in ipairs { one, two } do
      local stats = server:stats()
      sum = sum + stats.requests
      server:drain(1000)
      server:stop()
    end
    assert.equal(200, sum)
  end)
end)
