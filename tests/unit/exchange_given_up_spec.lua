--- What an attempt that was never sent gives back: through the kit, in virtual time.

local engine = require "engine"

local TOOLS = [[
function handlers.send(ctx)
  local res, err = ctx.http:get "/"
  if not res then return nil, err end
  return { status = res.status }
end
]]

local kit

local function with(policy)
  kit = engine { tools = TOOLS, policy = policy }
end

local function hedges(call)
  local found = {}
  for _, step in ipairs(call.trail) do
    if step.step == "hedge" then found[#found + 1] = step.label end
  end
  return found
end

local function sent_at()
  local found = {}
  for i, request in ipairs(kit:requests()) do found[i] = request.at_ms end
  return found
end

after_each(function()
  kit:advance(1000)
  assert(kit:quiet())
  kit:close()
end)

describe("an attempt that is given up while it waits", function()
  it("gives the limiter its slot back", function()
    with "limiter = { limit = 1, period_ms = 300, burst = 1 }, breaker = { consecutive = 100 }"
    kit:upstream("* *", { status = 200 })
    kit:call "demo_send"
    local waits = kit:start "demo_send"
    kit:advance(100)
    waits:cancel()

    assert.is_true(kit:call("demo_send").ok)
    assert.same({ 0, 300 }, sent_at())
  end)

  it("gives the gate its place back", function()
    with "retry = { attempts = 1 }"
    kit:upstream("* *", { status = 429, headers = { ["Retry-After"] = "1" } }, { status = 200 })
    kit:call "demo_send"
    local waits = kit:start "demo_send"
    kit:advance(100)
    waits:cancel()

    assert.is_true(kit:call("demo_send").ok)
    assert.same({ 0, 1000 }, sent_at())
  end)
end)

describe("an attempt that is refused behind the limiter", function()
  local LIMIT = [[limiter = { limit = 1, period_ms = 1000, burst = 2, max_wait_ms = 0 },]]

  it("leaves its slot to the next one when all places are taken", function()
    with(LIMIT .. "bulkhead = { concurrent = 1, queue = 0 }, breaker = { consecutive = 100 }")
    kit:upstream("* *", { delay_ms = 300 })
    local first = kit:start "demo_send"
    kit:advance(100)
    assert.equal(0, kit:call("demo_send").attempts)
    kit:advance(300)

    assert.is_true(kit:call("demo_send").ok and first.ok)
    assert.same({ 0, 400 }, sent_at())
  end)

  it("leaves it when its place does not come in time", function()
    with(LIMIT .. [[bulkhead = { concurrent = 1, queue = 1, max_wait_ms = 100 },
      breaker = { consecutive = 100 }]])
    kit:upstream("* *", { delay_ms = 300 })
    local first = kit:start "demo_send"
    kit:advance(100)
    assert.equal(0, kit:call("demo_send").attempts)
    kit:advance(300)

    assert.is_true(kit:call("demo_send").ok and first.ok)
    assert.same({ 0, 500 }, sent_at())
  end)

  it("leaves it when the breaker has opened meanwhile", function()
    with(LIMIT .. [[bulkhead = { concurrent = 1, queue = 1, max_wait_ms = 1000 },
      breaker = { consecutive = 1, open_ms = 200, max_open_ms = 200 }]])
    kit:upstream("* *", { status = 500, delay_ms = 100 }, { status = 200 })
    kit:start "demo_send"
    local waits = kit:start "demo_send"
    kit:advance(200)
    assert.same({ true, 0 }, { waits.done, waits.attempts })
    kit:advance(200)

    assert.is_true(kit:call("demo_send").ok)
  end)
end)

describe("an arm of a hedge that is never sent", function()
  local LIMIT = [[retry = { attempts = 2, budget = 5 }, hedge = { extra = 1, delay_ms = 100 },
    limiter = { limit = 1, period_ms = 400, burst = 1, max_wait_ms = 0 },
    breaker = { consecutive = 100 }]]

  it("gives back what it was paid with", function()
    with(LIMIT)
    kit:upstream("* *", { delay_ms = 200 })
    for i = 1, 30 do
      local call = kit:call "demo_send"
      assert.same({ true, 1, { "launched", "won" } }, { call.ok, call.attempts, hedges(call) }, i)
      kit:advance(200)
    end
  end)

  it("gives it back after a failure too", function()
    with(LIMIT)
    kit:upstream("* *", { status = 500 })
    for i = 1, 30 do
      local call = kit:call "demo_send"
      assert.same({ 500, 1, { "launched after a failure" } },
        { call.error.status, call.attempts, hedges(call) }, i)
      kit:advance(400)
    end
  end)

  it("does not stand in the way of the next one", function()
    with [[retry = { attempts = 3 }, hedge = { extra = 2, delay_ms = 100 }, breaker = { consecutive = 100 },
      limiter = { limit = 1, period_ms = 150, burst = 1, max_wait_ms = 0 }]]
    kit:upstream("* *", { hang = true }, { delay_ms = 10 })

    local call = kit:call "demo_send"

    assert.same({ true, 210, { "launched", "launched", "won" } }, { call.ok, call.ms, hedges(call) })
  end)
end)
