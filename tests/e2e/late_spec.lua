--- A worker that has too much to do, over real sockets.

local gateway = require "gateway"
local process = require "process"
local web = require "web"

-- Each call keeps the worker busy for a while.
local SCRIPT = [[
local a, b = ("x"):rep(100000) .. "a", ("x"):rep(100000) .. "b"
return {
  name = "busy", about = "Busy.", upstream = { base = "http://127.0.0.1:9" },
  tools = {
    work = { about = "Works.", args = {}, run = function()
      for _ = 1, 20000 do if b < a then return "no" end end
      return "worked"
    end },
    rest = { about = "Rests.", args = {}, run = function() return "rested" end },
  },
}]]

describe("a worker that is late #threads", function()
  local g

  after_each(function() g:stop() end)

  local function crowd()
    local open = {}
    for i = 1, 12 do
      open[i] = web.open(g:modern("tools/call", { name = "busy_work", arguments = {} }))
    end
    for _, one in ipairs(open) do one:close() end
  end

  it("refuses calls with 503 until it has caught up, and goes on answering who asks if it lives",
    function()
      g = gateway.start {
        scripts = { ["busy.lua"] = SCRIPT },
        args = { "--workers", "1", "--shed-lag-ms", "20" },
      }
      local refused = process.eventually(function()
        crowd()
        local message, answer = g:rpc("tools/call", { name = "busy_rest", arguments = {} })
        return answer.status == 503 and { message, answer }
      end, 20)
      local message, answer = refused[1], refused[2]

      assert.matches("^[123]$", answer.headers["retry-after"])
      assert.matches("Too much to do just now", message.error.message)
      assert.is_true(g:logged "late: calls are refused worker=0 level=3" ~= nil)
      local _, discover = g:rpc "server/discover"
      assert.equal(200, discover.status)
      assert.truthy(process.eventually(function()
        local _, again = g:rpc("tools/call", { name = "busy_rest", arguments = {} })
        return again.status == 200
      end, 20))
    end)

  it("serves all the same when it is told never to refuse", function()
    g = gateway.start {
      scripts = { ["busy.lua"] = SCRIPT },
      args = { "--workers", "1", "--shed-lag-ms", "0" },
    }
    for _ = 1, 3 do crowd() end

    local _, answer = g:rpc("tools/call", { name = "busy_rest", arguments = {} })
    assert.equal(200, answer.status)
  end)

  it("is not woken when it has nothing to do", function()
    g = gateway.start { scripts = { ["busy.lua"] = SCRIPT }, args = { "--workers", "1" } }
    g:rpc("tools/call", { name = "busy_rest", arguments = {} })

    local function switches()
      local text = assert(io.open(("/proc/%d/status"):format(g.process:pid()))):read "a"
      return tonumber(text:match "voluntary_ctxt_switches:%s*(%d+)")
    end
    process.sleep_ms(300)
    local before = switches()
    process.sleep_ms(500)
    assert.is_true(switches() - before < 10)
  end)
end)
