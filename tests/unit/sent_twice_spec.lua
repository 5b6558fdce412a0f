--- What is sent twice, and what never is: each way an attempt can end, for each
--- method and each declaration, against a plain model of the rules
--- (resilience.md, 3 and 16). Through the kit, in virtual time.

local engine = require "engine"

local ATTEMPTS, ON_PROOF = 4, 3 -- at most: what may be repeated; what is on proof alone

-- How an attempt ends: proof (it was surely not executed), maybe, no (executed,
-- or final for other reasons), early, running. `effect` is what the agent must
-- reckon with after a write.
local ENDS = {
  { "refused", { fail = "refused" }, "proof", "none" },
  { "no name", { fail = "no_name" }, "proof", "none" },
  { "no connection", { fail = "connect_timeout" }, "proof", "none" },
  { "no TLS", { fail = "tls_failed" }, "proof", "none" },
  { "stream refused", { fail = "stream_refused" }, "proof", "none" },
  { "untrusted", { fail = "tls_untrusted" }, "no", "none" },
  { "blocked", { fail = "blocked" }, "no", "none" },
  { "hangs", { hang = true }, "maybe", "possible" },
  { "hangs in the body", { body_ms = 9000, json = {} }, "maybe", "possible" },
  { "reset", { fail = "reset" }, "maybe", "possible" },
  { "reset at once", { fail = "reset", sent = false }, "maybe", "none" },
  { "cut", { fail = "cut", status = 200, body = "{" }, "maybe", "possible" },
  { "dead connection", { fail = "stale_connection" }, "maybe", "possible" },
  { "broke", { fail = "failed" }, "maybe", "possible" },
  { "garbage", { fail = "garbage" }, "no", "possible" },
  { "too large", { fail = "too_large" }, "no", "possible" },
  { "400", { status = 400 }, "no", "none" },
  { "401", { status = 401 }, "no", "none" },
  { "404", { status = 404 }, "no", "none" },
  { "408", { status = 408 }, "maybe", "possible" },
  { "409", { status = 409 }, "running", "none" },
  { "422", { status = 422 }, "no", "none" },
  { "425", { status = 425 }, "early", "none" },
  { "429", { status = 429 }, "maybe", "none" },
  { "429 with a time", { status = 429, headers = { ["Retry-After"] = "1" } }, "maybe", "none" },
  { "500", { status = 500 }, "maybe", "possible" },
  { "501", { status = 501 }, "no", "none" },
  { "502", { status = 502 }, "maybe", "possible" },
  { "503", { status = 503 }, "maybe", "possible" },
  { "503 with a time", { status = 503, headers = { ["Retry-After"] = "1" } }, "maybe", "none" },
  { "504", { status = 504 }, "maybe", "possible" },
}

local METHODS = { "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH" }
local CHANGES_NOTHING = { GET = true, HEAD = true, OPTIONS = true }
local IDEMPOTENT = { GET = true, HEAD = true, OPTIONS = true, PUT = true, DELETE = true }

-- What is declared: by the service (keys), the tool, the request.
local DECLARED = {
  { "nothing", tool = "plain" },
  { "by the request", tool = "plain", options = { idempotent = true }, repeatable = true },
  { "by the tool", tool = "idempotent", repeatable = true },
  { "it only reads", tool = "reading", repeatable = true },
  { "keys", keys = true, tool = "plain", key = "ours" },
  { "a key of its own", keys = true, tool = "plain", options = { idempotency_key = "k-1" }, key = "own" },
  { "no key", keys = true, tool = "plain", options = { idempotency_key = false } },
  { "keys, and by the request", keys = true, tool = "plain", options = { idempotent = true }, repeatable = true },
}

-- The model. Is the request sent with a key; may it be sent twice; how often is
-- it sent if each attempt ends so.
local function is_keyed(method, declared)
  return declared.key == "own" or declared.key == "ours" and not IDEMPOTENT[method]
end

local function may_repeat(method, declared)
  return IDEMPOTENT[method] or declared.repeatable or is_keyed(method, declared) or false
end

local function times(method, declared, kind)
  local safe = may_repeat(method, declared)
  if kind == "proof" then return safe and ATTEMPTS or ON_PROOF end
  if kind == "maybe" then return safe and ATTEMPTS or 1 end
  if kind == "early" then return safe and 2 or 1 end
  if kind == "running" then return is_keyed(method, declared) and ATTEMPTS or 1 end
  return 1
end

local TOOLS = [[
local function send(ctx, args)
  return ctx.http:request(args.method, "/thing", args.options)
end
handlers.plain = { args = tide.schema.raw { type = "object" }, run = send }
handlers.idempotent = { args = tide.schema.raw { type = "object" }, run = send,
  annotations = { idempotent = true } }
handlers.reading = { args = tide.schema.raw { type = "object" }, run = send,
  annotations = { read_only = true } }
]]

local POLICY = [[ deadline_ms = 60000,
  attempt = { timeout_ms = 2000, connect_ms = 500 },
  retry = { attempts = 4, base_ms = 1, max_ms = 10, throttled_base_ms = 10, budget = 1000000 },
]]

local function open(keys)
  return engine {
    tools = TOOLS, policy = POLICY,
    fields = ('upstream = { base = "https://demo.example", policy = "demo", idempotency = %s }')
      :format(keys and "true" or "false"),
  }
end

local function body_for(method)
  return not CHANGES_NOTHING[method] and method ~= "DELETE" and { amount = 7 } or nil
end

local function call(kit, method, declared)
  local options = { json = body_for(method) }
  for name, value in pairs(declared.options or {}) do options[name] = value end
  local done = kit:call("demo_" .. declared.tool, { method = method, options = options })
  return done, kit:requests()
end

-- Nothing of the one before is left: no gate closed, no rule.
local function fresh(kit)
  kit:advance(120000)
  kit:clear()
end

local function same_each_time(requests)
  for _, request in ipairs(requests) do
    assert.equal(requests[1].headers["idempotency-key"], request.headers["idempotency-key"])
    assert.equal(requests[1].body, request.body)
    assert.equal(requests[1].url, request.url)
  end
end

describe("what an attempt ended with decides how often it is sent", function()
  local kits

  setup(function() kits = { [true] = open(true), [false] = open(false) } end)
  teardown(function()
    for _, kit in pairs(kits) do kit:close() end
  end)

  for _, declared in ipairs(DECLARED) do
    it(("declared: %s"):format(declared[1]), function()
      local kit = kits[declared.keys or false]
      for _, method in ipairs(METHODS) do
        for _, case in ipairs(ENDS) do
          local name, behaviour, kind, effect = table.unpack(case)
          local what = ("%s, %s, %s"):format(method, declared[1], name)
          fresh(kit)
          kit:upstream("* *", behaviour)

          local done, requests = call(kit, method, declared)

          assert.equal(times(method, declared, kind), #requests, what)
          assert.equal(#requests, done.attempts, what)
          assert.equal(CHANGES_NOTHING[method] and "none" or effect, done.side_effect, what)
          assert.equal(is_keyed(method, declared), requests[1].headers["idempotency-key"] ~= nil, what)
          assert.equal(may_repeat(method, declared), requests[1].replayable, what)
          same_each_time(requests)
        end
      end
    end)
  end
end)

describe("whatever happens in whatever order", function()
  local random = math.random

  -- Ends in any order; then it is well. How many are sent, by the model.
  local function expected(method, declared, kinds)
    local safe, early = may_repeat(method, declared), false
    for i, kind in ipairs(kinds) do
      local again = kind == "proof" and (safe or i <= ON_PROOF - 1)
        or kind == "maybe" and safe
        or kind == "early" and safe and not early
        or kind == "running" and is_keyed(method, declared)
      early = early or kind == "early"
      if not again or i == ATTEMPTS then return i end
    end
    return #kinds + 1
  end

  local function random_case()
    local behaviours, kinds = {}, {}
    for i = 1, random(0, ATTEMPTS) do
      local case = ENDS[random(#ENDS)]
      behaviours[i], kinds[i] = case[2], case[3]
    end
    behaviours[#behaviours + 1] = { json = { done = true } }
    return METHODS[random(#METHODS)], DECLARED[random(#DECLARED)], behaviours, kinds
  end

  it("as often as the model says, with the same key and the same body", function()
    math.randomseed(20261120)
    local kits = { [true] = open(true), [false] = open(false) }
    local repeated = 0

    for i = 1, 1500 do
      local method, declared, behaviours, kinds = random_case()
      local kit = kits[declared.keys or false]
      fresh(kit)
      kit:upstream("* *", table.unpack(behaviours))
      local _, requests = call(kit, method, declared)
      assert.equal(expected(method, declared, kinds), #requests, i .. " " .. method .. " " .. declared[1])
      same_each_time(requests)
      repeated = repeated + #requests - 1
    end

    assert.is_true(repeated > 500)
    for _, kit in pairs(kits) do kit:close() end
  end)
end)
