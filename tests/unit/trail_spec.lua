local T = require "T"
local cjson = require "cjson"

local ms = 1000000

local steps = {
  { at = 85000, step = "route", a = 3, label = "github_list_issues" },
  { at = 90999, step = "args", a = 44 },
  { at = 12.3 * ms // 1, step = "attempt", a = 1, label = "GET /items" },
  { at = 220 * ms, step = "answer", code = "upstream_error", a = 503, b = 150, label = "status" },
  { at = 360 * ms, step = "backoff", a = 140, b = 49 },
  { at = 12345 * ms, step = "result", code = "timeout", a = 0 },
}

describe("a trail", function()
  it("is printed in columns, with times for people", function()
    local printed = T.trail.show(steps)

    assert.equal(table.concat({
      "     +85 us  route    generation 3           github_list_issues",
      "     +90 us  args     44 bytes",
      "   +12.3 ms  attempt  1                      GET /items",
      "  +220.0 ms  answer   status 503, 150 bytes  status              upstream_error",
      "  +360.0 ms  backoff  140 ms, budget 49",
      "   +12.35 s  result   0 bytes                                    timeout",
      "",
    }, "\n"), printed)
  end)

  it("is JSON for machines", function()
    local _, json = T.trail.show(steps)

    assert.same({
      { at_us = 85, step = "route", code = "ok", generation = 3, label = "github_list_issues" },
      { at_us = 90, step = "args", code = "ok", bytes = 44 },
      { at_us = 12300, step = "attempt", code = "ok", attempt = 1, label = "GET /items" },
      { at_us = 220000, step = "answer", code = "upstream_error", status = 503, bytes = 150,
        label = "status" },
      { at_us = 360000, step = "backoff", code = "ok", ms = 140, budget = 49 },
      { at_us = 12345000, step = "result", code = "timeout", bytes = 0 },
    }, cjson.decode(json))
  end)

  it("can be empty", function()
    assert.same({ "", "[]" }, { T.trail.show {} })
  end)

  it("counts from its beginning, and a clock that went back is zero", function()
    local _, json = T.trail.show({ { at = 7000, step = "run" }, { at = 1, step = "run" } }, 5000)

    assert.same({ 2, 0 }, { cjson.decode(json)[1].at_us, cjson.decode(json)[2].at_us })
  end)

  it("takes the steps of a call that it made, in the order of time", function()
    local outer = { { at = 1 * ms, step = "call", a = 2, label = "demo_get" }, { at = 5 * ms, step = "result" } }
    local inner = { { at = 2 * ms, step = "run" }, { at = 9 * ms, step = "result", a = 7 } }

    local printed, json = T.trail.show(outer, 0, inner, 1 * ms)

    assert.equal(table.concat({
      "   +1.0 ms  call       2        demo_get",
      "   +2.0 ms  2> run",
      "   +5.0 ms  result     0 bytes",
      "   +9.0 ms  2> result  7 bytes",
      "",
    }, "\n"), printed)
    assert.same({ 2, "run" }, { cjson.decode(json)[2]["in"], cjson.decode(json)[2].step })
  end)

  it("keeps room for its own steps, and of a call's the beginning and the end", function()
    local outer, inner = {}, {}
    for i = 1, T.trail.steps - 10 do outer[i] = { at = i, step = "sleep", a = i } end
    for i = 1, 9 do inner[i] = { at = 1000 + i, step = "attempt", a = i } end

    local _, json = T.trail.show(outer, 0, inner)

    local list, kept = cjson.decode(json), {}
    for i = T.trail.steps - 9, #list do kept[#kept + 1] = list[i].attempt or list[i].count end
    assert.same({ 1, 2, 3, 9, 5 }, kept)
  end)

  it("takes the steps of a flight from when it joined that, in their order", function()
    local own = { { at = 5 * ms, step = "flight", label = "joined" }, { at = 9 * ms, step = "sleep" } }
    local flight = { { at = 2 * ms, step = "attempt", a = 1 }, { at = 7 * ms, step = "answer", a = 200 } }

    local printed = T.trail.show(own, 2 * ms, flight, ms, 5 * ms)

    assert.same({ "flight", "answer", "sleep" }, {
      printed:match "(flight) .*(answer) .*status 200.*(sleep)",
    })
    assert.is_nil(printed:find "attempt")
  end)

  it("has its result, however many steps there were", function()
    local many = {}
    for i = 1, T.trail.steps + 3 do many[i] = { at = i, step = "sleep", a = i } end
    many[#many + 1] = { at = 100, step = "result", code = "timeout" }

    local _, json = T.trail.show(many)

    local list = cjson.decode(json)
    assert.same({ "result", "timeout" }, { list[T.trail.steps].step, list[T.trail.steps].code })
    assert.equal(4, list[T.trail.steps + 1].count)
  end)

  it("counts the steps that did not fit", function()
    local many = {}
    for i = 1, T.trail.steps + 3 do many[i] = { at = i, step = "sleep", a = i } end

    local printed, json = T.trail.show(many)

    assert.truthy(printed:find("  and 3 more steps\n$"))
    local decoded = cjson.decode(json)
    assert.equal(T.trail.steps + 1, #decoded)
    assert.same({ step = "dropped", count = 3 }, decoded[#decoded])
  end)

  it("cuts labels at a whole character and shows no control characters", function()
    local long = ("é"):rep(30)
    local printed, json = T.trail.show {
      { at = 0, step = "cancel", label = long },
      { at = 0, step = "cancel", label = "a\27[2Jb\xff" },
    }

    assert.equal(("é"):rep(19), cjson.decode(json)[1].label)
    assert.equal("a\27[2Jb?", cjson.decode(json)[2].label)
    assert.truthy(printed:find("a?[2Jb?", 1, true))
    assert.is_nil(printed:find("\27"))
  end)
end)
