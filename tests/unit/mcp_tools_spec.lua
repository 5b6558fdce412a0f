-- tools/list, tools/call and cancellation, from the request to the answer.
local mcp = require "mcp"

local world

local function names(list)
  local out = {}
  for i, tool in ipairs(list) do out[i] = tool.name end
  return out
end

local function many(n)
  local tools = {}
  for i = 1, n do tools[i] = mcp.tool(("demo_%03d"):format(i)) end
  return tools
end

local function list(where, cursor, version)
  local request = mcp.legacy("tools/list", cursor and { cursor = cursor })
  request.headers["mcp-protocol-version"] = version
  return mcp.send(where, request).json
end

local function call(params, session)
  params.name = params.name or "demo_add"
  return mcp.begin(world, mcp.legacy("tools/call", params, session))
end

before_each(function()
  world = mcp.world()
end)

describe("tools/list", function()
  it("gives each tool once, in order, over pages of any size", function()
    local whole = many(25)
    for _, size in ipairs { 1, 7, 24, 25, 26 } do
      local paged = mcp.world { tools = whole, page_size = size }
      local seen, cursor, pages = {}, nil, 0
      repeat
        local result = list(paged, cursor).result
        for _, name in ipairs(names(result.tools)) do seen[#seen + 1] = name end
        cursor, pages = result.nextCursor, pages + 1
      until not cursor

      assert.same(names(whole), seen)
      assert.equal(math.ceil(25 / size), pages)
    end
  end)

  it("goes on after a reload where it was", function()
    local paged = mcp.world { tools = many(4), page_size = 2 }
    local cursor = list(paged).result.nextCursor
    paged:reload(2)

    assert.same({ "demo_003", "demo_004" }, names(list(paged, cursor).result.tools))
  end)

  it("is made anew after a reload", function()
    local old = list(world).result.tools[1]
    world:reload(2, '{"name":"demo_add","description":"new"}')

    assert.equal("about", old.description)
    assert.equal("new", list(world).result.tools[1].description)
  end)

  it("refuses a cursor that it did not give", function()
    local paged = mcp.world { tools = many(4), page_size = 2 }
    local good = list(paged).result.nextCursor

    for _, cursor in ipairs { "", "x", good:sub(1, -2), good .. "x", mcp.session(paged) } do
      assert.equal(-32602, list(paged, cursor).error.code)
    end
    assert.equal(-32602, list(paged, 5).error.code)
    assert.equal(-32602, list(paged, mcp.null).error.code)
  end)

  it("is complete, with hints for caches, in modern", function()
    local result = mcp.send(world, mcp.modern "tools/list").json.result

    assert.same({ "complete", 5000, "public" },
      { result.resultType, result.ttlMs, result.cacheScope })
    assert.equal("0.1", result._meta["io.modelcontextprotocol/serverInfo"].version)
    assert.same({ "demo_add", "demo_list", "demo_region", "demo_shape" }, names(result.tools))
    assert.same({ type = "array" }, result.tools[2].outputSchema)
  end)

  it("has no member of modern in legacy", function()
    local result = list(world).result

    assert.same({ nil, nil, nil, nil },
      { result.resultType, result.ttlMs, result.cacheScope, result._meta })
  end)

  it("leaves out what a revision does not know", function()
    local function members(version)
      local shape = list(world, nil, version).result.tools[4]
      local out = {}
      for name in pairs(shape) do out[#out + 1] = name end
      table.sort(out)
      return table.concat(out, " ")
    end

    assert.equal("description inputSchema name", members "2024-11-05")
    assert.equal("annotations description inputSchema name", members "2025-03-26")
    assert.equal("annotations description inputSchema name outputSchema title",
      members "2025-06-18")
    assert.equal("annotations description icons inputSchema name outputSchema title",
      members "2025-11-25")
  end)

  it("makes an object of a legacy outputSchema that is none", function()
    assert.same({
      type = "object", properties = { result = { type = "array" } }, required = { "result" },
    }, list(world, nil, "2025-11-25").result.tools[2].outputSchema)
  end)

  it("is empty before there is a generation, and without tools", function()
    for _, options in ipairs { { empty = true }, { tools = {} } } do
      local nobody = mcp.world(options)

      assert.truthy(mcp.send(nobody, mcp.modern "tools/list").body:find('"tools":[],', 1, true))
      assert.equal("200 -32602", mcp.verdict(nobody, mcp.modern("tools/call", {}, "demo_add")))
    end
  end)

  it("is the same again and again", function()
    local first = mcp.send(world, mcp.modern "tools/list").body

    assert.equal(first, mcp.send(world, mcp.modern "tools/list").body)
  end)
end)

describe("tools/call", function()
  it("hands the arguments on as they were written", function()
    local request = mcp.modern("tools/call", {}, "demo_add")
    local meta = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",' ..
      '"io.modelcontextprotocol/clientCapabilities":{}}'
    request.body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"demo_add",' ..
      '"arguments":{ "a":1.50, "b":"\\u00e9" },' .. meta .. "}}"
    request.headers["x-request-id"] = "abc-1"
    mcp.begin(world, request)

    assert.same({ tool = "demo_add", arguments = '{ "a":1.50, "b":"\\u00e9" }',
      request_id = "abc-1", principal = "anonymous", running = true, cancelled_by = "" },
      world:call(1))
  end)

  it("needs no arguments, but if then an object", function()
    call {}
    assert.equal("none", world:call(1).arguments)
    assert.equal("200 -32602", mcp.verdict(world,
      mcp.legacy("tools/call", { name = "demo_add", arguments = { "a" } })))
    assert.equal("200 -32602", mcp.verdict(world,
      mcp.legacy("tools/call", { name = "demo_add", arguments = mcp.null })))
  end)

  it("needs the name of a tool", function()
    assert.equal("200 -32602", mcp.verdict(world, mcp.legacy "tools/call"))
    assert.equal("200 -32602", mcp.verdict(world, mcp.legacy("tools/call", { name = 5 })))
  end)

  it("suggests the nearest name", function()
    local function message(name)
      return mcp.send(world, mcp.legacy("tools/call", { name = name })).json.error.message
    end

    assert.equal("Unknown tool: demo_ad (did you mean demo_add?)", message "demo_ad")
    assert.equal("Unknown tool: region (did you mean demo_region?)", message "region")
    assert.equal("Unknown tool: weather", message "weather")
    assert.equal("Unknown tool: " .. ("x"):rep(80), message(("x"):rep(5000)))
  end)

  it("answers when the call is done, not before", function()
    local handle = call {}
    assert.is_false(mcp.read(handle).ended)
    world:finish(1, { body = '{"sum":3}' })

    assert.same({ content = { { type = "text", text = '{"sum":3}' } } },
      mcp.read(handle).json.result)
  end)

  it("gives each request an id, and keeps a sane one of the client", function()
    local function id(given)
      local request = mcp.legacy "ping"
      request.headers["x-request-id"] = given
      return mcp.send(world, request).headers["x-request-id"]
    end

    assert.equal("mine-7", id "mine-7")
    assert.equal(("z"):rep(64), id(("z"):rep(64)))
    for _, bad in ipairs { ("z"):rep(65), "", "two words", "a,b", { "a", "a" } } do
      assert.truthy(id(bad):match "^[0-9a-f]+$")
    end
    assert.equal(16, #id())
    assert.not_equal(id(), id())
  end)
end)

describe("a client that leaves", function()
  it("cancels its call in modern", function()
    local handle = mcp.begin(world, mcp.modern("tools/call", {}, "demo_add"))
    handle:leave()

    assert.equal("client", world:call(1).cancelled_by)
    assert.is_true(mcp.read(handle).ended)
  end)

  it("does not in legacy: the call runs on and its answer goes nowhere", function()
    local handle = call {}
    handle:leave()
    assert.is_true(world:call(1).running)
    world:finish(1, {})

    assert.is_true(mcp.read(handle).ended)
  end)
end)

describe("notifications/cancelled", function()
  local function cancel(where, session, id)
    return mcp.send(where, mcp.notification(
      mcp.legacy("notifications/cancelled", { requestId = id }, session))).status
  end

  it("ends the call of that session without an answer", function()
    local session = mcp.session(world)
    local handle = call({}, session)

    assert.equal(202, cancel(world, session, 7))

    local a = mcp.read(handle)
    assert.equal("client", world:call(1).cancelled_by)
    assert.same({ true, true, 200, "" }, { a.ended, a.streamed, a.status, a.body })
    assert.equal("text/event-stream", a.headers["content-type"])
  end)

  it("leaves the calls of others and other calls alone", function()
    local session = mcp.session(world)
    call({}, session)

    cancel(world, mcp.session(world), 7)
    cancel(world, session, "7")
    cancel(world, session, 8)
    cancel(world, nil, 7)
    cancel(world, session, nil)

    assert.is_true(world:call(1).running)
  end)

  it("takes no other call for the one it names", function()
    local session = mcp.session(world)
    for id = 1, 60 do
      local request = mcp.legacy("tools/call", { name = "demo_add" }, session)
      request.message.id = id
      mcp.begin(world, request)
    end
    for id = 61, 400 do cancel(world, session, id) end
    for _ = 1, 30 do
      local other = mcp.session(world)
      for id = 1, 60 do cancel(world, other, id) end
    end

    for i = 1, 60 do assert.is_true(world:call(i).running) end
  end)

  it("finds the call on another worker, by its mailbox", function()
    world = mcp.world { mailbox = true }
    local other = mcp.world { shared = world, mailbox = true }
    local session = mcp.session(other)
    local handle = call({}, session)

    cancel(other, session, 7)
    assert.is_true(world:call(1).running)
    world:pass(0.001)

    assert.equal("client", world:call(1).cancelled_by)
    assert.is_true(mcp.read(handle).ended)
  end)

  it("that comes too late does nothing", function()
    world = mcp.world { mailbox = true }
    local session = mcp.session(world)
    local handle = call({}, session)
    cancel(world, session, 7)
    world:finish(1, { body = "{}" })
    world:pass(0.001)

    assert.truthy(mcp.read(handle).json.result)
    assert.equal(202, cancel(world, session, 7))
  end)

  it("takes one call out of a batch", function()
    local session = mcp.session(world, "2025-03-26")
    local request = mcp.legacy("tools/call", nil, session)
    request.message = {}
    for i = 1, 2 do
      request.message[i] = { jsonrpc = "2.0", id = i, method = "tools/call",
        params = { name = "demo_add" } }
    end
    local handle = mcp.begin(world, request)
    cancel(world, session, 1)
    world:finish(2, {})

    local a = mcp.read(handle)
    assert.same({ 1, 2 }, { #a.json, a.json[1].id })
  end)
end)

describe("the end of the server", function()
  it("cancels what runs and answers it", function()
    local legacy, modern = call {}, mcp.begin(world, mcp.modern("tools/call", {}, "demo_add"))
    world:free()

    assert.is_true(mcp.read(legacy).ended)
    assert.is_true(mcp.read(modern).json.result.isError)
  end)
end)
