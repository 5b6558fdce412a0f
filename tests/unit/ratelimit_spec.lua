local T = require("T").rules

local S = 1000000000

local function read(fields) return { T.ratelimit(fields) } end

describe("what a service says about our quota", function()
  it("is read from the draft's fields", function()
    assert.same({ 50, 100, 30 }, read { ratelimit = '"default";r=50;t=30', policy = '"default";q=100;w=60' })
    assert.same({ 50, 0, 30 }, read { ratelimit = '"default";r=50;t=30' })
    assert.same({ 50, 0, 30 }, read { ratelimit = 'default ; t=30;pk=:aGk=:;r=50', policy = '"other";q=100;w=60' })
  end)

  it("is that of the tightest policy", function()
    assert.same({ 5, 500, 60 },
      read { ratelimit = '"hour";r=900;t=3600, "minute";r=5;t=60', policy = '"hour";q=1000, "minute";q=500;w=60' })
  end)

  it("is read from the older fields, where Reset may be a date", function()
    assert.same({ 7, 60, 9 }, read { limit = "60", remaining = " 7 ", reset = "9" })
    assert.same({ 7, 0, 12 }, read { remaining = "7", reset = "1700000012", epoch = true, wall_ms = 1700000000900 })
    assert.same({ 7, 0, 0 }, read { remaining = "7", reset = "5", epoch = true, wall_ms = 1700000000900 })
  end)

  it("is believed from the draft's fields first", function()
    assert.same({ 1, 0, 2 }, read { ratelimit = '"a";r=1;t=2', remaining = "7", reset = "9" })
    assert.same({ 7, 0, 9 }, read { ratelimit = "broken;;", remaining = "7", reset = "9" })
  end)

  it("is ignored when it is malformed or absurd", function()
    for _, fields in ipairs {
      { ratelimit = '"a";r=-1;t=2' }, { ratelimit = '"a";r=1' }, { ratelimit = '"a;r=1;t=2' }, { ratelimit = "" },
      { ratelimit = '"a";r=1;t=99999999' }, { ratelimit = '"a";r=1;t=2 x' }, { ratelimit = '"a";r=9999999999999;t=2' },
      { ratelimit = '"a\\' }, { ratelimit = '"a";r' }, { remaining = "7" }, { remaining = "x", reset = "9" },
      { remaining = "7", reset = "99999999999" }, { remaining = "", reset = "" }, { limit = "60" }, {},
    } do
      assert.same({}, read(fields), fields.ratelimit)
    end
  end)
end)

describe("pacing", function()
  local function pace(left, own) return (T.pace({ limit = "100", remaining = tostring(left), reset = "30" }, own)) end

  it("stretches what is left to the reset when less than a tenth is left", function()
    assert.equal(S, pace(10, S))
    assert.equal(30 * S // 9, pace(9, S))
    assert.equal(30 * S, pace(0, S))
    assert.equal(40 * S, pace(0, 40 * S)) -- never faster than our own
  end)

  it("lasts until the reset and a little more, by chance", function()
    local function lasts(reset, unit) return select(2, T.pace({ remaining = "0", reset = reset }, 0, unit)) / S end

    assert.same({ 30, 30.5, 31 }, { lasts("30", 0), lasts("30", 0.5), lasts("30", 1) })
    assert.equal(5.5, lasts("5", 1))
    assert.equal(30, lasts("30", 0 / 0))
  end)

  it("changes nothing when nothing is known", function()
    assert.same({ S, 0 }, { T.pace({}, S, 0.5) })
  end)
end)
