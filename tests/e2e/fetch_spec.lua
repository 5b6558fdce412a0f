--- Many callers at once, two workers, one service: it is asked once.

local gateway = require "gateway"
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

  it("do not keep it from stopping, and nothing is left of them", function()
    local opened = {}
    local call = { name = "svc_get", arguments = { path = "/slow?ms=20000" } }
    for i = 1, 20 do opened[i] = web.open(g:modern("tools/call", call)) end
    require("process").eventually(function() return up:stats().counts["/slow"] == 2 end, 5)

    g:signal "TERM"

    for _, client in ipairs(opened) do web.finish(client) end
    g:stop() -- raises unless it ends cleanly
  end)
end)
