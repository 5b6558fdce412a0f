local retry = require("T").retry

local MS, S = 1000000, 1000000000
local BASE, CAP = 50 * MS, 20 * S

describe("the bound of a backoff", function()
  it("doubles up to the cap", function()
    local bounds = {}
    for n = 1, 11 do bounds[n] = retry.bound(BASE, CAP, n) // MS end

    assert.same({ 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 20000, 20000 }, bounds)
  end)

  it("is a clamped power of two for any n, without overflow", function()
    for _ = 1, 20000 do
      local base, cap = math.random(0, 1 << math.random(0, 40)), math.random(1, 1 << math.random(1, 45))
      local n = math.random(1, 1 << math.random(0, 31))
      local exact = math.min(cap, base * 2.0 ^ math.min(n - 1, 1000))

      assert(exact == retry.bound(base, cap, n) + 0.0)
    end
  end)
end)

describe("full jitter", function()
  it("stays between nothing and the bound", function()
    for _ = 1, 10000 do
      local bound = math.random(0, CAP)
      local wait = retry.jitter(bound, math.random())

      assert(wait >= 0 and wait <= bound)
    end
  end)

  it("is half the bound in the mean", function()
    local sum, n = 0, 50000
    for _ = 1, n do sum = sum + retry.jitter(CAP, math.random()) end

    assert.near(0.5, sum / n / CAP, 0.025)
  end)

  it("is not led astray by chance that is no chance", function()
    assert.same({ 0, 0, CAP, CAP },
      { retry.jitter(CAP, 0 / 0), retry.jitter(CAP, -1), retry.jitter(CAP, 1), retry.jitter(CAP, 1 / 0) })
  end)

  it("spreads ten thousand clients that failed in one moment", function()
    local bins, bound = {}, 200 * MS
    for _ = 1, 10000 do
      local bin = retry.jitter(bound, math.random()) // (10 * MS)
      bins[bin] = (bins[bin] or 0) + 1
    end

    for _, count in pairs(bins) do assert(count <= 3 * 10000 / 20) end
  end)
end)

describe("a hint of the upstream", function()
  it("is obeyed up to five seconds above our own wait", function()
    assert.equal(50 * MS, retry.hinted(50 * MS, 0))
    assert.equal(3000 * MS, retry.hinted(50 * MS, 3000))
    assert.equal(5050 * MS, retry.hinted(50 * MS, 10000))
  end)

  it("that is absent or absurd is harmless", function()
    assert.equal(50 * MS, retry.hinted(50 * MS, -1))
    assert.equal(50 * MS, retry.hinted(50 * MS, math.mininteger))
    assert.equal(5050 * MS, retry.hinted(50 * MS, math.maxinteger))
  end)
end)
