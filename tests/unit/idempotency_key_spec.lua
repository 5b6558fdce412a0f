--- Keys by which a service knows a repetition, and what a script may say about a
--- single request: through the kit, in virtual time.

local engine = require "engine"

local TOOLS = [[
handlers.send = { args = tide.schema.raw { type = "object" }, run = function(ctx, args)
  return ctx.http:request(args.method or "POST", args.path or "/orders", args.options)
end }
handlers.search = { annotations = { read_only = true }, run = function(ctx) return ctx.http:post "/search" end }
handlers.twice = function(ctx)
  assert(ctx.http:post("/orders", { json = { n = 1 } }))
  return ctx.http:post("/orders", { json = { n = 2 } })
end
handlers.side_by_side = function(ctx)
  local functions = {}
  for i = 1, 4 do
    functions[i] = function()
      for n = 1, 3 do assert(ctx.http:post("/orders", { json = { i = i, n = n } })) end
    end
  end
  local _, errors = tide.all(functions)
  return { failed = errors }
end
handlers.through = function(ctx)
  return { ctx.call "send", ctx.call "send", ctx.call "twice" }
end
handlers.falls = { run = function(ctx) return ctx.http:post "/orders" end,
  fallback = function(ctx) return ctx.http:post "/orders" end }
]]

local REPEATS = 'retry = { attempts = 4, base_ms = 10, max_ms = 50, budget = 100000 }, attempt = { timeout_ms = 1000 },'

local kit

local function open(idempotency, more)
  kit = engine {
    secrets = { token = "s3cr3t-token" },
    tools = TOOLS, policy = REPEATS,
    fields = ([[upstream = { base = "https://demo.example", policy = "demo"%s }, %s]])
      :format(idempotency and ", idempotency = " .. idempotency or "", more or ""),
  }
  kit:upstream("* *", { json = {} })
end

after_each(function()
  assert(kit:quiet())
  kit:close()
end)

local function key_of(request, name)
  return request.headers[name or "idempotency-key"]
end

local function keys(pattern, name)
  local found = {}
  for i, request in ipairs(kit:requests(pattern)) do found[i] = key_of(request, name) or false end
  return found
end

local function send(args)
  return kit:call("demo_send", args)
end

local function all_differ(list)
  local seen = {}
  for i, key in ipairs(list) do
    assert.is_string(key)
    assert.is_nil(seen[key], i)
    seen[key] = i
  end
end

describe("a key", function()
  it("comes with what must not be done twice, and with nothing else", function()
    open "true"

    for _, method in ipairs { "POST", "PATCH", "GET", "HEAD", "PUT", "DELETE", "OPTIONS" } do
      send { method = method }
    end
    kit:call "demo_search"
    send { options = { idempotent = true } }

    local list = keys()
    assert.matches("^%x+%-%x+%-8%x+%-[89ab]%x+%-%x+$", list[1])
    assert.matches("^%x+%-", list[2])
    assert.same({ false, false, false, false, false, false, false }, { table.unpack(list, 3) })
  end)

  it("does not come where the integration does not say so", function()
    for _, said in ipairs { "nil", "false" } do
      open(said)
      send {}
      assert.same({ false }, keys())
      kit:close()
    end
    open()
  end)

  it("is spelled as the integration says", function()
    open '{ header = "PayPal-Request-Id" }'
    send {}
    assert.equal(36, #keys("*" .. " *", "paypal-request-id")[1])
    kit:close()
    open "{ quoted = true }"
    send {}

    assert.matches('^"%x[%x-]+%x"$', keys()[1])
  end)

  it("is the same on all attempts, whatever ended them", function()
    open "true"
    kit:upstream("* *", { hang = true }, { fail = "reset" }, { status = 502 }, { json = { done = true } })

    local call = send { options = { json = { amount = 1 } } }

    local list = keys()
    assert.same({ true, 4 }, { call.ok, #list })
    assert.same({ list[1], list[1], list[1], list[1] }, list)
    assert.equal('{"amount":1}', kit:requests()[4].body)
  end)

  it("is another for each request of a call", function()
    open "true"
    kit:call "demo_twice"
    kit:call "demo_side_by_side"
    kit:call "demo_through"

    local list = keys()
    assert.equal(2 + 12 + 4, #list)
    all_differ(list)
  end)

  it("is another for the fallback", function()
    open "true"
    kit:upstream("* *", { fail = "refused" }, { fail = "refused" }, { fail = "refused" }, { fail = "refused" },
      { json = {} })

    local call = kit:call "demo_falls"

    local list = keys()
    assert.equal("fallback", call.source)
    assert.equal(list[1], list[4])
    assert.is_true(list[5] and list[5] ~= list[1])
  end)

  it("is never the same in two calls, and always in one: a thousand calls", function()
    open "true"
    local random = math.random
    math.randomseed(4)
    local ends = { { status = 500 }, { status = 503 }, { fail = "reset" }, { fail = "stale_connection" },
      { fail = "refused" }, { status = 200, json = {} } }
    kit:upstream("* *", function() return ends[random(#ends)] end)
    local of_call = {}

    for i = 1, 1000 do send { options = { body = tostring(i) } } end
    for _, request in ipairs(kit:requests()) do
      local list = of_call[request.body] or {}
      of_call[request.body] = list
      list[#list + 1] = key_of(request)
    end

    local first, attempts = {}, 0
    for i = 1, 1000 do
      local list = of_call[tostring(i)]
      first[i] = list[1]
      attempts = attempts + #list
      for _, key in ipairs(list) do assert.equal(list[1], key) end
    end
    all_differ(first)
    assert.is_true(attempts > 2000)
  end)

  it("stands in no log", function()
    open("true", 'auth = { kind = "bearer", secret = tide.secret "token" },')
    kit:upstream("* *", { status = 500 })

    send { options = { idempotency_key = "k-e-y-0" } }
    send {}

    local log = kit:log()
    for _, key in ipairs(keys()) do assert.is_nil(log:find(key, 1, true)) end
  end)
end)

-- A question in the modern era ends the call, and the handler runs again.
describe("a handler that is run again", function()
  local ASKS = [[
    local function order(ctx, n) return assert(ctx.http:post("/orders", { json = { n = n } })) end
    function handlers.asks(ctx)
      order(ctx, 1)
      local answer = ctx.ask { message = "Send a receipt?" }
      order(ctx, 2)
      return answer.action
    end
    function handlers.asks_beside(ctx)
      tide.all {
        function() order(ctx, 1) order(ctx, 2) end,
        function() ctx.http:get "/slow" order(ctx, 3) order(ctx, 4) end,
        function() return ctx.call "asks" end,
      }
      ctx.ask { message = "And now?" }
      return "asked"
    end
  ]]

  local function keys_of(tool, era)
    kit = engine { tools = ASKS, fields = [[upstream = { base = "https://demo.example", policy = "demo",
      idempotency = true }]] }
    kit:upstream("* *", function() return { json = {}, delay_ms = math.random(0, 50) } end)
    kit:answer(function() return "accept" end)
    local call = kit:call(tool, {}, { era = era })
    assert(call.ok, tostring(call))
    local of, sent = {}, 0
    for _, request in ipairs(kit:requests "POST *") do
      sent = sent + 1
      of[request.body] = of[request.body] or {}
      of[request.body][key_of(request)] = true
    end
    return of, sent
  end

  local function count(set)
    local n = 0
    for _ in pairs(set) do n = n + 1 end
    return n
  end

  it("says the same key when it comes to the same request", function()
    local of, sent = keys_of("demo_asks", "modern")

    assert.equal(3, sent)
    assert.same({ 1, 1 }, { count(of['{"n":1}']), count(of['{"n":2}']) })
  end)

  it("says another key for another request", function()
    local of = keys_of("demo_asks", "modern")

    assert.is_nil(of['{"n":2}'][next(of['{"n":1}'])])
  end)

  it("does so with functions side by side and calls in calls, whatever comes first", function()
    math.randomseed(11)
    for i = 1, 10 do
      local of, sent = keys_of("demo_asks_beside", "modern")
      assert.is_true(sent >= 8, i)
      -- {"n":1} and {"n":2} are sent at two places each
      assert.same({ 2, 2, 1, 1 }, { count(of['{"n":1}']), count(of['{"n":2}']), count(of['{"n":3}']),
        count(of['{"n":4}']) }, i)
      if i < 10 then kit:close() end
    end
  end)

  it("is not, when the service could have forgotten the key by then", function()
    kit = engine { tools = ASKS, fields = [[upstream = { base = "https://demo.example", policy = "demo",
      idempotency = { retention_ms = 3600000 } }]] }
    kit:upstream("* *", { json = {} })

    assert.equal("script_failed", kit:call("demo_asks", {}, { era = "modern" }).error.code)

    assert.matches("ctx.ask: ask first, then act", kit:log(), 1, true)
    assert.equal(1, #kit:requests())
  end)

  it("need not be run again for a client that waits", function()
    assert.equal(2, select(2, keys_of("demo_asks", "legacy")))
  end)
end)

describe("a script's own key", function()
  before_each(function() open "true" end)

  it("takes the place of ours, for any method", function()
    send { options = { idempotency_key = "order-7" } }
    send { method = "PUT", options = { idempotency_key = "order-8" } }

    assert.same({ "order-7", "order-8" }, keys())
  end)

  it("may be none, and then nothing is repeated", function()
    kit:upstream("* *", { status = 500 })

    local call = send { options = { idempotency_key = false } }

    assert.same({ false }, keys())
    assert.same({ 1, "possible" }, { call.attempts, call.side_effect })
  end)

  local function said(options)
    local call = send { options = options }
    assert.equal("script_failed", call.error.code)
    return kit:log()
  end

  it("is refused when it is none", function()
    for _, key in ipairs { "", ("x"):rep(256), "a b", "a\nb", 'a"b', "a\\b", "\xc3\xa4" } do
      assert.matches("idempotency_key: 1 to 255 visible ASCII characters", said { idempotency_key = key }, 1, true)
      kit:clear()
    end
    assert.matches("idempotency_key: a string is expected, or false", said { idempotency_key = 7 }, 1, true)
    assert.matches("idempotency_key: a string is expected, or false", said { idempotency_key = true }, 1, true)
    assert.same({}, kit:requests())
  end)

  it("cannot be put into the header by hand", function()
    assert.matches("headers: 'idempotency-Key' carries the key of upstream.idempotency; give one with the option",
      said { headers = { ["idempotency-Key"] = "x" } }, 1, true)
  end)

  it("needs an integration that says that the service knows keys", function()
    kit:close()
    open()

    assert.matches("idempotency_key: the integration does not say", said { idempotency_key = "x" }, 1, true)
    send { options = { idempotency_key = false } }
    assert.equal(1, #kit:requests())
  end)
end)

describe("an auth function", function()
  local AUTH = [[auth = function(ctx, request)
    if request.path == "/sneaky" then request.headers["Idempotency-Key"] = "mine" end
    if request.path == "/forgetful" then request.headers = {} end
    assert(ctx.http:post "/token")
    request.headers.Signature = "of " .. (request.headers["Idempotency-Key"] or "nothing")
  end,]]

  it("can sign the key and cannot change it, and its own requests have none", function()
    open("true", AUTH)
    kit:upstream("* */orders", { status = 500 }, { json = {} })

    send {}
    send { path = "/sneaky" }
    send { path = "/forgetful" }

    assert.same({ false, false, false }, keys "* */token")
    local orders = kit:requests "* */orders"
    assert.equal("of " .. key_of(orders[1]), orders[2].headers.signature)
    assert.matches("^%x[%x-]+%x$", keys("* */sneaky")[1])
    assert.matches("^%x[%x-]+%x$", keys("* */forgetful")[1])
  end)
end)

describe("what the service says about a key", function()
  before_each(function() open "true" end)

  it("409: the first is still at work, so the same is asked again", function()
    kit:upstream("* *", { fail = "reset" }, { status = 409 }, { json = { done = true } })

    local call = send {}

    assert.same({ true, 3 }, { call.ok, call.attempts })
    assert.same({ keys()[1], keys()[1], keys()[1] }, keys())
  end)

  it("422: used for something else, which no repetition mends", function()
    kit:upstream("* *", { status = 422 })

    local call = send {}

    assert.same({ "invalid_argument", 1 }, { call.error.code, call.attempts })
  end)

  it("and without a key 409 is a conflict at once", function()
    kit:upstream("* *", { status = 409 })

    local call = send { options = { idempotency_key = false } }

    assert.same({ "conflict", 1, "none" }, { call.error.code, call.attempts, call.side_effect })
  end)
end)

describe("for a single request a script", function()
  before_each(function() open "true" end)

  it("can ask for fewer attempts, never for more", function()
    kit:upstream("* *", { status = 500 })

    for wanted, got in pairs { 1, 2, 3, 4, 4, [10] = 4 } do
      assert.equal(got, send({ options = { attempts = wanted } }).attempts, wanted)
    end
    assert.equal(4, send({}).attempts)
  end)

  it("can give it less time in all, never more", function()
    kit:upstream("* *", { hang = true })

    local call = send { options = { deadline_ms = 2500 } }
    assert.same({ "timeout", 3 }, { call.error.code, call.attempts })
    assert.is_true(call.ms > 2400 and call.ms <= 2500)
    assert.equal(4, send({ options = { deadline_ms = 3600000 } }).attempts)
    assert.is_true(kit:call("demo_send", { options = { deadline_ms = 60000 } }, { deadline_ms = 1500 }).ms <= 1500)
  end)

  it("is told the bounds when it goes beyond them", function()
    local function said(options)
      kit:clear()
      assert.equal("script_failed", send({ options = options }).error.code)
      return kit:log():match "demo%.lua:%d+: ([^\n]*)"
    end

    for _, value in ipairs { 0, -1, 11, 1.5, 2^53, 0/0, 1/0, true } do
      if value ~= value or value == 1/0 then value = nil end -- JSON cannot say it
      if value ~= nil then
        assert.matches("attempts: a whole number from 1 to 10 is expected, not ", said { attempts = value }, 1, true)
      end
    end
    for _, name in ipairs { "timeout_ms", "deadline_ms" } do
      for _, value in ipairs { 0, -5, 3600001, 0.5, "" } do
        assert.matches(name .. ": a whole number from 1 to 3600000 is expected, not", said { [name] = value }, 1, true)
      end
    end
    assert.matches("unknown option 'polcy' (there are ", said { polcy = "x" }, 1, true)
  end)
end)
