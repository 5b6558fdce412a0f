local T = require("T").shed

local S = 1000000000

describe("an idempotency key", function()
  it("made from chance is a UUID of version 4", function()
    assert.equal("ffffffff-ffff-4fff-bfff-ffffffffffff", T.random_key(("\xFF"):rep(16)))
    assert.equal("00000000-0000-4000-8000-000000000000", T.random_key(("\0"):rep(16)))
  end)

  it("made from a step is the same again, and a UUID of version 8", function()
    local key = T.derived_key("secret", "tenant", "run", "step", 1)

    assert.equal(key, T.derived_key("secret", "tenant", "run", "step", 1))
    assert.truthy(key:match "^%x+%-%x%x%x%x%-8%x%x%x%-[89ab]%x%x%x%-%x+$")
    assert.equal(36, #key)
  end)

  it("made from a step differs in every part, and parts lend each other nothing", function()
    local seen = {}
    for _, parts in ipairs {
      { "s", "tenant", "run", "step", 1 }, { "S", "tenant", "run", "step", 1 }, { "s", "tenan", "trun", "step", 1 },
      { "s", "tenantrun", "", "step", 1 }, { "s", "tenant", "run", "step", 2 }, { "s", "tenant", "runstep", "", 1 },
      { "s", "", "", "", 1 }, { "s", "tenant", "step", "run", 1 },
      { "s", ("a"):rep(256), "run", "step", 1 }, { "s", ("a"):rep(257), "run", "step", 1 },
      { "s", ("a"):rep(256) .. "b", "run", "step", 1 }, { "s", ("a"):rep(5000), "run", "step", 1 },
      { "s", "tenant", "run", ("a"):rep(70000), 1 }, { "s", "tenant", "run", ("a"):rep(70001), 1 },
    } do
      local key = T.derived_key(table.unpack(parts))
      assert.is_nil(seen[key])
      seen[key] = true
    end
  end)

  it("is spelled bare or quoted", function()
    assert.equal("00000000-0000-4000-8000-000000000000", T.spell(("\0"):rep(16), false))
    assert.equal('"00000000-0000-4000-8000-000000000000"', T.spell(("\0"):rep(16), true))
  end)

  it("tells what the service made of it", function()
    assert.same({ "running", "mismatch", "nothing", "nothing" },
      { T.answer(409), T.answer(422), T.answer(400), T.answer(200) })
  end)

  it("is worth something for a day", function()
    assert.is_true(T.known(5 * S, 5 * S))
    assert.is_true(T.known(0, 24 * 3600 * S - 1))
    assert.is_false(T.known(0, 24 * 3600 * S))
    assert.is_true(T.known(9, 5)) -- a clock that was read earlier
  end)
end)
