--- What answers when the service cannot: through the kit, in virtual time.

local engine = require "engine"

local function steps(call, kind)
  local found = {}
  for _, step in ipairs(call.trail) do
    if step.step == kind then found[#found + 1] = (step.label or "") .. " " .. step.code end
  end
  return found
end

local kit

local function open(tools, policy)
  kit = engine { tools = tools, policy = policy }
end

after_each(function()
  assert(kit:quiet())
  kit:close()
end)

describe("the fallback", function()
  before_each(function()
    open([[
      local str = tide.schema.string
      handlers.get = {
        args = { path = str { default = "/" } },
        run = function(ctx, args) return assert(ctx.http:get(args.path)) end,
        fallback = function(ctx, args, err)
          return { path = args.path, because = err.code, said = err.message, left = ctx.deadline }
        end,
      }
      handlers.insist = {
        run = function(ctx) return assert(ctx.http:get "/a") end,
        fallback = function(ctx) return ctx.http:get "/b" end,
      }
      handlers.break_down = {
        run = function(ctx) return assert(ctx.http:get "/a") end,
        fallback = function() error "private" end,
      }
      handlers.slip = {
        run = function() error "private" end,
        fallback = function() return "saved" end,
      }
      handlers.told = {
        run = function(ctx) return ctx.http:get "/" end,
        fallback = function(_, _, err) return err end,
      }
      handlers.empty = { run = function(ctx) return ctx.http:get "/" end, fallback = function() end }
      handlers.hands_on = { run = function(ctx) return ctx.http:get "/" end,
        fallback = function(_, _, err) return nil, err end }
      handlers.wrong = { run = function(ctx) return ctx.http:get "/" end, result = { n = tide.schema.integer() },
        fallback = function() return { n = "none" } end }
      handlers.kept = {
        run = function(ctx)
          local res = assert(ctx.http:get "/")
          ctx.cache:set("last", res.json, { ttl_ms = 1000, stale_ms = 60000 })
          return res.json
        end,
        fallback = function(ctx) return (ctx.cache:stale "last") end,
      }
      handlers.constant = {
        run = function(ctx) return ctx.http:get "/" end,
        result = { items = tide.schema.list { str() }, known = tide.schema.boolean() },
        fallback = { items = {}, known = false },
      }
      local function post(ctx) return ctx.http:post("/", { json = {} }) end
      local function saved() return "saved" end
      handlers.write = { run = post, fallback = saved }
      handlers.write_anyway = { run = post, fallback = saved, fallback_after_effect = true }
      handlers.search = { run = post, fallback = saved, annotations = { read_only = true } }
      handlers.write_and_read = { fallback = saved, run = function(ctx)
        assert(post(ctx))
        return ctx.http:get "/"
      end }
    ]], "attempt = { timeout_ms = 4000, connect_ms = 1000 }")
  end)

  it("answers when the service cannot, and is told why", function()
    kit:upstream("* *", { status = 503 })

    local call = kit:call "demo_get"

    assert.same({ path = "/", because = "upstream_error", left = 10000,
      said = "The demo answered 503: the service failed" }, call.value)
    assert.same({ " upstream_error" }, steps(call, "fallback"))
    assert.same({ "by the fallback ok" }, steps(call, "result"))
  end)

  it("stays out when the service has answered, and when the script slipped", function()
    for _, status in ipairs { 400, 401, 403, 404, 409 } do
      kit:upstream("* *", { status = status })
      assert.is_false(kit:call("demo_get").ok, status)
    end
    assert.equal("script_failed", kit:call("demo_slip").error.code)
  end)

  it("answers for limits, timeouts, garbage and lost connections", function()
    local behaviours = { { status = 429 }, { hang = true }, { fail = "garbage" }, { fail = "reset" },
                         { fail = "refused" }, { fail = "tls_untrusted" } }
    for i, behaviour in ipairs(behaviours) do
      kit:upstream("* *", behaviour)
      assert.is_true(kit:call("demo_get").ok, i)
    end
  end)

  it("has what is left of the deadline", function()
    kit:upstream("* *", { hang = true })

    assert.equal(6000, kit:call("demo_get").value.left)
  end)

  it("has a last moment when the handler took all of it", function()
    kit:upstream("* *", { hang = true })

    local call = kit:call("demo_get", {}, { deadline_ms = 3000 })

    assert.same({ "timeout", 20, 2980 }, { call.value.because, call.value.left, call.ms })
  end)

  it("has the attempts cut to that, and ends at the deadline", function()
    kit:upstream("* *", { hang = true })

    local call = kit:call("demo_insist", {}, { deadline_ms = 5000 })

    assert.same({ "timeout", 4980, 2 }, { call.error.code, call.ms, call.attempts })
  end)

  it("that fails leaves the error that led to it, and its details", function()
    kit:upstream("* */a", { status = 503, json = { message = "closed on Mondays" } })
    kit:upstream("* */b", { status = 404, json = { message = "no copy" } })

    local call = kit:call "demo_insist"

    assert.same({ "upstream_error", 503 }, { call.error.code, call.error.status })
    assert.same({ upstream_message = "closed on Mondays" }, call.error.details)
    assert.same({ "it failed as well not_found" }, steps(call, "no_fallback"))
    assert.matches("fallback failed tool=demo_insist req=test%-1 code=not_found: The demo answered 404: no copy",
      kit:log())
    assert.is_false(call.degraded)
  end)

  it("is told what the handler would have been told", function()
    kit:upstream("* *", { status = 503, json = { message = "busy" }, headers = { ["Retry-After"] = "7" } })

    local err = kit:call("demo_told").value

    assert.same({ code = "rate_limited", status = 503, retry_after_ms = 7000, attempts = 1, side_effect = "none",
      details = { upstream_message = "busy" }, message = "The demo answered 503: busy" }, err)
  end)

  it("may have nothing, and then the error stands", function()
    kit:upstream("* *", { status = 503 })

    for _, tool in ipairs { "demo_empty", "demo_hands_on", "demo_wrong" } do
      local call = kit:call(tool)
      assert.same({ "upstream_error", false }, { call.error.code, call.degraded }, tool)
      assert.equal(tool == "demo_wrong" and "it failed as well bad_response" or "it had nothing upstream_error",
        steps(call, "no_fallback")[1])
    end
    assert.is_nil(kit:log():find("fallback failed tool=demo_[eh]"))
  end)

  it("marks what it gives as degraded", function()
    kit:upstream("* *", { status = 503 }, { json = {} })

    local worse, well = kit:call "demo_get", kit:call "demo_get"

    assert.same({ true, "fallback" }, { worse.degraded, worse.source })
    assert.same({ false }, { well.degraded, well.source })
    assert.matches("call tool=demo_get req=test%-1 code=ok [^\n]* degraded=fallback ", kit:log())
  end)

  it("says how old it is, if it comes from ctx.cache", function()
    kit:upstream("* *", { json = { n = 1 } }, { status = 503 })
    kit:call "demo_kept"
    kit:advance(5000)

    local call = kit:call "demo_kept"

    assert.same({ { n = 1 }, true, "cache", 5000 }, { call.value, call.degraded, call.source, call.age_ms })
  end)

  it("can be the answer itself", function()
    kit:upstream("* *", { hang = true })

    local call = kit:call("demo_constant", {}, { deadline_ms = 1000 })

    assert.same({ '{"items":[],"known":false}', "static", 980 },
      { call.body, call.source, call.ms })
    assert.same({ " timeout" }, steps(call, "fallback"))
  end)

  it("stays out when something may have been done, unless the tool says otherwise", function()
    local function after(name, behaviour)
      kit:clear()
      kit:upstream("* *", behaviour)
      local call = kit:call("demo_" .. name)
      return call.ok and call.source or (call.error.code .. " " .. call.side_effect)
    end

    assert.equal("upstream_error possible", after("write", { status = 500 }))
    assert.equal("timeout possible", after("write", { hang = true }))
    assert.equal("upstream_error done", after("write_and_read", function(request)
      return { status = request.method == "GET" and 500 or 200 }
    end))
    assert.equal("fallback", after("write", { fail = "refused" }))
    assert.equal("fallback", after("write", { status = 429 }))
    assert.equal("fallback", after("write_anyway", { status = 500 }))
    assert.equal("fallback", after("search", { status = 500 }))
    kit:clear()
    kit:upstream("* *", { status = 500 })
    assert.same({ "something may have been done upstream_error" },
      steps(kit:call "demo_write", "no_fallback"))
  end)

  it("that breaks down leaves the first error", function()
    kit:upstream("* *", { status = 503 })

    local call = kit:call "demo_break_down"

    assert.equal("upstream_error", call.error.code)
    assert.matches("private", kit:log())
  end)

  it("can be cancelled like the handler", function()
    kit:upstream("* */a", { fail = "refused" })
    kit:upstream("* */b", { hang = true })
    local call = kit:start "demo_insist"
    kit:advance(100)

    call:cancel()

    assert.equal("cancelled", call.error.code)
  end)

  it("does not run for a caller who left", function()
    kit:upstream("* *", { hang = true })
    local call = kit:start "demo_get"

    call:cancel()

    assert.equal("cancelled", call.error.code)
    assert.same({}, steps(call, "fallback"))
  end)
end)
