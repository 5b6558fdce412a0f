-- HTTP+SSE of 2024-11-05: the stream and the posts that are one connection.
local json = require "cjson"
local mcp = require "mcp"
local sse = require "sse"

local one, two

local function new_world(options)
  options = options or {}
  options.mailbox, options.resources = true, { "x://1" }
  return mcp.world(options)
end

local function pass(seconds)
  for _ = 1, 2 do
    one:pass(seconds or 0.1)
    two:pass(seconds or 0.1)
  end
end

local function open(world, headers)
  local request = { method = "GET", path = "/sse", headers = { host = "localhost", accept = "text/event-stream" } }
  for name, value in pairs(headers or {}) do request.headers[name] = value end
  return mcp.begin(world, request)
end

local function endpoint(handle)
  return mcp.read(handle).body:match "^event: endpoint\ndata: /messages%?(%S+)\n\n"
end

local function request(query, body, headers)
  local r = {
    path = "/messages", query = query, body = type(body) == "table" and json.encode(body) or body,
    headers = { host = "localhost", ["content-type"] = "application/json", accept = "*/*" },
  }
  for name, value in pairs(headers or {}) do r.headers[name] = value or nil end
  return r
end

local function post(world, stream, body, headers)
  return mcp.verdict(world, request(endpoint(stream), body, headers))
end

local function said(stream)
  pass()
  return (sse.messages(mcp.read(stream).body:gsub("^event: endpoint.-\n\n", "")))
end

local function message(method, params, id)
  return { jsonrpc = "2.0", id = id or 1, method = method, params = params }
end

before_each(function()
  one = new_world()
  two = new_world { shared = one }
end)

after_each(function()
  two:free()
  one:free()
end)

describe("GET /sse", function()
  it("is a stream that begins with where to post", function()
    local a = mcp.read(open(one))

    assert.same({ 200, "text/event-stream", true }, { a.status, a.headers["content-type"], a.lasts })
    assert.is_nil(a.headers["mcp-session-id"])
    assert.matches("^event: endpoint\ndata: /messages%?sessionId=[%w_-]+\n\n$", a.body)
    assert.not_equal(endpoint(open(one)), endpoint(open(one)))
  end)

  it("asks for what every request is asked for", function()
    local function verdict(handle) return mcp.read(handle).status end

    assert.equal(406, verdict(open(one, { accept = "application/json" })))
    assert.equal(403, verdict(open(one, { origin = "https://evil.example.com" })))
    assert.equal(403, verdict(open(one, { host = "evil.example.com" })))
    local other = mcp.read(mcp.begin(one, { method = "POST", path = "/sse", headers = { host = "localhost" } }))
    assert.same({ 405, "GET" }, { other.status, other.headers.allow })
  end)

  it("is bounded", function()
    two:free()
    one:free()
    one = new_world { max_streams = 2 }
    two = new_world { shared = one, max_streams = 2 }
    local first = open(one)
    assert.equal(200, mcp.read(open(one)).status)
    assert.equal(503, mcp.read(open(one)).status)
    assert.equal(200, mcp.read(open(two)).status)

    first:leave()
    assert.equal(200, mcp.read(open(one)).status)
  end)
end)

describe("a post", function()
  it("is answered 202 by any worker, and on the stream", function()
    for i, world in ipairs { one, two } do
      local stream = open(one)
      assert.equal("202", post(world, stream, message("ping", nil, i)))

      assert.same({ { jsonrpc = "2.0", id = i, result = {} } }, said(stream))
    end
  end)

  it("without a session, or with one that is none, is 400 or 404", function()
    local stream = open(one)
    local id = endpoint(stream)

    local function verdict(query) return mcp.verdict(two, request(query, message "ping")) end
    assert.equal("400 -32000", verdict(nil))
    assert.equal("400 -32000", verdict "")
    assert.equal("400 -32000", verdict("a=b&session=c"))
    assert.equal("400 -32000", verdict(id .. "&" .. id))
    assert.equal("404 -32001", verdict "sessionId=")
    assert.equal("404 -32001", verdict(id .. "A"))
    assert.equal("404 -32001", verdict("sessionId=" .. mcp.session(one)))
    assert.equal("202", verdict("a=b&" .. id .. "&c"))
    stream:leave()
    assert.equal("404 -32001", verdict(id))
  end)

  it("is no Mcp-Session-Id", function()
    local id = endpoint(open(one)):match "=(.*)"

    assert.equal("404 -32001", mcp.verdict(one, mcp.legacy("ping", nil, id)))
  end)

  it("must be JSON, from where it may come, and a POST", function()
    local stream = open(one)

    assert.equal("400 -32700", post(one, stream, "{"))
    assert.equal("400 -32700", post(one, stream, ""))
    assert.equal("400 -32600", post(one, stream, ("["):rep(1 << 19) .. ("]"):rep(1 << 19)))
    assert.equal("415 -32000", post(one, stream, "{}", { ["content-type"] = "text/plain" }))
    assert.equal("403 -32000", post(one, stream, "{}", { origin = "https://evil.example.com" }))
    local get = mcp.read(mcp.begin(one, { method = "GET", path = "/messages", headers = { host = "localhost" } }))
    assert.same({ 405, "POST" }, { get.status, get.headers.allow })
    assert.same({}, said(stream))
  end)

  it("that is no message of the protocol is refused on the stream", function()
    local stream = open(one)
    post(one, stream, "7")
    post(one, stream, { jsonrpc = "2.0", id = 5 })
    post(one, stream, message("no/such", nil, "x"))

    local list = said(stream)
    assert.same({ -32600, -32600, -32601 },
      { list[1].error.code, list[2].error.code, list[3].error.code })
    assert.same({ json.null, 5, "x" }, { list[1].id, list[2].id, list[3].id })
  end)

  it("may be a batch, in revisions that have them", function()
    local batch = { message("ping", nil, 1), message("ping", nil, 2) }
    for _, version in ipairs { "2024-11-05", "2025-03-26" } do
      local stream = open(one)
      post(two, stream, mcp.initialize(version).message)
      post(two, stream, batch)

      local answers = said(stream)[2]
      assert.same({ 1, 2 }, { answers[1].id, answers[2].id })
    end
    local stream = open(one)
    post(two, stream, mcp.initialize("2025-06-18").message)
    post(two, stream, batch)
    assert.equal(-32600, said(stream)[2].error.code)
  end)

  it("of the modern era is told where to go", function()
    local stream = open(one)
    post(one, stream, mcp.modern("tools/list").message)

    local err = said(stream)[1].error
    assert.equal(-32600, err.code)
    assert.matches("/mcp", err.message)
  end)

  it("beyond what may wait is 503, until that is done", function()
    local stream = open(one)
    for _ = 1, 256 do assert.equal("202", post(two, stream, message "ping")) end
    assert.equal("503 -32000", post(two, stream, message "ping"))

    assert.equal(256, #said(stream))
    assert.equal("202", post(two, stream, message "ping"))
  end)
end)

describe("a session of HTTP+SSE", function()
  it("agrees on any legacy revision", function()
    for _, version in ipairs { "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25" } do
      local stream = open(one)
      post(two, stream, mcp.initialize(version).message)

      local result = said(stream)[1].result
      assert.equal(version, result.protocolVersion)
      assert.same({ listChanged = true, subscribe = true }, result.capabilities.resources)
    end
  end)

  it("has its calls told of, answered and cancelled", function()
    local stream = open(one)
    local id = endpoint(stream)
    post(two, stream, message("tools/call", { name = "demo_add" }, 1))
    post(two, stream, message("tools/call", { name = "demo_add" }, 2))
    pass()
    one:tell(1, "1")
    one:finish(1, { form = "text", body = "done" })
    mcp.verdict(two, request(id, {
      jsonrpc = "2.0", method = "notifications/cancelled", params = { requestId = 2 },
    }))
    local list = said(stream)

    assert.equal("notifications/message", list[1].method)
    assert.equal("done", list[2].result.content[1].text)
    assert.equal(2, #list)
    assert.equal("client", one:call(2).cancelled_by)
    assert.is_false(mcp.read(stream).ended)
  end)

  it("cancels nothing that others have", function()
    local listener = mcp.begin(one, mcp.modern("subscriptions/listen", { notifications = { toolsListChanged = true } }))
    local call = mcp.begin(one, mcp.modern("tools/call", { arguments = {} }, "demo_add"))
    local stream = open(one)
    for _, id in ipairs { 7, "7" } do
      post(two, stream, { jsonrpc = "2.0", method = "notifications/cancelled", params = { requestId = id } })
    end
    pass()

    assert.is_false(mcp.read(listener).ended)
    assert.is_false(mcp.read(call).ended)
  end)

  it("is heard while as many of its calls run as may: they may wait for it", function()
    local stream = open(one)
    for i = 1, 64 do post(two, stream, message("tools/call", { name = "demo_add" }, i)) end
    post(two, stream, message("ping", nil, "late"))
    post(two, stream, { jsonrpc = "2.0", method = "notifications/cancelled", params = { requestId = 64 } })
    post(two, stream, message("ping", nil, "later"))
    pass()

    assert.equal("client", one:call(64).cancelled_by)
    assert.is_true(one:call(63).running)
    local list = said(stream)
    assert.same({ "late", "later" }, { list[1].id, list[2].id })
  end)

  it("may keep so many bytes with us, whether they wait or run", function()
    local stream = open(one)
    local large = { name = "demo_add", arguments = { text = ("x"):rep(3 << 20) } }
    local call = json.encode(message("tools/call", large))
    for _ = 1, 2 do
      assert.equal("202", post(two, stream, call))
      pass()
    end
    assert.equal("503 -32000", post(two, stream, call))

    one:finish(1, { form = "text", body = "done" })
    assert.equal("202", post(two, stream, call))
  end)

  it("is told of lists and resources, once it is ready", function()
    local stream = open(one)
    local id = endpoint(stream)
    local function send(body) return mcp.verdict(two, request(id, body)) end
    one:publish "tools"
    assert.same({}, said(stream))

    send { jsonrpc = "2.0", method = "notifications/initialized" }
    send(message("resources/subscribe", { uri = "x://1" }))
    pass()
    two:publish "tools"
    two:publish("resource", "x://1")
    local list = said(stream)

    assert.same({ "notifications/tools/list_changed", "notifications/resources/updated" },
      { list[2].method, list[3].method })
    send(message("resources/unsubscribe", { uri = "x://1" }))
    pass()
    two:publish("resource", "x://1")
    assert.equal(4, #said(stream))
  end)

  it("ends with its client, and all that it asked for is cancelled", function()
    local stream = open(one)
    local id = endpoint(stream)
    for i = 1, 3 do
      mcp.verdict(two, request(id, message("tools/call", { name = "demo_add" }, i)))
    end
    pass()
    assert.is_true(one:call(3).running)

    stream:leave()

    for i = 1, 3 do assert.equal("client", one:call(i).cancelled_by) end
    assert.is_true(mcp.read(stream).ended)
    assert.equal("404 -32001", mcp.verdict(two, request(id, message "ping")))
  end)

  it("is not read from while it does not read", function()
    local stream = open(one)
    local id = endpoint(stream)
    stream:slow(true)
    for _ = 1, 10 do mcp.verdict(two, request(id, message "ping")) end
    assert.equal(1, #said(stream))

    stream:slow(false)

    assert.equal(10, #said(stream))
  end)

  it("ends with the server, after the last answer", function()
    local idle, busy = open(one), open(one)
    post(two, busy, message("tools/call", { name = "demo_add" }))
    pass()

    one:drain()
    pass()
    assert.is_true(mcp.read(idle).ended)
    assert.is_false(mcp.read(busy).ended)
    one:finish(1, { form = "text", body = "done" })

    assert.equal(1, #said(busy))
    assert.is_true(mcp.read(busy).ended)
  end)

  it("has signs of life", function()
    local stream = open(one)
    pass(16)

    assert.truthy(mcp.read(stream).body:find(": keepalive\n\n", 1, true))
  end)
end)

describe("without memory", function()
  it("a stream or a post is refused, and nothing is left of it", function()
    local n = 0
    repeat
      local a = mcp.begin(one, {
        method = "GET", path = "/sse", fail_after = n,
        headers = { host = "localhost", accept = "text/event-stream" },
      })
      local answer = mcp.read(a)
      assert.is_true(answer.status == 200 or answer.status == 500 or answer.status == 503)
      a:leave()
      n = n + 1
    until not answer.fault_fired
    assert.is_true(n > 3)

    local stream = open(one)
    n = 0
    repeat
      local r = request(endpoint(stream), message "ping")
      r.fail_after = n
      local answer = mcp.send(one, r)
      assert.is_true(answer.status == 202 or answer.status >= 500 or answer.status == 404)
      pass()
      n = n + 1
    until not answer.fault_fired
    assert.is_true(n > 3)
  end)
end)

describe("a stream of HTTP+SSE that hears nothing", function()
  it("says a comment every 15 s", function()
    local stream = open(one)
    stream:clear()

    one:pass(15.1)

    assert.equal(": keepalive\n\n", mcp.read(stream).body)
  end)
end)
