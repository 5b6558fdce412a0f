-- Questions to clients: sealed states in the modern era, requests in legacy.
local T = require "T"
local mcp = require "mcp"

local FORM = '{"message":"Who?","mode":"form","requestedSchema":{"type":"object","properties":'
  .. '{"name":{"type":"string"}},"required":["name"]}}'
local FIELDS = '{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}'

local function form(more)
  local q = { kind = "form", key = "who", params = FORM, fields = FIELDS }
  for name, value in pairs(more or {}) do q[name] = value end
  return q
end

local function accept(name) return { action = "accept", content = { name = name } } end

describe("a modern question", function()
  local world

  local function request(more, arguments)
    local r = mcp.modern("tools/call", { arguments = arguments or { a = 1 } }, "demo_add")
    mcp.meta(r, "clientCapabilities",
      { elicitation = { form = {} }, sampling = {}, roots = {} })
    for name, value in pairs(more or {}) do r.message.params[name] = value end
    return r
  end

  before_each(function() world = mcp.world() end)

  -- Calls, has the handler ask, and lets the turn end: the answer's result.
  local function ask(more, question, on)
    on = on or world
    local handle = mcp.begin(on, request(more))
    assert(on:put(on:calls(), question or form()))
    on:pass(0)
    local a = mcp.read(handle)
    assert.is_true(a.ended)
    return a.json.result, a
  end

  local function retry(state, responses, on, arguments)
    return mcp.begin(on or world,
      request({ requestState = state, inputResponses = responses }, arguments))
  end

  it("ends the request with input_required", function()
    local result, answer = ask()

    assert.equal(200, answer.status)
    assert.equal("input_required", result.resultType)
    assert.equal("elicitation/create", result.inputRequests.who.method)
    assert.equal("Who?", result.inputRequests.who.params.message)
    assert.equal("string", type(result.requestState))
    assert.equal("tide\"gate", result._meta["io.modelcontextprotocol/serverInfo"].name)
    assert.is_nil(result.ttlMs)
  end)

  it("is answered in the retry, at any replica that has the key", function()
    local result = ask()
    local other = mcp.world()

    retry(result.requestState, { who = accept "Ada" }, other)
    local question = assert(other:put(1, form()))

    assert.same({ "ok", false }, { other:question(question).code, other:question(question).open })
    assert.same({ action = "accept", content = { name = "Ada" } },
      require "cjson".decode(other:question(question).answer))
  end)

  it("goes with others that are asked in the same turn", function()
    local handle = mcp.begin(world, request())
    world:put(1, form())
    world:put(1, form { kind = "roots", key = "roots", params = "{}" })
    world:put(1, form { kind = "sample", key = "model", params = '{"maxTokens":1,"messages":[]}' })
    world:pass(0)

    local asked = mcp.read(handle).json.result.inputRequests
    assert.same({ "elicitation/create", "roots/list", "sampling/createMessage" },
      { asked.who.method, asked.roots.method, asked.model.method })
  end)

  it("is asked again when it was not answered, or not so that it fits", function()
    local state = ask().requestState
    for _, responses in ipairs {
      {}, { else_ = accept "Ada" }, { who = 12345 }, { who = accept(7) }, { who = { action = "?" } },
      { who = { action = "accept", content = {} } }, { who = mcp.null },
    } do
      local result = ask { requestState = state, inputResponses = responses }
      assert.equal("input_required", result.resultType)
      assert.is_truthy(result.inputRequests.who)
    end
  end)

  it("keeps what was answered in earlier rounds", function()
    local first = ask().requestState
    local handle = retry(first, { who = accept "Ada" })
    assert(world:question(assert(world:put(2, form()))).code == "ok")
    world:put(2, form { key = "again", params = FORM:gsub("Who", "Again") })
    world:pass(0)
    local result = mcp.read(handle).json.result
    assert.is_nil(result.inputRequests.who)
    assert.not_equal(first, result.requestState)

    retry(result.requestState, { again = accept "Bob" })
    local one = world:question(assert(world:put(3, form())))
    local two = world:question(assert(world:put(3, form { params = FORM:gsub("Who", "Again") })))
    assert.matches("Ada", one.answer)
    assert.matches("Bob", two.answer)
  end)

  it("is not answered by what was said to another one", function()
    local state = ask().requestState
    retry(state, { who = accept "Ada" })

    local question = world:put(2, form { params = FORM:gsub("Who", "Whom") })

    assert.is_true(world:question(question).open)
  end)

  it("needs no memory of the first request: its spelling may differ", function()
    local state = ask(nil, nil).requestState
    local r = request { requestState = state, inputResponses = { who = accept "Ada" } }
    r.body = mcp.encode(r.message):gsub('"arguments":{"a":1}', '"arguments" : { "\\u0061" : 1 }')
    r.message = nil

    mcp.begin(world, r)

    assert.equal("ok", world:question(assert(world:put(2, form()))).code)
  end)

  describe("with a state", function()
    local function verdict(state, responses, arguments)
      local a = mcp.read(retry(state, responses or { who = accept "Ada" }, world, arguments))
      return a.code and a.status .. " " .. a.code
    end

    it("that is changed, cut or made up is refused", function()
      local state = ask().requestState
      for _, forged in ipairs {
        state .. "-TAMPERED", state:sub(1, -2), state:sub(2), "", "x", state:upper(),
        state:sub(1, 40) .. (state:sub(41, 41) == "A" and "B" or "A") .. state:sub(42),
        ("A"):rep(200000), 7, mcp.null, { state },
      } do
        assert.equal("200 -32602", verdict(forged))
      end
      assert.equal(1, world:calls())
    end)

    it("of a session, or of another release, is refused", function()
      assert.equal("200 -32602", verdict(mcp.session(world)))
    end)

    it("for other arguments, or another tool or method, is refused", function()
      local state = ask().requestState
      assert.equal("200 -32602", verdict(state, nil, { a = 2 }))
      assert.equal("200 -32602", verdict(state, nil, { a = 1, b = 1 }))
      local r = request { requestState = state }
      r.message.params.name, r.headers["mcp-name"] = "demo_list", "demo_list"
      assert.equal("200 -32602", mcp.verdict(world, r))
      assert.equal(1, world:calls())
    end)

    it("that has expired is refused", function()
      local state = ask(nil, form { timeout = 60 }).requestState
      world:pass(59)
      mcp.begin(world, request { requestState = state })
      assert.equal(2, world:calls())
      world:pass(2)
      assert.equal("200 -32602", verdict(state))
    end)

    it("of another principal is refused", function()
      local params = '{"name":"demo_add","arguments":{"a":1}}'
      local soon = 1790000000000 + 60000
      mcp.begin(world, request { requestState = world:state("anonymous", params, soon) })
      assert.equal(1, world:calls())
      assert.equal("200 -32602", verdict(world:state("eve", params, soon)))
      assert.equal("200 -32602", verdict(world:state("", params, soon)))
      assert.equal("200 -32602", verdict(world:state("anonymous", '{"name":"demo_add"}', soon)))
    end)

    it("and no object of answers is refused", function()
      assert.equal("200 -32602", verdict(ask().requestState, { 1 }))
      assert.equal("200 -32602", verdict(ask().requestState, "who"))
    end)

    it("acts once, in whatever worker", function()
      local state = ask().requestState
      local other = mcp.world { shared = world }
      retry(state, { who = accept "Ada" })
      retry(state, { who = accept "Ada" }, other)
      mcp.begin(world, request())

      assert.is_true(world:claim(2))
      assert.is_true(world:claim(2))
      assert.is_false(other:claim(1))
      assert.is_true(world:claim(3))
    end)
  end)

  it("that was answered without being asked takes the answer if it has a name", function()
    mcp.begin(world, request { inputResponses = { who = accept "Ada" } })
    assert.is_true(world:question(world:put(1, form())).open)
    assert.equal("ok", world:question(world:put(1, form { named = true })).code)
  end)

  it("is asked at most ten times", function()
    local state
    for round = 1, 10 do
      state = ask({ requestState = state }, form { params = FORM:gsub("Who", "Who" .. round) })
        .requestState
    end
    retry(state)
    local number, why = world:put(world:calls(), form { params = FORM:gsub("Who", "Who11") })
    assert.is_nil(number)
    assert.matches("again and again", why)
  end)

  it("whose answers are too long to be kept ends the call with an error", function()
    local state = ask().requestState
    local handle = retry(state, { who = accept(("x"):rep(70000)) })
    assert.equal("ok", world:question(assert(world:put(2, form()))).code)
    world:put(2, form { params = FORM:gsub("Who", "More") })
    world:pass(0)

    local result = mcp.read(handle).json.result
    assert.is_true(result.isError)
    assert.matches("too long to be kept", result.content[1].text)
  end)

  it("that the client cannot be asked is -32021, with what it lacks", function()
    local handle = mcp.begin(world, mcp.modern("tools/call", {}, "demo_add"))
    assert.is_nil(world:put(1, form()))
    world:finish(1, { form = "error", code = "unsupported", message = "it cannot", lacked = 1 | 8 })

    local a = mcp.read(handle)
    assert.same({ 400, -32021 }, { a.status, a.code })
    assert.same({ elicitation = { form = {} }, sampling = { tools = {} } },
      a.json.error.data.requiredCapabilities)
  end)

  it("may be put by resources and prompts, not by completions", function()
    local with = mcp.world { resources = { "x://1" } }
    local r = mcp.modern("resources/read", { uri = "x://1" })
    r.headers["mcp-name"] = "x://1"
    mcp.meta(r, "clientCapabilities", { elicitation = {} })
    local handle = mcp.begin(with, r)
    assert(with:put(1, form()))
    with:pass(0)
    local result = mcp.read(handle).json.result
    assert.equal("input_required", result.resultType)
    assert.is_nil(result.cacheScope)
  end)

  it("is dropped when the client leaves", function()
    local handle = mcp.begin(world, request())
    world:put(1, form())
    handle:leave()
    world:pass(1)
    assert.same({ "client", false }, { world:call(1).cancelled_by, world:question(1).open })
  end)

  it("is asked, or the call fails, whichever allocation fails", function()
    local state = ask().requestState
    for n = 0, 60 do
      local r = request { requestState = state, inputResponses = { who = accept "Ada" } }
      r.fail_after = n
      local handle = mcp.begin(world, r)
      local a = mcp.read(handle)
      if not a.ended then
        local call = world:calls()
        world:put(call, form())
        if world:put(call, form { params = FORM:gsub("Who", "Then") }) then world:pass(0, n) end
        if world:call(call).running then world:finish(call, { form = "text", body = "x" }) end
        a = mcp.read(handle)
      end
      assert.is_true(a.ended)
      world = world:calls() > 50 and mcp.world() or world
    end
  end)

  it("has one digest for one request", function()
    local digest = T.mcp.digest
    local one = digest("tools/call", '{"name":"a","arguments":{"x":[1,{"y":"é"}],"z":null}}')
    for _, same in ipairs {
      '{"arguments":{"z":null,"x":[1,{"y":"\\u00e9"}]},"name":"a"}',
      ' { "name" : "a", "_meta":{"p":1}, "arguments":{"x":[ 1 ,{"y":"é"}],"z":null} }',
      '{"name":"a","arguments":{"x":[1,{"y":"é"}],"z":null},"requestState":"s","inputResponses":{}}',
    } do
      assert.equal(one, digest("tools/call", same))
    end
    for _, another in ipairs {
      '{"name":"a","arguments":{"x":[1,{"y":"e"}],"z":null}}', '{"name":"a"}',
      '{"name":"a","arguments":{"x":[1,{"y":"é"}]}}', '{"name":"b","arguments":{}}',
      '{"name":"a","arguments":{"x":[1,{"y":"é","_meta":1}],"z":null}}',
    } do
      assert.not_equal(one, digest("tools/call", another))
    end
    assert.not_equal(one, digest("prompts/get", '{"name":"a","arguments":{"x":[1,{"y":"é"}],"z":null}}'))
  end)
end)

describe("a legacy question", function()
  local json = require "cjson"
  local world, session

  local function begin(on, version, capabilities)
    local r = mcp.initialize(version)
    r.message.params.capabilities = capabilities
      or { elicitation = { form = {}, url = {} }, sampling = {}, roots = {} }
    session = mcp.send(on, r).headers["mcp-session-id"]
    return mcp.begin(on, mcp.legacy("tools/call", { name = "demo_add", arguments = {} }, session))
  end

  -- The messages on the stream so far.
  local function events(handle)
    local list = {}
    for data in mcp.read(handle).body:gmatch "data: ?(%b{})\n" do
      list[#list + 1] = json.decode(data)
    end
    return list
  end

  local function respond(on, id, result, error)
    local r = mcp.legacy("x", nil, session)
    r.message = { jsonrpc = "2.0", id = id, result = result, error = error }
    return mcp.verdict(on, r)
  end

  before_each(function() world = mcp.world { mailbox = true } end)

  it("is a request on the call's own stream", function()
    local handle = begin(world)
    local question = world:put(1, form())

    local asked = events(handle)[1]
    assert.same({ "elicitation/create", "Who?", "form" },
      { asked.method, asked.params.message, asked.params.mode })
    assert.is_true(#asked.id > 20)

    assert.equal("202", respond(world, asked.id, accept "Ada"))
    world:pass(0)
    assert.same({ false, "ok" }, { world:question(question).open, world:question(question).code })
    world:finish(1, { form = "text", body = "done" })
    local said = events(handle)
    assert.equal("done", said[#said].result.content[1].text)
  end)

  it("is answered at any worker", function()
    local other = mcp.world { mailbox = true, shared = world }
    local handle = begin(world)
    local question = world:put(1, form())

    assert.equal("202", respond(other, events(handle)[1].id, accept "Ada"))
    assert.is_true(world:question(question).open)
    world:pass(0)

    assert.equal("ok", world:question(question).code)
  end)

  it("is answered once; what else comes disturbs nobody", function()
    local handle = begin(world)
    local question = world:put(1, form())
    local id = events(handle)[1].id

    for _, strange in ipairs { "never asked", 0, "", -1, id:sub(2) } do
      assert.equal("202", respond(world, strange, accept "Eve"))
    end
    world:pass(0)
    assert.is_true(world:question(question).open)
    assert.equal("202", respond(world, id, accept "Ada"))
    assert.equal("202", respond(world, id, accept "Bob"))
    world:pass(0)
    assert.equal("202", respond(world, id, accept "Eve"))
    world:pass(0)

    assert.matches("Ada", world:question(question).answer)
  end)

  it("may be answered in a batch, where there are batches", function()
    local handle = begin(world, "2025-03-26")
    local one = world:put(1, form { kind = "roots", params = "{}" })
    local two = world:put(1, form { kind = "roots", params = "{ }" })
    local said = events(handle)
    local r = mcp.legacy("x", nil, session)
    r.message = {
      { jsonrpc = "2.0", id = said[2].id, result = { roots = { { uri = "two" } } } },
      { jsonrpc = "2.0", id = said[1].id, result = { roots = { { uri = "one" } } } },
    }

    assert.equal("202", mcp.verdict(world, r))
    world:pass(0)

    assert.matches("one", world:question(one).answer)
    assert.matches("two", world:question(two).answer)
  end)

  it("is not answered by a response of the modern era, which has none", function()
    local handle = begin(world)
    world:put(1, form())
    local r = mcp.legacy("x", nil, session)
    r.headers["mcp-protocol-version"] = mcp.MODERN
    r.message = { jsonrpc = "2.0", id = events(handle)[1].id, result = accept "Eve" }

    assert.equal("400 -32600", mcp.verdict(world, r))
    world:pass(0)

    assert.is_true(world:question(1).open)
  end)

  it("is not answered from another session", function()
    local handle = begin(world)
    local question = world:put(1, form())
    session = mcp.session(world)

    respond(world, events(handle)[1].id, accept "Eve")
    world:pass(0)

    assert.is_true(world:question(question).open)
  end)

  it("without a session, or with one that has ended, is 404 or nobody's", function()
    local handle = begin(world)
    world:put(1, form())
    local id = events(handle)[1].id
    session = "forged"
    assert.equal("404 -32001", respond(world, id, accept "Eve"))
    session = nil
    assert.equal("202", respond(world, id, accept "Eve"))
    world:pass(0)
    assert.is_true(world:question(1).open)
  end)

  it("that is answered wrongly ends with an error", function()
    for _, wrong in ipairs {
      { action = "perhaps" }, accept(7), { action = "accept", content = 3 }, {}, "Ada",
    } do
      local handle = begin(world)
      local question = world:put(world:calls(), form())
      respond(world, events(handle)[1].id, wrong)
      world:pass(0)
      assert.equal("bad_response", world:question(question).code)
    end
  end)

  it("that the user or the client refuses ends with an error", function()
    local function code_of(error)
      local handle = begin(world)
      local question = world:put(world:calls(), form())
      respond(world, events(handle)[1].id, nil, error)
      world:pass(0)
      return world:question(question).code, world:question(question).message
    end

    assert.same({ "forbidden", "the user said no: User rejected sampling request" },
      { code_of { code = -1, message = "User rejected sampling request" } })
    assert.equal("bad_response", (code_of { code = -32601, message = "Method not found" }))
    assert.equal("bad_response", (code_of { code = "x" }))
  end)

  it("ends with an error whatever shape the answer has", function()
    local odd = {
      '"result":5', '"result":null', '"result":[]', '"result":"x"', '"result":{"action":{}}',
      '"result":{"action":"accept","content":[]}', '"result":{"action":"accept","content":{"name":null}}',
      '"error":"no"', '"error":[]', '"error":7', '"error":{"code":1.5,"message":{}}',
      '"error":{"message":"' .. ("é"):rep(150) .. '"}', '"error":{"message":"x' .. ("é"):rep(150) .. '"}',
    }
    for _, version in ipairs { "2025-06-18", "2025-11-25" } do
      for i, text in ipairs(odd) do
        local handle = begin(world, version)
        local question = world:put(world:calls(), form())
        local r = mcp.legacy("x", nil, session)
        r.body = ('{"jsonrpc":"2.0","id":"%s",%s}'):format(events(handle)[1].id, text)
        assert.equal("202", mcp.verdict(world, r))
        world:pass(0)

        local q = world:question(question)
        assert.equal("bad_response", q.code, text)
        assert.truthy(i < 8 or utf8.len(q.message))
      end
    end
  end)

  it("that takes too long is cancelled", function()
    local handle = begin(world)
    local question = world:put(1, form())
    world:give_up(question)

    local said = events(handle)
    assert.same({ "notifications/cancelled", said[1].id, "nobody answered in time" },
      { said[2].method, said[2].params.requestId, said[2].params.reason })
    assert.equal("202", respond(world, said[1].id, accept "late"))
  end)

  it("is put only to a client that can be asked and reached", function()
    local function can(version, capabilities, kind)
      begin(world, version, capabilities)
      return world:put(world:calls(), form { kind = kind }) ~= nil
    end
    local all = { elicitation = { form = {}, url = {} }, sampling = {}, roots = {} }

    assert.is_true(can("2025-06-18", all, "form"))
    assert.is_false(can("2025-03-26", all, "form"))
    assert.is_true(can("2025-11-25", { elicitation = {} }, "form"))
    assert.is_false(can("2025-11-25", { elicitation = {} }, "url"))
    assert.is_false(can("2025-06-18", all, "url"))
    assert.is_true(can("2024-11-05", all, "sample"))
    assert.is_true(can("2024-11-05", all, "roots"))
    assert.is_false(can("2025-11-25", {}, "roots"))
    mcp.begin(world, mcp.legacy("tools/call", { name = "demo_add" }))
    assert.is_nil(world:put(world:calls(), form()))
  end)

  it("ends as an honest error where it cannot be asked", function()
    local handle = begin(world, nil, {})
    world:finish(1, { form = "error", code = "unsupported", lacked = 1,
      message = "the client cannot do what is needed: elicitation by form" })
    local result = mcp.read(handle).json.result
    assert.is_true(result.isError)
    assert.matches("elicitation by form", result.content[1].text)
  end)

  it("is dropped when the client cancels", function()
    local handle = begin(world)
    world:put(1, form())
    mcp.send(world, mcp.notification(mcp.legacy("notifications/cancelled", { requestId = 7 }, session)))
    world:pass(0)

    assert.same({ "client", false }, { world:call(1).cancelled_by, world:question(1).open })
    assert.equal(1, #events(handle))
  end)

  it("is dropped at once when a client leaves that cannot come back", function()
    local handle = begin(world, "2024-11-05")
    assert(world:put(1, form { kind = "roots", params = "{}" }))
    handle:leave()
    assert.same({ "client", false }, { world:call(1).cancelled_by, world:question(1).open })
  end)

  it("waits for a client that can, and is asked no more when it does not", function()
    world = mcp.world { mailbox = true, resume_ms = 5000 }
    local handle = begin(world)
    world:put(1, form())
    handle:leave()
    world:pass(4)
    assert.is_true(world:question(1).open)
    world:pass(2)
    assert.same({ "client", false }, { world:call(1).cancelled_by, world:question(1).open })
  end)

  it("with a url has an id, and the client hears when it is done", function()
    local handle = begin(world)
    world:put(1, form { kind = "url", params = '{"message":"Log in","mode":"url","url":"https://a/"}' })

    local asked = events(handle)[1]
    assert.same({ "url", "https://a/", asked.id },
      { asked.params.mode, asked.params.url, asked.params.elicitationId })
  end)

  it("is asked in a form that an old revision knows", function()
    local handle = begin(world, "2025-06-18")
    local fields = [[{"type":"object","properties":{
      "color":{"type":"string","default":"r","oneOf":[{"const":"r","title":"Red"},{"const":"g","title":"Green"}]},
      "many":{"type":"array","title":"Many","description":"Some","items":{"type":"string","enum":["a","b"]}},
      "titled":{"type":"array","items":{"anyOf":[{"const":"x","title":"X"},{"const":"y","title":"Y"}]}},
      "yes":{"type":"boolean","default":true},"age":{"type":"integer","minimum":1,"default":3}},
      "required":["color"]}]]
    fields = fields:gsub("\n *", "")
    local question = world:put(1, form {
      params = '{"message":"Which?","mode":"form","requestedSchema":' .. fields .. "}", fields = fields,
    })

    local asked = events(handle)[1]
    assert.is_nil(asked.params.mode)
    assert.same({
      color = { type = "string", enum = { "r", "g" }, enumNames = { "Red", "Green" } },
      many = { type = "string", title = "Many", description = "Some (any of: a, b; separated by commas)" },
      titled = { type = "string", description = "(any of: x, y; separated by commas)" },
      yes = { type = "boolean", default = true }, age = { type = "integer", minimum = 1 },
    }, asked.params.requestedSchema.properties)
    assert.same({ "color" }, asked.params.requestedSchema.required)

    respond(world, asked.id, {
      action = "accept", content = { color = "g", many = " a,b , ", titled = "x" },
    })
    world:pass(0)
    assert.same({
      action = "accept",
      content = { color = "g", many = { "a", "b" }, titled = { "x" }, yes = true, age = 3 },
    }, json.decode(world:question(question).answer))
  end)

  it("to the model has one block in each message where there may be no more", function()
    local handle = begin(world, "2024-11-05")
    world:put(1, form { kind = "sample", params = ([[{"maxTokens":5,"messages":[
      {"role":"user","content":[{"type":"text","text":"a"},{"type":"audio","data":"AA==","mimeType":"audio/wav"}]},
      {"role":"assistant","content":{"type":"text","text":"b"}}]}]]):gsub("\n *", "") })

    local messages = events(handle)[1].params.messages
    assert.same({ "user", "user", "assistant" }, { messages[1].role, messages[2].role, messages[3].role })
    assert.same({ "a", "text", "b" },
      { messages[1].content.text, messages[2].content.type, messages[3].content.text })
  end)

  it("is asked, or fails, whichever allocation fails", function()
    for n = 0, 40 do
      local handle = begin(world)
      local call = world:calls()
      local question = world:put(call, form { fail_after = n })
      local asked = events(handle)[1]
      if question and asked then
        local r = mcp.legacy("x", nil, session)
        r.message, r.fail_after = { jsonrpc = "2.0", id = asked.id, result = accept "Ada" }, n
        mcp.send(world, r)
        world:pass(0, n)
      end
      world:finish(call, { form = "text", body = "done" })
      assert.is_true(mcp.read(handle).ended)
      if call > 50 then world = mcp.world { mailbox = true } end
    end
  end)
end)
