local T = require "T"

describe("the sandbox", function()
  local vm

  before_each(function()
    vm = T.vm.new { instructions = 2000000, modules = {
      ["a.lua.x"] = "local n = 0 return { next = function() n = n + 1 return n end }",
      ["a.lua.deep.y"] = "return require 'x'",
      ["a.lua.loop"] = "return require 'loop'",
      ["a.lua.broken"] = "return = 1",
      ["a.lua.nothing"] = "local x = 1",
      ["b.lua.x"] = "return 'the x of b'",
    } }
  end)
  after_each(function() vm:close() end)

  local function refused(text, expected)
    local _, code, message = vm:load(text)

    assert.equal("script_failed", code, text)
    assert.matches(expected, message)
  end

  it("shows what a script needs, and nothing else", function()
    local seen = vm:load [[
      local names = {}
      for _, name in ipairs { "assert", "error", "ipairs", "next", "pairs", "pcall", "select",
        "tonumber", "tostring", "type", "xpcall", "rawequal", "rawlen", "rawget", "setmetatable",
        "getmetatable", "math", "string", "table", "utf8", "os", "require" } do
        names[name] = type(_ENV[name])
      end
      return names
    ]]

    for name, kind in pairs(seen) do
      local library = name == "math" or name == "string" or name == "table" or name == "utf8"
        or name == "os"
      assert.equal(library and "table" or "function", kind, name)
    end
    for _, name in ipairs { "io", "debug", "load", "loadstring", "dofile", "loadfile", "coroutine",
      "collectgarbage", "rawset", "package", "print", "warn", "_G", "module", "newproxy",
      "setfenv", "getfenv", "string.dump", "math.randomseed", "os.execute", "os.exit",
      "os.getenv", "os.remove", "os.tmpname", "os.setlocale", "os.clock", "os.rename" } do
      local library, field = name:match "^(%w+)%.(%w+)$"
      if field then
        assert.equal("nil", vm:load(("return type(%s.%s)"):format(library, field)), name)
      else
        refused("return " .. name, "undefined global '" .. name .. "'")
      end
    end
  end)

  it("says what to use instead", function()
    refused("print 'x'", "undefined global 'print': use tide.log.info")
    refused("coroutine.wrap(f)", "'coroutine': use tide.all")
  end)

  it("refuses to make globals, by any way", function()
    refused("x = 1", "assignment to global 'x': declare it local")
    refused("function f() end", "assignment to global 'f': declare it local")
    refused("_ENV.x = 1", "assignment to global 'x'")
    refused("_ENV[1] = 1", "assignment to global '1'")
    refused("assert = 1", "assignment to global 'assert'")
    refused("require = 1", "assignment to global 'require'")
    refused("table.insert(_ENV, 1)", "assignment to global '1'")
    refused("table.move({ 1 }, 1, 1, 1, _ENV)", "assignment to global '1'")
    refused("setmetatable(_ENV, {})", "protected metatable")
  end)

  it("refuses to change a library, by any way", function()
    refused("string.upper = 1", "string is read%-only")
    refused("string.mine = 1", "string is read%-only")
    refused("table.insert(table, 1)", "table is read%-only")
    refused("setmetatable(math, {})", "protected metatable")
    refused("('').upper = 1", "attempt to index a string value")
    refused("getmetatable('').__index.upper = 1", "attempt to index a boolean value")
    refused("local s = string s.rep = nil", "string is read%-only")
    assert.is_false(vm:load "return getmetatable('')")
    assert.is_false(vm:load "return getmetatable(string)")
    assert.is_false(vm:load "return getmetatable(_ENV)")
    assert.is_nil((vm:load "return next(string)"))
    assert.is_nil((vm:load "return rawget(string, 'upper')"))
  end)

  it("lets a library be listed without giving it away", function()
    local names = vm:load [[
      local names = {}
      local step, state = pairs(math)
      assert(state == math)
      for name, value in pairs(math) do names[name] = type(value) end
      return names
    ]]

    assert.equal("function", names.floor)
    assert.equal("number", names.pi)
    refused("local step, state = pairs(math) state.floor = 1", "math is read%-only")
  end)

  it("has no finalizers", function()
    refused("setmetatable({}, { __gc = function() end })", "__gc is not for scripts")
    refused("setmetatable({}, { __gc = true })", "__gc is not for scripts")
    local task = vm:start [[return function()
      local meta, ran = {}, false
      do
        local t = setmetatable({}, meta)
        meta.__gc = function() ran = true end
      end
      for i = 1, 1000 do local _ = { i, tostring(i) } end
      return ran
    end]]

    vm:collect()
    assert.is_false(task[1])
  end)

  it("keeps a protected metatable protected", function()
    refused("local t = setmetatable({}, { __metatable = 1 }) setmetatable(t, {})", "protected")
  end)

  it("keeps scripts apart", function()
    vm:load("local t = {} _ENV = { x = t } x.y = 1 return 1", "one.lua")

    refused("return x", "undefined global 'x'")
  end)

  it("has an xpcall that works, also across a wait", function()
    local task = vm:start [[return function()
      local out = {}
      local function handler(e) return "handled " .. tostring(e) end
      out[1] = { xpcall(function(a, b) return a + b end, handler, 1, 2) }
      out[2] = { xpcall(function() error("x", 0) end, handler) }
      out[3] = { xpcall(function(a) return lab.wait(1) + a end, handler, 5) }
      out[4] = { xpcall(function() lab.wait(1) error("y", 0) end, handler) }
      out[5] = { xpcall(function() error("z", 0) end, function(e) return lab.wait(1) .. e end) }
      out[6] = { pcall(xpcall, 1) }
      out[7] = { xpcall(error, handler, nil) }
      out[8] = { pcall(xpcall, error, function() error("worse", 0) end) }
      return out
    end]]

    vm:wake(1, 10)
    vm:wake(1)
    vm:wake(1, "waited ")

    assert.equal("ok", task.code)
    local out = task[1]
    assert.same({ true, 3 }, out[1])
    assert.same({ false, "handled x" }, out[2])
    assert.same({ true, 15 }, out[3])
    assert.same({ false, "handled y" }, out[4])
    assert.same({ false, "waited z" }, out[5])
    assert.is_false(out[6][1])
    assert.same({ false, "handled nil" }, out[7])
    assert.same({ false, "worse" }, out[8])
  end)

  it("bounds what would count without end inside of C", function()
    assert.equal("", vm:load "return (''):rep(1 << 60)")
    refused("table.move({}, 1, 1 << 60, 2)", "too many elements")
    refused("table.move({}, math.mininteger, math.maxinteger, 2)", "too many elements")
    local huge = "setmetatable({}, { __len = function() return 1 << 60 end })"
    refused("table.insert(" .. huge .. ", 1, 'x')", "a table with __len")
    refused("table.remove(" .. huge .. ", 1)", "a table with __len")
    refused("table.sort(" .. huge .. ")", "a table with __len")
    refused("table.unpack({}, 1, 1 << 60)", "too many results")
    refused("table.concat({}, '', 1, 1 << 60)", "invalid value")
  end)

  it("leaves the library's functions as they are otherwise", function()
    assert.same({ "ababab", "a,a", "", 3, 1, { 1, 2 } }, vm:load [[
      local t = { 2, 1 }
      table.sort(t)
      local u = { 1, 2 }
      table.insert(u, 3)
      return { ("ab"):rep(3), ("a"):rep(2, ","), ("a"):rep(-1), table.remove(u), t[1],
        table.move(t, 1, 2, 1, {}) }
    ]])
  end)

  it("tells the time of the loop", function()
    assert.equal(1700000000, vm:load "return os.time()")
    assert.equal("2023-11-14 22:13:20", vm:load "return os.date '!%Y-%m-%d %H:%M:%S'")
    vm:advance(61000)
    assert.equal(1700000061, vm:load "return os.time()")
    assert.equal(0, vm:load "return os.time() - os.time(os.date '*t')")
    assert.equal("1970", vm:load "return os.date('!%Y', 0)")
  end)

  it("gives the same random numbers for the same seed", function()
    local function numbers(seed)
      local one = T.vm.new { seed = seed }
      local list = one:load "local t = {} for i = 1, 5 do t[i] = math.random(1000) end return t"
      one:close()
      return list
    end

    assert.same(numbers(7), numbers(7))
    assert.not_same(numbers(7), numbers(8))
    assert.not_same(numbers(0), numbers(0))
  end)

  describe("require", function()
    it("loads a file beside the script, once", function()
      local result = vm:load([[
        local x, again, y = require "x", require "x", require "deep.y"
        return { x == again, x == y, x.next(), again.next() }
      ]], "a.lua")

      assert.same({ true, true, 1, 2 }, result)
    end)

    it("gives each script its own", function()
      assert.equal("the x of b", vm:load("return require 'x'", "b.lua"))
      assert.equal(1, vm:load("return require('x').next()", "a.lua"))
      assert.equal(1, vm:load("return require('x').next()", "a.lua"))
      assert.is_true(vm:load("return require 'nothing'", "a.lua"))
    end)

    it("refuses what is not there, is broken, or leads out", function()
      local function fails(name, expected)
        local _, _, message = vm:load(("return require %q"):format(name), "a.lua")
        assert.matches(expected, message, 1, true)
      end
      fails("none", "require 'none': there is no such file")
      fails("loop", "require 'loop': it requires itself")
      fails("broken", "broken.lua:1: unexpected symbol")
      for _, name in ipairs { "../x", "/etc/passwd", "a/b", "", ".", "..", "a..b", "x.", "a\0b", "%2e" } do
        fails(name, "the name of a file beside this script")
      end
    end)

    it("works only while the script is loaded", function()
      local task = vm:start "return function() return require 'x' end"

      assert.matches("require works only while the script is loaded", task.log)
    end)

    it("is not there when nothing can be read", function()
      local bare = T.vm.new {}
      local _, _, message = bare:load "require 'x'"
      bare:close()

      assert.matches("undefined global 'require': nothing can be required here", message)
    end)
  end)
end)
