--- Random handlers against a random service, cancelled at a random time: the
--- call is over exactly once (the kit asserts it) and nothing is left behind.

local engine = require "engine"

local CASES = 10000

-- The handler runs the program that it is given.
local TOOLS = [[
local run

local function parts(ctx, list)
  local functions = {}
  for i, program in ipairs(list) do
    functions[i] = function() return run(ctx, program) end
  end
  return functions
end

local ops = {}
function ops.sleep(_, op) tide.time.sleep(op.seconds) end
function ops.get(ctx, op) return ctx.http:get(op.path, { timeout_ms = op.ms }) end
function ops.post(ctx, op) return assert(ctx.http:post(op.path, { json = op })) end
function ops.all(ctx, op) return tide.all(parts(ctx, op.parts), { concurrency = op.concurrency }) end
function ops.call(ctx, op) return ctx.call(op.tool, { program = op.program, fallback = op.fallback }) end
function ops.try(ctx, op) return pcall(run, ctx, op.program) end
function ops.fail() error(tide.error("unavailable", "made up")) end
function ops.raise() error "made up" end
function ops.waste() return ("x"):rep(10000) end

function run(ctx, program)
  local last, err
  for _, op in ipairs(program) do last, err = ops[op.op](ctx, op) end
  return last, err
end

handlers.plain = { args = tide.schema.raw { type = "object" },
  run = function(ctx, args) return run(ctx, args.program) end }
handlers.saved = { args = tide.schema.raw { type = "object" },
  run = function(ctx, args) return run(ctx, args.program) end,
  fallback = function(ctx, args) return run(ctx, args.fallback) end }
]]

local AUTH = [[auth = function(ctx, request)
  if request.path == "/signed" then
    local res, err = ctx.http:post "/token"
    if not res then return nil, err end
    request.headers["X-Token"] = res.body
  elseif request.path == "/broken" then
    error "no key"
  end
end]]

-- Small numbers, so that everything has something to do.
local GUARDED = [[
  attempt = { timeout_ms = 1500, connect_ms = 500 },
  retry = { attempts = 4, base_ms = 20, throttled_base_ms = 100, max_ms = 500, budget = 1000 },
  breaker = { window_ms = 1000, min_calls = 5, consecutive = 6, open_ms = 200, max_open_ms = 300 },
  limiter = { limit = 5, period_ms = 1000, burst = 4, max_wait_ms = 300 },
  bulkhead = { concurrent = 2, queue = 2, max_wait_ms = 200 },
]]

local ENDS = { "no_name", "refused", "connect_timeout", "tls_failed", "stale_connection", "reset",
               "cut", "timeout", "garbage", "too_large", "failed" }
local STATUSES = { 301, 400, 401, 404, 409, 429, 500, 503 }
local PATHS = { "/a", "/b", "/signed", "/broken" }
local random = math.random

local function any(list)
  return list[random(#list)]
end

local function behaviour()
  local kind = random(10)
  if kind == 1 then return { hang = true } end
  if kind <= 3 then return { fail = any(ENDS) } end
  local delay = random(3) == 1 and 0 or random(0, 3000)
  if kind <= 5 then return { status = any(STATUSES), delay_ms = delay } end
  return { json = { n = kind }, delay_ms = delay, body_ms = random(2) == 1 and random(500) or 0 }
end

local program

local makers = {
  function() return { op = "sleep", seconds = random(0, 40) / 8 } end,
  function() return { op = "get", path = any(PATHS), ms = random(3) == 1 and random(3000) or nil } end,
  function() return { op = "get", path = any(PATHS) } end,
  function() return { op = "post", path = any(PATHS) } end,
  function(depth)
    local parts = {}
    for i = 1, random(0, 4) do parts[i] = program(depth + 1) end
    return { op = "all", parts = parts, concurrency = random(2) == 1 and random(3) or nil }
  end,
  function(depth)
    return { op = "call", tool = any { "plain", "demo_saved" }, program = program(depth + 1),
      fallback = program(depth + 1) }
  end,
  function(depth) return { op = "try", program = program(depth + 1) } end,
  function() return { op = any { "fail", "raise", "waste", "waste" } } end,
}

function program(depth)
  local list = {}
  for i = 1, random(depth == 1 and 1 or 0, depth > 2 and 1 or 4) do list[i] = any(makers)(depth) end
  return list
end

describe("any call", function()
  local kit

  local function open(policy)
    local new = engine { tools = TOOLS, fields = AUTH, policy = policy }
    new:upstream("* *", behaviour)
    return new
  end

  after_each(function() kit:close() end)

  -- Starts one; cancels it some time, or lets it come to its end.
  local function one_case()
    local args = { program = program(1), fallback = program(2) }
    local call = kit:start(any { "demo_plain", "demo_saved" }, args)
    if random(4) > 1 then
      kit:advance(random(3) == 1 and 0 or random(0, 4000))
      call:cancel()
    end
    call:wait()
    kit:advance(0) -- what was handed over when it ended comes back
    return call
  end

  local seen -- what the guard did

  local function look_at(trail)
    for _, step in ipairs(trail) do
      seen[step.step] = true
      if step.step == "reject" then seen[step.label] = true end
    end
  end

  -- How many ended with which code. Asserts after each that nothing is left.
  local function all_cases(n)
    local codes, memory = {}, nil
    seen = {}
    for i = 1, n do
      local call = one_case()
      local code = call.ok and "ok" or call.error.code
      codes[code] = (codes[code] or 0) + 1
      local quiet, what = kit:quiet()
      assert(quiet and call.done and call.ms <= 10000, what)
      look_at(call.trail)
      if i % 500 == 0 then
        kit:clear()
        kit:upstream("* *", behaviour)
      end
      if i == 1000 then memory = kit:memory() end
    end
    assert.is_true(kit:memory() - memory < 64 * 1024)
    return codes
  end

  it("ends, and leaves nothing behind", function()
    math.randomseed(20261120)
    kit = open()

    local codes = all_cases(CASES)

    assert.is_true(codes.ok > 1000 and codes.cancelled > 1000 and codes.script_failed > 100)
    assert.is_true(codes.unavailable > 100 and codes.timeout > 10)
  end)

  it("does so with every part of the guard at work", function()
    math.randomseed(20261121)
    kit = open(GUARDED)

    local codes = all_cases(CASES // 2)

    assert.is_true(codes.ok > 500 and codes.cancelled > 500 and codes.unavailable > 100)
    for _, what in ipairs { "breaker_open", "limiter", "bulkhead_full", "gate", "backoff", "call", "no_fallback" } do
      assert.is_true(seen[what], what)
    end
  end)

  it("ends when many run at once and the kit is closed on them", function()
    math.randomseed(7)
    kit = open(GUARDED)
    for _ = 1, 50 do
      local calls = {}
      for i = 1, 20 do
        calls[i] = kit:start("demo_saved", { program = program(1), fallback = program(2) })
        kit:advance(random(0, 200))
      end
      for _ = 1, 10 do any(calls):cancel() end
      if random(5) == 1 then
        kit:close()
        kit = open(GUARDED)
      end
      for _, call in ipairs(calls) do assert.is_true(call:wait().done) end
      kit:advance(0)
      assert(kit:quiet())
    end
  end)

  it("has the same trails each time", function()
    local function trails()
      local own <close> = open(GUARDED)
      math.randomseed(99)
      local text = {}
      for i = 1, 100 do
        text[i] = own:call("demo_saved", { program = program(1), fallback = program(2) }):explain()
      end
      return table.concat(text) .. own:log()
    end

    kit = open()
    local first = trails()
    math.randomseed(1)
    assert.equal(first, trails())
  end)
end)
