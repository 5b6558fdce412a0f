-- Does an upstream come back after a brown-out, or do our retries keep it down?
-- The simulation of resilience.md, section 5, with the real budget and backoff:
-- 70 calls a second, an upstream of 100 a second that falls to 10 for ten
-- seconds, serves in order and works on what nobody waits for any more.
local T = require "T"

local MS = 1000000
local TIMEOUT_MS, END_MS = 1000, 140000
local FROM_MS, TO_MS = 10000, 20000

local function service_ms(at)
  return at >= FROM_MS and at < TO_MS and 100 or 10
end

-- Goodput from `from` to the end as a share of the calls, and all attempts.
local function simulate(retries, budget, from)
  local at, free, good, calls, attempts = {}, 0, 0, 0, 0

  local function schedule(ms, attempt)
    at[ms] = at[ms] or {}
    table.insert(at[ms], attempt)
  end

  local function retry(ms, attempt)
    if attempt.n > retries then return end
    if budget and not budget:withdraw(1000, ms * MS) then return end
    local wait = T.retry.jitter(T.retry.bound(50 * MS, 20000 * MS, attempt.n), math.random()) // MS
    schedule(ms + wait, { n = attempt.n + 1, called = attempt.called })
  end

  local function serve(ms, attempt)
    attempts = attempts + 1
    local begin = math.max(ms, free)
    free = begin + service_ms(begin)
    if free - ms > TIMEOUT_MS then
      schedule(ms + TIMEOUT_MS, { n = attempt.n, called = attempt.called, failed = true })
    else
      if attempt.called >= from then good = good + 1 end
      if budget and attempt.n == 1 then budget:deposit() end
    end
  end

  for i = 0, 70 * END_MS // 1000 - 1 do
    local ms = i * 1000 // 70
    schedule(ms, { n = 1, called = ms })
    if ms >= from then calls = calls + 1 end
  end
  for ms = 0, END_MS do
    for _, attempt in ipairs(at[ms] or {}) do
      if attempt.failed then retry(ms, attempt) else serve(ms, attempt) end
    end
    at[ms] = nil
  end
  return good / calls, attempts
end

describe("after a brown-out an upstream", function()
  before_each(function() math.randomseed(1) end)

  it("stays down for good under one retry with full jitter and no budget", function()
    local goodput = simulate(1, nil, 100000)

    assert(goodput < 0.05, goodput)
  end)

  it("comes back under two retries with the budget", function()
    local goodput, attempts = simulate(2, T.budget.new(), 100000)

    assert(goodput > 0.95, goodput)
    assert(attempts < 70 * 140 * 1.15, attempts)
  end)
end)
