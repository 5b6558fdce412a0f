--- Hedges and faults on purpose over real sockets.

local gateway = require "gateway"
local web = require "web"

local SCRIPT = [[
local str = tide.schema.string
return {
  name = "%s", title = "Harbour", about = "Gets.",
  upstream = { base = "%s", policy = "%s" },
  tools = {
    get = { about = "Get.", args = { path = str() }, annotations = { read_only = true },
      run = function(ctx, args) return ctx.http:get(args.path) end },
  },
}
]]

local POLICIES = [[
local base = { deadline_ms = 10000, attempt = { timeout_ms = 5000 } }
return {
  hedged = tide.policy.extend(base, { hedge = { extra = 1, delay_ms = 100 } }),
  calm = base,
  chaotic = tide.policy.extend(base, { chaos = { percent = 100, status = 502 },
    retry = { attempts = 1 } }),
}]]

describe("over real sockets", function()
  local g, up

  local function start(...)
    local scripts = {}
    local function add(name, base, policy)
      scripts[name .. ".lua"] = SCRIPT:format(name, base, policy)
    end
    add("plain", (up:url(""):gsub("/$", "")), "hedged")
    add("calm", (up:url(""):gsub("/$", "")), "calm")
    add("multi", up:url("", "h2"), "hedged")
    add("chaos", (up:url(""):gsub("/$", "")), "chaotic")
    g = gateway.start {
      scripts = scripts, policies = { ["p.lua"] = POLICIES },
      args = { "--workers", "1", "--trail", "--ca-file", up.ca, ... },
    }
  end

  setup(function() up = require("upstream").start() end)
  teardown(function() up:stop() end)
  after_each(function() g:stop() end)

  local function hedges(result)
    local found = {}
    for _, step in ipairs(result._meta["dev.tidegate/trail"]) do
      if step.step == "hedge" then found[#found + 1] = step.label end
    end
    return found
  end

  it("the faster of two wins, and the other is given up", function()
    start()
    for _ = 1, 5 do
      local result = g:call("plain_get", { path = "/tardy?ms=4000" })

      assert.falsy(result.isError)
      assert.same({ "launched", "won" }, hedges(result))
    end
    assert.is_true(g:call("plain_get", { path = "/json" }).structuredContent.ok)
  end)

  it("a hedge of HTTP/2 has a connection of its own", function()
    start()
    g:call("multi_get", { path = "/json" })
    local before = up:stats().connections.h2
    local result = g:call("multi_get", { path = "/tardy?ms=4000" })

    assert.same({ "launched", "won" }, hedges(result))
    assert.equal(before + 1, up:stats().connections.h2)
  end)

  it("a retry after a dead connection does not try the next one that may be dead", function()
    start()
    local open = {}
    for i = 1, 10 do
      open[i] = web.open(g:modern("tools/call",
        { name = "calm_get", arguments = { path = "/slow?ms=300" } }))
    end
    for _, one in ipairs(open) do
      web.finish(one)
    end
    local before = up:count "/close-reused"
    local result = g:call("calm_get", { path = "/close-reused" })

    assert.falsy(result.isError)
    assert.is_true(up:count "/close-reused" - before <= 3)
  end)

  it("faults are made up while --chaos-s lets them", function()
    start("--chaos-s", "2")
    local before = up:count "/json"
    local err = g:fails("chaos_get", { path = "/json" })

    assert.equal("upstream_error", err.code)
    assert.equal(before, up:count "/json")
    assert.matches("policies may inject faults for 2 s %(%-%-chaos%-s%)", g:log())
    assert.is_true(require("process").eventually(function()
      return not g:call("chaos_get", { path = "/json" }).isError
    end, 20))
  end)

  it("there are none without it", function()
    start()
    assert.is_true(g:call("chaos_get", { path = "/json" }).structuredContent.ok)
  end)
end)
