--- Whatever a script does, its call gets a clear error and nobody else notices.

local socket = require "socket"

local gateway = require "gateway"

local HEAD = [[
local function tool(run) return { about = "Test.", args = {}, run = run } end
]]

local SCRIPT = HEAD .. [[
local function endless() while true do end end
local function endless_held() while true do pcall(function() while true do end end) end end
local function hungry() local t = {} while true do t[#t + 1] = ("x"):rep(1e6) .. #t end end
local function recursive() local function f() return 1 + f() end return f() end
local function c_recursive()
  local t = {}
  for _ = 1, 300 do t = setmetatable({}, { __index = function(_, k) return t[k] end }) end
  return ("x"):rep(10):gsub("x", function() return recursive() end)
end
local function numbers() local t = {} for i = 1, 500000 do t[i] = i end return t end
local function long() return ("x"):rep(4000000) .. "a", ("x"):rep(4000000) .. "b" end
local function sort_long()
  local t, a, b = {}, long()
  for i = 1, 20000 do t[i] = i % 2 == 0 and a or b end
  table.sort(t)
end
local function sort_much() while true do table.sort(numbers()) end end
local function compare_long() local a, b = long() while a < b do end end
local function shift_much()
  local t = numbers()
  while true do table.insert(t, 1, 0) t[#t] = nil end
end
local function unpack_much() local t = numbers() while true do select(-1, table.unpack(t)) end end
local function log_much() local a = long() while true do tide.log.debug(a) tide.log.info(a) end end
local function return_endless() local t = { 1 } for _ = 1, 60 do t = { t, t } end return t end
local function wait_in_sort()
  table.sort({ 3, 2, 1 }, function(a, b) tide.time.sleep(0.01) return a < b end)
end
local function raise_table() error { reason = "a table of its own" } end
local function raise_known() error { code = "not_found", message = "no such shelf" } end
local function raise_string() error "tower 7 at 10.1.2.3 is down" end
local function raise_nil() error(nil) end
local function raise_number() error(42) end
local function return_function() return { f = tostring } end
local function return_nan() return { n = 0 / 0 } end
local function return_cycle() local t = {} t.t = t return t end
local function return_binary() return "\xff\xfe" end
local function index_nil() local x; return x.y end
local function leave_base(ctx) return ctx.http:get("/../secret") end
local function other_host(ctx) return ctx.http:get("https://example.com/") end
local function bad_option(ctx) return ctx.http:get("/json", { qery = {} }) end
local function bad_header(ctx)
  return ctx.http:get("/json", { headers = { ["X-A"] = "a\r\nX-B: b" } })
end
local function dot_call(ctx) return ctx.http.get("/json") end
local kept
local function keep(ctx) kept = kept or ctx.http:get("/json") return { status = kept.status } end
local function fine() return { ok = true } end
local function call_itself(ctx) return ctx.call "call_itself" end
local function call_much(ctx) while true do ctx.call "fine" end end
local function call_long(ctx) while true do assert(ctx.call "burn") end end
local function burn() for _ = 1, 2000000 do end end
local function judged(ctx) return ctx.http:get "/status/418" end
local function judged_long(ctx) return ctx.http:get "/status/417" end
local function classify(res)
  if res.status == 418 then while true do pcall(endless) end end
  if res.status == 417 then sort_much() end
end

return {
  name = "bad",
  about = "Misbehaves.",
  upstream = { base = "$UPSTREAM", classify = classify },
  tools = {
    endless = tool(endless), endless_held = tool(endless_held), hungry = tool(hungry),
    recursive = tool(recursive), c_recursive = tool(c_recursive),
    sort_long = tool(sort_long), sort_much = tool(sort_much), compare_long = tool(compare_long),
    shift_much = tool(shift_much), unpack_much = tool(unpack_much), log_much = tool(log_much),
    return_endless = tool(return_endless), wait_in_sort = tool(wait_in_sort),
    raise_table = tool(raise_table),
    raise_known = tool(raise_known), raise_string = tool(raise_string),
    raise_nil = tool(raise_nil), raise_number = tool(raise_number),
    return_function = tool(return_function), return_nan = tool(return_nan),
    return_cycle = tool(return_cycle), return_binary = tool(return_binary),
    index_nil = tool(index_nil), leave_base = tool(leave_base), other_host = tool(other_host),
    bad_option = tool(bad_option), bad_header = tool(bad_header), dot_call = tool(dot_call),
    keep = tool(keep), fine = tool(fine), call_itself = tool(call_itself),
    call_much = tool(call_much), call_long = tool(call_long), burn = tool(burn),
    judged = tool(judged), judged_long = tool(judged_long),
  },
}
]]

describe("a script that misbehaves while it runs", function()
  local g, up

  setup(function()
    up = require("upstream").start { plain = true }
    g = gateway.start {
      scripts = { ["bad.lua"] = SCRIPT },
      replace = { UPSTREAM = up:url("") },
      args = { "--workers", "1", "--memory-mb", "16" },
    }
  end)

  teardown(function()
    g:stop()
    up:stop()
  end)

  after_each(function()
    local result = g:call("bad_fine")

    assert.is_true(result.structuredContent.ok)
  end)

  for _, tool in ipairs { "endless", "endless_held", "hungry", "recursive", "c_recursive" } do
    it("is stopped: " .. tool, function()
      local err = g:fails("bad_" .. tool)

      assert.equal("script_limit", err.code)
    end)
  end

  -- Their instructions are few, and each takes long.
  for _, tool in ipairs {
    "sort_long", "sort_much", "compare_long", "shift_much", "unpack_much", "log_much",
    "call_much", "call_long",
  } do
    it("is stopped in time: " .. tool, function()
      local begin = socket.gettime()

      local err = g:fails("bad_" .. tool)

      assert.equal("script_limit", err.code)
      assert.is_true(socket.gettime() - begin < 5)
    end)
  end

  for _, tool in ipairs {
    "wait_in_sort", "raise_table", "raise_string", "raise_nil", "raise_number", "index_nil",
    "leave_base", "other_host", "bad_option", "bad_header", "dot_call", "call_itself",
  } do
    it("fails its own call alone: " .. tool, function()
      local err = g:fails("bad_" .. tool)

      assert.equal("script_failed", err.code)
      assert.equal("none", err.side_effect)
    end)
  end

  for _, tool in ipairs { "return_function", "return_nan", "return_cycle", "return_binary",
    "return_endless" } do
    it("cannot return what is no JSON: " .. tool, function()
      local err = g:fails("bad_" .. tool)

      assert.equal("bad_response", err.code)
      assert.matches("result", err.message)
    end)
  end

  for _, tool in ipairs { "judged", "judged_long" } do
    it("has no word on answers when it loops over one: " .. tool, function()
      local begin = socket.gettime()

      local err = g:fails("bad_" .. tool)

      assert.equal("invalid_argument", err.code)
      assert.is_true(socket.gettime() - begin < 2)
      assert.truthy(g:logged("upstream.classify failed integration=bad times=1"))
    end)
  end

  it("may raise an error of the list", function()
    local err, result = g:fails("bad_raise_known")

    assert.equal("not_found", err.code)
    assert.matches("no such shelf", result.text)
  end)

  it("keeps what it raised, and where, in the log alone", function()
    local err, result = g:fails("bad_raise_string")

    assert.is_nil((err.message .. result.text):find("tower", 1, true))
    assert.truthy(g:logged("tower 7 at 10.1.2.3 is down"))
    assert.truthy(g:logged("bad.lua:%d+"))
  end)

  it("cannot use a response of a call that has ended", function()
    g:call("bad_keep")

    local err = g:fails("bad_keep")

    assert.equal("script_failed", err.code)
    assert.truthy(g:logged("belongs to a call that has ended"))
  end)
end)

describe("a script that cannot be loaded", function()
  local function check(text)
    local code, out = gateway.run("check", { scripts = { ["bad.lua"] = text } })
    assert.equal(1, code, out)
    return out
  end

  it("is named with line and reason: syntax error", function()
    local out = check("return {\n  name = = 1\n}")

    assert.matches("^bad%.lua: .*2: unexpected symbol", out)
  end)

  it("is named: an endless loop", function()
    local out = check("while true do end")

    assert.matches("^bad%.lua: .*instructions", out)
  end)

  it("is named: few instructions that take long", function()
    local out = check [[
      local a, b = ("x"):rep(1000000) .. "a", ("x"):rep(1000000) .. "b"
      while a < b do end]]

    assert.matches("^bad%.lua: .*ran too long", out)
  end)

  it("is named: runaway memory", function()
    local out = check("local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end")

    assert.matches("^bad%.lua: .*memory", out)
  end)

  it("is named: waiting while it loads", function()
    local out = check("tide.time.sleep(1) return {}")

    assert.matches("^bad%.lua: .*wait", out)
  end)

  it("is named: another shape", function()
    local out = check("return 42")

    assert.matches("^bad%.lua: .*table", out)
  end)

  it("is named: bytecode", function()
    local out = check(string.dump(function() return {} end))

    assert.matches("^bad%.lua: ", out)
  end)

  it("has all its faults told at once, with the path and a suggestion", function()
    local out = check([[
      local int = tide.schema.integer
      return {
        name = "bad", about = "Bad.", upstream = { base = "https://example.com" },
        tools = {
          one = { about = "One.", args = { limit = int { min = 5, max = 1 } }, run = tostring },
          two = { about = "Two.", fallbak = tostring, run = tostring },
          three = { about = "Three." },
        },
      }]])

    assert.matches("bad%.lua: tools%.one%.args%.limit: max is below min", out)
    assert.matches("bad%.lua: tools%.two%.fallbak: unknown key %(did you mean fallback%?%)", out)
    assert.matches("bad%.lua: tools%.three%.run: ", out)
  end)
end)
