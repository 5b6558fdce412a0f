-- How an answer leaves: JSON, or events if something was said before.
local T = require "T"
local reply = T.mcp.reply

local ANSWER = '{"jsonrpc":"2.0","id":1,"result":{}}'

describe("a reply", function()
  it("is JSON with its own status when nothing was said before", function()
    local status, headers, body = reply({}, ANSWER)

    assert.same({ 400, ANSWER }, { status, body })
    assert.equal("X-Request-Id: r\nContent-Type: application/json\n", headers)
  end)

  it("becomes a stream of events with the first notification", function()
    local status, headers, body = reply({ '{"a":1}', '{"b":2}' }, ANSWER)

    assert.equal(200, status)
    assert.equal("X-Request-Id: r\nContent-Type: text/event-stream\n" ..
      "Cache-Control: no-cache, no-transform\nX-Accel-Buffering: no\n", headers)
    assert.equal('event: message\ndata: {"a":1}\n\nevent: message\ndata: {"b":2}\n\n' ..
      "event: message\ndata: " .. ANSWER .. "\n\n", body)
  end)

  it("without an answer is a stream that ends", function()
    local status, headers, body = reply({}, nil)

    assert.same({ 200, "" }, { status, body })
    assert.truthy(headers:find("text/event-stream", 1, true))
  end)

  it("may end without an answer after a notification", function()
    local _, _, body = reply({ "{}" }, nil)

    assert.equal("event: message\ndata: {}\n\n", body)
  end)
end)
