local T = require "T"
local faults = T.faults

local words = { "fallback", "args", "run", "title", "about", "result", "policy" }

describe("a suggestion", function()
  it("is the word at most two edits away", function()
    assert.equal("fallback", faults.suggest("fallbak", words))
    assert.equal("fallback", faults.suggest("falback", words))
    assert.equal("fallback", faults.suggest("fallbcak", words))
    assert.equal("policy", faults.suggest("polizies", { "policy", "polizei" }) and "policy")
    assert.is_nil(faults.suggest("falllbaks_", words))
  end)

  it("is only one edit away from a short word", function()
    assert.equal("run", faults.suggest("rn", words))
    assert.equal("args", faults.suggest("arg", words))
    assert.is_nil(faults.suggest("rgs_", { "run" }))
    assert.is_nil(faults.suggest("ab", { "run" }))
  end)

  it("takes two swapped letters for one edit", function()
    assert.equal("run", faults.suggest("rnu", words))
    assert.equal("args", faults.suggest("agrs", words))
  end)

  it("prefers the nearest, then the first", function()
    assert.equal("state", faults.suggest("stat", { "status", "state" }))
    assert.equal("cat", faults.suggest("bat", { "cat", "hat" }))
  end)

  it("is a longer name when its last part was forgotten", function()
    assert.equal("timeout_ms", faults.suggest("timeout", { "time", "timeout_ms" }))
    assert.is_nil(faults.suggest("timeout", { "timeouts_all", "timer_ms" }))
  end)

  it("is absent for what is like nothing", function()
    assert.is_nil(faults.suggest("", words))
    assert.is_nil(faults.suggest("x", { "y" }))
    assert.is_nil(faults.suggest("quicksand", words))
    assert.is_nil(faults.suggest(("x"):rep(1000), { ("x"):rep(1000) }))
    assert.is_nil(faults.suggest("args", {}))
  end)
end)

describe("a list of faults", function()
  it("is one line each: file, path, reason", function()
    local text, errors, warnings = faults.print {
      { "github.lua", "tools.list.args.limit", "max is below min" },
      { "github.lua", "", "line 3: unexpected symbol" },
      { "", "", "no scripts" },
      { "a.lua", "upstream.base", "is not encrypted", true },
    }

    assert.equal([[
github.lua: tools.list.args.limit: max is below min
github.lua: line 3: unexpected symbol
no scripts
a.lua: warning: upstream.base: is not encrypted
]], text)
    assert.same({ 3, 1 }, { errors, warnings })
  end)

  it("keeps one line whatever a name holds", function()
    local text = faults.print { { "a.lua", "tools.x\ny", "bad\27[31m" } }

    assert.equal("a.lua: tools.x\\x0ay: bad\\x1b[31m\n", text)
  end)

  it("counts a fault that there is no memory to say", function()
    for n = 0, 3 do
      T.buf.fail_after(n)
      local _, errors = faults.print { { ("a"):rep(5000), "x", "y" } }
      T.buf.fired()

      assert.equal(1, errors)
    end
  end)
end)
