local hedge = require("T").hedge

local MS, S = 1000000, 1000000000

describe("latencies", function()
  it("are right to an eighth, and never too low", function()
    math.randomseed(1)
    local l, all = hedge.latency(), {}
    for i = 1, 20000 do
      all[i] = math.floor(math.exp(math.random() * 16)) * 1000
      l:record(all[i], S)
    end
    table.sort(all)

    local view = { l:view(S) }

    assert.equal(20000, view[1])
    for i, q in ipairs { 0.5, 0.95, 0.999 } do
      local exact = all[math.ceil(q * #all)]
      assert(view[i + 1] >= exact and view[i + 1] <= exact * 1.125 + 1000, view[i + 1] / exact)
    end
  end)

  it("are forgotten after five minutes", function()
    local l = hedge.latency()
    for minute = 0, 9 do
      for _ = 1, 10 do l:record(MS, minute * 60 * S) end
    end

    assert.equal(60, (l:view(9 * 60 * S)))
    assert.equal(50, (l:view(10 * 60 * S)))
    assert.equal(0, (l:view(100 * 60 * S)))
  end)

  it("are looked at once a second", function()
    local l = hedge.latency()
    l:record(MS, S)
    assert.equal(1, (l:view(S)))

    l:record(MS, S)

    assert.equal(1, (l:view(2 * S - 1)))
    assert.equal(2, (l:view(2 * S)))
  end)

  it("take any number", function()
    local l = hedge.latency()
    l:record(0, 0)
    l:record(math.maxinteger, math.maxinteger)

    assert.equal(1, (l:view(math.maxinteger)))
  end)
end)

describe("a plan to hedge", function()
  local function verdict(facts) return (hedge.plan(facts)) end

  it("waits for the p95, at least ten milliseconds", function()
    assert.same({ "hedge", 50 * MS }, { hedge.plan {} })
    assert.same({ "hedge", 10 * MS }, { hedge.plan { p95 = 3 * MS } })
  end)

  it("waits for two seconds while little is known", function()
    assert.same({ "hedge", 2 * S }, { hedge.plan { count = 99 } })
  end)

  it("is refused by whatever could make trouble worse", function()
    assert.equal("off", verdict { extra = 0 })
    assert.equal("not_safe_to_repeat", verdict { safe = false })
    assert.equal("breaker_not_closed", verdict { breaker_closed = false })
    assert.equal("throttled", verdict { throttled = 1 * S, now = 11 * S - 1 })
    assert.equal("busy", verdict { in_flight = 52, limit = 64 })
    assert.equal("shedding", verdict { shedding = true })
    assert.equal("no_time_left", verdict { deadline = 100 * MS - 1 })
  end)

  it("is not refused just before that", function()
    assert.equal("hedge", verdict { throttled = 1 * S, now = 11 * S })
    assert.equal("hedge", verdict { in_flight = 51, limit = 64 })
    assert.equal("hedge", verdict { deadline = 100 * MS })
  end)

  it("is paid from both budgets or from neither", function()
    assert.same({ true, 0, 4000 }, { hedge.pay(1000, 5000) })
    assert.same({ false, 999, 5000 }, { hedge.pay(999, 5000) })
    assert.same({ false, 1000, 999 }, { hedge.pay(1000, 999) })
  end)
end)

describe("a group of arms", function()
  it("lets no fast error win", function()
    local g = hedge.group(2)
    g:launched()

    assert.equal("wait", g:ended "server_error")
    assert.equal("win", g:ended "ok")
  end)

  it("launches the next arm at once when one fails", function()
    local g = hedge.group(2)

    assert.equal("launch", g:ended "conn_fail")
    g:launched()

    assert.equal("win", g:ended "ok")
  end)

  it("ends with an answer that no other try would change", function()
    local g = hedge.group(2)
    g:launched()

    assert.equal("win", g:ended "app_error")
    assert.equal("late", g:ended "ok")
  end)

  it("loses when all have failed", function()
    local g = hedge.group(2)
    g:launched()

    assert.equal("wait", g:ended "timeout")
    assert.equal("lose", g:ended "server_error")
  end)

  it("leaves what runs alone when a hedge cannot be paid", function()
    local g = hedge.group(3)

    assert.equal("wait", g:refused())
    assert.is_false(g:may_launch())

    assert.equal("win", g:ended "ok")
  end)

  it("loses when the next arm cannot be paid and nothing runs", function()
    local g = hedge.group(2)

    assert.equal("launch", g:ended "timeout")

    assert.equal("lose", g:refused())
  end)

  it("does not launch for one that was cancelled or had no time", function()
    for _, outcome in ipairs { "cancelled", "deadline", "local_reject" } do
      assert.equal("lose", hedge.group(2):ended(outcome))
    end
  end)

  it("decides once, launches no more than it may, and nothing after that", function()
    local outcomes = {}
    for name in pairs(require("T").retry.outcomes()) do outcomes[#outcomes + 1] = name end
    table.sort(outcomes)
    for seed = 1, 2000 do
      math.randomseed(seed)
      local most = math.random(1, 4)
      local g, running, launched, decided = hedge.group(most), 1, 1, 0
      local function note(step)
        if step == "win" or step == "lose" then decided = decided + 1 end
        if step == "launch" then
          if math.random(2) == 1 then
            g:launched()
            running, launched = running + 1, launched + 1
          else
            note(g:refused())
          end
        end
      end
      while running > 0 do
        if g:may_launch() and math.random(3) == 1 then
          assert(decided == 0)
          g:launched()
          running, launched = running + 1, launched + 1
        else
          running = running - 1
          note(g:ended(outcomes[math.random(#outcomes)]))
        end
      end
      assert(decided == 1 and launched <= most)
      assert.is_false(g:may_launch())
    end
  end)
end)
