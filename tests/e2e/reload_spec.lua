--- Edits in production: atomic, or nothing but a line in the log.

local cjson = require "cjson"

local gateway = require "gateway"
local process = require "process"
local web = require "web"

local function version(n)
  return ([[
    return {
      name = "app", about = "An app.", upstream = { base = "$UPSTREAM" },
      tools = {
        version = { about = "The version.", args = {}, run = function() return { n = %d } end },
        slow = { about = "Slow.", args = {}, run = function(ctx)
          local res, err = ctx.http:get("/slow?ms=1000")
          if not res then return nil, err end
          return { n = %d }
        end },
      },
    }]]):format(n, n)
end

describe("a reload #threads", function()
  local g, up

  before_each(function()
    up = require("upstream").start { plain = true }
    g = gateway.start {
      scripts = { ["app.lua"] = version(1) },
      replace = { UPSTREAM = up:url("/"):gsub("/$", "") },
      args = { "--workers", "2" },
    }
  end)

  after_each(function()
    g:stop()
    up:stop()
  end)

  local function seen()
    return math.tointeger(g:call("app_version").structuredContent.n)
  end

  local function serves(n)
    return process.eventually(function()
      for _ = 1, 6 do -- both workers
        if seen() ~= n then return false end
      end
      return true
    end, 10)
  end

  it("comes by itself when a file is written over", function()
    g:write("scripts/app.lua", version(2))

    assert.is_true(serves(2))
  end)

  it("comes when a file is written in place", function()
    local file = assert(io.open(g.folder .. "/scripts/app.lua", "wb"))
    file:write((version(3):gsub("%$UPSTREAM", g.replace.UPSTREAM)))
    file:close()

    assert.is_true(serves(3))
  end)

  it("comes with SIGHUP", function()
    g:signal("HUP")

    assert.truthy(g:logged("loaded generation=2"))
    assert.equal(1, seen())
  end)

  it("brings a new integration and takes one away", function()
    g:write("scripts/other.lua", (version(9):gsub('name = "app"', 'name = "other"')))
    assert.truthy(g:logged("generation 1 %-> 2 worker=0"))
    assert.truthy(g:logged("generation 1 %-> 2 worker=1"))
    assert.equal(9, g:call("other_version").structuredContent.n)

    g:remove("scripts/app.lua")
    assert.truthy(g:logged("generation 2 %-> 3 worker=0"))
    assert.truthy(g:logged("generation 2 %-> 3 worker=1"))
    local result, err = g:call("app_version")

    assert.is_nil(result)
    assert.equal(-32602, err.code)
  end)

  it("that is broken changes nothing but the log", function()
    g:write("scripts/app.lua", "return {")

    assert.truthy(g:logged("not reloaded"))
    assert.truthy(g:logged("app%.lua: [^\n]*1"))
    assert.equal(1, seen())

    g:write("scripts/app.lua", version(4))
    assert.is_true(serves(4))
  end)

  it("lets a running call finish on its own generation", function()
    local slow = web.open(g:modern("tools/call", { name = "app_slow", arguments = {} }))
    process.sleep_ms(200)
    g:write("scripts/app.lua", version(5))
    assert.is_true(serves(5))

    local result = cjson.decode(web.finish(slow).body).result

    assert.equal(1, result.structuredContent.n)
  end)

  it("leaves a flight the VM that classifies its answer, though who began it has left", function()
    local text = [[return {
      name = "app", about = "An app.",
      upstream = { base = "$UPSTREAM", policy = "kept", classify = function(res)
        if res.status == 200 and res.json.slow then return %s end
      end },
      tools = { read = { about = "Read.", args = {}, annotations = { read_only = true },
        run = function(ctx) return ctx.http:get "/slow?ms=1500" end } },
    }]]
    g:write("policies/kept.lua", "return { kept = { cache = { ttl_ms = 60000, shared = 1 } } }")
    g:write("scripts/app.lua", text:format [["app_error"]])
    assert.truthy(g:logged "loaded generation=[2-9] ")
    local request = g:modern("tools/call", { name = "app_read", arguments = {} })
    local calls = {}
    for i = 1, 4 do
      calls[i] = web.open(request)
      process.sleep_ms(50)
    end
    g:write("scripts/app.lua", text:format "nil")
    assert.truthy(g:logged "loaded generation=[3-9] ")

    calls[1]:close()

    for i = 2, 4 do
      local result = cjson.decode(web.finish(calls[i]).body).result
      assert.equal("invalid_argument", result.structuredContent.code)
    end
    assert.equal(1, up:count "/slow")
  end)

  it("a hundred times leaves memory and descriptors where they were", function()
    for i = 1, 20 do
      g:signal("HUP")
      assert.truthy(g:logged(("loaded generation=%d "):format(i + 1)))
    end
    process.sleep_ms(200)
    local memory, fds = g:usage()

    for i = 21, 100 do
      g:signal("HUP")
      assert.truthy(g:logged(("loaded generation=%d "):format(i + 1)))
    end
    process.sleep_ms(200)
    local later, later_fds = g:usage()

    assert.equal(fds, later_fds)
    -- A sanitizer keeps freed memory for a while, so only what would be a leak
    -- of whole VMs (0.3 MB each and more) is told apart.
    assert.is_true(later - memory < 60 * 1024, ("%d -> %d KiB"):format(memory, later))
  end)
end)
