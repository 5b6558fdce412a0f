-- What several threads share of base: the set of secrets and the log's pipe.

local T = require "T"

describe("the set of secrets", function()
  it("shows a secret to every reader while others come and go", function()
    local set = T.secret.new()
    local stays = set:add("one-that-stays")

    local missed = set:crowd(("x"):rep(300) .. "one-that-stays" .. ("y"):rep(300))

    assert.equal(0, missed)
    set:drop(stays)
    set:finish()
  end)
end)

describe("the log", function()
  it("does not mix the lines of several threads", function()
    local log = T.log.new("debug", 0)

    log:crowd(100)

    local seen, last = 0, {}
    for line in log:output():gmatch("([^\n]*)\n") do
      local n, i, tail = line:match("^1970[^ ]+ %l+ crowd n=(%d) i=(%d+) (x*)$")
      assert.is_string(n, line)
      assert.equal(tonumber(i) % 90, #tail)
      assert.equal((last[n] or -1) + 1, tonumber(i))
      last[n] = tonumber(i)
      seen = seen + 1
    end
    assert.equal(400, seen)
    log:finish()
  end)
end)
