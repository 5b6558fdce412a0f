local retry = require("T").retry

local MS, S = 1000000, 1000000000

local function decide(facts, tokens)
  local name, rule, wait, left, free = retry.decide(facts, tokens)
  return { name = name, rule = rule, wait = wait, left = left, free = free }
end

local function verdict(facts, tokens) return (retry.decide(facts, tokens)) end

describe("a retry", function()
  it("follows a failure of a request that may be repeated", function()
    local answer = decide { outcome = "server_error" }

    assert.equal("retry", answer.name)
    assert.equal(25 * MS, answer.wait)
    assert.equal(49000, answer.left)
  end)

  it("is refused by each rule, and the first that refuses is named", function()
    local facts = { outcome = "server_error", deadline = 30 * S }
    local breaks = {
      { "budget_exhausted", function() end, 7 },
      { "no_time_left", function() facts.deadline = 44 * MS end, 6 },
      { "throttled_too_long", function() facts.gate = 50 * MS end, 5 },
      { "breaker_open", function() facts.breaker_open = true end, 5 },
      { "draining", function() facts.draining = true end, 5 },
      { "cancelled", function() facts.cancelled = true end, 5 },
      { "body_not_replayable", function() facts.body_replayable = false end, 4 },
      { "answer_handed_on", function() facts.handed_on = true end, 4 },
      { "not_repeatable", function() facts.repeatable = false end, 3 },
      { "final_outcome", function() facts.outcome = "ok" end, 2 },
      { "no_attempts_left", function() facts.done = 3 end, 1 },
    }

    for _, step in ipairs(breaks) do
      step[2]()
      local answer = decide(facts, 999)
      assert.same({ step[1], step[3] }, { answer.name, answer.rule })
      assert.equal(999, answer.left) -- a refusal costs nothing
    end
  end)

  it("starts only if it fits the deadline with a useful rest", function()
    assert.equal("retry", verdict { outcome = "timeout", deadline = 45 * MS })
    assert.equal("no_time_left", verdict { outcome = "timeout", deadline = 45 * MS - 1 })
    assert.equal("no_time_left", verdict { outcome = "timeout", now = 9, deadline = 8 })
  end)

  it("waits at least until the hint after a transient failure, at most five seconds more", function()
    assert.equal(3 * S, decide({ outcome = "server_error", hint_ms = 3000 }).wait)
    assert.equal(5 * S + 25 * MS, decide({ outcome = "server_error", hint_ms = 99000 }).wait)
  end)

  it("obeys the hint and the gate fully after a throttled answer, at a discount", function()
    local answer = decide { outcome = "throttled", hint_ms = 99000, gate = 100 * S }

    assert.equal(100 * S, answer.wait)
    assert.equal(50000 - 350, answer.left)
  end)

  it("backs off from a second when throttled without a hint, at the full price", function()
    local answer = decide { outcome = "throttled" }

    assert.equal(500 * MS, answer.wait)
    assert.equal(49000, answer.left)
  end)

  it("of a refused stream is free and at once, the first time in a call", function()
    local first = decide({ outcome = "refused" }, 0)
    local second = decide({ outcome = "refused", free_used = true, done = 2 }, 1000)

    assert.same({ "retry", 0, true }, { first.name, first.wait, first.free })
    assert.same({ "retry", 50 * MS, false, 0 }, { second.name, second.wait, second.free, second.left })
  end)

  it("follows a final answer that asks for one, under all other rules", function()
    local early = decide { outcome = "app_error", plea = "too_early" }
    local running = decide { outcome = "app_error", plea = "first_still_running" }

    assert.same({ "retry", 25 * MS, 49000 }, { early.name, early.wait, early.left })
    assert.same({ "retry", 500 * MS, 49000 }, { running.name, running.wait, running.left })
    assert.equal("final_outcome", verdict { outcome = "app_error" })
    assert.equal("not_repeatable",
      verdict { outcome = "app_error", plea = "too_early", repeatable = false })
  end)

  it("repeats an unsafe request on proof only, at most twice", function()
    local facts = { outcome = "conn_fail", repeatable = false, max = 9 }

    facts.done = 1
    assert.equal("retry", verdict(facts))
    facts.done = 2
    assert.equal("retry", verdict(facts))
    facts.done = 3
    assert.equal("not_repeatable", verdict(facts))
  end)

  it("of an unsafe request happens for two outcomes only, over all of them", function()
    local repeated = {}
    for name in pairs(retry.outcomes()) do
      if verdict { outcome = name, repeatable = false } == "retry" then repeated[#repeated + 1] = name end
    end
    table.sort(repeated)

    assert.same({ "conn_fail", "refused" }, repeated)
  end)

  it("of a repeatable request happens for seven outcomes, over all of them", function()
    local repeated = {}
    for name in pairs(retry.outcomes()) do
      if verdict { outcome = name } == "retry" then repeated[#repeated + 1] = name end
    end
    table.sort(repeated)

    assert.same(
      { "conn_fail", "refused", "reset_mid", "server_error", "stale_reuse", "throttled", "timeout" },
      repeated)
  end)
end)

describe("the table of outcomes", function()
  it("never retries for any request what may have been executed", function()
    for name, row in pairs(retry.outcomes()) do
      assert(row.retry ~= 2 or row.executed == 0, name)
    end
  end)

  it("never counts against the upstream what we or the caller did", function()
    local all = retry.outcomes()

    assert.same({ 1, 0 }, { all.cancelled.health, all.local_reject.health })
    assert.same({ 0, 0 }, { all.cancelled.load, all.local_reject.load })
  end)
end)
