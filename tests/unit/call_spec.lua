--- One tool call from its arguments to its outcome: through the kit, in virtual
--- time. What becomes of a request to a service is in exchange_spec.lua.

local testing = require "tidegate.testing"

local engine = require "engine"

local null = testing.json.null

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

describe("the arguments", function()
  before_each(function()
    open [[
      local str, int, list = tide.schema.string, tide.schema.integer, tide.schema.list
      handlers.take = {
        args = { name = str { min = 1 }, n = int { default = 3 }, tags = list { str(), optional = true } },
        run = function(ctx, args) ctx.http:get "/" return { args } end,
        fallback = function(_, args) return { args } end,
      }
    ]]
  end)

  it("are completed with defaults", function()
    assert.equal('[{"n":3,"name":"a"}]', kit:call("demo_take", { name = "a" }).body)
  end)

  it("keep empty lists", function()
    local args = { name = "a", tags = testing.json.array {} }

    assert.equal('[{"n":3,"name":"a","tags":[]}]', kit:call("demo_take", args).body)
  end)

  it("are refused before anything runs, with what is wrong where", function()
    local call = kit:call("demo_take", { name = "a", n = "many" })

    assert.equal("invalid_argument", call.error.code)
    assert.matches("^n must be an integer", call.error.message)
    assert.same({}, kit:requests())
    assert.same({ 0, "none" }, { call.attempts, call.side_effect })
    assert.same({ " invalid_argument" }, steps(call, "args"))
    assert.same({}, steps(call, "run"))
  end)

  it("are an object", function()
    for _, text in ipairs { "null", "[]", '"a"', "1" } do
      assert.equal("invalid_argument", kit:call("demo_take", text).error.code, text)
    end
  end)
end)

describe("a result", function()
  before_each(function()
    open [[
      local str, int, list = tide.schema.string, tide.schema.integer, tide.schema.list
      local loop = {} loop.loop = loop
      local values = {
        table = { a = 1, b = { true } }, list = { 1, 2 }, empty = {}, text = "words", number = 1.5,
        yes = true, no = false, null = tide.json.null, loop = loop, mixed = { 1, a = 2 },
        nan = { x = 0/0 }, fn = { run = pairs }, bytes = "\xff", deep = { { "\xff" } },
        content = tide.content.text("hi"),
        contents = { tide.content.text("a"), tide.content.text("b") },
        array = tide.json.array {},
      }
      function handlers.value(_, args) return values[args.name] end
      function handlers.nothing() end
      function handlers.relay(ctx) return ctx.http:get "/" end
      function handlers.nested(ctx) return { inner = ctx.http:get "/" } end
      handlers.shaped = {
        args = { which = str() },
        result = { total = int(), items = list { str(), optional = true } },
        run = function(ctx, args)
          if args.which == "relay" then return ctx.http:get "/" end
          return ({ right = { total = 1, items = {} }, wrong = { total = "one" }, text = "one",
            more = { total = 1, rest = 2 }, content = tide.content.text "one" })[args.which]
        end,
      }
    ]]
  end)

  local function value(name)
    local call = kit:call("demo_value", { name = name })
    return { call.form, call.body }
  end

  it("is JSON for tables, numbers, booleans and null", function()
    assert.same({ "json", '{"a":1,"b":[true]}' }, value "table")
    assert.same({ "json", "[1,2]" }, value "list")
    assert.same({ "json", "{}" }, value "empty")
    assert.same({ "json", "[]" }, value "array")
    assert.same({ "json", "1.5" }, value "number")
    assert.same({ "json", "true" }, value "yes")
    assert.same({ "json", "false" }, value "no")
    assert.same({ "json", "null" }, value "null")
  end)

  it("is text for strings, and done for nothing", function()
    assert.same({ "text", "words" }, value "text")
    assert.same({ "text", "done" }, value "no such")
    assert.equal("done", kit:call("demo_nothing").value)
  end)

  it("is content for blocks", function()
    assert.same({ "content", '[{"text":"hi","type":"text"}]' }, value "content")
    assert.equal(2, #kit:call("demo_value", { name = "contents" }).value)
  end)

  it("is the response's bytes when that is handed on", function()
    kit:upstream("* *", { body = '{ "n": 1.0, "n": 1.00 }', headers = { ["content-type"] = "a/json" } })

    assert.equal('{ "n": 1.0, "n": 1.00 }', kit:call("demo_relay").body)
    assert.equal('{"inner":{ "n": 1.0, "n": 1.00 }}', kit:call("demo_nested").body)
  end)

  it("is text when the response is not JSON", function()
    kit:upstream("* *", { body = "plain", headers = { ["content-type"] = "text/plain" } })

    local call = kit:call "demo_relay"

    assert.same({ "text", "plain" }, { call.form, call.value })
  end)

  it("that cannot be one says where and why", function()
    local reasons = {
      loop = "loop: a table that holds itself", mixed = "either names only or the keys 1 to n",
      nan = "x: NaN cannot become JSON", fn = "run: a function cannot become JSON",
      bytes = "not text %(byte 0 is not UTF%-8%)", deep = "%[1%]%[1%]: a string that is not UTF%-8",
    }
    for name, reason in pairs(reasons) do
      local call = kit:call("demo_value", { name = name })
      assert.equal("bad_response", call.error.code, name)
      assert.matches("the tool's result cannot be used: .*" .. reason, call.error.message)
    end
  end)

  it("that is handed on but broken is a bad response", function()
    kit:upstream("* *", { json = { 1 }, headers = { a = "b" } },
      { body = "{", headers = { ["content-type"] = "application/json" } })
    kit:call "demo_relay"

    local call = kit:call "demo_relay"

    assert.equal("bad_response", call.error.code)
  end)

  it("must be as the tool declares it", function()
    local function shaped(which) return kit:call("demo_shaped", { which = which }) end
    kit:upstream("* *", { json = { total = 2 } }, { json = { total = null } })

    assert.equal('{"items":[],"total":1}', shaped("right").body)
    assert.matches("cannot be used: total must be an integer", shaped("wrong").error.message)
    assert.matches("rest", shaped("more").error.message)
    assert.matches("must be an object", shaped("text").error.message)
    assert.matches("must be an object", shaped("nothing").error.message)
    assert.matches("content, where a value is declared", shaped("content").error.message)
    assert.is_true(shaped("relay").ok)
    assert.equal("bad_response", shaped("relay").error.code)
  end)
end)

describe("a declared result that is a string", function()
  it("is a value, not text", function()
    open [[ handlers.name = { result = tide.schema.string { min = 2 },
      args = { text = tide.schema.string() },
      run = function(_, args) return args.text end } ]]

    local right, wrong = kit:call("demo_name", { text = "Ada" }), kit:call("demo_name", { text = "A" })

    assert.same({ "json", '"Ada"' }, { right.form, right.body })
    assert.equal("bad_response", wrong.error.code)
  end)
end)

describe("a failure", function()
  before_each(function()
    open [[
      local ways = {
        object = function() error(tide.error("conflict", "taken", { details = { by = "ada" } })) end,
        code = function() error { code = "not_found", message = "no such door" } end,
        table = function() error { oops = "private" } end,
        string = function() error "private" end,
        null = function() error() end,
        ["nil, object"] = function() return nil, tide.error("rate_limited", "slow down", { retry_after_ms = 5 }) end,
        ["nil, table"] = function() return nil, { code = "not_found", message = "no such door" } end,
        ["nil, string"] = function() return nil, "private" end,
        ["false, object"] = function() return false, tide.error "forbidden" end,
        assert = function() assert(nil, tide.error("tls_failed", "rusty")) end,
        pcall = function() return select(2, pcall(error, "private")) and nil, "private" end,
        loop = function() while true do end end,
        memory = function() local t = {} while true do t[#t + 1] = ("x"):rep(1e6) end end,
        depth = function() local function f() return 1 + f() end return f() end,
      }
      function handlers.fail(_, args) return ways[args.way]() end
    ]]
  end)

  local function failed(way)
    local call = kit:call("demo_fail", { way = way })
    assert.equal("error", call.form, way)
    return call.error
  end

  it("may be an error object, raised or returned", function()
    assert.same({ code = "conflict", message = "taken", details = { by = "ada" } }, failed "object")
    assert.same({ code = "not_found", message = "no such door" }, failed "code")
    assert.same({ code = "rate_limited", message = "slow down", retry_after_ms = 5 },
      failed "nil, object")
    assert.same({ code = "not_found", message = "no such door" }, failed "nil, table")
    assert.equal("forbidden", failed("false, object").code)
    assert.same({ code = "tls_failed", message = "rusty" }, failed "assert")
  end)

  it("of any other kind tells the agent nothing of the inside", function()
    for _, way in ipairs { "table", "string", "null", "nil, string", "pcall" } do
      assert.same({ code = "script_failed", message = "the integration's script failed" },
        failed(way), way)
    end
  end)

  it("is told to the log with its place", function()
    failed "string"
    failed "nil, string"

    local log = kit:log()
    assert.matches("script failed tool=demo_fail req=test%-1: demo.lua:%d+: private.*traceback", log)
    assert.matches("req=test%-2: returned nil and a text, [^:]+: private", log)
  end)

  it("is a limit when the script uses too much", function()
    for _, way in ipairs { "loop", "memory", "depth" } do
      assert.equal("script_limit", failed(way).code, way)
    end
    assert.is_true(failed("string").code == "script_failed") -- the engine goes on
  end)
end)

describe("the deadline", function()
  before_each(function()
    open [[
      function handlers.sleep(ctx, args)
        tide.time.sleep(args.seconds)
        return { left = ctx.deadline }
      end
      function handlers.hold(ctx, args)
        for _ = 1, 100 do pcall(tide.time.sleep, 1) end
      end
    ]]
  end)

  it("ends a call on the millisecond", function()
    local call = kit:call("demo_sleep", { seconds = 3600 })

    assert.same({ "timeout", 10000 }, { call.error.code, call.ms })
    assert.same({ "deadline timeout" }, steps(call, "cancel"))
  end)

  it("can be watched as it comes", function()
    assert.same({ left = 10000 }, kit:call("demo_sleep", { seconds = 0 }).value)
    assert.same({ left = 2500 }, kit:call("demo_sleep", { seconds = 7.5 }).value)
  end)

  it("is the caller's when that is earlier", function()
    assert.equal(400, kit:call("demo_sleep", { seconds = 60 }, { deadline_ms = 400 }).ms)
    assert.equal(10000, kit:call("demo_sleep", { seconds = 60 }, { deadline_ms = 99999 }).ms)
  end)

  it("cannot be held off by pcall", function()
    assert.equal(10000, kit:call("demo_hold").ms)
  end)

  it("is each call's own", function()
    local first = kit:start("demo_sleep", { seconds = 60 })
    kit:advance(4000)
    local second = kit:start("demo_sleep", { seconds = 60 })

    second:wait()

    assert.same({ 10000, 10000, 14000 }, { first.ms, second.ms, kit:now_ms() })
  end)
end)

describe("sleeping", function()
  before_each(function()
    open [[
      function handlers.sleep(_, args) return { pcall(tide.time.sleep, args.seconds) } end
      function handlers.clock(_, args)
        local before = tide.time.now()
        tide.time.sleep(args.seconds)
        return { tide.time.now() - before }
      end
      function handlers.inside() table.sort({ 1, 2, 3 }, function() tide.time.sleep(1) end) end
    ]]
  end)

  it("takes that long, to the microsecond and to zero", function()
    assert.equal(1500, kit:call("demo_sleep", { seconds = 1.5 }).ms)
    assert.equal(0, kit:call("demo_sleep", { seconds = 0 }).ms)
    kit:call("demo_sleep", { seconds = 0.0004 })
    kit:call("demo_sleep", { seconds = 0.0006 })
    assert.equal(1501, kit:now_ms())
  end)

  it("moves the wall clock along", function()
    assert.same({ 2.5 }, kit:call("demo_clock", { seconds = 2.5 }).value)
  end)

  it("is refused for times that are none", function()
    for _, seconds in ipairs { "-1", "3601", '"soon"', "null" } do
      local call = kit:call("demo_sleep", ('{"seconds":%s}'):format(seconds))
      assert.is_false(call.value[1], seconds)
    end
    assert.equal(0, kit:now_ms())
  end)

  it("is refused where nothing can wait", function()
    assert.equal("script_failed", kit:call("demo_inside").error.code)
    assert.matches("nothing can wait inside a sort", kit:log())
  end)
end)

describe("tide.all", function()
  before_each(function()
    open([[
      local function get(ctx, path) return function() return ctx.http:get(path) end end
      local function codes(errors)
        local found = {}
        for key, err in pairs(errors or {}) do found[key] = err.code end
        return found
      end
      function handlers.mixed(ctx)
        local results, errors = tide.all {
          good = get(ctx, "/good"), bad = get(ctx, "/bad"), slow = get(ctx, "/slow"),
          raised = function() error "private" end, none = function() end,
        }
        return { good = results.good.body, slow = results.slow and "came", errors = codes(errors),
                 none = results.none == nil }
      end
      function handlers.batch(ctx, args)
        local functions = {}
        for i = 1, args.n do functions[i] = get(ctx, "/" .. i) end
        local results, errors = tide.all(functions, { concurrency = args.concurrency })
        return { n = #results, errors = errors ~= nil }
      end
      function handlers.doze()
        local function sleep() tide.time.sleep(60) end
        return tide.all { sleep, sleep }
      end
      function handlers.nested(ctx)
        local results = assert(tide.all {
          function() return tide.all { get(ctx, "/a"), get(ctx, "/b") } end,
          function() return tide.all { get(ctx, "/c"), get(ctx, "/d") } end,
        })
        return { results[1][2].body, results[2][1].body }
      end
    ]], "attempt = { timeout_ms = 4000 }")
  end)

  it("gives each result and each error its place", function()
    kit:upstream("* */good", { body = "fine", delay_ms = 10 })
    kit:upstream("* */bad", { status = 404 })
    kit:upstream("* */slow", { hang = true })

    local call = kit:call "demo_mixed"

    assert.same({ good = "fine", none = true,
      errors = { bad = "not_found", slow = "timeout", raised = "script_failed" } }, call.value)
    assert.same({ 4000, 3 }, { call.ms, call.attempts })
  end)

  it("waits for the slowest, not for the sum", function()
    kit:upstream("* *", { delay_ms = 100 }, { delay_ms = 300 }, { delay_ms = 200 })

    local call = kit:call("demo_batch", { n = 3 })

    assert.same({ 300, { n = 3, errors = false } }, { call.ms, call.value })
  end)

  it("runs no more at once than it is told", function()
    kit:upstream("* *", { delay_ms = 100 })

    local call = kit:call("demo_batch", { n = 10, concurrency = 4 })
    local at = {}
    for i, request in ipairs(kit:requests()) do at[i] = request.at_ms end

    assert.equal(300, call.ms)
    assert.same({ 0, 0, 0, 0, 100, 100, 100, 100, 200, 200 }, at)
  end)

  it("is cancelled with all that it has begun, and begins no more", function()
    kit:upstream("* *", { delay_ms = 100 }, { delay_ms = 100 }, { hang = true })
    local call = kit:start("demo_batch", { n = 10, concurrency = 3 })
    kit:advance(150)

    call:cancel()
    local sent = #kit:requests()
    kit:advance(60000)

    assert.same({ "cancelled", 5, 5 }, { call.error.code, sent, #kit:requests() })
  end)

  it("ends with its call's deadline", function()
    kit:upstream("* *", { hang = true })

    local call = kit:call("demo_batch", { n = 10 }, { deadline_ms = 700 })

    local dozing = kit:call("demo_doze", {}, { deadline_ms = 700 })

    -- requests end a little earlier, so that the handler can say something
    assert.same({ { n = 0, errors = true }, 680, 10 }, { call.value, call.ms, call.attempts })
    assert.same({ "timeout", 700 }, { dozing.error.code, dozing.ms })
  end)

  it("may stand inside another, also when cancelled", function()
    kit:upstream("* */b", { body = "B", delay_ms = 20 })
    kit:upstream("* */c", { body = "C", delay_ms = 30 })
    kit:upstream("* */[ad]", {})
    kit:upstream("* */a", {})
    kit:upstream("* */d", { delay_ms = 50 })

    assert.same({ "B", "C" }, kit:call("demo_nested").value)
    local call = kit:start "demo_nested"
    kit:advance(25)
    call:cancel()
    assert.equal("cancelled", call.error.code)
  end)
end)

describe("a cancelled call", function()
  before_each(function()
    open [[
      function handlers.steps(ctx)
        ctx.http:get "/a"
        tide.time.sleep(1)
        ctx.http:post "/b"
        return "end"
      end
    ]]
    kit:upstream("* *", { delay_ms = 1000 })
  end)

  it("stops where it is, and nothing of it comes later", function()
    for ms, requests in pairs { [0] = 1, [999] = 1, [1000] = 1, [1999] = 1, [2000] = 2, [2999] = 2 } do
      kit:clear()
      kit:upstream("* *", { delay_ms = 1000 })
      local call = kit:start "demo_steps"
      kit:advance(ms)
      call:cancel()
      kit:advance(100000)
      assert.same({ "cancelled", requests }, { call.error.code, #kit:requests() })
      assert.same({ "the test cancelled" }, steps(call, "cancel"))
    end
  end)

  it("knows what may have happened", function()
    local before, after = kit:start "demo_steps", kit:start "demo_steps"
    kit:advance(1500)
    before:cancel()
    kit:advance(1000)
    after:cancel()

    assert.same({ "none", "possible" }, { before.side_effect, after.side_effect })
  end)

  it("that has ended is not cancelled", function()
    local call = kit:call "demo_steps"

    assert.is_false(call:cancel())
    assert.equal("end", call.value)
  end)
end)
