--- What becomes of one request to a service: through the kit, in virtual time.

local testing = require "tidegate.testing"

local engine = require "engine"

local TOOLS = [[
local kept
function handlers.send(ctx, args)
  local res, err = ctx.http:request(args.method or "GET", args.path or "/", args.options)
  if not res then return nil, err end
  return { status = res.status, headers = res.headers, body = res.body }
end
function handlers.after_a_while(ctx, args)
  tide.time.sleep(args.seconds)
  return ctx.http:get "/"
end
function handlers.three(ctx)
  ctx.http:get "/a"
  ctx.http:post "/b"
  return ctx.http:get "/c"
end
function handlers.keep(ctx)
  kept = assert(ctx.http:get "/")
  return kept.body
end
function handlers.late() return kept.body end
function handlers.hand_on() return kept end
handlers.change = {
  annotations = { idempotent = true },
  run = function(ctx) return ctx.http:post "/" end,
}
]]

-- The engine with these settings in its policy: one attempt, no breaker.
local function with(policy, fields)
  return engine {
    tools = TOOLS,
    fields = fields,
    policy = policy,
    secrets = { demo_token = "planted-secret" },
  }
end

-- Labels and codes of the steps of one kind.
local function steps(call, kind)
  local found = {}
  for _, step in ipairs(call.trail) do
    if step.step == kind then found[#found + 1] = (step.label or "") .. " " .. step.code end
  end
  return found
end

local USUAL = "deadline_ms = 10000, attempt = { timeout_ms = 4000, connect_ms = 1000 }"

local kit

after_each(function()
  assert(kit:quiet())
  kit:close()
end)

describe("the times of an attempt", function()
  it("end it by its timeout when that is earlier than the deadline", function()
    kit = with(USUAL)
    kit:upstream("* *", { hang = true })

    local call = kit:call("demo_send", { method = "POST" })

    assert.same({ "timeout", 4000, 1, "possible" },
      { call.error.code, call.ms, call.attempts, call.side_effect })
    assert.matches("no whole answer in time", call.error.message)
    assert.same({ "timeout timeout" }, steps(call, "answer"))
    assert.same({}, steps(call, "cancel"))
    assert.matches("outcome=timeout", kit:log())
  end)

  it("end it a little before the call's deadline when that is earlier", function()
    kit = with(USUAL)
    kit:upstream("* *", { hang = true })

    local call = kit:call("demo_send", { method = "POST" }, { deadline_ms = 3000 })

    assert.same({ "timeout", 2980, 1, "possible" },
      { call.error.code, call.ms, call.attempts, call.side_effect })
    assert.same({}, steps(call, "cancel"))
    assert.matches("outcome=deadline", kit:log())
  end)

  it("leave the last attempt what is left of the deadline", function()
    kit = with "deadline_ms = 5000, attempt = { timeout_ms = 4000 }"
    kit:upstream("* *", { hang = true })

    local call = kit:call("demo_after_a_while", { seconds = 2.0005 })

    assert.same({ "timeout", 4979 }, { call.error.code, call.ms })
    assert.same({ "timeout timeout" }, steps(call, "answer"))
    assert.matches("outcome=deadline", kit:log())
  end)

  it("are the service's fault when the deadline cuts them, and the breaker hears it", function()
    kit = with [[attempt = { timeout_ms = 1100, connect_ms = 500 },
      breaker = { consecutive = 3, min_calls = 100 }]]
    kit:upstream("* *", { hang = true })
    for _ = 1, 3 do kit:call("demo_send", {}, { deadline_ms = 1000 }) end

    assert.matches("failed too often", kit:call("demo_send").error.message)
  end)

  it("are nobody's fault when the client leaves", function()
    kit = with [[attempt = { timeout_ms = 1000, connect_ms = 500 },
      breaker = { consecutive = 3, min_calls = 100 }]]
    kit:upstream("* *", { hang = true })
    for _ = 1, 10 do
      local call = kit:start "demo_send"
      kit:advance(999)
      call:cancel()
    end

    assert.equal("timeout", kit:call("demo_send").error.code)
  end)

  it("may be shortened by the script, not made longer", function()
    kit = with(USUAL)
    kit:upstream("* *", { hang = true })

    assert.equal(150, kit:call("demo_send", { options = { timeout_ms = 150 } }).ms)
    assert.equal(4000, kit:call("demo_send", { options = { timeout_ms = 60000 } }).ms)
  end)

  it("count connecting by itself, and know that nothing was sent", function()
    kit = with(USUAL)
    kit:upstream("* *", { fail = "connect_timeout" })

    local call = kit:call("demo_send", { method = "POST" })

    assert.same({ "unavailable", 1000, "none" },
      { call.error.code, call.ms, call.side_effect })
    assert.same({ "connect_timeout unavailable" }, steps(call, "answer"))
  end)

  it("count a failure that comes too late to be told as connecting too long", function()
    kit = with(USUAL)
    kit:upstream("* *", { fail = "refused", delay_ms = 1001 }, { fail = "refused", delay_ms = 999 })

    assert.equal(1000, kit:call("demo_send").ms)
    assert.equal(999, kit:call("demo_send").ms)
  end)

  it("limit how long the answer may take to begin, not to come", function()
    kit = with "attempt = { timeout_ms = 4000, first_byte_ms = 500 }"
    kit:upstream("* *", { delay_ms = 501 }, { delay_ms = 500, body_ms = 3000, body = "late" })

    local slow, steady = kit:call "demo_send", kit:call "demo_send"

    assert.same({ "timeout", 500 }, { slow.error.code, slow.ms })
    assert.same({ "late", 3500 }, { steady.value.body, steady.ms })
  end)

  it("end an answer whose body stops", function()
    kit = with(USUAL)
    kit:upstream("* *", { delay_ms = 10, body_ms = 100000, body = "x" })

    local call = kit:call "demo_send"

    assert.same({ "timeout", 4000 }, { call.error.code, call.ms })
  end)
end)

describe("an answer", function()
  before_each(function()
    kit = with(USUAL .. ", response = { max_bytes = 1024 }")
  end)

  it("below 400 is what the script gets", function()
    kit:upstream("* *", { status = 201, headers = { ["X-A"] = { "1", "2" } }, body = "made" })

    local call = kit:call "demo_send"

    assert.same({ status = 201, headers = { ["x-a"] = "1, 2" }, body = "made" }, call.value)
  end)

  it("of 400 and more is an error of the list", function()
    local codes = {
      [400] = "invalid_argument", [401] = "unauthorized", [403] = "forbidden",
      [404] = "not_found", [408] = "timeout", [409] = "conflict", [410] = "not_found",
      [413] = "too_large", [418] = "invalid_argument", [429] = "rate_limited",
      [500] = "upstream_error", [501] = "upstream_error", [502] = "upstream_error",
      [503] = "upstream_error", [504] = "upstream_error",
    }
    for status, code in pairs(codes) do
      kit:upstream("* *", { status = status })
      local call = kit:call "demo_send"
      assert.equal(code, call.error.code, status)
      assert.equal(status, call.error.status)
    end
  end)

  it("brings along the service's reason and when to come back", function()
    kit:upstream("* *", {
      status = 503, json = { error = { message = "closed on\nSundays" } },
      headers = { ["Retry-After"] = "90" },
    })

    local call = kit:call "demo_send"

    assert.equal("rate_limited", call.error.code)
    assert.equal("The demo answered 503: closed on Sundays", call.error.message)
    assert.equal(90000, call.error.retry_after_ms)
    assert.same({ upstream_message = "closed on Sundays" }, call.error.details)
  end)

  it("that sends elsewhere is not followed", function()
    kit:upstream("* *", { status = 302, headers = { Location = "https://else.example/" } })

    local call = kit:call "demo_send"

    assert.equal("bad_response", call.error.code)
    assert.equal(1, #kit:requests())
  end)

  it("that is too large is none", function()
    kit:upstream("* *", { body = ("x"):rep(1025) }, { body = ("x"):rep(1024) })

    assert.equal("bad_response", kit:call("demo_send").error.code)
    assert.is_true(kit:call("demo_send").ok)
  end)

  it("lives as long as its call", function()
    kit:upstream("* *", { json = { 1 } })
    kit:call "demo_keep"

    local late, handed_on = kit:call "demo_late", kit:call "demo_hand_on"

    assert.equal("script_failed", late.error.code)
    assert.matches("this response belongs to a call that has ended", kit:log())
    assert.is_false(handed_on.ok)
  end)
end)

describe("what may have happened at the service", function()
  before_each(function()
    kit = with(USUAL)
  end)

  local function effect(method, behaviour)
    kit:upstream("* *", behaviour)
    return kit:call("demo_send", { method = method }).side_effect
  end

  it("is nothing when only asked", function()
    for _, behaviour in ipairs { {}, { status = 500 }, { fail = "reset" }, { hang = true } } do
      assert.equal("none", effect("GET", behaviour))
    end
  end)

  it("is done when the service says so", function()
    assert.equal("done", effect("POST", { status = 201 }))
    assert.equal("done", effect("DELETE", { status = 204 }))
  end)

  it("is nothing when it refused, or was never reached", function()
    for _, status in ipairs { 400, 401, 404, 409, 429 } do
      assert.equal("none", effect("POST", { status = status }), status)
    end
    for _, way in ipairs { "no_name", "refused", "connect_timeout", "tls_untrusted", "blocked" } do
      assert.equal("none", effect("POST", { fail = way }), way)
    end
  end)

  it("is possible when nobody knows", function()
    for _, way in ipairs { "reset", "cut", "timeout", "stale_connection", "garbage", "failed" } do
      assert.equal("possible", effect("POST", { fail = way }), way)
    end
    assert.equal("possible", effect("PUT", { status = 500 }))
  end)

  it("is nothing when a failure came before the request was out", function()
    assert.equal("none", effect("POST", { fail = "reset", sent = false }))
  end)

  it("is the worst of all exchanges of a call", function()
    kit:upstream("* */a", { status = 200 })
    kit:upstream("* *", { status = 500 })

    local call = kit:call "demo_three"

    assert.same({ 3, "possible" }, { call.attempts, call.side_effect })
  end)

  it("decides what libcurl may send twice", function()
    local function replayable(method, options)
      kit:call("demo_send", { method = method, options = options })
      return table.remove(kit:requests()).replayable
    end

    assert.is_true(replayable "GET")
    assert.is_true(replayable "PUT")
    assert.is_true(replayable "DELETE")
    assert.is_false(replayable "POST")
    assert.is_false(replayable "PATCH")
    assert.is_true(replayable("POST", { idempotent = true }))
    kit:call "demo_change"
    assert.is_true(table.remove(kit:requests()).replayable)
  end)
end)

describe("upstream.errors", function()
  local function errors(text)
    kit = with(USUAL,
      ('upstream = { base = "https://demo.example", policy = "demo", errors = %s }'):format(text))
  end

  it("as a table refines a status", function()
    errors '{ [404] = "conflict", [418] = "rate_limited" }'
    kit:upstream("* *", { status = 404 }, { status = 418 }, { status = 400 })

    assert.equal("conflict", kit:call("demo_send").error.code)
    assert.equal("rate_limited", kit:call("demo_send").error.code)
    assert.equal("invalid_argument", kit:call("demo_send").error.code)
  end)

  it("as a function sees the answer and the error, and gives a code", function()
    errors [[function(res, err)
      if res.status == 409 and res.json.kind == err.code then return "not_found" end
    end]]
    kit:upstream("* *", { status = 409, json = { kind = "conflict" } },
      { status = 409, json = { kind = "other" } })

    assert.equal("not_found", kit:call("demo_send").error.code)
    assert.equal("conflict", kit:call("demo_send").error.code)
  end)

  it("may give an error of its own", function()
    errors [[function(res)
      return tide.error("rate_limited", "full until " .. res.headers["X-Until"],
        { retry_after_ms = 7, details = { seats = 0 } })
    end]]
    kit:upstream("* *", { status = 400, headers = { ["X-Until"] = "noon" } })

    local call = kit:call "demo_send"

    assert.same({ code = "rate_limited", message = "full until noon", retry_after_ms = 7,
                  details = { seats = 0 } }, call.error)
  end)

  it("is not asked when there is no answer", function()
    errors 'function() error "asked" end'
    kit:upstream("* *", { fail = "refused" })

    assert.equal("unavailable", kit:call("demo_send").error.code)
  end)

  it("may wait and ask again", function()
    errors [[function(res, err)
      tide.time.sleep(1)
      return res.body == "busy" and "unavailable" or nil
    end]]
    kit:upstream("* *", { status = 500, body = "busy" })

    local call = kit:call "demo_send"

    assert.same({ "unavailable", 1000 }, { call.error.code, call.ms })
  end)

  it("that fails is the script's failure", function()
    errors 'function(res) if res.body == "word" then return "no_such_code" end error "oops" end'
    kit:upstream("* *", { status = 400, body = "word" }, { status = 400 })

    local word, raised = kit:call "demo_send", kit:call "demo_send"

    assert.equal("script_failed", word.error.code)
    assert.equal("script_failed", raised.error.code)
    assert.matches("'no_such_code' is not an error code", kit:log())
    assert.matches("oops", kit:log())
  end)
end)

describe("credentials", function()
  local function auth(text)
    kit = with(USUAL, "auth = " .. text)
    kit:upstream("* *", {})
  end

  local function sent(args)
    kit:call("demo_send", args)
    return table.remove(kit:requests())
  end

  it("are a header or part of the query, by their kind", function()
    auth '{ kind = "bearer", secret = "demo_token" }'
    assert.equal("Bearer planted-secret", sent().headers.authorization)
    kit:close()

    auth '{ kind = "basic", user = "ada", secret = "demo_token" }'
    assert.equal("Basic YWRhOnBsYW50ZWQtc2VjcmV0", sent().headers.authorization)
    kit:close()

    auth '{ kind = "api_key", header = "X-Key", secret = "demo_token" }'
    assert.equal("planted-secret", sent().headers["x-key"])
    kit:close()

    auth '{ kind = "api_key", query = "key", secret = "demo_token" }'
    assert.same({ key = "planted-secret", a = "1" },
      sent({ options = { query = { a = 1 } } }).query)
  end)

  it("are in no line of the log and no step of the trail", function()
    auth '{ kind = "api_key", query = "key", secret = "demo_token" }'
    kit:upstream("* *", { status = 500, json = { message = "bad planted-secret" } })

    local call = kit:call "demo_send"

    assert.is_nil(kit:log():find("planted", 1, true))
    assert.is_nil(testing.json.encode(call.trail):find("planted", 1, true))
  end)

  it("may be a function, which sees the request and changes it", function()
    auth [[function(ctx, request)
      request.headers["X-Signed"] = table.concat({ request.method, request.url, request.path,
        request.body, ctx.tool }, " ")
      request.query.stamp = "1 2"
    end]]

    local request = sent { method = "PUT", path = "/a", options = { body = "b", query = { q = 1 } } }

    assert.equal("PUT https://demo.example/a?q=1 /a b demo_send", request.headers["x-signed"])
    assert.same({ q = "1", stamp = "1 2" }, request.query)
    assert.equal("b", request.body)
  end)

  it("may be fetched first, without credentials of their own", function()
    auth [[function(ctx, request)
      local res = assert(ctx.http:post("/token", { form = { grant = "x" } }))
      request.headers.Authorization = "Bearer " .. res.json.token
    end]]
    kit:upstream("* */token", { delay_ms = 300, json = { token = "t1" } })

    local call = kit:call "demo_send"
    local requests = kit:requests()

    assert.same({ true, 300, 2 }, { call.ok, call.ms, call.attempts })
    assert.equal("grant=x", requests[1].body)
    assert.is_nil(requests[1].headers.authorization)
    assert.equal("Bearer t1", requests[2].headers.authorization)
  end)

  it("that cannot be had end the exchange, and nothing is sent", function()
    auth 'function() return nil, tide.error("unauthorized", "log in first") end'

    local call = kit:call "demo_send"

    assert.same({ "unauthorized", "log in first" }, { call.error.code, call.error.message })
    assert.same({}, kit:requests())
  end)

  it("whose function raises are the script's failure", function()
    auth 'function() error "no clock" end'

    local call = kit:call "demo_send"

    assert.equal("script_failed", call.error.code)
    assert.matches("no clock", kit:log())
    assert.same({}, kit:requests())
  end)

  it("hand on why they could not be fetched", function()
    auth 'function(ctx, request) assert(ctx.http:post "/token") end'
    kit:upstream("* */token", { status = 401 })

    assert.equal("unauthorized", kit:call("demo_send").error.code)
  end)

  it("wait no longer than the call may take", function()
    auth 'function(ctx) tide.time.sleep(60) end'

    local call = kit:call "demo_send"

    assert.same({ "timeout", 10000 }, { call.error.code, call.ms })
    assert.same({}, kit:requests())
  end)

  it("are not asked for when the call is cancelled meanwhile", function()
    auth 'function(ctx, request) ctx.http:post "/token" end'
    kit:upstream("* */token", { delay_ms = 300 })
    local call = kit:start "demo_send"
    kit:advance(100)

    call:cancel()
    kit:advance(1000)

    assert.equal("cancelled", call.error.code)
    assert.equal(1, #kit:requests())
  end)
end)

describe("an attempt of a millisecond", function()
  it("is not slow when it is answered at once", function()
    kit = with "attempt = { timeout_ms = 1, connect_ms = 1 }, breaker = { consecutive = 0, min_calls = 5 }"
    kit:upstream("* *", { status = 200 })

    for i = 1, 20 do assert.is_true(kit:call("demo_send").ok, i) end
  end)
end)
