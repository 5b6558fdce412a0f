--- Many callers at once, two workers, one service: it is asked once.

local gateway = require "gateway"
local process = require "process"
local web = require "web"

local SCRIPT = [[
local str = tide.schema.string
local function get(ctx, args)
  local res, err = ctx.http:get(args.path)
  if not res then return nil, err end
  return { cached = res.cached, slow = res.json.slow }
end
return {
  name = "svc", about = "A service.", upstream = { base = "$UPSTREAM" },
  tools = {
    get = {
      about = "Get.", args = { path = str() }, run = get, policy = "kept",
      annotations = { read_only = true },
    },
  },
}]]

local POLICY = "return { kept = { cache = { ttl_ms = 60000 } } }"

describe("callers who want the same of a slow service #threads", function()
  local g, up

  setup(function() up = require("upstream").start { plain = true } end)

  teardown(function() up:stop() end)

  before_each(function()
    g = gateway.start {
      scripts = { ["svc.lua"] = SCRIPT },
      policies = { ["p.lua"] = POLICY },
      replace = { UPSTREAM = (up:url(""):gsub("/$", "")) },
      args = { "--workers", "2", "--cache-mb", "8", "--drain-ms", "100" },
    }
  end)

  after_each(function() g:stop() end)

  it("ask it once, whichever worker they are at, and find it kept afterwards", function()
    local opened, results = {}, {}
    local call = { name = "svc_get", arguments = { path = "/slow?ms=700" } }

    for i = 1, 50 do opened[i] = web.open(g:modern("tools/call", call)) end
    for i, client in ipairs(opened) do results[i] = web.finish(client) end
    local after = g:call("svc_get", call.arguments)

    for _, answer in ipairs(results) do
      assert.matches('"structuredContent":{[^}]*"slow":true', answer.body)
    end
    assert.is_true(after.structuredContent.cached)
    assert.equal(1, up:count "/slow")
  end)

  it("share it over a reload", function()
    local call = { name = "svc_get", arguments = { path = "/slow?ms=2500" } }
    local before = up:count "/slow"
    local old = web.open(g:modern("tools/call", call))
    process.eventually(function() return up:count "/slow" > before end, 5)

    g:write("scripts/svc.lua", SCRIPT .. "\n-- changed\n")
    assert(g:logged "generation 1 %-> 2 worker=0")
    assert(g:logged "generation 1 %-> 2 worker=1")
    local new = web.open(g:modern("tools/call", call))
    process.eventually(function() return false end, 0.3) -- it has joined
    old:close() -- and with it goes the old generation

    assert.matches('"slow":true', web.finish(new).body)
    assert.equal(before + 1, up:count "/slow")
  end)

  it("have the last answer when the service is gone", function()
    local other = require("upstream").start { plain = true }
    g:write("policies/p.lua", POLICY:gsub("60000", "1, stale_ms = 0, stale_if_error_ms = 60000"))
    local base = other:url(""):gsub("/$", "")
    g:write("scripts/svc.lua", (SCRIPT:gsub("%$UPSTREAM", base)))
    local function call() return g:call("svc_get", { path = "/slow?ms=1" }) end
    local first = process.eventually(function()
      local result = call()
      return other:count "/slow" > 0 and result
    end, 10)
    other:stop()

    local second = call()

    assert.is_false(first.structuredContent.cached)
    assert.is_true(second.structuredContent.cached)
    assert.is_true(second._meta["dev.tidegate/degraded"])
    assert.equal("cache", second._meta["dev.tidegate/source"])
  end)

  it("do not keep it from stopping, and nothing is left of them", function()
    local opened = {}
    local call = { name = "svc_get", arguments = { path = "/slow?ms=20000" } }
    local before = up:count "/slow"
    for i = 1, 20 do opened[i] = web.open(g:modern("tools/call", call)) end
    process.eventually(function() return up:count "/slow" > before end, 5)

    g:signal "TERM"

    for _, client in ipairs(opened) do web.finish(client) end
    g:stop() -- raises unless it ends cleanly
  end)
end)
