local T = require "T"

local MS, S = 1000000, 1000000000

local function learner(options) return T.bulkhead.adaptive(options) end

-- So many samples in one window of a second; the limit afterwards.
local function window(a, n, verdict, count, in_flight)
  local limit
  for i = 1, count do
    limit = a:sample(verdict, 10 * MS, in_flight, n * S + (i - 1) * S // count)
  end
  return limit
end

-- An upstream that refuses what is over its capacity, and demand without end.
local function drive(a, limit, seconds, capacity)
  local low, high = math.huge, 0
  for second = seconds[1], seconds[2] do
    for i = 1, 100 do
      local in_flight = limit
      local verdict = in_flight > capacity and i % 10 == 0 and "drop" or "fine"
      limit = a:sample(verdict, 50 * MS, in_flight, second * S + i * 10 * MS)
    end
    low, high = math.min(low, limit), math.max(high, limit)
  end
  return limit, low, high
end

describe("an adaptive limit", function()
  it("grows by one a window while it is used and nothing is dropped", function()
    local a = learner()
    for i = 1, 100 do a:sample("fine", MS, 10, i * 9 * MS) end

    assert.equal(21, a:sample("fine", MS, 10, S))
    assert.equal(21, a:sample("fine", MS, 10, S + 1))
  end)

  it("does not grow while it is not used", function()
    local a = learner()

    for n = 0, 100 do window(a, n, "fine", 50, 9) end

    assert.equal(20, window(a, 101, "fine", 50, 9))
  end)

  it("falls by a tenth for any number of drops, once a window", function()
    local a = learner()
    for i = 1, 50 do a:sample("drop", MS, 20, i * MS) end
    assert.equal(18, a:sample("drop", MS, 20, S))

    assert.equal(18, a:sample("drop", MS, 20, S + 1))
  end)

  it("falls when more than one answer in ten is slow", function()
    local a = learner { slow_ns = 100 * MS }
    for i = 1, 98 do a:sample("fine", i <= 10 and 100 * MS or MS, 10, 0) end
    assert.equal(20, a:sample("fine", 100 * MS, 10, 0))

    assert.equal(18, a:sample("fine", MS, 10, S))
  end)

  it("waits for ten samples", function()
    local a = learner()
    for i = 1, 9 do assert.equal(20, a:sample("drop", MS, 20, i * 3600 * S)) end

    assert.equal(18, a:sample("drop", MS, 20, 36000 * S))
  end)

  it("learns in windows of two round trips where these are long", function()
    local a = learner { initial = 20 }
    for i = 1, 10 do a:sample("fine", 3 * S, 20, i * S) end

    local before = a:sample("drop", 0, 20, 15 * S) -- the window is 10 s to 16 s
    for i = 1, 9 do a:sample("drop", 0, 20, 15 * S + i) end
    local after = a:sample("drop", 0, 20, 16 * S)

    assert.same({ 21, 18 }, { before, after })
  end)

  it("goes to its minimum, not its maximum, when everything times out alike", function()
    local a, limit = learner(), 20
    for second = 1, 60 do
      for _ = 1, 20 do limit = a:sample("drop", 5 * S, limit, second * S) end
    end

    assert.equal(4, limit)
  end)

  it("finds the capacity of an upstream within a minute, to a fifth", function()
    local a = learner()
    local limit = drive(a, 20, { 1, 60 }, 40)

    local _, low, high = drive(a, limit, { 61, 120 }, 40)

    assert(low >= 40 * 0.8 and high <= 40 * 1.2, low .. " to " .. high)
  end)

  it("follows a capacity that falls to a quarter, and one that comes back", function()
    local a = learner()
    local limit = drive(a, 20, { 1, 60 }, 40)

    limit = drive(a, limit, { 61, 70 }, 10)
    assert(limit <= 40 * 0.4)
    limit = drive(a, limit, { 71, 80 }, 10)
    assert(limit <= 12)
    limit = drive(a, limit, { 81, 120 }, 40)

    assert(limit >= 32)
  end)

  it("never leaves its bounds, whatever comes", function()
    math.randomseed(1)
    local a, now = learner { initial = 100, least = 3, most = 30 }, 0
    local kinds = { "none", "fine", "drop" }
    for _ = 1, 20000 do
      now = now + math.random(0, 400 * MS)
      local limit = a:sample(kinds[math.random(3)], math.random(0, 3) * S, math.random(0, 99), now)
      assert(limit >= 3 and limit <= 30)
    end
  end)

  it("is left alone by a storm of cancels", function()
    local a = learner()

    for i = 1, 10000 do assert.equal(20, a:sample("none", 0, 20, i * 10 * MS)) end
  end)

  it("takes for a drop what says that it is too much, and nothing else", function()
    local judge = T.bulkhead.judge

    assert.same({ "drop", "drop" }, { judge "throttled", judge "timeout" })
    assert.same({ "drop", "drop", "none" },
      { judge("server_error", 503), judge("server_error", 504), judge("server_error", 500) })
    assert.same({ "none", "none", "none" }, { judge "cancelled", judge "conn_fail", judge "local_reject" })
    assert.same({ "none", "drop" }, { judge("deadline", 0, false), judge("deadline", 0, true) })
    assert.same({ "fine", "fine" }, { judge "ok", judge "app_error" })
  end)
end)
