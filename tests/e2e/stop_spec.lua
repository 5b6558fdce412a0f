--- The end of the process, at moments that do not suit it.

local socket = require "socket"

local gateway = require "gateway"
local web = require "web"

-- Keeps its worker busy until its budget of time is used up.
local SCRIPT = [[
return {
  name = "busy", about = "Busy.", upstream = { base = "http://127.0.0.1:9" },
  tools = { work = { about = "Works.", args = {}, run = function()
    tide.log.info "working"
    local a, b = ("x"):rep(100000) .. "a", ("x"):rep(100000) .. "b"
    while a < b do end
  end } },
}]]

describe("an order to stop #threads", function()
  local g

  before_each(function()
    g = gateway.start { scripts = { ["busy.lua"] = SCRIPT }, args = { "--workers", "1" } }
  end)

  after_each(function() g:stop() end)

  local function busy()
    local options = g:modern("tools/call", { name = "busy_work", arguments = {} })
    local open = web.open(options)
    socket.sleep(0.1)
    return open
  end

  local function ends_after(...)
    local open = busy()
    for _, name in ipairs { ... } do
      g:signal(name)
      socket.sleep(0.05)
    end
    local code = g.process:wait(10)
    open:close()
    return code
  end

  it("that comes twice while a worker is busy finds it still in order", function()
    local code = ends_after("TERM", "TERM")

    assert.equal(0, code, g:log())
  end)

  it("can overtake a reload on its way to a busy worker", function()
    local code = ends_after("HUP", "TERM", "TERM")

    assert.equal(0, code, g:log())
  end)
end)
