local T = require "T"
local loop = T.loop

-- The simulated loop in plain Lua: a list of timers, searched from end to end.
local Model = {}
Model.__index = Model

local function model()
  return setmetatable({ now = 0, order = 0, timers = {}, queue = {}, out = {},
    when_timer = {}, when_deferred = {} }, Model)
end

function Model:act(op, i, number)
  if op == "start" then
    self:act("start_at", i, self.now + number)
  elseif op == "start_at" then
    self.order = self.order + 1
    self.timers[i] = { at = math.max(number, self.now), order = self.order }
  elseif op == "stop" then
    self.timers[i] = nil
  elseif op == "defer" then
    for _, queued in ipairs(self.queue) do
      if queued == i then return end
    end
    table.insert(self.queue, i)
  elseif op == "cancel" then
    for k, queued in ipairs(self.queue) do
      if queued == i then return table.remove(self.queue, k) end
    end
  end
end

function Model:ran(kind, i, actions)
  table.insert(self.out, ("%s%d@%d "):format(kind, i, self.now))
  for _, a in ipairs(actions[i] or {}) do self:act(table.unpack(a)) end
end

function Model:first()
  local best
  for i, t in pairs(self.timers) do
    local b = best and self.timers[best]
    if not b or t.at < b.at or t.at == b.at and t.order < b.order then best = i end
  end
  return best
end

function Model:run_deferred()
  while self.queue[1] do self:ran("d", table.remove(self.queue, 1), self.when_deferred) end
end

function Model:fire()
  local order = self.order
  while true do
    local i = self:first()
    local t = i and self.timers[i]
    if not t or t.at > self.now or t.order > order then return end
    self.timers[i] = nil
    self:ran("t", i, self.when_timer)
  end
end

function Model:run_until(limit)
  while true do
    local i = self:first()
    if not self.queue[1] and (not i or self.timers[i].at > limit) then break end
    self:run_deferred()
    i = self:first()
    if i then self.now = math.max(self.now, math.min(self.timers[i].at, limit)) end
    self:fire()
  end
  self.now = math.max(self.now, limit)
end

local ITEMS = 12

local function random_action(may_defer, least_delay)
  local i = math.random(ITEMS)
  local choice = math.random(may_defer and 5 or 3)
  if choice == 1 then return { "start", i, math.random(least_delay, 50) } end
  if choice == 2 then return { "start_at", i, math.random(0, 400) } end
  if choice == 3 then return { "stop", i } end
  if choice == 4 then return { "defer", i } end
  return { "cancel", i }
end

-- What a program does later must move the time on, or it would not end.
local function random_later_action(may_defer)
  local a = random_action(may_defer, 1)
  if a[1] == "start_at" then a[1], a[3] = "start", a[3] + 1 end
  return a
end

local function random_program(real, plain)
  for i = 1, ITEMS do
    plain.when_timer[i], plain.when_deferred[i] = {}, {}
    for _ = 1, math.random(0, 3) do
      local a = random_later_action(true)
      table.insert(plain.when_timer[i], a)
      real:on_timer(i, table.unpack(a))
    end
    local a = random_later_action(false)
    if math.random(2) == 1 then
      table.insert(plain.when_deferred[i], a)
      real:on_deferred(i, table.unpack(a))
    end
  end
end

describe("a simulated loop", function()
  it("fires timers by time, and equal times in the order of arming", function()
    local l = loop.simulated()
    l:act("start", 1, 30)
    l:act("start", 2, 10)
    l:act("start", 3, 30)
    l:act("start", 4, 20)

    l:run()

    assert.equal("t2@10 t4@20 t1@30 t3@30 ", l:record())
  end)

  it("counts arming anew as arming later", function()
    local l = loop.simulated()
    l:act("start", 1, 30)
    l:act("start", 2, 30)
    l:act("start", 1, 30)

    l:run()

    assert.equal("t2@30 t1@30 ", l:record())
  end)

  it("jumps over any time and lets the wall clock move along", function()
    local day = 86400 * 1000000000
    local l = loop.simulated(7, 1000)
    l:act("start", 1, day)

    l:run()

    local now, wall, exact = l:now()
    assert.same({ 7 + day, 1000 + 86400000, 7 + day }, { now, wall, exact })
  end)

  it("says when there is something to do next", function()
    local l = loop.simulated(5)
    assert.same({ nil, 0 }, { l:next() })

    l:act("start", 1, 20)
    l:act("start", 2, 10)
    assert.same({ 15, 2 }, { l:next() })

    l:act("defer", 1)
    assert.same({ 5, 2 }, { l:next() })
  end)

  it("does not fire a stopped timer, not even one that is due as well", function()
    local l = loop.simulated()
    l:on_timer(1, "stop", 2)
    l:act("start", 1, 10)
    l:act("start", 2, 10)
    l:act("stop", 3)

    l:run()

    assert.equal("t1@10 ", l:record())
    assert.is_false(l:armed(2))
  end)

  it("fires a past time in the next turn, never inline and behind what is due", function()
    local l = loop.simulated(100)
    l:on_timer(1, "start_at", 3, 5)
    l:act("start", 1, 0)
    l:act("start", 2, 0)
    assert.equal("", l:record())

    l:turn(true)
    assert.equal("t1@100 t2@100 ", l:record())

    l:turn(true)
    assert.equal("t3@100 ", l:record())
  end)

  it("runs deferred work before it moves the clock, in order, each once", function()
    local l = loop.simulated()
    l:act("start", 1, 5)
    l:act("defer", 2)
    l:act("defer", 1)
    l:act("defer", 2)
    l:on_deferred(2, "defer", 3)

    l:run()

    assert.equal("d2@0 d1@0 d3@0 t1@5 ", l:record())
  end)

  it("cancels deferred work", function()
    local l = loop.simulated()
    l:act("defer", 1)
    l:act("defer", 2)
    l:on_deferred(1, "cancel", 2)

    l:run()

    assert.equal("d1@0 ", l:record())
  end)

  it("lets work that defers itself not run for ever in one turn", function()
    local l = loop.simulated()
    l:on_deferred(1, "defer", 1)
    l:act("defer", 1)

    l:turn(true)

    local _, times = l:record():gsub("d1@0", "")
    assert.equal(1001, times)
  end)

  it("ends run_until exactly there, with what is due there done", function()
    local l = loop.simulated()
    l:act("start", 1, 100)
    l:act("start", 2, 101)

    l:run_until(100)
    assert.equal("t1@100 ", l:record())
    assert.equal(100, (l:now()))

    l:run_until(1000)
    assert.equal("t2@101 ", l:record())
    assert.equal(1000, (l:now()))
  end)

  it("does not move the clock in a turn that may not wait", function()
    local l = loop.simulated()
    l:act("start", 1, 10)

    l:turn(false)

    assert.equal("", l:record())
    assert.equal(0, (l:now()))
  end)

  it("stops when it is asked to, and can go on", function()
    local l = loop.simulated()
    l:on_timer(1, "halt")
    l:act("start", 1, 10)
    l:act("start", 2, 20)

    l:run()
    assert.equal("t1@10 ", l:record())

    l:run()
    assert.equal("t2@20 ", l:record())
  end)

  it("does what the plain model does, for any program", function()
    for seed = 1, 400 do
      math.randomseed(seed)
      local real, plain = loop.simulated(), model()
      random_program(real, plain)
      for _ = 1, 40 do
        local a = random_action(true, 0)
        real:act(table.unpack(a))
        plain:act(table.unpack(a))
        if math.random(4) == 1 then
          local limit = plain.now + math.random(0, 40)
          real:run_until(limit)
          plain:run_until(limit)
        end
      end
      assert.equal(table.concat(plain.out), real:record(), "seed " .. seed)
      assert.equal(plain.now, (real:now()))
      real:close()
    end
  end)
end)

describe("a real loop", function()
  local MS = 1000000

  it("fires timers in order and not early", function()
    local l = loop.real()
    local start = l:now()
    l:act("start", 1, 3 * MS)
    l:act("start", 2, 1 * MS)
    l:act("start", 3, 2 * MS)
    l:on_timer(1, "halt")

    l:run()

    local order = {}
    for i, at in l:record():gmatch("t(%d)@(%d+)") do
      order[#order + 1] = i
      local wanted = ({ 3, 1, 2 })[tonumber(i)]
      assert.is_true(tonumber(at) - start >= wanted * MS)
    end
    assert.same({ "2", "3", "1" }, order)
  end)

  it("keeps the time of a turn until it is refreshed", function()
    local l = loop.real()
    local before, _, exact = l:now()
    assert.is_true(exact >= before)
    assert.equal(before, (l:now()))

    l:refresh()

    assert.is_true((l:now()) >= exact)
  end)

  it("runs deferred work without waiting", function()
    local l = loop.real()
    l:act("defer", 1)
    l:on_deferred(1, "start", 2, 0)

    l:turn(true)

    assert.matches("^d1@%d+ t2@%d+ $", l:record())
  end)

  it("does not wait while deferred work is left over for the next turn", function()
    local l = loop.real()
    local start = l:now()
    l:on_deferred(1, "defer", 1)
    l:act("defer", 1)
    l:act("start", 2, 1000 * MS)

    for _ = 1, 3 do l:turn(true) end

    assert.is_true((l:now()) - start < 900 * MS)
  end)

  it("runs until a time has come, with nothing armed", function()
    local l = loop.real()
    local start = l:now()

    l:run_until(start + 2 * MS)

    assert.is_true((l:now()) >= start + 2 * MS)
  end)

  it("does not begin to run when it was stopped before", function()
    local l = loop.real()
    l:act("halt")

    l:run()

    assert.equal("", l:record())
  end)
end)

describe("a loop without memory", function()
  after_each(function() T.buf.fail_after(-1) end)

  it("is not made", function()
    T.buf.fail_after(0)
    assert.is_nil(loop.simulated())
  end)

  it("does not arm a timer, and arms it later", function()
    local l = loop.simulated()
    T.buf.fail_after(0)
    l:act("start", 1, 10)
    assert.is_true(T.buf.fired())
    assert.is_false(l:armed(1))

    l:act("start", 1, 10)

    assert.is_true(l:armed(1))
  end)
end)
