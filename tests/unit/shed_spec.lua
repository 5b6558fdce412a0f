local shed = require("T").shed

local MS, S = 1000000, 1000000000

describe("shedding", function()
  -- A loop that lags so much for so long; the level and the time afterwards.
  local function lag(s, ms, from_ms, to_ms)
    local level
    for at = from_ms, to_ms, 10 do level = s:lag(ms * MS, at * MS) end
    return level
  end

  local function admitted(s)
    local names = {}
    for _, class in ipairs { "critical", "interactive", "batch", "background" } do
      if s:admits(class) then names[#names + 1] = class end
    end
    return table.concat(names, " ")
  end

  it("refuses one class more at each level, never what is critical", function()
    local s = shed.new()
    assert.equal("critical interactive batch background", admitted(s))
    lag(s, 30, 1000, 2000)
    assert.equal("critical interactive batch", admitted(s))
    lag(s, 70, 2000, 3000)
    assert.equal("critical interactive", admitted(s))
    lag(s, 150, 3000, 4000)
    assert.equal("critical", admitted(s))
  end)

  it("is not begun by one late turn of the loop", function()
    local s = shed.new()
    lag(s, 1, 1000, 2000)

    assert.equal(0, s:lag(100 * MS, 2010 * MS))
    assert.equal(100 * MS, s:worst())
    assert.equal(0, s:worst())
  end)

  it("ends at half the threshold, a step a second", function()
    local s = shed.new()
    lag(s, 150, 1000, 2000)

    assert.equal(3, lag(s, 60, 2000, 4000))
    assert.equal(2, lag(s, 40, 4010, 4300))
    assert.equal(2, lag(s, 0, 4310, 5000))
    assert.equal(0, lag(s, 0, 5010, 8000))
  end)

  it("counts a retry one class lower", function()
    local s = shed.new()
    lag(s, 30, 1000, 2000)

    assert.is_true((s:admits("batch")))
    assert.same({ false, 1 }, { s:admits("batch", true) })
    assert.is_true((s:admits("interactive", true)))
  end)

  it("looks at memory too", function()
    local s = shed.new()

    assert.equal(0, s:memory(90, 100))
    assert.equal(2, s:memory(91, 100))
    assert.equal(3, s:memory(96, 100))
    assert.equal(0, s:memory(1, 100))
    assert.equal(0, s:memory(1, 0)) -- not known
  end)

  it("never changes its mind faster than once a second", function()
    for seed = 1, 30 do
      math.randomseed(seed)
      local s, now, level, changed, up = shed.new(), 0, 0, -S, true
      for _ = 1, 3000 do
        now = now + 10 * MS
        local next_level = s:lag(math.random(0, 1) * math.random(0, 400) * MS, now)
        if next_level ~= level then
          assert(now - changed >= S or (up and next_level > level))
          up, level, changed = next_level > level, next_level, now
        end
      end
    end
  end)

  it("says one to three seconds, each as often", function()
    local seen = { 0, 0, 0 }
    for i = 0, 2999 do
      local s = shed.retry_after(i / 3000)
      seen[s] = seen[s] + 1
    end

    assert.same({ 1000, 1000, 1000 }, seen)
    assert.same({ 1, 3, 1 }, { shed.retry_after(-1), shed.retry_after(1), shed.retry_after(0 / 0) })
  end)
end)
