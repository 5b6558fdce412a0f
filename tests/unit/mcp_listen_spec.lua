-- subscriptions/listen, in virtual time: what is granted, said, kept back.
local json = require "cjson"
local mcp = require "mcp"
local sse = require "sse"

local ID = "io.modelcontextprotocol/subscriptionId"

local function new_world(options)
  options = options or {}
  options.resources = options.resources or { "x://1", "x://2" }
  options.templates = options.templates or { "x://item/{id}" }
  options.prompts = options.prompts or { "demo_ask" }
  return mcp.world(options)
end

local function request(filter, id)
  local r = mcp.modern("subscriptions/listen", { notifications = filter })
  r.message.id = id or r.message.id
  return r
end

local function empty() return setmetatable({}, json.empty_object_mt or {}) end

-- Opens one: its handle.
local function listen(world, filter, id)
  return mcp.begin(world, request(filter, id))
end

-- What came since the last time: messages, comments.
local function heard(handle)
  local messages, comments = sse.messages(handle:get().body)
  handle:clear()
  return messages, comments
end

local function methods(handle)
  local names = {}
  for i, m in ipairs((heard(handle))) do names[i] = m.method and m.method:match "notifications/(.*)" or "result" end
  return names
end

local ALL = {
  toolsListChanged = true, promptsListChanged = true, resourcesListChanged = true,
  resourceSubscriptions = { "x://1", "x://item/7" },
}

describe("subscriptions/listen", function()
  it("is acknowledged first, with what is granted, and stays open", function()
    local world = new_world()
    local stream = listen(world, ALL)

    local a = mcp.read(stream)
    assert.same({ 200, true, false, true }, { a.status, a.streamed, a.ended, a.lasts })
    assert.equal("text/event-stream", a.headers["content-type"])
    assert.equal("no", a.headers["x-accel-buffering"])
    assert.same({ {
      jsonrpc = "2.0", method = "notifications/subscriptions/acknowledged",
      params = { notifications = ALL, _meta = { [ID] = 7 } },
    } }, (heard(stream)))
    assert.equal(1, (world:streams()))
  end)

  it("brings what was asked for, each with the id of its request", function()
    local world = new_world()
    local stream = listen(world, ALL)
    stream:clear()

    for _, topic in ipairs { "resources", "prompts", "tools" } do world:publish(topic) end
    world:publish("resource", "x://item/7")
    world:pass(0)

    assert.same({
      { jsonrpc = "2.0", method = "notifications/tools/list_changed", params = { _meta = { [ID] = 7 } } },
      { jsonrpc = "2.0", method = "notifications/prompts/list_changed", params = { _meta = { [ID] = 7 } } },
      { jsonrpc = "2.0", method = "notifications/resources/list_changed", params = { _meta = { [ID] = 7 } } },
      { jsonrpc = "2.0", method = "notifications/resources/updated",
        params = { uri = "x://item/7", _meta = { [ID] = 7 } } },
    }, (heard(stream)))
  end)

  it("brings nothing that was not asked for", function()
    local world = new_world()
    local filter = { toolsListChanged = false, promptsListChanged = true, resourceSubscriptions = { "x://1" } }
    local stream = listen(world, filter)
    stream:clear()

    for _, topic in ipairs { "resources", "prompts", "tools" } do world:publish(topic) end
    for _, uri in ipairs { "x://1", "x://2", "x://11", "x://" } do world:publish("resource", uri) end
    world:publish("task", "x://1", "{}")
    world:publish("session", "x://1", "{}")
    world:pass(0)

    assert.same({ "prompts/list_changed", "resources/updated" }, methods(stream))
  end)

  it("leaves out of the acknowledgement what is not offered, not there, or there twice", function()
    local world = mcp.world {}
    local stream = listen(world, ALL)
    assert.same({ toolsListChanged = true }, heard(stream)[1].params.notifications)

    world = new_world()
    stream = listen(world, { resourceSubscriptions = { "x://2", "x://nowhere", "x://2", "x://item/", "x://item/a" } })
    assert.same({ resourceSubscriptions = { "x://2", "x://item/a" } }, heard(stream)[1].params.notifications)

    stream = listen(new_world(), empty())
    assert.same({}, heard(stream)[1].params.notifications)
  end)

  it("keeps the type and spelling of its id: 0 and \"\" are ids", function()
    for _, id in ipairs { '0', '""', '"listen:0"', '-5', '12345678901234567890123' } do
      local world = new_world()
      local r = request { toolsListChanged = true }
      r.body = json.encode(r.message):gsub('"id":7', '"id":' .. id)
      local stream = mcp.begin(world, r)
      world:publish "tools"
      world:pass(0)
      world:drain()

      local body = stream:get().body
      assert.equal(3, select(2, body:gsub('"' .. ID:gsub("%p", "%%%0") .. '":' .. id:gsub("%p", "%%%0") .. "[,}]", "")))
      assert.truthy(body:find('{"jsonrpc":"2.0","id":' .. id .. ',"result"', 1, true))
    end
  end)

  it("serves many streams of one client, also with the same id, each its own", function()
    local world = new_world()
    local a, b = listen(world, { toolsListChanged = true }), listen(world, { promptsListChanged = true })
    local c = listen(world, { toolsListChanged = true }, "c")
    for _, stream in ipairs { a, b, c } do stream:clear() end

    world:publish "tools"
    world:pass(0)

    assert.same({ "tools/list_changed" }, methods(a))
    assert.same({}, methods(b))
    assert.same("c", heard(c)[1].params._meta[ID])
  end)

  it("hears what another worker publishes", function()
    local one = new_world { mailbox = true }
    local two = new_world { mailbox = true, shared = one }
    local stream = listen(two, { toolsListChanged = true })
    stream:clear()

    one:publish "tools"
    one:pass(0)
    assert.same({}, methods(stream))
    two:pass(0)

    assert.same({ "tools/list_changed" }, methods(stream))
    two:free()
  end)
end)

describe("a task that is listened to", function()
  local TASKS = { extensions = { ["io.modelcontextprotocol/tasks"] = {} } }

  local function knowing(r) return mcp.meta(r, "clientCapabilities", TASKS) end

  local function task_world()
    local world = new_world { tools = { mcp.tool("demo_slow", { task = "optional" }) } }
    local a = mcp.send(world, knowing(mcp.modern("tools/call", { arguments = empty() }, "demo_slow")))
    return world, a.json.result.taskId
  end

  it("tells its state when that changes, as tasks/get would", function()
    local world, id = task_world()
    local stream = mcp.begin(world, knowing(request { taskIds = { id, "0123", id } }))
    assert.same({ taskIds = { id } }, heard(stream)[1].params.notifications)

    world:finish(1, { form = "json", body = '{"sum":3}' })
    world:pass(0)

    local message = heard(stream)[1]
    assert.equal("notifications/tasks", message.method)
    local r = knowing(mcp.modern("tasks/get", { taskId = id }))
    r.headers["mcp-name"] = id
    local seen = mcp.send(world, r).json.result
    seen.resultType = nil
    seen._meta = { [ID] = 7 }
    assert.same(seen, message.params)
    assert.same({ "completed", 3 }, { seen.status, seen.result.structuredContent.sum })
  end)

  it("is heard by those alone who said that they know tasks", function()
    local world, id = task_world()

    local a = mcp.send(world, request { taskIds = { id } })
    assert.same({ 400, -32021 }, { a.status, a.code })
    assert.same({ requiredCapabilities = TASKS }, a.json.error.data)

    for _, wrong in ipairs { id, { 7 }, { toolsListChanged = true } } do
      assert.equal("200 -32602", mcp.verdict(world, knowing(request { taskIds = wrong })))
    end
  end)
end)

describe("a filter of the wrong shape", function()
  local cases = {
    ["is missing"] = json.null,
    ["is a list"] = { 1 },
    ["is a string"] = "tools",
    ["has a flag that is a string"] = { toolsListChanged = "true" },
    ["has a flag that is a number"] = { promptsListChanged = 1 },
    ["has a flag that is null"] = { resourcesListChanged = json.null },
    ["has a URI instead of a list"] = { resourceSubscriptions = "x://1" },
    ["has a list with a number"] = { resourceSubscriptions = { "x://1", 1 } },
    ["has a URI that is too long"] = { resourceSubscriptions = { "x://item/" .. ("a"):rep(2040) } },
  }
  cases["has too many URIs"] = { resourceSubscriptions = {} }
  for i = 1, 257 do cases["has too many URIs"].resourceSubscriptions[i] = "x://" .. i end
  cases["has too many bytes of URIs"] = { resourceSubscriptions = {} }
  for i = 1, 9 do cases["has too many bytes of URIs"].resourceSubscriptions[i] = "x://" .. i .. ("a"):rep(2000) end

  for what, filter in pairs(cases) do
    it("is refused when it " .. what, function()
      local world = new_world()
      local a = mcp.send(world, request(filter))

      assert.same({ 200, -32602, 7, false }, { a.status, a.code, math.tointeger(a.json.id), a.streamed })
      assert.equal(0, (world:streams()))
    end)
  end

  it("asks for nothing with members that nobody knows", function()
    local stream = listen(new_world(), { toolsListChanged = true, moonChanged = true, taskIds = 7 })

    assert.same({ toolsListChanged = true }, heard(stream)[1].params.notifications)
  end)
end)

describe("whoever may not listen", function()
  it("is told so when it takes no events, or is legacy", function()
    local world = new_world()
    local r = request { toolsListChanged = true }
    r.headers.accept = "application/json"
    assert.equal("406 -32000", mcp.verdict(world, r))

    assert.equal("200 -32601", mcp.verdict(world, mcp.legacy("subscriptions/listen", { notifications = {} })))
  end)

  it("is refused when too many streams are open, and served when one has gone", function()
    local world = new_world { max_streams = 2 }
    local first = listen(world, ALL)
    listen(world, ALL)

    local a = mcp.send(world, request(ALL))
    assert.same({ 503, -32000 }, { a.status, a.code })
    assert.truthy(a.json.error.message:find("Too many open streams", 1, true))

    first:leave()
    assert.equal(200, mcp.send(world, request(ALL)).status)
  end)

  it("is refused when the server stops", function()
    local world = new_world()
    world:drain()

    assert.equal("503 -32000", mcp.verdict(world, request(ALL)))
  end)
end)

describe("the end of a stream", function()
  it("is a result when the server stops", function()
    local world = new_world()
    local stream = listen(world, ALL, 0)
    stream:clear()

    world:drain()

    local a = mcp.read(stream)
    assert.is_true(a.ended)
    assert.same({ {
      jsonrpc = "2.0", id = 0,
      result = {
        resultType = "complete",
        _meta = {
          [ID] = 0,
          ["io.modelcontextprotocol/serverInfo"] = { name = 'tide"gate', version = "0.1" },
        },
      },
    } }, (sse.messages(a.body)))
    assert.equal(0, (world:streams()))
  end)

  it("is silent when the client leaves, and nothing is left of it", function()
    local world = new_world()
    local timers = select(2, world:streams())
    local stream = listen(world, ALL)
    stream:clear()
    world:publish "tools"

    stream:leave()
    world:publish "tools"
    world:pass(20)

    assert.same({ true, "" }, { stream:get().ended, stream:get().body })
    assert.same({ 0, timers }, { world:streams() })
  end)
end)

describe("a reader that is slow", function()
  it("gets each change once, and of a resource the newest, when it reads again", function()
    local world = new_world()
    local stream = listen(world, ALL)
    stream:slow(true)
    world:publish "tools"
    world:pass(0)
    stream:clear() -- taken by us, not by the client

    for _ = 1, 1000 do
      world:publish "tools"
      world:publish("resource", "x://1")
      world:publish("resource", "x://item/7")
      world:publish("resource", "x://1")
      world:pass(0)
    end
    assert.equal("", stream:get().body)

    stream:slow(false)
    world:pass(0)
    local got = heard(stream)
    assert.same({ "notifications/tools/list_changed", "x://item/7", "x://1" },
      { got[1].method, got[2].params.uri, got[3].params.uri })
    assert.equal(3, #got)
  end)

  it("does not hold up the others", function()
    local world = new_world()
    local slow, fast = listen(world, ALL), listen(world, ALL)
    slow:slow(true)
    fast:clear()

    for _ = 1, 5 do
      world:publish "tools"
      world:pass(0)
    end

    assert.equal(5, #heard(fast))
  end)
end)

describe("a stream that says nothing", function()
  it("says a comment every 15 s, and 15 s after it said something", function()
    local world = new_world()
    local stream = listen(world, ALL)
    stream:clear()

    world:pass(14.9)
    assert.same({ 0 }, { (select(2, heard(stream))) })
    world:pass(0.2)
    assert.same({ 1 }, { (select(2, heard(stream))) })
    world:pass(8)
    world:publish "tools"
    world:pass(14.5)
    assert.same({ 1, 0 }, { (function(m, c) return #m, c end)(heard(stream)) })
    world:pass(0.6)
    assert.same({ 1 }, { (select(2, heard(stream))) })
  end)

  it("may be a call that runs, once it has said something", function()
    local world = new_world { keepalive_ms = 1000 }
    local r = mcp.modern("tools/call", { arguments = empty() }, "demo_add")
    r.message.params._meta.progressToken = 1
    local call = mcp.begin(world, r)

    world:pass(0.5)
    assert.is_false(call:get().streamed)
    world:progress(1, 1)
    call:clear()
    world:pass(3.3)
    assert.same({ 3 }, { (select(2, heard(call))) })

    world:finish(1, { form = "json", body = "{}" })
    call:clear()
    world:pass(3)
    assert.equal("", call:get().body)
  end)

  it("may be an answer that is waited for: after 15 s it becomes a stream", function()
    local world = new_world()
    local call = mcp.begin(world, mcp.modern("tools/call", { arguments = empty() }, "demo_add"))
    local quick = mcp.begin(world, mcp.modern("tools/call", { arguments = empty() }, "demo_add"))
    local plain = mcp.modern("tools/call", { arguments = empty() }, "demo_add")
    plain.headers.accept = "application/json"
    plain = mcp.begin(world, plain)
    world:pass(14.9)
    world:finish(2, { form = "json", body = "{}" })
    assert.same({ false, "" }, { call:get().streamed, call:get().body })

    world:pass(0.2)
    assert.same({ true, ": keepalive\n\n" }, { call:get().streamed, call:get().body })
    world:pass(15)
    for i = 1, 3, 2 do world:finish(i, { form = "json", body = '{"sum":3}' }) end

    local messages, comments = heard(call)
    assert.same({ 1, 2 }, { #messages, comments })
    assert.equal(3, messages[1].result.structuredContent.sum)
    for _, handle in ipairs { quick, plain } do
      local a = mcp.read(handle)
      assert.same({ false, "application/json" }, { a.streamed, a.headers["content-type"] })
    end
    local before = select(2, new_world():streams())
    world:pass(16)
    assert.same({ 0, before }, { world:streams() })
  end)

  it("is not told so while it takes nothing", function()
    local world = new_world()
    local stream = listen(world, ALL)
    stream:slow(true)
    stream:get()

    world:pass(60)

    assert.same({ 0 }, { (select(2, heard(stream))) })
  end)

  it("shares one timer with all others, which is none when they are gone", function()
    local world = new_world()
    local before = select(2, world:streams())
    local streams = {}
    for i = 1, 500 do streams[i] = listen(world, ALL) end
    assert.is_true(select(2, world:streams()) <= before + 2)

    world:pass(15.1)
    for _, stream in ipairs(streams) do
      assert.equal(1, (select(2, heard(stream))))
      stream:leave()
    end
    world:pass(16)

    assert.same({ 0, before }, { world:streams() })
  end)
end)

describe("many streams", function()
  it("hear a change in several turns", function()
    local world = new_world()
    local streams = {}
    for i = 1, 600 do
      streams[i] = listen(world, { toolsListChanged = true })
      streams[i]:clear()
    end

    world:publish "tools"
    world:pass(0)

    for _, stream in ipairs(streams) do assert.equal(1, #heard(stream)) end
  end)
end)

describe("without memory", function()
  it("a request is answered or refused, and nothing is left", function()
    local world = new_world()
    listen(world, ALL):leave()
    local fired, n = true, 0
    while fired do
      local r = request(ALL)
      r.fail_after = n
      local stream = mcp.begin(world, r)
      local a = mcp.read(stream)
      fired = a.fault_fired
      if a.ended then
        if a.streamed then
          assert.same({ 200, "" }, { a.status, a.body }) -- too late to say why
        else
          assert.truthy(a.status == 500 or a.status == 503, "status " .. a.status)
        end
        assert.equal(0, (world:streams()))
      else
        assert.equal(1, (world:streams()))
        stream:leave()
      end
      n = n + 1
    end
    assert.is_true(n > 5)
  end)
end)

describe("without memory for an event", function()
  it("a stream ends without its result, rather than keep it back in silence", function()
    local fired, n = true, 0
    while fired do
      local world = new_world()
      local stream = listen(world, ALL)
      stream:clear()
      for _, topic in ipairs { "tools", "prompts", "resources" } do world:publish(topic) end
      for _, uri in ipairs { "x://1", "x://item/7" } do world:publish("resource", uri) end

      fired = world:pass(0, n)

      local got, ended = heard(stream), stream:get().ended
      assert.equal(fired, ended)
      if not ended then assert.equal(5, #got) end
      for _, message in ipairs(got) do assert.is_nil(message.id) end
      n = n + 1
    end
    assert.is_true(n > 3)
  end)
end)

describe("discover", function()
  it("says what can be listened to", function()
    local a = mcp.send(new_world(), mcp.modern "server/discover")

    local list = { listChanged = true }
    assert.same({
      tools = list, prompts = list, resources = { listChanged = true, subscribe = true }, logging = {},
    }, a.json.result.capabilities)
  end)
end)
