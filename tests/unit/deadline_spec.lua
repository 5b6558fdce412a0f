local T = require("T").rules

local MS, S = 1000000, 1000000000

describe("an attempt", function()
  it("gets its timeout, or what is left but for the reserve", function()
    assert.same({ true, false, 10000 }, { T.attempt(30 * S, 0, 10000, 20 * MS) })
    assert.same({ true, true, 4980 }, { T.attempt(30 * S, 25 * S, 10000, 20 * MS) })
    assert.same({ true, false, 10000 }, { T.attempt(10020 * MS, 0, 10000, 20 * MS) })
  end)

  it("is not begun when less than is useful is left", function()
    assert.is_true((T.attempt(100 * MS, 0, 10, 100 * MS)))
    assert.is_false((T.attempt(100 * MS, 1, 10, 100 * MS)))
    assert.is_false((T.attempt(100 * MS, 200 * MS, 10, 20 * MS)))
  end)

  it("never gets 0 ms, and never more than is left, whatever the numbers", function()
    math.randomseed(1)
    for _ = 1, 20000 do
      local deadline, now = math.random(0, 1 << math.random(0, 62)), math.random(0, 1 << math.random(0, 62))
      local timeout = math.random(1, 3600000)
      local useful, cut, ms = T.attempt(deadline, now, timeout, 20 * MS)
      local left = math.max(0, deadline - now)
      assert(ms >= 1 and ms <= timeout)
      assert(not useful or left >= 20 * MS)
      assert(ms == 1 or ms * MS <= left)
      assert(cut == (ms < timeout) or ms == 1)
    end
  end)

  it("learns its timeout and what is useful when enough is known", function()
    assert.same({ 10000, 20 * MS }, { T.learned(499, 5 * MS, 2 * S, 10000) })
    assert.same({ 3000, 50 * MS }, { T.learned(500, 50 * MS, 2 * S, 10000) })
    assert.same({ 1000, 20 * MS }, { T.learned(500, 5 * MS, 10 * MS, 10000) })
    assert.same({ 10000, 20 * MS }, { T.learned(500, 5 * MS, 3600 * S, 10000) })
  end)
end)

describe("a deadline", function()
  it("never overflows", function()
    assert.equal(5 * S + 7, T.after(7, 5000))
    assert.equal(-1, T.after(7, math.maxinteger)) -- 2^64 - 1: never
  end)

  it("gives a part of the rest to each wait", function()
    assert.same({ 100 * MS, S, 29995 }, { T.waits(30 * S, 0) })
    assert.same({ 25 * MS, 50 * MS, 95 }, { T.waits(100 * MS, 0) })
    assert.same({ 0, 0, 0 }, { T.waits(S, 2 * S) })
  end)

  it("tells the next hop what is left but for the way there", function()
    assert.equal(70, (select(3, T.waits(100 * MS, 0, 30 * MS))))
    assert.equal(0, (select(3, T.waits(4 * MS, 0))))
  end)
end)
