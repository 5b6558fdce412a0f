--- What must hold of exchanges whatever happens: outages, cancels at every await
--- point, breakers that open and close, upstreams that recover or not. Thousands
--- of exchanges in virtual time, with the gauges of all that guards them.

local T = require "T"

local world

local function with(policy, more)
  local options = { policy = policy }
  for name, value in pairs(more or {}) do options[name] = value end
  world = T.exchange.world(options)
  return world
end

local function assert_rest()
  local g = world:gauges()
  assert.same({ 0, 0, 0, 0, 0 }, { g.in_flight, g.queued, g.probes, g.transfers, g.timers })
  assert.equal(g.calls, g.ended)
  assert.equal(0, g.too_many)
end

after_each(function()
  world:advance(200000)
  assert_rest()
  world:close()
end)

describe("a total outage of 60 s at 1,000 calls a second", function()
  local REFUSED = { fail = "refused", sent = false, delay_ms = 1 }

  it("costs no more attempts than calls + 50 + 0.5 a second, without a breaker", function()
    with { ["breaker.consecutive"] = 0, ["breaker.min_calls"] = 10000,
           ["breaker.window_ms"] = 1000, ["bulkhead.concurrent"] = 100000 }
    world:behave { REFUSED }
    world:load(1000, 60)
    world:advance(60000)

    local g = world:gauges()
    assert.equal(60000, g.calls)
    assert.is_true(g.attempts <= g.calls + 50 + 0.5 * 120, g.attempts)
    assert.is_true(g.attempts > g.calls, g.attempts) -- the budget was used
  end)

  it("costs a handful with the default policy", function()
    with {}
    world:behave { REFUSED }
    world:load(1000, 60)

    local g = world:gauges()
    assert.is_true(g.attempts < 100, g.attempts)
    assert.is_true(g.most_probes <= 3)
  end)

  it("is bounded for hedges too", function()
    with { ["breaker.consecutive"] = 0, ["breaker.min_calls"] = 10000, ["hedge.extra"] = 2,
           ["hedge.delay_ms"] = 1, ["bulkhead.concurrent"] = 100000 }
    world:behave { { status = 500, delay_ms = 5 } }
    world:load(1000, 20)
    world:advance(60000)

    local g = world:gauges()
    assert.is_true(g.attempts <= g.calls + 50 + 0.5 * 80, g.attempts)
  end)

  it("leaves a full budget soon after its end", function()
    with { ["breaker.consecutive"] = 0, ["breaker.min_calls"] = 10000 }
    world:behave { { status = 500 } }
    world:load(1000, 2)
    world:advance(60000)
    local empty = world:gauges().budget
    world:behave { {} }
    world:load(1000, 1)

    assert.is_true(empty < 50000)
    assert.equal(50000, world:gauges().budget)
  end)
end)

describe("a half-open breaker", function()
  local TWITCHY = {
    ["breaker.consecutive"] = 3, ["breaker.open_ms"] = 100, ["breaker.max_open_ms"] = 400,
    ["breaker.probes"] = 2, ["breaker.successes"] = 2, ["attempt.timeout_ms"] = 300,
    ["bulkhead.concurrent"] = 20, ["bulkhead.queue"] = 10, ["retry.base_ms"] = 5,
    ["retry.throttled_base_ms"] = 20, ["retry.budget"] = 1000,
  }

  local WAYS = {
    { weight = 6, delay_ms = 5 }, { weight = 4, status = 500, delay_ms = 20 },
    { weight = 3, fail = "refused", sent = false }, { weight = 2, fail = "reset", delay_ms = 40 },
    { weight = 2, hang = true }, { weight = 1, status = 429, retry_after_s = 1 },
    { weight = 1, status = 404, delay_ms = 3 }, { weight = 1, fail = "stale_connection" },
  }

  -- Random starts and cancels; every exchange ends once, and the gauges come to rest.
  local function ordeal(seed, policy)
    local merged = {}
    for path, value in pairs(TWITCHY) do merged[path] = value end
    for path, value in pairs(policy) do merged[path] = value end
    with(merged, { seed = seed })
    math.randomseed(seed)
    world:behave(WAYS)
    local running = {}
    for _ = 1, 1500 do
      local what = math.random(10)
      if what <= 5 then
        running[#running + 1] = world:start {
          method = ({ "GET", "POST", "PUT" })[math.random(3)],
          keyed = math.random(4) == 1, deadline_ms = math.random(30, 2000),
        }
      elseif what <= 7 and #running > 0 then
        world:cancel(table.remove(running, math.random(#running)), math.random(2) == 1)
      else
        world:advance(math.random(0, 40))
      end
    end
    world:advance(100000)
    assert_rest()
    local opened = world:gauges().opened
    return opened
  end

  it("never has more than P probes out nor N a generation, whoever leaves when", function()
    local opened = 0
    for seed = 1, 6 do
      opened = opened + ordeal(seed, {})
      world:close()
    end
    with {}
    assert.is_true(opened > 50, opened)
  end)

  it("nor when calls hedge, wait for their turn and learn their places", function()
    local opened = 0
    for seed = 11, 16 do
      opened = opened + ordeal(seed, {
        ["hedge.extra"] = 2, ["hedge.delay_ms"] = 10, ["limiter.limit"] = 200,
        ["limiter.burst"] = 5, ["limiter.max_wait_ms"] = 50, ["adaptive.initial"] = 10,
        ["attempt.learned"] = 1,
      })
      world:close()
    end
    with {}
    assert.is_true(opened > 20, opened)
  end)

  local function open_it()
    world:behave { { status = 500 } }
    for _ = 1, 3 do world:start { method = "POST" } world:advance(1) end
    assert.equal("open", world:gauges().breaker)
    world:advance(1000)
  end

  local BRIEF = { ["breaker.consecutive"] = 3, ["breaker.open_ms"] = 500,
                  ["breaker.probes"] = 1, ["breaker.successes"] = 1, ["attempt.timeout_ms"] = 300 }

  it("opens for a name that does not resolve, from the third time in a row on", function()
    with { ["breaker.consecutive"] = 3, ["breaker.min_calls"] = 10000, ["retry.attempts"] = 1 }
    local function ask(way, times)
      world:behave { way }
      for _ = 1, times do world:start() world:advance(1) end
      return world:gauges().breaker
    end
    local no_name = { fail = "no_name", sent = false }

    for _ = 1, 10 do
      assert.equal("closed", ask(no_name, 2))
      ask({}, 1)
    end
    assert.equal("closed", ask(no_name, 4))
    assert.equal("open", ask(no_name, 1))
  end)

  it("is not wedged by probes that are cancelled", function()
    with(BRIEF)
    open_it()
    world:behave { { hang = true } }
    for _ = 1, 50 do
      local probe = world:start()
      assert.equal(1, world:gauges().probes)
      world:cancel(probe)
      assert.same({ "half_open", 0 }, { world:gauges().breaker, world:gauges().probes })
    end
    world:behave { {} }
    world:start()
    world:advance(1)

    assert.equal("closed", world:gauges().breaker)
  end)

  it("is not wedged by probes that hang: they time out, which is an answer", function()
    with(BRIEF)
    open_it()
    world:behave { { hang = true } }
    world:start()
    world:advance(299)
    assert.equal("half_open", world:gauges().breaker)
    world:advance(1)
    assert.equal("open", world:gauges().breaker)
    world:behave { {} }
    world:advance(3000)
    world:start()
    world:advance(1)

    assert.equal("closed", world:gauges().breaker)
  end)

  it("is not wedged by probes that end neutrally", function()
    with(BRIEF)
    open_it()
    world:behave { { status = 429, retry_after_s = 0 } }
    for _ = 1, 50 do
      world:start { method = "POST" }
      world:advance(100)
    end
    assert.equal("half_open", world:gauges().breaker)
    world:behave { {} }
    world:start()
    world:advance(1)

    assert.equal("closed", world:gauges().breaker)
  end)

  it("takes no notice of answers to what was sent before", function()
    with(BRIEF)
    world:behave { { delay_ms = 250 } } -- good, but late
    local late = {}
    for i = 1, 10 do late[i] = world:start() end
    world:behave { { status = 500 } }
    for _ = 1, 3 do world:start { method = "POST" } end
    world:advance(1)
    assert.equal("open", world:gauges().breaker)
    world:advance(300)

    assert.equal("ok", world:result(late[1]).code)
    assert.equal("open", world:gauges().breaker)
  end)
end)

describe("a cancel", function()
  local STORY = {
    ["hedge.extra"] = 1, ["hedge.delay_ms"] = 25, ["bulkhead.concurrent"] = 3,
    ["bulkhead.queue"] = 4, ["bulkhead.max_wait_ms"] = 60, ["limiter.limit"] = 50,
    ["limiter.burst"] = 4, ["limiter.max_wait_ms"] = 100, ["retry.base_ms"] = 40,
    ["retry.throttled_base_ms"] = 40, ["breaker.consecutive"] = 5, ["breaker.open_ms"] = 100,
    ["attempt.timeout_ms"] = 150, ["adaptive.initial"] = 3, ["adaptive.least"] = 2,
    ["chaos.delay_percent"] = 30, ["chaos.delay_ms"] = 30,
  }
  local WAYS = { { delay_ms = 35 }, { status = 500, delay_ms = 15 },
    { status = 429, retry_after_s = 0, delay_ms = 5 }, { hang = true },
    { fail = "refused", sent = false } }

  -- Ten of them, a few milliseconds apart: some are sent, some wait for their
  -- turn, a place, the gate, a retry, a hedge.
  local function begin(chaos_ms)
    with(STORY, { seed = 5, chaos_ms = chaos_ms })
    world:behave(WAYS)
    local running = {}
    for i = 1, 10 do
      running[i] = world:start { method = i % 3 == 0 and "POST" or "GET", deadline_ms = 400 }
      world:advance(3)
    end
    return running
  end

  local function check(expired, chaos_ms)
    for ms = 0, 420, 2 do
      local running = begin(chaos_ms)
      world:advance(ms)
      for _, n in ipairs(running) do world:cancel(n, expired) end
      world:advance(0) -- places that were handed over on the way
      assert_rest()
      world:close()
    end
    with {}
  end

  it("at every moment leaves nothing behind", function() check(false, 0) end)
  it("because time is over leaves nothing behind either", function() check(true, 0) end)
  it("in the middle of faults on purpose neither", function() check(false, 100000) end)
end)

describe("memory that runs out", function()
  local BASE = { ["attempt.timeout_ms"] = 100, ["retry.base_ms"] = 10,
                 ["bulkhead.max_wait_ms"] = 50 }

  -- The n-th allocation fails, for each n that is made.
  local function check(policy, options)
    for path, value in pairs(BASE) do policy[path] = policy[path] or value end
    local n, fired = -1, true
    while fired do
      n = n + 1
      with(policy, options)
      world:behave { { delay_ms = 8 }, { status = 500, delay_ms = 4 }, { hang = true } }
      T.buf.fail_after(n)
      local all = {}
      for i = 1, 80 do
        all[i] = world:start { method = i % 3 == 0 and "POST" or "GET", deadline_ms = 900 }
        if i % 8 == 0 then world:advance(1) end
      end
      world:advance(2000)
      fired = T.buf.fired()
      for i = 1, 80 do assert.truthy(world:result(all[i]), n) end
      assert_rest()
      world:close()
    end
    with {}
    assert.is_true(n > 20, n)
  end

  it("ends exchanges that hedge, and leaves nothing behind", function()
    check { ["hedge.extra"] = 2, ["hedge.delay_ms"] = 5, ["bulkhead.concurrent"] = 40 }
  end)

  it("ends those that wait for their turn", function()
    check { ["limiter.limit"] = 1000, ["limiter.burst"] = 1 }
  end)

  it("ends those that are hit by faults on purpose", function()
    check({ ["chaos.delay_percent"] = 100, ["chaos.delay_ms"] = 50 }, { chaos_ms = 100000 })
  end)

  it("ends those that wait for a retry", function()
    check { ["retry.base_ms"] = 500, ["attempt.timeout_ms"] = 20 }
  end)
end)

describe("after a brown-out an upstream that works on what nobody waits for", function()
  -- 70 calls a second to a server of 100 a second, which falls to 10 for ten
  -- seconds; the goodput of the last forty seconds.
  local function goodput(policy)
    local plain = {
      ["attempt.timeout_ms"] = 1000, ["breaker.consecutive"] = 0, ["breaker.min_calls"] = 10000,
      ["bulkhead.concurrent"] = 100000, ["retry.attempts"] = 3,
    }
    for path, value in pairs(policy) do plain[path] = value end
    with(plain)
    world:behave { service_ms = 10, slow_ms = 100, slow_from_ms = 10000, slow_to_ms = 20000 }
    world:load(70, 100)
    local before = world:gauges()
    world:load(70, 40)
    local after = world:gauges()
    return (after.ok - before.ok) / (after.calls - before.calls)
  end

  it("comes back with the budget", function()
    assert.is_true(goodput {} > 0.95)
  end)

  it("stays down without it", function()
    assert.is_true(goodput { ["retry.budget"] = 1000000, ["retry.budget_percent"] = 100 } < 0.05)
  end)
end)

describe("a service that said later once", function()
  it("is asked as often as before when that time is over", function()
    with { ["bulkhead.concurrent"] = 100000 }
    world:behave { { status = 429, retry_after_s = 1 } }
    world:start { method = "POST" }
    world:advance(1)
    world:behave { { delay_ms = 5 } }
    world:load(1000, 2) -- a second of waiting, and one in which they leave
    local before = world:gauges()
    world:load(1000, 2)
    local after = world:gauges()

    assert.is_true(after.ok - before.ok >= 2000, after.ok - before.ok)
  end)
end)

describe("the wall clock", function()
  it("changes nothing", function()
    local function story(wall_ms, steps)
      with({ ["hedge.extra"] = 1, ["hedge.delay_ms"] = 20, ["limiter.limit"] = 100 },
        { wall_ms = wall_ms })
      world:behave { { weight = 3, delay_ms = 7 }, { status = 503, retry_after_s = 1 },
                     { hang = true }, { status = 500 } }
      local all = {}
      for i = 1, 60 do all[i] = world:start { method = i % 3 == 0 and "POST" or "GET" } world:advance(40)
        if steps then world:step_wall(steps[1 + i % #steps]) end
      end
      world:advance(100000)
      for i = 1, 60 do
        local r = world:result(all[i])
        all[i] = r.code .. r.ms .. r.trail
      end
      assert_rest()
      world:close()
      return table.concat(all, "\n")
    end

    local now = story(1767225600000)
    for _, other in ipairs { 0, 1, -62135596800000, 4102444800000, 253402300799000 } do
      assert.equal(now, story(other))
    end
    -- Somebody sets it while calls wait, run and are tried again.
    for _, step in ipairs { 1, -1, 3600000, -3600000, 31536000000, -31536000000 } do
      assert.equal(now, story(1767225600000, { step, -2 * step, 7 * step }))
    end
    with {}
  end)
end)

describe("a keyed request", function()
  it("is repeated after any failure, with the same key, not beside it", function()
    with { ["hedge.extra"] = 1, ["hedge.delay_ms"] = 5 }
    world:behave { { status = 500, delay_ms = 20 } }
    local n = world:start { method = "POST", keyed = true }
    world:advance(10000)

    local r = world:result(n)
    assert.equal(3, r.attempts)
    assert.matches("not_safe_to_repeat", r.trail)
  end)

  it("that is still at work the first time is asked for again, later and later", function()
    with { ["retry.throttled_base_ms"] = 1000 }
    world:behave { { status = 409 } }
    local keyed, plain = world:start { method = "POST", keyed = true }, world:start { method = "POST" }
    world:advance(10000)

    assert.same({ 3, 1 }, { world:result(keyed).attempts, world:result(plain).attempts })
    assert.matches("first_still_running", world:result(keyed).trail)
    assert.equal("conflict", world:result(keyed).code)
  end)

  it("is not repeated when the key was used for something else", function()
    with {}
    world:behave { { status = 422 } }
    local n = world:start { method = "POST", keyed = true }
    world:advance(10000)

    assert.equal(1, world:result(n).attempts)
  end)
end)

describe("what an integration says of an answer", function()
  local OUTCOMES = { "ok", "app_error", "throttled", "server_error", "not_implemented", "conn_fail",
    "tls_trust", "refused", "stale_reuse", "timeout", "reset_mid", "bad_payload", "cancelled",
    "deadline", "local_reject" }
  local MAY = { ok = "ok", app_error = "invalid_argument", throttled = "rate_limited",
    server_error = "upstream_error", not_implemented = "upstream_error", bad_payload = "bad_response" }

  it("counts if an answer can mean it, else the table does", function()
    for number, name in ipairs(OUTCOMES) do
      with { ["retry.attempts"] = 1 }
      local n = world:start { says = number - 1 }
      world:advance(1)
      local r = world:result(n)
      assert.equal(MAY[name] and name or "ok", r.outcome)
      assert.equal(MAY[name] or "ok", r.code, name)
      world:close()
    end
    with {}
  end)

  it("never makes an unsafe request be sent twice", function()
    for _, status in ipairs { 200, 400, 409, 425, 429, 500, 503 } do
      for number = 0, #OUTCOMES + 3 do
        with {}
        world:behave { { status = status } }
        local n = world:start { method = "POST", says = number }
        world:advance(30000)
        assert.equal(1, world:result(n).attempts)
        world:close()
      end
    end
    with {}
  end)

  it("decides whether it is asked again, and what the breaker hears", function()
    with { ["breaker.consecutive"] = 3, ["retry.attempts"] = 1 }
    for _ = 1, 3 do world:start { says = 3 } world:advance(1) end

    assert.equal("open", world:gauges().breaker)
  end)
end)
