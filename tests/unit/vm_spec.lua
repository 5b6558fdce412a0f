local T = require "T"

describe("a VM", function()
  local vm

  before_each(function() vm = T.vm.new { instructions = 2000000 } end)
  after_each(function() vm:close() end)

  it("gives the result of a chunk", function()
    assert.equal(42, vm:load "return 6 * 7")
    assert.same({ a = { 1, "x" } }, vm:load "return { a = { 1, 'x' } }")
    assert.is_nil((vm:load "local x = 1"))
  end)

  it("names file and line of a syntax error", function()
    local _, code, message = vm:load("return {\n a = = 1 }", "github.lua")

    assert.equal("script_failed", code)
    assert.matches("^github%.lua:2: unexpected symbol near '='", message)
  end)

  it("reports whatever a chunk raises", function()
    local cases = {
      ["error 'plain'"] = "test.lua:1: plain",
      ["error()"] = "raised a nil",
      ["error {}"] = "raised a table",
      ["error(42)"] = "42",
      ["error(true)"] = "raised a boolean",
    }
    for text, expected in pairs(cases) do
      local _, code, message = vm:load(text)

      assert.same({ "script_failed", expected }, { code, message })
    end
  end)

  it("stops a chunk that does not end, wherever it hides", function()
    local endless = {
      "while true do end",
      "repeat until false",
      "for i = 1, math.huge do end",
      "local function f() return f() end f()",
      "while true do pcall(function() while true do end end) end",
      "while true do xpcall(function() while true do end end, function() while true do end end) end",
      "return pcall(function() while true do end end)",
      "table.sort({ 1, 2, 3 }, function() while true do end end)",
      "('x'):gsub('x', function() while true do end end)",
      "local t = setmetatable({}, { __index = function() while true do end end }) return t.x",
      "::again:: goto again",
      "local s = 'x' while true do s = s .. s:sub(1, 1) end",
      "while true do local a <close> = setmetatable({}, { __close = function() end }) end",
    }
    for _, text in ipairs(endless) do
      local _, code, message = vm:load(text, "evil.lua")

      assert.equal("script_limit", code, text)
      assert.matches("it ran too many instructions", message, 1, true)
    end
    assert.equal(1, vm:load "return 1")
  end)

  it("names the line that did not end", function()
    local _, _, message = vm:load("local x = 1\nwhile true do\nend", "evil.lua")

    assert.matches("^evil%.lua:2: it ran", message)
  end)

  it("stops a chunk that asks for too much memory and goes on", function()
    local small = T.vm.new { memory = 4 * 1024 * 1024 }
    local greedy = {
      "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e6) .. i end",
      "return ('x'):rep(1e9)",
      "local t = {} for i = 1, 1e9 do t[i] = {} end",
    }
    for _, text in ipairs(greedy) do
      local _, code, message = small:load(text)

      assert.same({ "script_limit", "not enough memory" }, { code, message })
      assert.is_true(small:figures() < 200000)
    end
    small:close()
  end)

  it("stops recursion without end", function()
    local big = T.vm.new { memory = 256 * 1024 * 1024 }

    local _, code, message = big:load "local function f() return 1 + f() end f()"
    big:close()

    assert.equal("script_limit", code)
    assert.matches("stack overflow", message)
  end)

  it("refuses bytecode", function()
    local chunk = string.dump(function() return 1 end)

    local _, code, message = vm:load(chunk)

    assert.equal("script_failed", code)
    assert.matches("binary chunk", message)
  end)

  it("turns a raise of engine code into an error", function()
    local _, code, message = vm:walk()

    assert.same({ "script_failed", "walked into a wall" }, { code, message })
  end)

  it("keeps functions by number", function()
    assert.equal("ok", vm:slot "return function() return 1 end")
    assert.equal("conflict", vm:slot "return function() error { code = 'conflict' } end")
  end)

  it("is told to be idle once nobody holds it", function()
    vm:holding "hold"
    vm:holding "hold"

    assert.equal(0, vm:holding "retire")
    vm:holding "release"
    vm:advance(1)
    assert.equal(0, vm:holding "release")
    vm:advance(1)
    assert.equal(1, vm:holding "hold")
    vm:holding "release"
    vm:advance(1)
    assert.equal(1, vm:holding "hold")
  end)

  it("is told in the next turn when nobody held it", function()
    assert.equal(0, vm:holding "retire")
    vm:advance(1)

    assert.equal(1, vm:holding "hold")
  end)

  it("leaves nothing on its stack", function()
    vm:load "return 1"
    vm:load "error 'x'"
    vm:walk()

    assert.equal(0, (select(3, vm:figures())))
  end)

  it("gives all memory back, a thousand times", function()
    for _ = 1, 1000 do
      local one = T.vm.new {}
      one:start "return function() lab.wait(1) end"
      one:close()
    end
  end)

  it("gives up cleanly at each allocation that fails while it is made", function()
    local n = 0
    while true do
      T.buf.fail_after(n)
      local one = T.vm.new {}
      local fired = T.buf.fired()
      if one then one:close() end
      if not fired then break end
      n = n + 1
    end
    assert.is_true(n >= 2)
  end)
end)
