local limiter = require("T").limiter

local MS, S = 1000000, 1000000000

-- A bucket of burst * T nanoseconds that gains one each nanosecond.
local function bucket(interval, burst)
  local m = { level = interval * burst, at = 0 }

  function m:take(units, now, max_wait)
    self.level = math.min(interval * burst, self.level + now - self.at)
    self.at = now
    if units > burst then return "never", 0 end
    local wait = math.max(0, units * interval - self.level)
    if wait > max_wait then return "later", wait end
    self.level = self.level - units * interval
    return "go", wait
  end

  return m
end

local function verdict(l, ...) return (l:reserve(...)) end

describe("a limiter", function()
  it("passes its burst, then one each interval", function()
    local l = limiter.new(100 * MS, 2)

    assert.same({ "go", "go", "later" }, { verdict(l, 1, 0), verdict(l, 1, 0), verdict(l, 1, 0) })
    assert.equal(100 * MS, (select(2, l:reserve(1, 0))))
    assert.equal("later", verdict(l, 1, 100 * MS - 1))
    assert.equal("go", verdict(l, 1, 100 * MS))
  end)

  it("gives a slot in time to those who can wait for it", function()
    local l = limiter.new(100 * MS, 1)
    l:reserve(1, 0)

    local waits = {}
    for i = 1, 3 do waits[i] = select(2, l:reserve(1, 0, 250 * MS)) // MS end

    assert.same({ 100, 200, 300 }, waits)
    assert.equal("later", verdict(l, 1, 0, 250 * MS))
  end)

  it("never passes more units than its burst", function()
    local l = limiter.new(100 * MS, 3)

    assert.equal("never", verdict(l, 4, 0, 3600 * S))
    assert.equal("go", verdict(l, 3, 0))
  end)

  it("without an interval passes everything", function()
    local l = limiter.new(0, 1)

    for _ = 1, 1000 do assert.equal("go", verdict(l, 7, 0)) end
  end)

  it("takes back the newest reservation, and loses an older one", function()
    local l = limiter.new(100 * MS, 1)
    local _, _, first = l:reserve(1, 0)
    local _, _, second = l:reserve(1, 0, S)

    assert.is_false(l:cancel(first))
    assert.is_true(l:cancel(second))

    assert.equal(100 * MS, (select(2, l:reserve(1, 0, S))))
    assert.same({ 0, 1 }, { l:counts() })
  end)

  it("charges the rest when the true cost is known, and refunds up to full", function()
    local l = limiter.new(MS, 100)
    l:reserve(10, 0)
    l:adjust(90, 0)
    assert.equal("later", verdict(l, 1, 0))

    l:adjust(-1000, 0)

    assert.equal("go", verdict(l, 100, 0))
    assert.equal("later", verdict(l, 1, 0))
  end)

  it("is not broken by absurd corrections", function()
    local l = limiter.new(3600 * S, 1000)

    l:adjust(math.maxinteger >> 33, 0)
    assert.equal("later", verdict(l, 1, 1000 * S))
    l:adjust(-(math.maxinteger >> 33), 1000 * S)

    assert.equal("later", verdict(l, 1000, 0, 1))
  end)

  it("rounds its interval so that never more pass", function()
    assert.equal(333333334, limiter.interval(S, 3))
    assert.equal(S, limiter.interval(S, 1))
  end)

  it("refuses numbers that would overflow", function()
    assert.is_true(limiter.valid(86400 * S, 26000))
    assert.is_false(limiter.valid(86400 * S, 27000))
    assert.is_false(limiter.valid(S, 0))
  end)

  it("does what a bucket does, whatever the order", function()
    for seed = 1, 100 do
      math.randomseed(seed)
      local interval, burst = math.random(1, 1 << math.random(1, 32)), math.random(1, 20)
      local l, m, now = limiter.new(interval, burst), bucket(interval, burst), 0
      for _ = 1, 500 do
        now = now + math.random(0, 3 * interval)
        local units, max_wait = math.random(1, burst + 1), math.random(0, 1) * math.random(0, 9 * interval)
        local what, wait = l:reserve(units, now, max_wait)
        local expected, mine = m:take(units, now, max_wait)
        assert(what == expected and wait == mine, ("%s %d, not %s %d"):format(what, wait, expected, mine))
      end
    end
  end)

  it("admits at most burst + t/T in every window, reservations counted when they go", function()
    for seed = 1, 20 do
      math.randomseed(seed)
      local interval, burst = math.random(1, 1000), math.random(1, 10)
      local l, now, times = limiter.new(interval, burst), 0, {}
      for _ = 1, 300 do
        now = now + math.random(0, interval)
        local what, wait = l:reserve(1, now, math.random(0, 5) * interval)
        if what == "go" then times[#times + 1] = now + wait end
      end
      table.sort(times)
      for i = 1, #times do
        for j = i, #times do
          assert(j - i + 1 <= burst + (times[j] - times[i]) / interval)
        end
      end
    end
  end)
end)

describe("a gate", function()
  local gate

  before_each(function() gate = limiter.gate() end)

  local function wait(now)
    local _, ns = gate:pass(10 * MS, now * MS, 3600 * S)
    return ns // MS
  end

  it("costs nothing while it is open", function()
    assert.equal(0, wait(0))
    assert.equal(0, wait(0))
    assert.same({ false, 0 }, { gate:closed(0) })
  end)

  it("lets those who wait out one by one when it opens", function()
    gate:close(1000 * MS, 0)

    assert.same({ 800, 710, 620 }, { wait(200), wait(300), wait(400) })
  end)

  it("is open for who comes after that, also while they leave", function()
    gate:close(1000 * MS, 0)
    for _ = 1, 10 do wait(0) end

    assert.equal(0, wait(1000))
    assert.same({ false, 0 }, { gate:closed(1000 * MS) })
  end)

  it("tells those who cannot wait when to come", function()
    gate:close(1000 * MS, 0)

    local ok, when = gate:pass(10 * MS, 0, 999 * MS)

    assert.same({ false, 1000 * MS }, { ok, when })
    assert.equal(1000, wait(0)) -- and the refused one took no place
  end)

  it("closes for longer, never for shorter", function()
    assert.is_true(gate:close(1000 * MS, 0))
    assert.is_false(gate:close(500 * MS, 0))
    assert.is_true(gate:close(2000 * MS, 0))

    assert.same({ true, 2000 * MS }, { gate:closed(0) })
  end)

  it("does not believe six hours and a minute, nor the past", function()
    assert.is_false(gate:close(5, 10))
    gate:close(math.maxinteger, 0)

    assert.same({ true, 6 * 3600 * S }, { gate:closed(0) })
  end)

  it("tells one who wakes that it was closed again", function()
    gate:close(1000 * MS, 0)
    wait(0)

    gate:close(3000 * MS, 900 * MS)

    assert.is_true((gate:closed(1000 * MS)))
    assert.equal(2000, wait(1000)) -- the first of those that come back
  end)

  it("takes back the newest place", function()
    gate:close(1000 * MS, 0)
    local _, _, mark = gate:pass(10 * MS, 0, 9 * S)

    gate:leave(mark, 10 * MS)
    gate:leave(0, 10 * MS)

    assert.equal(1000, wait(0))
  end)

  it("never lets out two closer than its spacing while some wait", function()
    for seed = 1, 50 do
      math.randomseed(seed)
      local g, now, out = limiter.gate(), 0, {}
      for _ = 1, 200 do
        now = now + math.random(0, 20) * MS
        if math.random(20) == 1 then g:close(now + math.random(0, 300) * MS, now) end
        local closed = g:closed(now)
        local ok, ns = g:pass(10 * MS, now, math.random(0, 400) * MS)
        if ok and ns > 0 then out[#out + 1] = now + ns end
        assert(not closed or not ok or ns > 0)
      end
      table.sort(out)
      for i = 2, #out do assert(out[i] - out[i - 1] >= 10 * MS) end
    end
  end)
end)
