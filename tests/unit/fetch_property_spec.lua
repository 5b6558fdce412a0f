--- Cache and flights under random orders, cancellations at every moment, and
--- memory that runs out at every allocation.

local testing = require "tidegate.testing"
local folder = require "folder"

-- The service is told who asks, so that its answers can be told apart.
local SCRIPT = [[
local str = tide.schema.string
local function ask(ctx, args)
  local res, err = ctx.http:get("/thing/" .. args.id)
  if not res then return nil, err end
  return { user = res.json.user, id = res.json.id, n = res.json.n, cached = res.cached, age_ms = res.age_ms }
end
local function tool(policy)
  return {
    about = "Ask.", policy = policy, args = { id = str() }, run = ask, annotations = { read_only = true },
  }
end
return {
  name = "svc", about = "A service.", upstream = { base = "https://svc.example", policy = "plain" },
  auth = function(ctx, request) request.headers["X-User"] = ctx.principal end,
  tools = {
    ask = tool "kept", tight = tool "tight",
    change = {
      about = "Change.", args = { id = str() },
      run = function(ctx, args)
        return { status = assert(ctx.http:put("/thing/" .. args.id, { json = {} })).status }
      end,
    },
  },
}]]

local POLICIES = [[
local plain = {
  deadline_ms = 3000, attempt = { timeout_ms = 900, connect_ms = 300 },
  retry = { attempts = 2, base_ms = 40, max_ms = 80 },
}
local function with(more) return tide.policy.extend(plain, more) end
local cache = { ttl_ms = 1000, stale_ms = 800, stale_if_error_ms = 3000 }
return {
  plain = plain,
  kept = with { cache = cache },
  tight = with {
    cache = cache, limiter = { limit = 20, period_ms = 1000, burst = 2, max_wait_ms = 500 },
    bulkhead = { concurrent = 1, queue = 4, max_wait_ms = 400 },
  },
}]]

local URL = "https://svc.example/thing/"

local root, kit

setup(function()
  root = folder.new()
  folder.fill(root, { ["scripts/svc.lua"] = SCRIPT, ["policies/p.lua"] = POLICIES })
end)

teardown(function() folder.remove(root) end)

local function new(seed)
  kit = testing.new { scripts = root .. "/scripts", policies = root .. "/policies", seed = seed, cache_bytes = 1 << 20 }
end

after_each(function() kit:close() end)

local function quiet()
  kit:advance(5000)
  assert.same({ true }, { kit:quiet() })
end

-- A service with versions; `mood` says how it behaves just now.
local function service(mood)
  local version, asked = {}, 0
  kit:upstream("GET " .. URL .. "*", function(request)
    local id = request.path:match "/thing/(%w+)"
    asked = asked + 1
    local answer = mood(asked)
    if not (answer.fail or answer.hang or answer.status) then
      answer.json = { user = request.headers["x-user"], id = id, n = version[id] or 0 }
    end
    return answer
  end)
  kit:upstream("PUT " .. URL .. "*", function(request)
    local id = request.path:match "/thing/(%w+)"
    version[id] = (version[id] or 0) + 1
    return { status = 204 }
  end)
  return version
end

describe("whatever happens in whatever order, a caller", function()
  local function moods(roll)
    return function()
      local r = roll(20)
      if r == 1 then return { status = 500, delay_ms = roll(50) } end
      if r == 2 then return { hang = true } end
      if r == 3 then return { fail = "reset", delay_ms = roll(30) } end
      if r == 4 then return { status = 404, delay_ms = roll(30) } end
      if r == 5 then return { headers = { ["Cache-Control"] = "no-store" } } end
      if r == 6 then return { headers = { ["Cache-Control"] = "max-age=1" }, delay_ms = roll(30) } end
      return { delay_ms = roll(200) }
    end
  end

  -- What is not so about a call that has ended; nil if all is well.
  local function wrong(call, of)
    if not call.done then return "it has not ended" end
    if not call.ok then return nil end
    local v = call.value
    if v.user ~= of.principal then return "it got the answer of " .. v.user end
    if v.id ~= of.id then return "it got another thing" end
    if v.n < of.version then return ("it got %d, and %d was written"):format(v.n, of.version) end
    if v.age_ms > 4000 then return "it got something too old" end
  end

  local function run(seed)
    new(seed)
    math.randomseed(seed)
    local roll = math.random
    local version = service(moods(roll))
    local calls = {}
    for _ = 1, 150 do
      local id, principal = ("abc"):sub(roll(3)):sub(1, 1), roll(2) == 1 and "ann" or "bob"
      local what = roll(12)
      if what == 1 then
        kit:call("svc_change", { id = id })
      elseif what == 2 and #calls > 0 then
        calls[roll(#calls)].call:cancel()
      elseif what <= 4 then
        kit:advance(roll(700))
      else
        local of = { id = id, principal = principal, version = version[id] or 0 }
        of.call = kit:start(roll(2) == 1 and "svc_ask" or "svc_tight", { id = id },
          { principal = principal, deadline_ms = roll(10) == 1 and roll(100) or nil })
        calls[#calls + 1] = of
      end
    end
    quiet()
    local served = 0
    for _, of in ipairs(calls) do
      local why = wrong(of.call, of)
      assert.is_nil(why, ("seed %d: %s"):format(seed, why))
      served = served + (of.call.ok and of.call.value.cached and 1 or 0)
    end
    assert.is_true(served > 0)
    kit:close()
  end

  it("gets its own answer, not older than the last write, or an error", function()
    for seed = 1, 15 do run(seed) end
  end)
end)

describe("a caller who leaves at any moment", function()
  -- In backoff, at the limiter, in the queue, on the wire, behind a refresh.
  local function leave_at(ms, tool, mood)
    new(ms + 1)
    service(mood)
    kit:call(tool, { id = "a" }, { principal = "ann" })
    kit:advance(1100)
    local calls = {}
    for i = 1, 6 do
      local id = i <= 4 and "b" or ("cd"):sub(i - 4, i - 4)
      calls[i] = kit:start(tool, { id = id }, { principal = "ann" })
    end
    calls[7] = kit:start(tool, { id = "a" }, { principal = "ann" })
    kit:advance(ms)
    for _, i in ipairs { 1, 3, 5, 7 } do calls[i]:cancel() end
    kit:advance(3000)
    for _, i in ipairs { 2, 4, 6 } do assert.is_true(calls[i].done, ms) end
    assert.equal(calls[2].ok, calls[4].ok)
    quiet()
    kit:close()
  end

  it("leaves nothing behind, and harms nobody who waits for the same", function()
    for ms = 0, 600, 23 do
      for _, tool in ipairs { "svc_ask", "svc_tight" } do
        leave_at(ms, tool, function(n) return n % 3 == 0 and { status = 503, delay_ms = 60 } or { delay_ms = 150 } end)
      end
    end
  end)
end)

describe("memory that runs out", function()
  local function round()
    local list = {}
    local function start(...)
      local ok, call = pcall(kit.start, kit, ...)
      if ok then list[#list + 1] = call end
    end
    start("svc_ask", { id = "a" }, { principal = "ann" })
    start("svc_ask", { id = "a" }, { principal = "ann" })
    start("svc_ask", { id = "a" }, { principal = "bob" })
    kit:advance(300)
    start("svc_ask", { id = "a" }, { principal = "ann" })
    kit:advance(900)
    start("svc_ask", { id = "a" }, { principal = "ann" })
    quiet()
    kit:advance(10000)
    return list
  end

  local ALLOWED = { no_memory = true, script_limit = true, script_failed = true, bad_response = true,
                    internal = true, unavailable = true }

  it("ends what it hits with an error, and nothing is lost", function()
    new(1)
    service(function() return { delay_ms = 50 } end)
    local n, hit = 0, 0
    repeat
      n = n + 1
      kit:starve(n)
      local calls = round()
      local fired = kit:starve()
      for _, call in ipairs(calls) do
        assert(call.done and (call.ok or ALLOWED[call.error.code]), ("%d: %s"):format(n, tostring(call)))
        hit = hit + (call.ok and 0 or 1)
      end
    until not fired
    assert.is_true(n > 100 and hit > 20, ("%d allocations, %d errors"):format(n, hit))
  end)
end)

describe("ten thousand different keys a second", function()
  it("stay within the bytes that are given", function()
    new(1)
    service(function() return {} end)
    for i = 1, 10000 do
      kit:start("svc_ask", { id = "k" .. i }, { principal = "ann" })
      if i % 40 == 0 then kit:advance(4) end
    end
    quiet()

    local figures = kit:cache()

    assert.is_true(figures.bytes <= 1 << 20, figures.bytes)
    assert.is_true(figures.entries > 500 and figures.evicted > 5000, figures.entries)
    assert.equal(0, figures.flights + figures.waiters)
  end)
end)
