--- Questions of a handler, in both eras: replayed (modern) and parked (legacy).

local engine = require "engine"

local TOOLS = [[
local str, int, bool, list = tide.schema.string, tide.schema.integer, tide.schema.boolean,
  tide.schema.list

local runs, drawn = 0, {}
function handlers.runs() return { runs = runs, drawn = drawn } end

function handlers.name(ctx)
  runs = runs + 1
  local answer, err = ctx.ask { message = "Who are you?", fields = { name = str { max = 5 } } }
  if not answer then return nil, err end
  return { action = answer.action, values = answer.values }
end

function handlers.confirm(ctx)
  local answer = assert(ctx.ask { message = "Delete it?", key = "sure" })
  if answer.action ~= "accept" then return { deleted = false } end
  return { deleted = assert(ctx.http:post("/delete")).status }
end

function handlers.three(ctx)
  local got = {}
  for i = 1, 3 do
    got[i] = assert(ctx.ask {
      message = "Number " .. i, fields = { n = int { min = 1, default = 7 } },
    }).values.n
  end
  return got
end

function handlers.both(ctx)
  local results, errors = tide.all {
    a = function() return ctx.ask { message = "A?", fields = { v = str() } } end,
    b = function() return ctx.ask { message = "B?", fields = { v = str() } } end,
  }
  if errors then return nil, errors.a or errors.b end
  return { a = results.a.values.v, b = results.b.values.v }
end

function handlers.alike(ctx)
  local names, asks = { "x", "x", "x_2", "ask_5", false, "x" }, {}
  for i, key in ipairs(names) do
    asks[i] = function()
      return ctx.ask { message = i .. "?", key = key or nil, fields = { v = str() } }
    end
  end
  local results = tide.all(asks)
  for i, answer in ipairs(results) do results[i] = answer.values.v end
  return results
end

function handlers.sure(ctx) return ctx.ask { message = "Sure?", key = "sure" }.action end
function handlers.very_sure(ctx)
  local first = assert(ctx.call "sure")
  return first .. " " .. ctx.ask { message = "Very?", key = "sure" }.action
end

function handlers.crossed(ctx)
  local results = tide.all {
    function() ctx.http:get("/slow") return ctx.ask { message = "1?", fields = { v = str() } } end,
    function() ctx.http:get("/fast") return ctx.ask { message = "2?", fields = { v = str() } } end,
  }
  return { results[1].values.v, results[2].values.v }
end

function handlers.act_first(ctx)
  assert(ctx.http:post("/pay"))
  return ctx.ask { message = "Was that right?" }.action
end
function handlers.act_safely(ctx)
  assert(ctx.http:post("/pay", { idempotent = true }))
  return ctx.ask { message = "Was that right?" }.action
end
function handlers.act_beside(ctx)
  local results, errors = tide.all {
    function() return ctx.ask { message = "May I?" }.action end,
    function() return ctx.http:post("/pay").status end,
  }
  return { results = results, error = errors and errors[2].code }
end
function handlers.act_in_vain(ctx)
  local _, err = ctx.http:post("/breaks")
  return ctx.ask { message = err and err.code or "?" }.action
end

function handlers.changing(ctx)
  while true do
    local answer, err = ctx.ask { message = "It is " .. math.random(1 << 30) }
    if not answer then return nil, err end
    return answer.action
  end
end

function handlers.chance(ctx)
  local a, b = tide.random(), tide.uuid()
  drawn[#drawn + 1] = a
  drawn[#drawn + 1] = b
  ctx.ask { message = "Go on?" }
  return { a, b, tide.random(1, 1000000), tide.uuid() }
end

function handlers.slow(ctx)
  tide.time.sleep(1)
  local before = ctx.deadline
  local answer, err = ctx.ask { message = "Take your time", timeout = 600 }
  return { before = before, after = ctx.deadline, answer = answer and answer.action,
           error = err and err.code }
end

function handlers.url(ctx)
  local answer = assert(ctx.ask { message = "Log in", url = "https://login.example/x" })
  ctx.asked(answer)
  return answer
end

function handlers.sample(ctx)
  local answer = assert(ctx.sample {
    messages = "What is the capital of France?", max_tokens = 10, system = "Be short.",
    prefer = { "claude", speed = 0.5 }, temperature = 0, stop = { "\n" },
  })
  return { text = answer.text, model = answer.model, blocks = #answer.content }
end
function handlers.talk(ctx)
  return assert(ctx.sample {
    messages = {
      "Hello", { role = "assistant", content = "Hi" },
      { role = "user", content = tide.content.text "Bye" },
    },
    tools = { { name = "add", about = "Adds.", args = { a = int() } } }, tool_choice = "auto",
  }).text
end
function handlers.same(ctx)
  local got = {}
  for i = 1, 3 do got[i] = ctx.ask({ message = "Same?", fields = { v = str() } }).values.v end
  return got
end
function handlers.outer(ctx)
  local inner = assert(ctx.call("name"))
  local mine = assert(ctx.ask { message = "And you?" })
  return { inner = inner.values.name, mine = mine.action }
end
function handlers.outer_acts(ctx)
  assert(ctx.call("pay"))
  return ctx.ask { message = "Was that right?" }.action
end
function handlers.pay(ctx) return ctx.http:post("/pay") end
handlers.helped = {
  run = function(ctx) return ctx.http:get("/down") end,
  fallback = function(ctx, _, err)
    return { err = err.code, action = ctx.ask { message = "It is down. Wait?" }.action }
  end,
}
function handlers.roots(ctx) return assert(ctx.roots()) end
function handlers.can(ctx)
  local can = {}
  for _, what in ipairs { "form", "url", "sample", "tools", "context", "roots" } do
    can[what] = ctx.can_ask(what)
  end
  return can
end

function handlers.fields(ctx)
  return ctx.ask { message = "All kinds", fields = {
    text = str { min = 2, pattern = "^%u" }, mail = str { format = "email" },
    one = str { "a", "b" }, many = list(str { "x", "y" }), yes = bool { default = true },
    titled = tide.schema.raw { type = "string", oneOf = { { const = "r", title = "Red" } } },
    shade = str { "l", "d", titles = { l = "Light" } },
    shades = list(str { enum = { "l" }, titles = { l = "Light" } }),
    named = tide.schema.raw { type = "string", enum = { "n" }, enumNames = { "North" } },
    count = int { min = 1, max = 9, optional = true },
  } }.values
end

local bad = {
  none = function(ctx) ctx.ask {} end,
  nested = function(ctx)
    ctx.ask { message = "x", fields = { o = tide.schema.object { fields = { a = str() } } } }
  end,
  numbers = function(ctx) ctx.ask { message = "x", fields = { n = int { 1, 2 } } } end,
  plain_list = function(ctx) ctx.ask { message = "x", fields = { n = list(str()) } } end,
  both = function(ctx) ctx.ask { message = "x", fields = {}, url = "https://a.example/" } end,
  http = function(ctx) ctx.ask { message = "x", url = "http://a.example/" } end,
  titles = function(ctx)
    ctx.ask { message = "x", fields = { n = str { "a", titles = { a = 1 } } } }
  end,
  untitled = function(ctx)
    ctx.ask { message = "x", fields = { n = str { titles = { a = "A" } } } }
  end,
  word = function(ctx) ctx.ask { message = "x", fields = { n = str } } end,
  key = function(ctx) ctx.ask { message = "x", key = "a b" } end,
  timeout = function(ctx) ctx.ask { message = "x", timeout = 3601 } end,
  unknown = function(ctx) ctx.ask { message = "x", filds = {} } end,
  messages = function(ctx) ctx.sample { max_tokens = 3 } end,
  role = function(ctx) ctx.sample { messages = { { role = "system", content = "x" } } } end,
}
handlers.bad = { args = { what = str() }, run = function(ctx, args) bad[args.what](ctx) end }

function handlers.many(ctx)
  local fns = {}
  for i = 1, 17 do fns[i] = function() return ctx.ask { message = tostring(i) }.action end end
  local results, errors = tide.all(fns)
  return { asked = #results, error = errors and errors[17] and errors[17].code }
end
]]

local kit

before_each(function() kit = engine { tools = TOOLS } end)
after_each(function() kit:close() end)

for _, era in ipairs { "modern", "legacy" } do
  describe("a question (" .. era .. ")", function()
    local function call(tool, args, options)
      options = options or {}
      options.era = era
      return kit:call("demo_" .. tool, args, options)
    end

    it("is one straight line: the answer is its value", function()
      kit:answer { values = { name = "Ada" } }

      local done = call "name"

      assert.same({ action = "accept", values = { name = "Ada" } }, done.value)
      local asked = kit:questions()
      assert.equal(1, #asked)
      assert.same({ "form", "Who are you?", 5 },
        { asked[1].kind, asked[1].message, asked[1].fields.properties.name.maxLength })
      assert.is_true(kit:quiet())
    end)

    it("may be declined or dismissed", function()
      kit:answer("decline", "cancel")

      assert.same({ action = "decline" }, call "name".value)
      assert.same({ action = "cancel" }, call "name".value)
    end)

    it("comes before the act, which happens once", function()
      kit:upstream("POST *", { status = 201, json = {} })
      kit:answer("decline", "accept")

      assert.same({ deleted = false }, call "confirm".value)
      assert.same({ deleted = 201 }, call "confirm".value)
      assert.equal(1, #kit:requests())
      assert.equal("sure", kit:questions()[1].key)
    end)

    it("may be followed by others, and defaults are filled in", function()
      kit:answer({ values = { n = 1 } }, { values = {} }, { values = { n = 3 } })

      assert.same({ 1, 7, 3 }, call "three".value)
      assert.equal(3, #kit:questions())
    end)

    it("may be asked again, and has another answer then", function()
      kit:answer({ values = { v = "a" } }, { values = { v = "b" } }, { values = { v = "c" } })

      assert.same({ "a", "b", "c" }, call "same".value)
    end)

    it("may be asked beside another", function()
      kit:answer(function(q) return { values = { v = "to " .. q.message } } end)

      assert.same({ a = "to A?", b = "to B?" }, call "both".value)
      assert.equal(2, #kit:questions())
    end)

    it("gets its own answer, whatever names they have", function()
      kit:answer(function(q) return { values = { v = q.key .. q.message } } end)

      assert.same({ "x1?", "x_22?", "x_2_23?", "ask_54?", "ask_65?", "x_36?" }, call "alike".value)
    end)

    it("has a name of its own after those of a tool that was called", function()
      kit:answer("accept", "decline")

      assert.equal("accept decline", call "very_sure".value)
      assert.same({ "sure", "sure_2" }, { kit:questions()[1].key, kit:questions()[2].key })
    end)

    it("gets its own answer, in whatever order they are asked", function()
      kit:upstream("GET */slow", { delay_ms = 900, json = {} }, { delay_ms = 100, json = {} })
      kit:upstream("GET */fast", { delay_ms = 300, json = {} }, { delay_ms = 500, json = {} })
      kit:answer(function(q) return { values = { v = "to " .. q.message } } end)

      assert.same({ "to 1?", "to 2?" }, call "crossed".value)
    end)

    it("may not come after an act that must not be repeated", function()
      kit:upstream("POST *", { json = {} })

      local done = call "act_first"

      assert.equal("script_failed", done.error.code)
      assert.matches("ctx.ask: ask first, then act", kit:log(), 1, true)
      assert.equal(1, #kit:requests())
      assert.equal(0, #kit:questions())
    end)

    it("may come after a request that may be repeated", function()
      kit:upstream("POST *", { json = {} })
      kit:answer "accept"

      assert.equal("accept", call "act_safely".value)
    end)

    it("may come after a request that was never sent", function()
      kit:upstream("POST *", { fail = "refused", sent = false })
      kit:answer "accept"

      assert.equal("accept", call "act_in_vain".value)
    end)

    it("keeps the act waiting that is begun beside it", function()
      kit:upstream("POST *", { json = {} })
      kit:answer "accept"

      local done = call "act_beside"

      assert.equal("script_failed", done.ok and done.value.error or done.error.code)
      assert.equal(0, #kit:requests())
    end)

    it("does not use up the call's time", function()
      kit:answer "accept"

      local value = call "slow".value

      assert.equal("accept", value.answer)
      assert.equal(value.before, value.after)
    end)

    it("that cannot be asked says what the client lacks", function()
      local done = call("name", nil, { client = { "sample" } })

      assert.equal("unsupported", done.error.code)
      assert.equal("the client cannot do what is needed: elicitation by form",
        done.error.message)
      assert.equal(0, #kit:questions())
    end)

    it("with a url says whether the user agreed to open it", function()
      kit:answer "accept"

      local done = call "url"

      assert.same({ action = "accept", key = "ask_1" }, done.value)
      assert.equal("https://login.example/x", kit:questions()[1].url)
    end)

    it("may be one to the client's model", function()
      kit:answer { text = "Paris", model = "m-1" }

      assert.same({ text = "Paris", model = "m-1", blocks = 1 }, call "sample".value)
      assert.same({
        maxTokens = 10, systemPrompt = "Be short.", temperature = 0, stopSequences = { "\n" },
        messages = {
          { role = "user", content = { type = "text", text = "What is the capital of France?" } },
        },
        modelPreferences = { hints = { { name = "claude" } }, speedPriority = 0.5 },
      }, kit:questions()[1].params)
    end)

    it("to the model may be a conversation, with tools", function()
      kit:answer { content = { { type = "text", text = "a" }, { type = "text", text = "b" } } }

      assert.equal("ab", call "talk".value)
      local params = kit:questions()[1].params
      assert.same({ "user", "assistant", "user" },
        { params.messages[1].role, params.messages[2].role, params.messages[3].role })
      assert.equal("Bye", params.messages[3].content.text)
      assert.same({ mode = "auto" }, params.toolChoice)
      assert.equal("integer", params.tools[1].inputSchema.properties.a.type)
    end)

    it("to the model with tools needs a client that has them", function()
      assert.equal("unsupported", call("talk", nil, { client = { "sample" } }).error.code)
    end)

    it("may be one for the client's folders", function()
      kit:answer { roots = { { uri = "file:///home/ada", name = "Home" } } }

      assert.same({ { uri = "file:///home/ada", name = "Home" } }, call "roots".value)
    end)

    it("is put to the client as clients know forms", function()
      kit:answer { values = {
        text = "Xy", mail = "a@b.example", one = "a", many = { "x" }, titled = "r", named = "n",
        shade = "d", shades = { "l" },
      } }

      local done = call "fields"

      assert.same({
        text = "Xy", mail = "a@b.example", one = "a", many = { "x" }, titled = "r", named = "n",
        shade = "d", shades = { "l" }, yes = true,
      }, done.value)
      assert.same({
        type = "object", required = {
          "mail", "many", "named", "one", "shade", "shades", "text", "titled",
        },
        properties = {
          shade = {
            type = "string",
            oneOf = { { const = "l", title = "Light" }, { const = "d", title = "d" } },
          },
          shades = { type = "array", items = { anyOf = { { const = "l", title = "Light" } } } },
          text = { type = "string", minLength = 2 },
          mail = { type = "string", format = "email" },
          one = { type = "string", enum = { "a", "b" } },
          many = { type = "array", items = { type = "string", enum = { "x", "y" } } },
          yes = { type = "boolean", default = true },
          titled = { type = "string", oneOf = { { const = "r", title = "Red" } } },
          named = { type = "string", enum = { "n" }, enumNames = { "North" } },
          count = { type = "integer", minimum = 1, maximum = 9 },
        },
      }, kit:questions()[1].fields)
    end)

    it("that is none is a mistake of the script", function()
      for what, said in pairs {
        none = "message is a text", nested = "fields.o: a form has texts",
        numbers = "fields.n: a choice is of texts", plain_list = "fields.n: a list must be of",
        both = "fields or url, not both", http = "url must begin with https://",
        word = "fields.n: expected a word",
        titles = "fields.n.titles: expected a table of titles",
        untitled = "fields.n.titles: expected a table of titles", key = "key is a name",
        timeout = "timeout is 1 to 3600",
        unknown = "filds", messages = "messages is a text, or a list",
        role = "role is user or assistant",
      } do
        kit:clear()
        assert.equal("script_failed", call("bad", { what = what }).error.code, what)
        assert.matches(said, kit:log(), 1, true)
      end
    end)

    it("is one of at most sixteen that are open", function()
      kit:answer "accept"

      local done = call "many"

      assert.equal("script_failed", done.ok and done.value.error or done.error.code)
    end)

    it("that the client leaves leaves nothing behind", function()
      local running = kit:start("demo_name", nil, { era = era })
      running:cancel()
      assert.equal("cancelled", running.error.code)
      assert.is_true(kit:quiet())
    end)

    it("can be asked only if the client can", function()
      assert.same({
        form = true, url = false, sample = true, tools = false, context = false, roots = false,
      }, call("can", nil, { client = { "form", "sample" } }).value)
    end)

    it("may be asked by a tool that another one calls", function()
      kit:answer({ values = { name = "Ada" } }, "accept")

      assert.same({ inner = "Ada", mine = "accept" }, call "outer".value)
      assert.same({ "Who are you?", "And you?" },
        { kit:questions()[1].message, kit:questions()[2].message })
    end)

    it("may not come after the act of a tool that was called", function()
      kit:upstream("POST *", { json = {} })

      assert.equal("script_failed", call "outer_acts".error.code)
      assert.equal(1, #kit:requests())
    end)

    it("may be asked by a fallback", function()
      kit:upstream("GET *", { status = 503 })
      kit:answer "accept"

      assert.same({ err = "upstream_error", action = "accept" }, call "helped".value)
    end)

    it("shows in the trail", function()
      kit:answer { values = { name = "Ada" } }
      local said = call "name":explain()
      assert.matches("ask +ask_1", said)
      assert.matches("answered +0 ms +ask_1", said)
    end)
  end)
end

describe("a handler that is replayed", function()
  it("runs from its beginning, and draws the same", function()
    kit:answer "accept"

    local done = kit:call "demo_chance"

    local drawn = kit:call "demo_runs".value.drawn
    assert.equal(4, #drawn)
    assert.same({ drawn[1], drawn[2] }, { drawn[3], drawn[4] })
    assert.same({ drawn[1], drawn[2] }, { done.value[1], done.value[2] })
    assert.not_equal(done.value[2], done.value[4])
  end)

  it("is asked the same again when the answer does not fit", function()
    kit:answer({ values = { name = "much too long" } }, { raw = { action = "perhaps" } },
      { raw = "[]" }, { values = {} }, { values = { name = "Ada" } })

    assert.same({ name = "Ada" }, kit:call "demo_name".value.values)
    assert.equal(5, #kit:questions())
    assert.equal(6, kit:call "demo_runs".value.runs)
  end)

  it("is told of an answer that nobody can give", function()
    kit:answer "acept"

    assert.has_error(function() kit:call "demo_name" end,
      "an answer: an action is accept, decline or cancel, not acept")
  end)

  it("gives up when its question reads otherwise each time", function()
    kit:answer "accept"

    local done = kit:call "demo_changing"

    assert.equal("script_limit", done.error.code)
    assert.matches("must read the same each time, and its answer fit the form", done.error.message)
    assert.equal(10, #kit:questions())
  end)
end)

describe("a call that waits for its answer", function()
  local legacy = { era = "legacy" }

  it("is not run again", function()
    kit:answer { values = { name = "Ada" } }
    kit:call("demo_name", nil, legacy)
    assert.equal(1, kit:call "demo_runs".value.runs)
  end)

  it("gets an error for an answer that does not fit", function()
    kit:answer { values = { name = "much too long" } }

    local done = kit:call("demo_name", nil, legacy)

    assert.equal("bad_response", done.error.code)
    assert.matches("name must have at most 5", done.error.message)
  end)

  it("waits as long as the question says, whatever its deadline", function()
    local done = kit:call("demo_slow", nil, legacy)

    assert.equal("timeout", done.value.error)
    assert.equal(601000, done.ms)
    assert.equal(done.value.before, done.value.after)
    assert.is_true(kit:quiet())
  end)
end)

describe("without memory", function()
  local fail_after = debug.getregistry()["tidegate.testing.fail_after"]

  -- Whichever allocation fails, the call ends and leaves nothing behind.
  local function sweep(tool, options)
    for n = 0, 2000 do
      kit:clear()
      kit:upstream("POST *", { json = {} })
      kit:answer(function(q)
        if q.kind == "sample" then return { text = "x" } end
        local values = {}
        for name, field in pairs(q.fields.properties) do
          values[name] = field.type == "integer" and 1 or "x"
        end
        return { values = values }
      end)
      local call
      fail_after(n)
      local ok, why = pcall(function()
        call = kit:start("demo_" .. tool, nil, options)
        call:wait()
      end)
      local fired = fail_after()
      -- The kit itself may have had none.
      assert.is_true(ok or not call or why:find("memory", 1, true) ~= nil, why)
      if call then assert.same({ true, true }, { call.done, kit:quiet() }) end
      if not fired then
        assert.is_true(call.ok)
        return n
      end
    end
    error "it never ends"
  end

  for _, case in ipairs { "three modern", "both modern", "both legacy", "talk legacy" } do
    it("the call ends: " .. case, function()
      local tool, era = case:match "(%w+) (%w+)"
      assert.is_true(sweep(tool, { era = era }) > 20)
    end)
  end
end)
