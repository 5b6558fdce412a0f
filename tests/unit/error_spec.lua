local T = require "T"
local err = T.error

describe("the error list", function()
  it("has names that are found again, a status and a sentence for a reader", function()
    for i, row in ipairs(err.list()) do
      assert.equal(i, err.parse(row.name))
      assert.is_true(row.http >= 200 and row.http < 600)
      assert.is_nil(row.sentence:find("%.$"))
      assert.is_true(#row.sentence > 3)
    end
  end)

  it("knows no other names", function()
    for _, name in ipairs { "", "o", "okk", "OK", "ok\0", "unknown" } do
      assert.is_nil(err.parse(name))
    end
  end)

  it("advises another try only where one can help", function()
    local retried = {}
    for _, row in ipairs(err.list()) do
      if row.retry then table.insert(retried, row.name) end
    end

    assert.same({ "rate_limited", "upstream_error", "unavailable", "timeout" }, retried)
  end)
end)

describe("an error's message", function()
  it("is kept whole up to 511 bytes", function()
    assert.equal("", err.set(""))
    assert.equal(("x"):rep(511), err.set(("x"):rep(511)))
    assert.equal(("x"):rep(511), err.set(("x"):rep(512)))
  end)

  it("is cut at a whole character", function()
    for _, character in ipairs { "é", "€", "🌊" } do
      for before = 500, 515 do
        local message = err.set(("x"):rep(before) .. character:rep(20))

        assert.is_true(#message <= 511 and #message > 511 - 4)
        assert.truthy(utf8.len(message))
      end
    end
  end)
end)
