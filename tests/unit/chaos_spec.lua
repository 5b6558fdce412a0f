local T = require("T").shed

local MS, S = 1000000, 1000000000

local function count(c, n, operation)
  local hits = {}
  for call = 1, n do
    local kind = c:decide(operation or "GET /", call, 1, 0)
    hits[kind] = (hits[kind] or 0) + 1
  end
  return hits
end

describe("chaos", function()
  it("hits as often as its rule says", function()
    local c = T.chaos({ { kind = "status", per_million = 100000 } }, 1)

    local hits = count(c, 50000)

    assert.near(5000, hits.status, 4 * math.sqrt(50000 * 0.1 * 0.9))
  end)

  it("does nothing when it is off, at nought, or over", function()
    local c = T.chaos({ { kind = "status" } }, 1)
    c:switch(false)
    assert.same({ none = 100 }, count(c, 100))
    assert.same({ none = 100 }, count(T.chaos({ { kind = "status", per_million = 0 } }, 1), 100))

    c = T.chaos({ { kind = "status", expires = 10 } }, 1)

    assert.equal("status", (c:decide("", 1, 1, 9)))
    assert.equal("none", (c:decide("", 1, 1, 10)))
  end)

  it("decides the same again, for the same seed, call and attempt", function()
    local rules = {
      { kind = "cut", per_million = 300000 },
      { kind = "delay", per_million = 500000, delay = S, spread = 1 },
    }
    local one, two, other = T.chaos(rules, 7), T.chaos(rules, 7), T.chaos(rules, 8)

    local differ = 0
    for call = 1, 1000 do
      local a, b = { one:decide("x", call, call % 3, call) }, { two:decide("x", call, call % 3, 0) }
      assert.same(a, b)
      if (other:decide("x", call, call % 3, 0)) ~= a[1] then differ = differ + 1 end
    end

    assert(differ > 100)
  end)

  it("concerns the operations of its rule", function()
    local c = T.chaos({ { kind = "corrupt", operation = "GET /a/*" } }, 1)

    assert.equal("corrupt", (c:decide("GET /a/b", 1, 1, 0)))
    assert.equal("none", (c:decide("GET /b/a", 1, 1, 0)))
  end)

  it("fails before it waits, and waits before it answers", function()
    local late = { kind = "delay", delay = 5 * MS }

    assert.same({ "refuse", 0, true },
      { T.chaos({ late, { kind = "status" }, { kind = "refuse" } }, 1):decide("", 1, 1, 0) })
    assert.same({ "status", 10 * MS, true },
      { T.chaos({ late, { kind = "status" }, late, { kind = "cut" } }, 1):decide("", 1, 1, 0) })
    assert.same({ "delay", 5 * MS, true }, { T.chaos({ late }, 1):decide("", 1, 1, 0) })
  end)

  it("delays evenly or with a long tail", function()
    local even = T.chaos({ { kind = "delay", delay = S, spread = 1 } }, 1)
    local tail = T.chaos({ { kind = "delay", delay = S, spread = 2, sigma = 1 } }, 1)

    local sum, over = 0, 0
    for call = 1, 20000 do
      local _, ns = even:decide("", call, 1, 0)
      sum = sum + ns
      if select(2, tail:decide("", call, 1, 0)) > S then over = over + 1 end
    end

    assert.near(0.5, sum / 20000 / S, 0.02)
    assert.near(0.5, over / 20000, 0.02)
  end)

  it("never has more faults than allowed at once", function()
    local c = T.chaos({ { kind = "status" } }, 1, 2)

    local kinds = {}
    for call = 1, 4 do kinds[call] = c:decide("", call, 1, 0, true) end

    assert.same({ "status", "status", "none", "none" }, kinds)
  end)

  it("caps a delay that is absurd at an hour", function()
    local c = T.chaos({ { kind = "delay", delay = math.maxinteger, spread = 2, sigma = 50 } }, 1)

    for call = 1, 1000 do
      local _, ns = c:decide("", call, 1, 0)
      assert(ns >= 0 and ns <= 3600 * S)
    end
  end)
end)
