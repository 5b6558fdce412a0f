local T = require "T"

local MS, S = 1000000, 1000000000

local function bulkhead(options) return T.bulkhead.new(options) end

local kept = {} -- who waits stays where it is: C points to it

-- Enters at once or waits: the answer and the one who did.
local function enter(b, now, deadline, tenant)
  local w = T.bulkhead.waiter()
  kept[#kept + 1] = w
  return (b:enter(w, now, deadline, tenant)), w
end

local function holders(b, n, tenant)
  local held = {}
  for i = 1, n do
    local answer
    answer, held[i] = enter(b, 0, nil, tenant)
    assert.equal("go", answer)
  end
  return held
end

local function waiting(b, n, now, deadline, tenant)
  local queue = {}
  for i = 1, n do
    local answer
    answer, queue[i] = enter(b, now, deadline, tenant)
    assert.equal("wait", answer)
  end
  return queue
end

local function gauges(b)
  local in_flight, queued = b:counts()
  return { in_flight, queued }
end

describe("a bulkhead", function()
  it("lets so many in, lets as many wait, refuses the rest", function()
    local b = bulkhead { limit = 2, queue_max = 1 }
    holders(b, 2)
    waiting(b, 1, 0)

    assert.equal("full", (enter(b, 0)))
    assert.same({ 2, 1 }, gauges(b))
  end)

  it("hands a slot to the one who waited longest", function()
    local b = bulkhead { limit = 1 }
    local holder = holders(b, 1)[1]
    local queue = waiting(b, 3, 0)

    b:exit(holder, 1)
    assert.same({ 1, 0, 0 }, { queue[1]:granted(), queue[2]:granted(), queue[3]:granted() })
    b:exit(queue[1], 2)
    assert.same({ 1, 1, 0 }, { queue[1]:granted(), queue[2]:granted(), queue[3]:granted() })

    assert.same({ 1, 1 }, gauges(b))
  end)

  it("lets nobody slip in before one who waits", function()
    local b = bulkhead { limit = 1 }
    local holder = holders(b, 1)[1]
    waiting(b, 1, 0)

    b:exit(holder, 1)

    assert.equal("wait", (enter(b, 1)))
  end)

  it("passes by those whose time is over", function()
    local b = bulkhead { limit = 1 }
    local holder = holders(b, 1)[1]
    local late = waiting(b, 1, 0, 5 * MS)[1]
    local live = waiting(b, 1, 0, 50 * MS)[1]

    b:exit(holder, 10 * MS)

    assert.same({ 0, 1 }, { late:granted(), live:granted() })
    assert.equal("left", b:exit(late, 10 * MS))
    assert.same({ 1, 0 }, gauges(b))
  end)

  it("does not queue one that has no time", function()
    local b = bulkhead { limit = 1 }
    holders(b, 1)

    assert.equal("full", (enter(b, 10, 10)))
  end)

  it("lets one who waits leave", function()
    local b = bulkhead { limit = 1 }
    local holder = holders(b, 1)[1]
    local queue = waiting(b, 2, 0)

    assert.equal("left", b:exit(queue[1], 0))
    b:exit(holder, 1)

    assert.same({ 0, 1 }, { queue[1]:granted(), queue[2]:granted() })
  end)

  it("takes the slot back from one who leaves while it is handed over", function()
    local b = bulkhead { limit = 1 }
    local holder = holders(b, 1)[1]
    local queue = waiting(b, 2, 0)
    b:exit(holder, 1)

    assert.equal("released", b:exit(queue[1], 1))

    assert.equal(1, queue[2]:granted())
    assert.equal("nothing", b:exit(queue[1], 1))
    assert.same({ 1, 0 }, gauges(b))
  end)

  it("lets those in who wait when it grows, and nobody when it shrank", function()
    local b = bulkhead { limit = 2 }
    local held = holders(b, 2)
    local queue = waiting(b, 3, 0)
    b:resize(1, 0)
    b:exit(held[1], 0)
    assert.same({ 1, 3 }, gauges(b))

    b:resize(3, 0)

    assert.same({ 1, 1, 0 }, { queue[1]:granted(), queue[2]:granted(), queue[3]:granted() })
    assert.same({ 3, 1 }, gauges(b))
  end)

  it("lets new ones wait only briefly in a standing queue, and serves the newest", function()
    local b = bulkhead { limit = 1 }
    local holder = holders(b, 1)[1]
    local first = waiting(b, 1, 0)[1]
    local second = waiting(b, 1, 50 * MS)[1]
    local third = T.bulkhead.waiter()
    b:exit(first, 99 * MS)

    local _, deadline = b:enter(third, 120 * MS, S)
    b:exit(holder, 121 * MS)

    assert.equal(125 * MS, deadline)
    assert.same({ 0, 1 }, { second:granted(), third:granted() })
  end)

  it("passes by a tenant that holds half of it while others wait", function()
    local b = bulkhead { limit = 4 }
    local greedy = holders(b, 4, 7)
    local more = waiting(b, 1, 0, nil, 7)[1]
    local other = waiting(b, 1, 0, nil, 8)[1]

    b:exit(greedy[1], 0)
    assert.same({ 0, 1 }, { more:granted(), other:granted() })
    b:exit(greedy[2], 0)

    assert.equal(1, more:granted()) -- nobody else waits
  end)

  it("remembers its high water", function()
    local b = bulkhead { limit = 9 }
    for _, w in ipairs(holders(b, 5)) do b:exit(w, 0) end

    assert.equal(5, (select(3, b:counts())))
    assert.same({ 0, 0 }, gauges(b))
  end)
end)

-- The same in plain Lua: a number, a list, and the rules of who is next.
local function model(options)
  local m = { o = options, limit = options.limit, inside = 0, queue = {}, empty_at = 0, held = {} }

  function m:standing(now) return now - self.empty_at > self.o.standing_ns end

  function m:hold(w)
    self.inside, w.place = self.inside + 1, "holds"
    self.held[w.tenant] = (self.held[w.tenant] or 0) + 1
  end

  function m:enter(w, now)
    if #self.queue == 0 and self.inside < self.limit then
      self:hold(w)
      return "go"
    end
    if w.deadline <= now or #self.queue >= self.o.queue_max then return "full" end
    if #self.queue == 0 then self.empty_at = now end
    w.deadline = math.min(w.deadline, now + (self:standing(now) and self.o.short_ns or self.o.long_ns))
    w.place = "queued"
    table.insert(self.queue, w)
    return "wait"
  end

  function m:remove(index, now)
    local w = table.remove(self.queue, index)
    if #self.queue == 0 then self.empty_at = now end
    return w
  end

  function m:pick(now)
    for i = #self.queue, 1, -1 do
      if self.queue[i].deadline <= now then self:remove(i, now).place = "none" end
    end
    local from, to, step = 1, #self.queue, 1
    if self:standing(now) then from, to, step = #self.queue, 1, -1 end
    for i = from, to, step do
      local t = self.queue[i].tenant
      if t == 0 or (self.held[t] or 0) < (self.limit + 1) // 2 then return i end
    end
    if #self.queue > 0 then return from end
  end

  function m:hand_over(now)
    while #self.queue > 0 and self.inside < self.limit do
      local i = self:pick(now)
      if not i then return end
      local w = self:remove(i, now)
      self:hold(w)
      w.granted = 1
    end
  end

  function m:exit(w, now)
    if w.place == "queued" then
      for i, other in ipairs(self.queue) do
        if other == w then self:remove(i, now) end
      end
      w.place = "none"
      return "left"
    elseif w.place == "holds" then
      w.place = "none"
      self.inside, self.held[w.tenant] = self.inside - 1, self.held[w.tenant] - 1
      self:hand_over(now)
      return "released"
    end
    return "left"
  end

  return m
end

describe("any order of entering, leaving, resizing and waiting", function()
  it("is handled as the model handles it, and everything is empty at the end #model", function()
    for seed = 1, 100 do
      math.randomseed(seed)
      local options = {
        limit = math.random(1, 6), queue_max = math.random(0, 8),
        long_ns = math.random(1, 100) * MS, short_ns = MS * math.random(1, 5), standing_ns = math.random(0, 60) * MS,
      }
      local b, m, now, all = bulkhead(options), model(options), 0, {}
      local function agree()
        local in_flight, queued = b:counts()
        assert(in_flight == m.inside and queued == #m.queue)
        for _, w in ipairs(all) do assert(w.c:granted() == (w.granted or 0)) end
      end
      for _ = 1, 300 do
        now = now + math.random(0, 10) * MS
        local what = math.random(10)
        if what <= 5 or #all == 0 then
          local w = { c = T.bulkhead.waiter(), tenant = math.random(0, 2), deadline = now + math.random(0, 90) * MS }
          local answer, deadline = b:enter(w.c, now, w.deadline, w.tenant)
          assert(answer == m:enter(w, now))
          assert(answer ~= "wait" or deadline == w.deadline)
          if answer ~= "full" then all[#all + 1] = w end
        elseif what <= 9 then
          local w = table.remove(all, math.random(#all))
          assert(b:exit(w.c, now) == m:exit(w, now))
        else
          m.limit = math.random(1, 6)
          b:resize(m.limit, now)
          m:hand_over(now)
        end
        agree()
      end
      while #all > 0 do b:exit(table.remove(all).c, now) end
      assert.same({ 0, 0 }, gauges(b))
    end
  end)
end)
