--- What the guard learns from answers, through the whole chain in virtual time:
--- how many at a time, how fast, how long.

local engine = require "engine"

local TOOLS = [[
function handlers.send(ctx, args)
  local res, err = ctx.http:request(args.method or "GET", "/", args.options)
  if not res then return nil, err end
  return { status = res.status }
end
]]

local kit

local function with(policy)
  kit = engine { tools = TOOLS, policy = policy }
end

local function steps(call, kind)
  local found = {}
  for _, step in ipairs(call.trail) do
    if step.step == kind then found[#found + 1] = step end
  end
  return found
end

after_each(function()
  kit:advance(60000)
  assert(kit:quiet())
  kit:close()
end)

describe("the number of places", function()
  local ADAPTIVE = [[bulkhead = { concurrent = 40, queue = 40, max_wait_ms = 500 },
    adaptive = { initial = 20, least = 4 }]]

  -- So many calls, a few at a time; the places that the trails tell of, in order.
  local function places(rounds, at_once)
    local seen = {}
    for _ = 1, rounds do
      local calls = {}
      for i = 1, at_once do calls[i] = kit:start "demo_send" end
      kit:advance(250)
      for _, call in ipairs(calls) do
        for _, step in ipairs(steps(call, "limit")) do seen[#seen + 1] = step.to end
      end
    end
    return seen
  end

  it("falls when a service has too many, not below the least", function()
    with(ADAPTIVE)
    kit:upstream("* *", { status = 503, delay_ms = 10 })

    local seen = places(200, 12)

    assert.equal(18, seen[1])
    assert.equal(4, seen[#seen])
    assert.is_true(#seen < 20)
  end)

  it("rises while it is used and nothing is dropped, not above the most", function()
    with(ADAPTIVE)
    kit:upstream("* *", { delay_ms = 100 })

    local seen = places(400, 40)

    assert.equal(21, seen[1])
    assert.equal(40, seen[#seen])
  end)

  it("stays where it is for failures that say nothing about load, and for few calls", function()
    with(ADAPTIVE)
    kit:upstream("* *", { status = 500, delay_ms = 10 })
    assert.same({}, places(50, 12))
    kit:clear()
    kit:upstream("* *", { delay_ms = 10 })
    assert.same({}, places(50, 2))
  end)

  it("does not move when callers leave", function()
    with(ADAPTIVE)
    kit:upstream("* *", { hang = true })
    for _ = 1, 20 do
      local calls = {}
      for i = 1, 20 do calls[i] = kit:start "demo_send" end
      kit:advance(250)
      for i = 1, 20 do calls[i]:cancel() end
    end
    kit:clear()
    kit:upstream("* *", { delay_ms = 100 })

    assert.equal(21, places(20, 40)[1])
  end)

  it("holds: no more are on the wire", function()
    with(ADAPTIVE)
    kit:upstream("* *", { delay_ms = 100 })
    for _ = 1, 30 do kit:start "demo_send" end
    kit:advance(50)

    assert.equal(20, #kit:requests())
  end)

  it("is not learned unless the policy says so", function()
    with "bulkhead = { concurrent = 40 }"
    kit:upstream("* *", { status = 503, delay_ms = 10 })

    assert.same({}, places(50, 12))
  end)
end)

describe("a reload", function()
  local T = require "T"

  it("leaves the number of places as it was learned, within the new bounds", function()
    local world = T.exchange.world { policy = {
      ["adaptive.initial"] = 20, ["breaker.consecutive"] = 0, ["breaker.min_calls"] = 10000,
      ["retry.attempts"] = 1 } }
    local function limit(policy)
      if policy then world:reload { policy = policy } end
      return world:gauges().limit
    end
    world:behave { { status = 503, delay_ms = 10 } }
    assert.equal(20, limit())
    world:load(50, 3)
    world:advance(10000)
    local learned = limit()

    assert.is_true(learned < 20)
    assert.equal(learned, limit { ["adaptive.initial"] = 40 })
    assert.equal(6, limit { ["adaptive.initial"] = 6, ["bulkhead.concurrent"] = 6 })
    assert.equal(64, limit {})
    assert.equal(30, limit { ["adaptive.initial"] = 30 })
    world:close()
    kit = engine { tools = TOOLS } -- for after_each
  end)
end)

describe("the quota that a service tells", function()
  local function told(headers)
    kit:upstream("* *", { headers = headers })
  end

  it("stretches the time between attempts when a tenth is left, until it is renewed", function()
    with "limiter = { max_wait_ms = 10000 }, deadline_ms = 60000"
    told { RateLimit = '"default";r=5;t=10', ["RateLimit-Policy"] = '"default";q=100;w=60' }
    kit:call "demo_send"
    kit:clear()
    kit:upstream("* *", {})
    for _ = 1, 5 do kit:start "demo_send" end
    kit:advance(30000)

    local at = {}
    for i, request in ipairs(kit:requests()) do at[i] = request.at_ms end
    assert.same({ 0, 2000, 4000, 6000, 8000 }, at)
  end)

  it("is no matter while there is enough", function()
    with "limiter = { max_wait_ms = 10000 }, deadline_ms = 60000"
    told { ["X-RateLimit-Limit"] = "100", ["X-RateLimit-Remaining"] = "10", ["X-RateLimit-Reset"] = "10" }
    for _ = 1, 20 do assert.equal(0, kit:call("demo_send").ms) end
  end)

  it("refuses who would have to wait too long, and says when to come", function()
    with "limiter = { max_wait_ms = 1000 }"
    told { ["X-RateLimit-Limit"] = "100", ["X-RateLimit-Remaining"] = "2", ["X-RateLimit-Reset"] = "60" }
    kit:call "demo_send"
    kit:call "demo_send"

    local call = kit:call "demo_send"

    assert.same({ "rate_limited", 30000, 0 },
      { call.error.code, call.error.retry_after_ms, call.attempts })
    assert.equal("quota", steps(call, "reject")[1].label)
    assert.matches("what it grants us is nearly used up", call.error.message)
  end)

  it("may name the moment of its renewal, which is over then", function()
    kit = engine { tools = TOOLS, policy = "limiter = { max_wait_ms = 0 }",
      now = "2026-01-01T00:00:00Z" }
    told { ["X-RateLimit-Limit"] = "100", ["X-RateLimit-Remaining"] = "1",
      ["X-RateLimit-Reset"] = "1767225660" }
    kit:call "demo_send"
    kit:call "demo_send"
    local refused = kit:call "demo_send"
    assert.same({ "rate_limited", 60000 }, { refused.error.code, refused.error.retry_after_ms })
    kit:clear()
    kit:upstream("* *", {})
    kit:advance(61000)

    assert.is_true(kit:call("demo_send").ok)
  end)

  it("ends when an answer says that there is enough again", function()
    with "limiter = { max_wait_ms = 0 }"
    kit:upstream("* *",
      { headers = { ["RateLimit-Limit"] = "9", ["RateLimit-Remaining"] = "0", ["RateLimit-Reset"] = "60" } },
      { headers = { ["RateLimit-Limit"] = "9", ["RateLimit-Remaining"] = "8", ["RateLimit-Reset"] = "60" } },
      {})
    for _ = 1, 5 do assert.is_true(kit:call("demo_send").ok) end
  end)

  it("is ignored when it is nonsense", function()
    with "limiter = { max_wait_ms = 0 }"
    for _, headers in ipairs {
      { RateLimit = '"a";r=;t=9' }, { RateLimit = "(((" }, { ["RateLimit-Remaining"] = "-1" },
      { ["RateLimit-Remaining"] = "0" }, { ["RateLimit-Remaining"] = "0", ["RateLimit-Reset"] = "99999999" },
      { ["X-RateLimit-Remaining"] = "zero", ["X-RateLimit-Reset"] = "1" },
      { ["X-RateLimit-Remaining"] = "0", ["X-RateLimit-Reset"] = ("9"):rep(400) },
    } do
      kit:clear()
      told(headers)
      for _ = 1, 3 do assert.is_true(kit:call("demo_send").ok) end
    end
  end)
end)

describe("the time of an attempt", function()
  it("is learned where the policy asks for it, and never longer than it says", function()
    with "attempt = { timeout_ms = 4000, learned = 1 }"
    kit:upstream("* *", { delay_ms = 1000 })
    for _ = 1, 50 do
      for _ = 1, 10 do kit:start "demo_send" end
      kit:advance(1000)
    end
    kit:advance(1000)
    kit:clear()
    kit:upstream("* *", { hang = true })

    local call = kit:call "demo_send"
    assert.equal("timeout", call.error.code)
    assert.is_true(call.ms >= 1500 and call.ms <= 1500 * 9 / 8, call.ms)
  end)

  it("is what the policy says otherwise", function()
    with "attempt = { timeout_ms = 4000 }"
    kit:upstream("* *", { delay_ms = 10 })
    for _ = 1, 500 do kit:call "demo_send" end
    kit:advance(1000)
    kit:clear()
    kit:upstream("* *", { hang = true })

    assert.equal(4000, kit:call("demo_send").ms)
  end)

  it("is not spent on a retry that has less than the median", function()
    with "retry = { attempts = 3 }"
    kit:upstream("* *", { delay_ms = 800 })
    for _ = 1, 100 do kit:call "demo_send" end
    kit:advance(1000)
    kit:clear()
    kit:upstream("* *", { status = 500, delay_ms = 500 }, {})

    local call = kit:call("demo_send", {}, { deadline_ms = 1200 })

    assert.same({ "upstream_error", 500, 1 }, { call.error.code, call.ms, call.attempts })
    assert.equal("no_time_left", steps(call, "no_retry")[1].label)
  end)

  it("is there for a first attempt, however slow the service was", function()
    with "attempt = { timeout_ms = 4000 }"
    kit:upstream("* *", { delay_ms = 3000 })
    for _ = 1, 100 do kit:call "demo_send" end
    kit:advance(1000)
    kit:clear()
    kit:upstream("* *", { delay_ms = 50 })

    assert.is_true(kit:call("demo_send", {}, { deadline_ms = 100 }).ok)
  end)
end)
