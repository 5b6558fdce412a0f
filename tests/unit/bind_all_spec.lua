local T = require "T"

describe("tide.all", function()
  local vm

  before_each(function() vm = T.vm.new { instructions = 5000000 } end)
  after_each(function() vm:close() end)

  it("gives each result in its place, and no errors", function()
    local task = vm:start [[return function()
      return tide.all({ function() return "a" end, function() return lab.wait(1) end,
        function() end, function() return false end })
    end]]
    assert.is_nil(task.done)

    vm:wake(1, "b")

    assert.equal("ok", task.code)
    assert.same({ [1] = "a", [2] = "b", [4] = false }, task[1])
    assert.is_nil(task[2])
  end)

  it("runs them side by side", function()
    local task = vm:start [[return function()
      local naps = {}
      for i = 1, 50 do naps[i] = function() tide.time.sleep(i / 10) return i end end
      local results = tide.all(naps)
      return #results, tide.time.now()
    end]]

    vm:advance(5000)

    assert.same({ 50, 1700000005.0 }, { task[1], task[2] })
  end)

  it("takes a map, and a list with holes", function()
    local task = vm:start [[return function()
      return tide.all({ one = function() return 1 end, [7] = function() return 7 end,
        two = function() return lab.wait(1) end })
    end]]

    vm:wake(1, 2)

    assert.same({ one = 1, two = 2, [7] = 7 }, task[1])
  end)

  it("gives each error in its place, however it failed", function()
    local task = vm:start [[return function()
      local results, errors = tide.all({
        function() return 1 end,
        function() return nil, tide.error("conflict", "taken") end,
        function() error(tide.error("not_found", "gone")) end,
        function() error "an oops" end,
        function() return nil, "text" end,
        function() assert(nil, tide.error("timeout")) end,
        function() lab.wait(1) error { code = "blocked" } end,
      })
      local text = {}
      for i, e in pairs(errors) do text[i] = tostring(e) end
      return results, text
    end]]

    vm:wake(1)

    local hidden = "script_failed: the integration's script failed"
    assert.same({ 1 }, task[1])
    assert.same({ nil, "conflict: taken", "not_found: gone", hidden, hidden,
      "timeout: no answer in time",
      "blocked: this destination is not allowed for the integration" }, task[2])
    assert.matches('a function failed error="test.lua:%d: an oops\\nstack traceback', vm:log())
    assert.matches('a function failed error="text\\n', vm:log(), 1, true)
  end)

  it("runs no more at once than asked", function()
    local task = vm:start [[return function()
      local running, most, order, list = 0, 0, {}, {}
      for i = 1, 20 do
        list[i] = function()
          running = running + 1
          most = math.max(most, running)
          order[#order + 1] = i
          tide.time.sleep(i % 3)
          running = running - 1
          if i % 5 == 0 then return nil, tide.error("conflict") end
          return i
        end
      end
      local results, errors = tide.all(list, { concurrency = 3 })
      local n = 0
      for _ in pairs(errors) do n = n + 1 end
      return most, order, n, results[19]
    end]]

    vm:advance(60000)

    local order = {}
    for i = 1, 20 do order[i] = i end
    assert.same({ 3, order, 4, 19 }, { task[1], task[2], task[3], task[4] })
  end)

  it("does not nest deeper for many that end at once", function()
    local task = vm:start [[return function()
      local list = {}
      for i = 1, 100 do list[i] = function() return i end end
      local results = tide.all(list, { concurrency = 1 })
      local waited = tide.all(list, { concurrency = 1 })
      return #results, #waited
    end]]

    assert.same({ 100, 100 }, { task[1], task[2] })
  end)

  it("may be used inside of itself", function()
    local task = vm:start [[return function()
      local function tree(depth)
        if depth == 0 then return lab.wait(1) end
        local results = tide.all({ a = function() return tree(depth - 1) end })
        return results.a
      end
      return tree(20)
    end]]

    vm:wake(1, "leaf")

    assert.equal("leaf", task[1])
  end)

  it("may be nested 32 deep, and no deeper, waiting or not", function()
    local text = [[return function(depth, waits)
      local function tree(n)
        if n == 0 then return "leaf" end
        if waits then tide.time.sleep(0) end
        local results, errors = tide.all({ function() return tree(n - 1) end })
        if errors then return nil, errors[1] end
        return results[1]
      end
      return tree(depth)
    end]]
    for _, depth in ipairs { 31, 32, 33, 100, 5000 } do
      for _, waits in ipairs { true, false } do
        local task = vm:start(text, depth, waits)
        vm:advance(1)

        local result = depth <= 32 and task[1] or task[2].code
        assert.equal(depth <= 32 and "leaf" or "script_limit", result)
      end
    end
    assert.matches("tasks are nested too deeply", vm:log(), 1, true)
  end)

  it("cancels all when the one who waits is cancelled", function()
    local task = vm:start [[return function()
      tide.all({
        function() lab.wait(1) end,
        function() tide.all({ function() lab.wait(2) end }) end,
        function() tide.time.sleep(10) end,
        function() return 1 end,
      })
    end]]

    assert.is_true(vm:cancel(task, "timeout"))

    assert.equal("timeout", task.code)
    assert.same({ 1, 1 }, { vm:cancels(1), vm:cancels(2) })
    assert.is_false(vm:wake(1))
    assert.is_false(vm:wake(2))
    assert.equal(0, (select(2, vm:figures())))
    vm:advance(20000)
  end)

  it("outlives the one who waits while a function still runs", function()
    local task = vm:start [[return function()
      tide.all({ function() lab.wait(1) lab.cancel(5) lab.collect() return {} end,
        function() lab.wait(2) end })
    end]]
    vm:aim(5, task)

    vm:wake(1)

    assert.equal("cancelled", task.code)
    assert.equal(1, vm:cancels(2))
    assert.equal(0, (select(2, vm:figures())))
  end)

  it("ends a function that is cancelled before it was started", function()
    local task = vm:start [[return function()
      tide.all({
        function() lab.cancel(5) end,
        function() lab.wait(1) end,
        function() lab.wait(2) end,
      }, { concurrency = 1 })
      lab.wait(3)
    end]]
    assert.is_nil(task.done)

    vm:cancel(task)

    assert.equal(0, (select(2, vm:figures())))
  end)

  it("counts what its functions use against the one budget", function()
    local task = vm:start [[return function()
      local list = {}
      for i = 1, 100 do list[i] = function() for _ = 1, 200000 do end end end
      tide.all(list)
      while true do tide.all(list) end
    end]]

    assert.equal("script_limit", task.code)
    assert.equal(0, (select(2, vm:figures())))
  end)

  it("stops a function that does not end and tells the others' results", function()
    local task = vm:start [[return function()
      tide.time.sleep(0)
      local results, errors = tide.all({ function() return lab.wait(1) end, function() while true do end end })
      return results[1], errors[2].code
    end]]
    vm:advance(1)

    vm:wake(1, "fine")

    assert.same({ "fine", "script_limit" }, { task[1], task[2] })
  end)

  it("refuses what it cannot do", function()
    local cases = {
      ["tide.all()"] = "table expected",
      ["tide.all({ 1 })"] = "all values must be functions",
      ["tide.all({ [1.5] = print })"] = "undefined global 'print'",
      ["tide.all({ [1.5] = function() end })"] = "keys must be names or integers",
      ["tide.all({}, { concurency = 1 })"] = "unknown option 'concurency' %(did you mean concurrency%?%)",
      ["tide.all({}, { concurrency = 0 })"] = "concurrency must be at least 1",
      ["local t = {} for i = 1, 101 do t[i] = function() end end tide.all(t)"] = "at most 100 functions",
      ["table.sort({ 1, 2 }, function() tide.all({}) end)"] = "tide.all waits, and nothing can wait inside",
    }
    for text, expected in pairs(cases) do
      local task = vm:start("return function() " .. text .. " end")

      assert.equal("script_failed", task.code, text)
      assert.matches(expected, task.log)
    end
    assert.matches("tide.all waits, and nothing can wait while a script is loaded",
      (select(3, vm:load "tide.all({})")), 1, true)
    assert.same({}, vm:start "return function() return tide.all({}) end"[1])
  end)

  it("fails cleanly when memory is out", function()
    local n = 0
    while true do
      local task
      T.buf.fail_after(n)
      task = vm:start [[return function()
        local results, errors = tide.all({ function() return lab.wait(1) end, function() return 2 end })
        return results[2], errors
      end]]
      local fired = T.buf.fired()
      vm:wake(1, 1)
      assert.is_true(task.done)
      if not fired then
        assert.equal(2, task[1])
        break
      end
      n = n + 1
      assert.is_true(n < 5000)
    end
  end)
end)

-- Trees of functions that wait, end, fail and are cut at random: nothing is left.
describe("any tree of tide.all", function()
  local TEXT = [[return function(seed)
    local n = 0
    local function chance(k) n = n + 1 return (seed * 7919 + n * 104729 + n * n * 31) % k end
    local function grow(depth)
      local list = {}
      for i = 1, 1 + chance(3) do
        local what = chance(5)
        list[i] = function()
          if what == 0 then return lab.wait(chance(8)) end
          if what == 1 then error "cut" end
          if what == 2 then tide.time.sleep(chance(3)) return "slept" end
          if what == 3 and depth > 0 then return grow(depth - 1) end
          return i
        end
      end
      return tide.all(list, { concurrency = 1 + chance(3) })
    end
    return grow(4)
  end]]

  it("leaves nothing behind, whenever it is cut", function()
    for seed = 1, 200 do
      local vm = T.vm.new { instructions = 5000000 }
      local task = vm:start(TEXT, seed)
      math.randomseed(seed)
      for _ = 1, math.random(0, 12) do
        if math.random(3) == 1 then vm:advance(math.random(1000)) else vm:wake(math.random(0, 7), "w") end
      end
      if not task.done then assert.is_true(vm:cancel(task)) end
      assert.equal(0, (select(2, vm:figures())))
      vm:close()
    end
  end)
end)
