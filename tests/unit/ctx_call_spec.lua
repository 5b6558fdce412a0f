--- ctx.call: a tool that calls another. Through the kit, in virtual time.

local testing = require "tidegate.testing"

local engine = require "engine"
local folder = require "folder"

local TOOLS = [[
local str, int, list = tide.schema.string, tide.schema.integer, tide.schema.list

handlers.item = {
  args = { sku = str { min = 1 }, count = int { default = 2 }, tags = list { str(), optional = true } },
  run = function(ctx, args)
    if args.sku == "raw" then return ctx.http:get "/raw" end
    return { sku = args.sku, count = args.count, tags = args.tags, tool = ctx.tool,
      principal = ctx.principal, id = ctx.request_id, deadline = ctx.deadline }
  end,
}
function handlers.text() return "words" end
function handlers.nothing() end
function handlers.content() return { tide.content.text "a", tide.content.text "b" } end
function handlers.number() return 1.5 end
function handlers.null() return tide.json.null end
function handlers.get(ctx, args) return ctx.http:get(args.path or "/") end
function handlers.post(ctx) return ctx.http:post("/", { json = {} }) end
function handlers.nap(_, args) tide.time.sleep(args.seconds) return { slept = args.seconds } end
function handlers.missing() return nil, tide.error("not_found", "no such thing", { details = { near = "thing" } }) end
function handlers.slip() error "private" end
function handlers.noisy(ctx)
  ctx.progress(1) ctx.notify("info", "hello")
  return "told"
end
handlers.saved = { run = function(ctx) return ctx.http:get "/" end, fallback = function() return { old = true } end }

-- Calls what it is told, and tells what it got.
handlers.ask = { args = tide.schema.raw { type = "object" }, run = function(ctx, args)
  local value, err = ctx.call(args.tool, args.args)
  return { value = value, kind = type(value), err = err }
end }
function handlers.hand_on(ctx, args) return ctx.call(args.tool, args.args) end
function handlers.attempt(ctx, args)
  local ok, err = pcall(ctx.call, args.tool, args.args)
  return { ok = ok, err = tostring(err) }
end
function handlers.both(ctx, args)
  local functions = {}
  for i, seconds in ipairs(args.seconds) do
    functions[i] = function() return ctx.call("nap", { seconds = seconds }) end
  end
  local results, errors = tide.all(functions)
  return { results = results, errors = errors }
end
function handlers.deeper(ctx, args)
  if args.left == 0 then return { deep = true } end
  if args.wide then
    local results, errors = tide.all { function() return ctx.call("deeper", { left = args.left - 1, wide = true }) end }
    return results[1], errors and errors[1]
  end
  return ctx.call("deeper", { left = args.left - 1 })
end
function handlers.forever(ctx) return ctx.call "forever" end
function handlers.busy(ctx)
  while true do ctx.call "text" end
end
function handlers.burn() for _ = 1, 3000000 do end end
function handlers.burn_much(ctx)
  for _ = 1, 10 do assert(ctx.call "burn") end
end
function handlers.burn_slowly(ctx)
  for _ = 1, 10 do
    assert(ctx.call "burn")
    tide.time.sleep(0)
  end
end
local prepared = { task = "optional", run = function(_, args, made) return { made = made, sku = args.sku } end }
handlers.prepared_now = { task = "optional", run = prepared.run,
  prepare = function(_, args) return { for_sku = args.sku } end }
handlers.prepared_later = { task = "optional", run = function(ctx, args, made)
    tide.time.sleep(1)
    return prepared.run(ctx, args, made)
  end,
  prepare = function() tide.time.sleep(1) return "a text" end }
handlers.unprepared = { task = "optional", run = prepared.run,
  prepare = function() return nil, tide.error("conflict", "not now") end }
handlers.rescued = {
  run = function(ctx) return ctx.http:get "/" end,
  fallback = function(ctx) return ctx.call "saved" end,
}
]]

local kit

before_each(function()
  kit = engine { tools = TOOLS }
end)

after_each(function()
  assert(kit:quiet())
  kit:close()
end)

local function ask(tool, args, options)
  local call = kit:call("demo_ask", { tool = tool, args = args }, options)
  assert(call.ok, tostring(call))
  return call.value, call
end

local function label_of(step)
  return (step["in"] and step["in"] .. ">" or "") .. step.step .. (step.label and " " .. step.label or "")
end

local function labels(call)
  local found = {}
  for i, step in ipairs(call.trail) do found[i] = label_of(step) end
  return found
end

describe("ctx.call", function()
  it("calls a tool of the same integration by its short name, and of any by its full one", function()
    assert.equal("demo_item", ask("item", { sku = "a" }).value.tool)
    assert.equal("demo_item", ask("demo_item", { sku = "a" }).value.tool)
  end)

  it("checks and completes the arguments as for a client", function()
    assert.equal(2, ask("item", { sku = "a" }).value.count)
    assert.same(testing.json.array {}, ask("item", { sku = "a", tags = {} }).value.tags)
    local refused = ask("item", { sku = "" })
    assert.equal("invalid_argument", refused.err.code)
    assert.matches("^sku ", refused.err.message)
    assert.equal("invalid_argument", ask("item").err.code)
  end)

  it("inherits who asks and for what", function()
    local value = ask("item", { sku = "a" }, { principal = "ann", request_id = "r-7" }).value

    assert.same({ "ann", "r-7" }, { value.principal, value.id })
  end)

  it("gives the result as a Lua value", function()
    kit:upstream("* */raw", { json = { from = "the service" } })

    assert.same({ from = "the service" }, ask("item", { sku = "raw" }).value)
    assert.equal("words", ask("text").value)
    assert.equal("done", ask("nothing").value)
    assert.equal(1.5, ask("number").value)
    assert.equal("userdata", ask("null").kind)
  end)

  it("prepares what wants to be prepared, as for a client", function()
    assert.same({ made = { for_sku = "a" }, sku = "a" }, ask("prepared_now", { sku = "a" }).value)
    local value, call = ask("prepared_later", { sku = "b" })
    assert.same({ { made = "a text", sku = "b" }, 2000 }, { value.value, call.ms })
    assert.equal("conflict", ask("unprepared").err.code)

    for at = 0, 2000, 500 do
      local left = kit:start("demo_ask", { tool = "prepared_later" })
      kit:advance(at)
      left:cancel()
      assert(kit:quiet())
    end
  end)

  it("gives content that can be handed on", function()
    local call = kit:call("demo_hand_on", { tool = "content" })

    assert.equal("content", call.form)
    assert.same({ { type = "text", text = "a" }, { type = "text", text = "b" } }, call.value)
  end)

  it("gives a failure as nil and the error, with all that is known", function()
    kit:upstream("* *", { status = 503, headers = { ["Retry-After"] = "3" }, json = { message = "busy" } })

    assert.same({ code = "not_found", message = "no such thing", details = { near = "thing" },
      attempts = 0, side_effect = "none" }, ask("missing").err)
    assert.equal("script_failed", ask("slip").err.code)
    assert.same({ code = "rate_limited", message = "The demo answered 503: busy", status = 503,
      retry_after_ms = 3000, attempts = 1, side_effect = "none", details = { upstream_message = "busy" } },
      ask("get").err)
  end)

  it("hands an error on with assert or return", function()
    local call = kit:call("demo_hand_on", { tool = "missing" })

    assert.same({ "not_found", { near = "thing" } }, { call.error.code, call.error.details })
  end)

  it("raises for what is a mistake of the script", function()
    local function said(tool, args)
      return kit:call("demo_attempt", { tool = tool, args = args }).value.err
    end

    assert.matches("ctx.call: there is no tool 'itme' %(did you mean item%?%)", said "itme")
    assert.matches("ctx.call: there is no tool 'x' %(a tool of this integration by its short name", said "x")
    assert.matches("ctx.call: arguments: a table must have either names only", said("item", { 1, 2 }))
    assert.matches("table expected, got string", said("item", "a"))
    assert.matches("string expected", said(nil))
  end)
end)

describe("an inner call", function()
  it("counts for its caller: attempts, and what may have been done", function()
    kit:upstream("* *", { status = 500 })

    local value, call = ask "post"

    assert.same({ 1, "possible" }, { value.err.attempts, value.err.side_effect })
    assert.same({ 1, "possible" }, { call.attempts, call.side_effect })
  end)

  it("puts its steps into its caller's trail", function()
    kit:upstream("* *", { status = 200, delay_ms = 40 })

    local call = kit:call("demo_hand_on", { tool = "hand_on", args = { tool = "get" } })

    assert.same({ "route demo_hand_on", "run", "call demo_hand_on", "1>run", "1>call demo_get", "2>run",
      "2>attempt GET /", "2>answer ok", "2>result", "1>result", "result" }, labels(call))
    assert.equal(40000, call.trail[9].at_us)
  end)

  it("is logged as what it is", function()
    kit:call("demo_hand_on", { tool = "text" })

    assert.matches("call tool=demo_text req=test%-1 code=ok [^\n]* by=demo_hand_on ", kit:log())
  end)

  it("has no more time than its caller", function()
    assert.equal(3000, ask("item", { sku = "a" }, { deadline_ms = 3000 }).value.deadline)
    assert.equal(10000, ask("item", { sku = "a" }).value.deadline)

    local call = kit:call("demo_ask", { tool = "nap", args = { seconds = 60 } }, { deadline_ms = 3000 })
    assert.same({ "timeout", 3000 }, { call.error.code, call.ms })
  end)

  it("leaves the time of its caller's fallback alone", function()
    kit:close()
    kit = engine { tools = TOOLS .. [[
      handlers.patient = { run = function(ctx) return ctx.call("nap", { seconds = 60 }) end,
        fallback = function(ctx) return { left = ctx.deadline } end }
    ]] }

    local call = kit:call("demo_patient", {}, { deadline_ms = 3000 })

    assert.same({ 20, 2980 }, { call.value.left, call.ms })
  end)

  it("has its own fallback, and what it gives makes its caller's result degraded", function()
    kit:upstream("* *", { status = 500 })

    local call = kit:call("demo_hand_on", { tool = "saved" })

    assert.same({ { old = true }, true, "fallback" }, { call.value, call.degraded, call.source })
  end)

  it("of a fallback has none", function()
    kit:upstream("* *", { status = 500 })

    local call = kit:call "demo_rescued"

    assert.equal("upstream_error", call.error.code)
    assert.same({ "1>no_fallback it is called by a fallback", "1>result", "no_fallback it had nothing", "result" },
      { table.unpack(labels(call), #call.trail - 3) })
  end)

  it("runs side by side with others in tide.all", function()
    local call = kit:call("demo_both", { seconds = { 1, 2, 3 } })

    assert.equal(3000, call.ms)
    assert.same({ { slept = 1 }, { slept = 2 }, { slept = 3 } }, call.value.results)
    assert.same({ "1>result", "2>result", "3>result", "result" }, { table.unpack(labels(call), #call.trail - 3) })
  end)

  it("tells the client its notes, and not how far it is", function()
    assert.equal("told", ask("noisy").value)
  end)
end)

describe("calls in calls", function()
  local function depth(n, wide)
    return kit:call("demo_deeper", { left = n, wide = wide })
  end

  it("go eight deep and no deeper", function()
    assert.is_true(depth(7).ok)
    assert.is_true(depth(7, true).ok)
    local call = depth(8)

    assert.equal("script_failed", call.error.code)
    assert.matches("ctx.call: demo_deeper is called by tools that call tools, 8 deep already", kit:log())
  end)

  it("that never end are found out at once", function()
    local call = kit:call "demo_forever"

    assert.same({ "script_failed", 0 }, { call.error.code, call.ms })
  end)

  it("use what their caller's slice may use", function()
    assert.equal("script_limit", kit:call("demo_busy").error.code)
    assert.equal("script_limit", kit:call("demo_burn_much").error.code)
    assert.is_true(kit:call("demo_burn_slowly").ok)
  end)
end)

-- A VM that is a little too small, at every size.
describe("when memory runs out", function()
  local MUCH = TOOLS .. [[
    local function big() return ("x"):rep(20000) end
    function handlers.big() return { big = big(), list = { big(), big() } } end
    function handlers.big_content() return { tide.content.text(big()), tide.content.text(big()) } end
    function handlers.big_error() return nil, tide.error("not_found", "no", { details = { big = big() } }) end
    function handlers.much(ctx)
      local list = { { big() }, big() }
      local results = tide.all {
        function() return ctx.call "big" end,
        function() return ctx.call "big_content" end,
        function() return select(2, ctx.call "big_error") end,
        function() return ctx.call("hand_on", { tool = "nap", args = { seconds = 1 } }) end,
        function() return ctx.call("ask", { tool = "item", args = { sku = big(), list = list } }) end,
      }
      return { #results }
    end
  ]]

  it("the call ends with an error, wherever it was, and nothing is left", function()
    local path = engine.write { tools = MUCH }
    local function open(bytes)
      return testing.new { scripts = path .. "/scripts", policies = path .. "/policies", script_bytes = bytes }
    end
    local own = open()
    local size, seen = own:memory(), {}
    own:close()

    for limit = size, size + 100000, 500 do
      local ok, small = pcall(open, limit)
      local code = "not loaded"
      if ok then
        local call = small:call "demo_much"
        code = call.ok and "ok" or call.error.code
        assert(small:quiet())
        small:close()
      end
      seen[code] = (seen[code] or 0) + 1
    end
    folder.remove(path)

    assert.is_true(seen.ok > 5 and seen.script_limit > 20)
    seen.ok, seen.script_limit, seen["not loaded"] = nil, nil, nil
    assert.same({}, seen)
  end)
end)

describe("a caller who leaves", function()
  it("takes the inner call along, at every moment", function()
    kit:upstream("* *", { delay_ms = 5, body_ms = 5, json = {} })
    for at = 0, 12 do
      local call = kit:start("demo_hand_on", { tool = "hand_on", args = { tool = "get" } })
      kit:advance(at)
      local ended = call.done
      call:cancel()

      assert.equal(ended and "nil" or "cancelled", tostring(call.error and call.error.code))
      assert(kit:quiet())
    end
  end)

  it("takes all of them along", function()
    local call = kit:start("demo_both", { seconds = { 1, 2, 3 } })
    kit:advance(1500)

    call:cancel()

    assert.equal("cancelled", call.error.code)
    assert(kit:quiet())
  end)

  it("is no failure of the service, but a deadline is what it is", function()
    kit:upstream("* *", { hang = true })
    local call = kit:call("demo_hand_on", { tool = "get" }, { deadline_ms = 2000 })

    assert.equal("timeout", call.error.code)
    local outcomes = {}
    for _, step in ipairs(call.trail) do
      if step.step == "answer" then outcomes[#outcomes + 1] = step.label .. " " .. step.code end
    end
    assert.same({ "timeout timeout" }, outcomes)
  end)

  it("leaves no memory behind, however often", function()
    local function round()
      for i = 1, 50 do
        kit:call("demo_hand_on", { tool = "item", args = { sku = "a" } })
        kit:call("demo_hand_on", { tool = "missing" })
        local call = kit:start("demo_both", { seconds = { 1, 2, 3 } })
        kit:advance(i * 50)
        call:cancel()
      end
      return kit:memory()
    end
    round()

    local before = round()
    assert.is_true(round() <= before + 1024)
  end)
end)
