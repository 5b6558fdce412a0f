local T = require "T"

describe("tide.time", function()
  local vm

  before_each(function() vm = T.vm.new {} end)
  after_each(function() vm:close() end)

  it("tells the wall clock of the loop", function()
    assert.equal(1700000000.0, vm:load "return tide.time.now()")
    vm:advance(1500)
    assert.equal(1700000001.5, vm:load "return tide.time.now()")
    assert.equal("2023-11-14T22:13:21Z", vm:load "return tide.time.iso()")
  end)

  it("sleeps as long as it should, and costs nothing", function()
    local task = vm:start [[return function()
      local from = tide.time.now()
      tide.time.sleep(30)
      tide.time.sleep(0.25)
      return tide.time.now() - from
    end]]

    vm:advance(30249)
    assert.is_nil(task.done)
    vm:advance(1)

    assert.equal(30.25, task[1])
  end)

  it("sleeps in the next turn when there is nothing to wait for", function()
    local task = vm:start "return function() tide.time.sleep(0) return 'over' end"
    assert.is_nil(task.done)

    vm:advance(0)

    assert.equal("over", task[1])
  end)

  it("forgets the sleep of a task that is cancelled", function()
    local task = vm:start "return function() tide.time.sleep(5) end"

    vm:cancel(task)
    vm:collect()
    vm:advance(10000)

    assert.equal("cancelled", task.code)
  end)

  it("refuses to sleep for nonsense", function()
    for _, value in ipairs { "-1", "3601", "0/0", "math.huge", "'x'", "nil" } do
      assert.equal("script_failed", vm:start("return function() tide.time.sleep(" .. value .. ") end").code)
    end
    assert.matches("tide.time.sleep waits, and nothing can wait while a script is loaded",
      (select(3, vm:load "tide.time.sleep(1)")), 1, true)
  end)

  it("prints times as ISO 8601", function()
    local cases = {
      { "0", "1970-01-01T00:00:00Z" }, { "0.5", "1970-01-01T00:00:00.500Z" },
      { "-1", "1969-12-31T23:59:59Z" }, { "-0.25", "1969-12-31T23:59:59.750Z" },
      { "1700000000.1234", "2023-11-14T22:13:20.123Z" }, { "951782400", "2000-02-29T00:00:00Z" },
      { "253402300799", "9999-12-31T23:59:59Z" }, { "-62167219200", "0000-01-01T00:00:00Z" },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], vm:load("return tide.time.iso(" .. case[1] .. ")"))
    end
    for _, value in ipairs { "253402300800", "-62167219201", "1e300", "0/0" } do
      assert.equal("script_failed", (select(2, vm:load("return tide.time.iso(" .. value .. ")"))), value)
    end
  end)

  it("reads times in the forms that services use", function()
    local cases = {
      ["2023-11-14T22:13:20Z"] = 1700000000, ["2023-11-14t22:13:20z"] = 1700000000,
      ["2023-11-14 22:13:20"] = 1700000000, ["2023-11-14T22:13"] = 1699999980,
      ["2023-11-14T23:13:20+01:00"] = 1700000000, ["2023-11-14T17:13:20-0500"] = 1700000000,
      ["2023-11-15T03:43:20+05:30"] = 1700000000, ["2023-11-14T23:13:20+01"] = 1700000000,
      ["2023-11-14"] = 1699920000, ["1969-12-31T23:59:59Z"] = -1,
      ["2023-11-14T22:13:20.5Z"] = 1700000000.5, ["2023-11-14T22:13:20,250Z"] = 1700000000.25,
      ["2016-12-31T23:59:60Z"] = 1483228800, ["2024-02-29"] = 1709164800,
    }
    for text, expected in pairs(cases) do
      local value = vm:load(("return tide.time.parse %q"):format(text))

      assert.equal(expected, value, text)
      assert.equal(math.type(expected), math.type(value), text)
    end
  end)

  it("gives nil and an error for what is no time", function()
    for _, text in ipairs { "", "now", "2023", "2023-13-01", "2023-00-01", "2023-02-29", "2023-11-31",
      "2023-1-1", "2023-11-14T", "2023-11-14T24:00:00Z", "2023-11-14T22:60Z", "2023-11-14T22:13:61Z",
      "2023-11-14T22:13:20.Z", "2023-11-14T22:13.5Z", "2023-11-14T22:13:20+1", "2023-11-14T22:13:20+24:00",
      "2023-11-14T22:13:20ZZ", " 2023-11-14", "2023-11-14Z", "+2023-11-14", "2023-11-14T22:13:20 Z" } do
      assert.equal("invalid_argument: not an ISO 8601 time",
        vm:load(("return tostring(select(2, tide.time.parse %q))"):format(text)), text)
    end
  end)

  it("agrees with the C library on any day", function()
    math.randomseed(20261120)
    for _ = 1, 500 do
      local at = math.random(-62167219200, 253402300799)

      local text = vm:load("return tide.time.iso(" .. at .. ")")

      local year = ("%04d"):format(os.date("!*t", at).year)
      assert.equal(year .. os.date("!-%m-%dT%H:%M:%SZ", at), text)
      assert.equal(at, vm:load(("return tide.time.parse %q"):format(text)))
    end
  end)
end)
