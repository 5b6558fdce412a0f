--- The main job: a script's tools, called through MCP, over a real service.

local cjson = require "cjson"

local gateway = require "gateway"
local process = require "process"
local web = require "web"

local SCRIPT = [[
--- A shop.
local str, int = tide.schema.string, tide.schema.integer

local function echo(ctx, args)
  local res = assert(ctx.http:request(args.method, "/echo", {
    query = { b = 2, a = { "x y", "z" } },
    headers = { ["X-Own"] = "mine" },
    json = args.method ~= "GET" and { list = { 1, 2 }, text = args.text } or nil,
  }))
  return { status = res.status, type = res.headers["Content-Type"], sent = res.json }
end

local function relay(ctx) return ctx.http:get("/json") end
local function text() return "plain words" end
local function nothing() end
local function scalar() return 42 end
local function blocks() return { tide.content.text("one"), tide.content.text("two") } end
local function defaults(_, args) return { args = args } end

local function several(ctx)
  local results, errors = tide.all {
    good = function() return ctx.http:get("/json") end,
    bad = function() return ctx.http:get("/status/404") end,
    soon = function() tide.time.sleep(0.05) return { slept = true } end,
  }
  return { ok = results.good.json.ok, slept = results.soon.slept, bad = errors.bad.code }
end

local function form(ctx)
  return assert(ctx.http:post("/echo", { form = { a = "1&2", b = { "x", "y" } } })).json
end

local function last_good(_, _, err) return { stale = true, because = err.code } end
local function failing(ctx, args) return ctx.http:get("/status/" .. args.status) end
local function wait(ctx) return ctx.http:get("/stall-headers") end
local function about_me(ctx)
  return { tool = ctx.tool, left = ctx.deadline > 0, id = ctx.request_id, who = ctx.principal }
end
local function no_shape() return { total = "many" } end

return {
  name = "shop",
  title = "The Shop",
  about = "Sells.",
  upstream = { base = "$UPSTREAM", policy = "quick", headers = { ["X-All"] = "all" },
    errors = { [418] = "conflict" } },
  tools = {
    echo = { about = "Echo.", args = { method = str { "GET", "POST", "DELETE" },
      text = str { optional = true } }, run = echo },
    relay = { about = "Relay.", args = {}, run = relay },
    text = { about = "Text.", args = {}, run = text },
    nothing = { about = "Nothing.", args = {}, run = nothing },
    scalar = { about = "A number.", args = {}, run = scalar },
    blocks = { about = "Blocks.", args = {}, run = blocks },
    defaults = { about = "Defaults.", args = { n = int { default = 7, min = 1, max = 9 },
      s = str { optional = true } }, run = defaults },
    several = { about = "Several.", args = {}, run = several },
    form = { about = "Form.", args = {}, run = form },
    failing = { about = "Failing.", args = { status = int() }, run = failing },
    falling = { about = "With a fallback.", args = { status = int() }, run = failing,
      fallback = last_good },
    asking = { about = "Asks another.", args = { status = int() },
      run = function(ctx, args) return ctx.call("falling", args) end },
    wait = { about = "Waits.", args = {}, run = wait },
    wait_fall = { about = "Waits.", args = {}, run = wait, fallback = last_good },
    about_me = { about = "Context.", args = {}, run = about_me },
    no_shape = { about = "Shape.", args = {}, result = { total = int() }, run = no_shape },
  },
}
]]

local POLICY = [[return { quick = {
  deadline_ms = 800, attempt = { timeout_ms = 600 }, retry = { attempts = 1 },
} }]]

-- The service shows bytes as characters.
local function utf8_of_latin1(text)
  local bytes = {}
  for _, code in utf8.codes(text) do bytes[#bytes + 1] = string.char(code) end
  return table.concat(bytes)
end

describe("a tool call", function()
  local g, up

  setup(function()
    up = require("upstream").start { plain = true }
    g = gateway.start {
      scripts = { ["shop.lua"] = SCRIPT },
      policies = { ["quick.lua"] = POLICY },
      replace = { UPSTREAM = up:url("/"):gsub("/$", "") },
      args = { "--workers", "2", "--trail" },
    }
  end)

  teardown(function()
    g:stop()
    up:stop()
  end)

  it("sends what the script says", function()
    local sent = g:call("shop_echo", { method = "POST", text = "hé" }).structuredContent.sent

    assert.equal("POST", sent.method)
    assert.matches("%?a=x%%20y&a=z&b=2$", sent.url or sent.path or sent.target)
    assert.equal("mine", sent.headers["x-own"])
    assert.equal("all", sent.headers["x-all"])
    assert.equal("application/json", sent.headers["content-type"])
    assert.same({ list = { 1, 2 }, text = "hé" }, cjson.decode(utf8_of_latin1(sent.body)))
  end)

  it("sends forms", function()
    local sent = g:call("shop_form").structuredContent

    assert.equal("a=1%262&b=x&b=y", sent.body)
  end)

  it("relays an answer byte by byte", function()
    local result = g:call("shop_relay")

    assert.is_true(result.structuredContent.ok)
    assert.matches('"text":"héllo"', result.text)
  end)

  it("gives text, nothing, numbers and blocks their form", function()
    assert.equal("plain words", g:call("shop_text").text)
    assert.equal("done", g:call("shop_nothing").text)
    assert.equal(42, g:call("shop_scalar").structuredContent)
    assert.equal("two", g:call("shop_blocks").content[2].text)
  end)

  it("fills in defaults", function()
    local args = g:call("shop_defaults", {}).structuredContent.args

    assert.same({ n = 7 }, args)
  end)

  it("refuses bad arguments with words a model can use", function()
    local err, result = g:fails("shop_defaults", { n = 10 })

    assert.equal("invalid_argument", err.code)
    assert.matches("n must be at most 9", result.text)
    assert.equal(0, err.attempts)
  end)

  it("names a tool that is near", function()
    local result, err = g:call("shop_relai")

    assert.is_nil(result)
    assert.equal(-32602, err.code)
    assert.matches("shop_relay", err.message)
  end)

  it("does several things at once, and each has its result or error", function()
    local result = g:call("shop_several").structuredContent

    assert.same({ ok = true, slept = true, bad = "not_found" }, result)
  end)

  it("maps statuses as the integration says", function()
    assert.equal("conflict", g:fails("shop_failing", { status = 418 }).code)
    assert.equal("not_found", g:fails("shop_failing", { status = 404 }).code)
  end)

  it("falls back when the service cannot, not when it says no", function()
    assert.same({ stale = true, because = "upstream_error" },
      g:call("shop_falling", { status = 500 }).structuredContent)
    assert.equal("not_found", g:fails("shop_falling", { status = 404 }).code)
  end)

  it("says that a fallback answered, also through another tool", function()
    for _, tool in ipairs { "shop_falling", "shop_asking" } do
      local meta = g:call(tool, { status = 500 })._meta

      assert.same({ true, "fallback" },
        { meta["dev.tidegate/degraded"], meta["dev.tidegate/source"] })
    end
  end)

  it("calls another tool, whose failure is its own", function()
    local err = g:fails("shop_asking", { status = 404 })

    assert.same({ "not_found", 1 }, { err.code, err.attempts })
    assert(g:logged("call tool=shop_falling [^\n]* by=shop_asking ", 2))
  end)

  it("ends by its deadline", function()
    local before = process.now_ms()

    local err = g:fails("shop_wait")

    assert.equal("timeout", err.code)
    assert.is_true(process.now_ms() - before < 1500)
  end)

  it("leaves the fallback time to answer", function()
    local result = g:call("shop_wait_fall")

    assert.same({ stale = true, because = "timeout" }, result.structuredContent)
  end)

  it("shows the handler its call", function()
    local result, answer = g:rpc("tools/call", { name = "shop_about_me", arguments = {} },
      { ["X-Request-Id"] = "my-own-id" })

    local seen = result.result.structuredContent
    assert.same({ tool = "shop_about_me", left = true, id = "my-own-id", who = "anonymous" }, seen)
    assert.equal("my-own-id", answer.headers["x-request-id"])
  end)

  it("checks what it gives back", function()
    local err = g:fails("shop_no_shape")

    assert.equal("bad_response", err.code)
    assert.matches("total", err.message)
  end)

  it("carries its trail", function()
    local result = g:call("shop_failing", { status = 503 })

    local kinds = {}
    for i, step in ipairs(result._meta["dev.tidegate/trail"]) do kinds[i] = step.step end
    assert.same({ "route", "run", "attempt", "answer", "result" }, kinds)
  end)

  it("is cancelled when the client leaves", function()
    local before = up:count("/stall-headers")
    local client = web.open(g:modern("tools/call", { name = "shop_wait", arguments = {} }))
    assert.is_truthy(process.eventually(function() return up:count("/stall-headers") > before end))
    local open = up:stats().open

    client:close()

    assert.is_truthy(g:logged("tool=shop_wait[^\n]*code=cancelled"))
    assert.is_truthy(process.eventually(function() return up:stats().open < open end))
  end)

  it("writes one line in the log", function()
    g:rpc("tools/call", { name = "shop_text", arguments = {} }, { ["X-Request-Id"] = "one-line" })

    assert.truthy(g:logged("call tool=shop_text req=one%-line code=ok us=%d+ attempts=0"))
    local _, times = g:log():gsub("req=one%-line", "")
    assert.equal(1, times)
  end)
end)
