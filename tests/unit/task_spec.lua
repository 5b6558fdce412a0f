local T = require "T"

describe("a task", function()
  local vm

  before_each(function() vm = T.vm.new { instructions = 2000000 } end)
  after_each(function() vm:close() end)

  it("runs to its end and gives its results", function()
    local task = vm:start("return function(a, b) return a + b, 'x' end", 1, 2)

    assert.same({ true, "ok", 3, "x" }, { task.done, task.code, task[1], task[2] })
  end)

  it("waits for the answer and goes on with it", function()
    local task = vm:start "return function() local a, b = lab.wait(1) return b, a end"
    assert.is_nil(task.done)

    assert.is_true(vm:wake(1, "one", "two"))

    assert.same({ "ok", "two", "one" }, { task.code, task[1], task[2] })
    assert.equal(0, vm:cancels(1))
  end)

  it("waits again and again, and inside pcall", function()
    local task = vm:start [[return function()
      local sum = 0
      for _ = 1, 3 do
        local ok, n = pcall(lab.wait, 1)
        sum = sum + (ok and n or 0)
      end
      return sum
    end]]

    vm:wake(1, 1)
    vm:wake(1, 10)
    vm:wake(1, 100)

    assert.equal(111, task[1])
  end)

  it("takes an answer once", function()
    local task = vm:start "return function() return lab.wait(1) end"

    assert.is_true(vm:wake(1, "first"))
    assert.is_false(vm:wake(1, "second"))

    assert.equal("first", task[1])
  end)

  it("refuses an answer to the task that used its coroutine before", function()
    vm:start "return function() lab.wait(1) end"
    vm:wake(1)
    local later = vm:start "return function() return lab.wait(2) end"

    assert.is_false(vm:wake(1, "stale"))

    assert.is_nil(later.done)
  end)

  it("takes an answer that comes before it has yielded", function()
    local task = vm:start "return function() return lab.early(1, 5), lab.early(2, 6) end"

    assert.same({ "ok", 5, 6 }, { task.code, task[1], task[2] })
    assert.is_false(vm:wake(1, 7))
  end)

  it("is cancelled while it waits: the wait is undone, then done is told", function()
    local task = vm:start "return function() lab.wait(1) end"

    assert.is_true(vm:cancel(task, "timeout"))

    assert.same({ "timeout", "timeout" }, { task.code, task[1].code })
    assert.equal(1, vm:cancels(1))
    assert.is_false(vm:wake(1))
    assert.is_false(vm:cancel(task))
  end)

  it("cannot be cancelled once it is over", function()
    local task = vm:start "return function() end"

    assert.is_false(vm:cancel(task))
  end)

  it("undoes the wait of a binding that raised after it had taken its ticket", function()
    local task = vm:start "return function() pcall(lab.torn, 1) return lab.wait(2) end"
    assert.equal(1, vm:cancels(1))
    assert.is_false(vm:wake(1))

    vm:wake(2, "fine")
    assert.same({ "ok", "fine" }, { task.code, task[1] })

    vm:start "return function() lab.torn(3) end"
    vm:start "return function() pcall(lab.torn, 4) end"
    assert.same({ 1, 1 }, { vm:cancels(3), vm:cancels(4) })
  end)

  it("cannot wait where Lua cannot yield", function()
    local places = {
      "table.sort({ 1, 2, 3 }, function() lab.wait(1) end)",
      "('x'):gsub('x', function() lab.wait(1) end)",
      "return tostring(setmetatable({}, { __tostring = function() lab.wait(1) end }))",
    }
    for _, text in ipairs(places) do
      local task = vm:start("return function() " .. text .. " end")

      assert.equal("script_failed", task.code)
      assert.matches("lab.wait waits, and nothing can wait inside a sort or gsub callback",
        task.log, 1, true)
    end
  end)

  it("can wait in metamethods, iterators and closing variables", function()
    local task = vm:start [[return function()
      local t = setmetatable({}, {
        __index = function() return lab.wait(1) end,
        __add = function() return lab.wait(1) end,
        __close = function() lab.wait(1) end,
      })
      local sum = t.x + (t + t)
      for n in function(_, last) if not last then return lab.wait(1) end end do sum = sum + n end
      do local c <close> = t end
      return sum
    end]]

    while vm:wake(1, 10) do end

    assert.equal(30, task[1])
  end)

  it("cannot wait while a script is loaded", function()
    local _, code, message = vm:load "lab.wait(1)"

    assert.equal("script_failed", code)
    assert.matches("lab.wait waits, and nothing can wait while a script is loaded", message, 1, true)
  end)

  it("is stopped when it does not wait, whatever it catches", function()
    local endless = {
      "while true do end",
      "while true do pcall(function() while true do end end) end",
      "while true do xpcall(function() while true do end end, function() while true do end end) end",
      "return pcall(function() while true do end end)",
      "return xpcall(function() while true do end end, lab.wait)",
      "pcall(function() while true do end end) lab.wait(1)",
      "return pcall(pcall, pcall, function() while true do end end)",
      "return lab.nested(function() while true do end end)",
      "local c <close> = setmetatable({}, { __close = function() while true do end end }) error 'x'",
      "local c <close> = setmetatable({}, { __close = function() while true do end end })",
    }
    for _, text in ipairs(endless) do
      local task = vm:start("return function() " .. text .. " end")

      local caught = text:find "__close.* error 'x'"
      assert.is_true(task.done, text)
      if not text:find "nested" and not caught then
        assert.equal("script_limit", task.code, text)
        assert.equal("script_limit", task[1].code)
        assert.matches("it ran too many instructions without waiting", task.log, 1, true)
        assert.matches("test.lua:1", task.log, 1, true)
      end
    end
  end)

  it("has its budget again after one that was stopped", function()
    for _ = 1, 3 do
      local task = vm:start "return function() while true do end end"
      assert.equal("script_limit", task.code)
    end
  end)

  it("gets a new budget each time it has waited", function()
    local task = vm:start [[return function()
      for _ = 1, 20 do
        for _ = 1, 300000 do end
        lab.wait(1)
      end
      return "done"
    end]]

    while vm:wake(1) do end

    assert.equal("done", task[1])
  end)

  it("does not get more by starting others", function()
    local task = vm:start [[return function()
      while true do lab.nested(function() for _ = 1, 1000 do end end) end
    end]]

    assert.equal("script_limit", task.code)
  end)

  it("shares its budget with those that it starts", function()
    local text = [[return function(n)
      local last
      for _ = 1, n do last = lab.nested(function() for _ = 1, 300000 do end end) end
      return last
    end]]

    assert.equal("ok", vm:start(text, 4)[1])
    assert.equal("script_limit", vm:start(text, 8)[1])
  end)

  it("is stopped by the clock of a real loop", function()
    local real = T.vm.new { real = true, slice_ms = 20, instructions = 1e12 // 1 | 0 }

    local task = real:start "return function() while true do end end"

    assert.equal("script_limit", task.code)
    assert.matches("it ran too long without waiting", task.log, 1, true)
    real:close()
  end)

  it("is stopped when it takes too much memory, and the memory comes back", function()
    local small = T.vm.new { memory = 4 * 1024 * 1024 }

    local task = small:start "return function() local t = {} while true do t[#t + 1] = {} end end"

    assert.equal("script_limit", task.code)
    assert.equal("script_limit", task[1].code)
    assert.matches("not enough memory", task.log)
    assert.is_true(small:figures() < 100000)
    small:close()
  end)

  it("may catch that there was no memory, but not forever", function()
    local small = T.vm.new { memory = 4 * 1024 * 1024 }

    local task = small:start [[return function()
      while true do pcall(string.rep, "x", 1e8) end
    end]]

    assert.equal("script_limit", task.code)
    small:close()
  end)

  it("is stopped when it recurses without end", function()
    local deep = {
      "local function f() return 1 + f() end f()",
      "local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return t[k .. 'x'] end return t.x",
      "local function f() return pcall(f) end return 1 + nil, f()",
      "local function f(x) return ('x'):gsub('x', f) end f()",
      "local function f() return table.sort({ 1, 2, 3 }, f) end f()",
      "local function f() local ok, e = pcall(f) error(e, 0) end f()",
    }
    local big = T.vm.new {}
    for i, text in ipairs(deep) do
      local task = big:start("return function() " .. text .. " end")

      assert.equal(i == 3 and "script_failed" or "script_limit", task.code, text)
    end
    big:close()
  end)

  it("tells what was raised to the log, and nothing of it to the caller", function()
    local raised = {
      ["error 'secret thing'"] = "test.lua:1: secret thing",
      ["error()"] = "raised a nil",
      ["error {}"] = "raised a table",
      ["error(lab)"] = "raised a table",
      ["error(error)"] = "raised a function",
      ["error(42)"] = "42",
      ["local x = nil + 1"] = "test.lua:1: attempt to perform arithmetic on a nil value",
    }
    for text, expected in pairs(raised) do
      local task = vm:start("return function()\n" .. text .. " end")

      assert.equal("script_failed", task.code)
      assert.same({ code = "script_failed", message = "the integration's script failed" }, task[1])
      assert.equal((expected:gsub(":1:", ":2:")), task.log:match "^[^\n]*")
      assert.matches("stack traceback:.*test%.lua:2", task.log)
    end
  end)

  it("hands on a raised table that has a code of the list", function()
    local task = vm:start [[return function()
      error { code = "rate_limited", message = "slow down", retry_after_ms = 1500, status = 429,
        details = { limit = 10 } }
    end]]

    assert.equal("rate_limited", task.code)
    assert.same({ code = "rate_limited", message = "slow down", retry_after_ms = 1500,
      status = 429, details = { limit = 10 } }, task[1])
    assert.is_nil(task.log)
  end)

  it("takes nothing from a raised table but what is right", function()
    local task = vm:start [[return function()
      error { code = "conflict", message = {}, retry_after_ms = "soon", status = -1 }
    end]]

    assert.equal("conflict", task[1].code)
    assert.is_nil(task[1].status)
    assert.is_nil(task[1].retry_after_ms)
    assert.equal("script_failed", vm:start "return function() error { code = 'ok' } end".code)
    assert.equal("script_failed", vm:start "return function() error { code = 'what' } end".code)
  end)

  it("is refused when too many run", function()
    local few = T.vm.new { max_tasks = 2 }
    local one = few:start "return function() lab.wait(1) end"
    few:start "return function() lab.wait(2) end"

    local third = few:start "return function() return 3 end"

    assert.equal("script_limit", third.code)
    few:wake(1)
    assert.is_true(one.done)
    assert.equal("ok", few:start "return function() return 3 end".code)
    few:close()
  end)

  it("is cancelled when its VM is closed", function()
    local one = T.vm.new {}
    local task = one:start "return function() lab.wait(1) end"

    one:close()

    assert.equal("cancelled", task.code)
  end)

  it("leaves little behind after thousands at once, and they can run again", function()
    local before = vm:figures()
    local function crowd()
      local tasks = {}
      for i = 1, 3000 do
        tasks[i] = vm:start("return function(i) lab.wait(0) lab.wait(i % 1000 + 1) end", i)
      end
      assert.equal(3000, (select(2, vm:figures())))
      for _, task in ipairs(tasks) do vm:cancel(task) end
      vm:collect()
    end

    crowd()
    crowd()

    assert.is_true(vm:figures() < before + 300000)
    assert.equal("fine", vm:start "return function() return 'fine' end"[1])
  end)

  it("costs no memory once it is over, however it ended", function()
    local texts = { "return 1", "error 'x'", "error {}", "lab.wait(9)", "pcall(lab.torn, 1)" }
    local function round()
      for _, text in ipairs(texts) do
        local task = vm:start("return function() " .. text .. " end")
        if not task.done then vm:cancel(task) end
      end
      vm:collect()
      return (vm:figures())
    end
    round()
    local before = round()

    for _ = 1, 200 do round() end

    assert.is_true(round() <= before)
    assert.equal(0, (select(2, vm:figures())))
  end)
end)

-- Random programs of starts, wakes, double wakes and cancels, beside a plain model
-- of who waits for what.
describe("any program of starts, wakes and cancels", function()
  local TEXT = [[return function(first, count)
    local sum = 0
    for i = 0, count - 1 do sum = sum + lab.wait(first + i) end
    return sum
  end]]

  local function run(seed)
    math.randomseed(seed)
    local vm = T.vm.new {}
    local tasks, slots, free = {}, {}, 1
    local function expect_end(m, code, value)
      assert.is_true(m.task.done)
      assert.equal(code, m.task.code)
      if value then assert.equal(value, m.task[1]) end
      m.over = true
    end
    for _ = 1, 60 do
      local what = math.random(4)
      if what == 1 or #tasks == 0 then
        local count = math.random(0, 3)
        local m = { first = free, left = count, sum = 0, at = free }
        m.task = vm:start(TEXT, free, count)
        for i = free, free + count - 1 do slots[i] = m end
        free = free + count
        tasks[#tasks + 1] = m
        if count == 0 then expect_end(m, "ok", 0) end
      elseif what <= 3 then
        local i = math.random(1, free)
        local m, n = slots[i], math.random(100)
        local due = m and not m.over and m.at == i or false
        assert.equal(due, vm:wake(i, n))
        if due then
          m.sum, m.at, m.left = m.sum + n, m.at + 1, m.left - 1
          if m.left == 0 then expect_end(m, "ok", m.sum) end
        end
      else
        local m = tasks[math.random(#tasks)]
        assert.equal(not m.over, vm:cancel(m.task))
        if not m.over then
          assert.equal(1, vm:cancels(m.at))
          expect_end(m, "cancelled")
        end
      end
    end
    local waiting = 0
    for _, m in ipairs(tasks) do waiting = waiting + (m.over and 0 or 1) end
    assert.equal(waiting, (select(2, vm:figures())))
    vm:close()
    for _, m in ipairs(tasks) do assert.is_true(m.task.done) end
  end

  it("agrees with the model", function()
    for seed = 1, 300 do run(seed) end
  end)
end)

describe("an ordinal", function()
  -- Ten tasks in three levels that each wait and ask, in an order that chance
  -- decides; each says where it was.
  local FUNCTION = [[return function(naps)
    local seen, turn = {}, 0
    local function ask(where)
      turn = turn + 1
      tide.time.sleep(naps[turn % #naps + 1] / 1000)
      seen[where] = ("%016x"):format(lab.ordinal())
    end
    local function level(name, deep)
      return function()
        for i = 1, 3 do ask(name .. "." .. i) end
        if deep > 0 then
          tide.all { level(name .. "a", deep - 1), level(name .. "b", deep - 1) }
          ask(name .. ".after")
        end
      end
    end
    tide.all { level("x", 2), level("y", 1) }
    ask "end"
    return seen
  end]]

  local function seen_with(naps)
    local vm <close> = setmetatable({ T.vm.new {} }, { __close = function(self) self[1]:close() end })
    local task = vm[1]:start(FUNCTION, naps)
    vm[1]:advance(100000)
    assert(task.done and task.code == "ok", task.code)
    return task[1]
  end

  it("is another each time and in each task", function()
    local seen, count = {}, 0
    for where, ordinal in pairs(seen_with { 5 }) do
      assert.is_nil(seen[ordinal], where)
      seen[ordinal], count = where, count + 1
    end

    assert.equal(35, count)
  end)

  it("is the same at the same place when the same runs again, whatever the timing", function()
    local first = seen_with { 5 }
    math.randomseed(8)

    for _ = 1, 50 do
      local naps = {}
      for i = 1, 17 do naps[i] = math.random(0, 40) end
      assert.same(first, seen_with(naps))
    end
  end)
end)
