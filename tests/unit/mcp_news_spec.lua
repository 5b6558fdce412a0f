-- What legacy sessions are told unasked: lists that changed, resources that were
-- updated, on the session's own stream, whichever worker has what.
local mcp = require "mcp"

local one, two, session

local function new_world(shared, max_subscriptions)
  return mcp.world {
    mailbox = true, shared = shared, max_subscriptions = max_subscriptions,
    resources = { "x://1", "x://2" }, templates = { "x://item/{id}" },
    prompts = { "demo_ask" },
  }
end

-- Twice, since what one does the other may have to hear of first.
local function pass(seconds)
  one:pass(seconds or 0.1)
  two:pass(seconds or 0.1)
  one:pass(0.1)
  two:pass(0.1)
end

local function open(world, last)
  return mcp.begin(world, {
    method = "GET",
    headers = {
      host = "localhost", accept = "text/event-stream", ["mcp-session-id"] = session,
      ["last-event-id"] = last,
    },
  })
end

local function heard(handle)
  pass()
  local list = {}
  for data in mcp.read(handle).body:gmatch "data: ({.-})\n" do
    list[#list + 1] = data:match '"uri":"(.-)"' or data:match "notifications/(.-)/list_changed"
  end
  return table.concat(list, " ")
end

local function ask(world, method, uri)
  return mcp.send(world, mcp.legacy("resources/" .. method, { uri = uri }, session))
end

local function verdict(world, method, uri)
  local a = ask(world, method, uri)
  return a.code and a.status .. " " .. a.code or tostring(a.status)
end

before_each(function()
  one = new_world()
  two = new_world(one)
  session = mcp.session(one)
end)

after_each(function()
  two:free()
  one:free()
end)

describe("a session's own stream", function()
  it("begins with a name to come back with, where the revision has that", function()
    local body = mcp.read(open(two)).body
    assert.matches("^retry: 1000\nid: %x+%-0\ndata: \n\n$", body)

    session = mcp.session(one, "2025-06-18")
    assert.equal("", mcp.read(open(two)).body)
  end)

  it("tells of lists that changed, once, with names", function()
    local stream = open(two)
    for _, topic in ipairs { "tools", "prompts", "resources" } do one:publish(topic) end

    assert.equal("tools prompts resources", heard(stream))
    local id = mcp.read(stream).body:match "id: (%x+%-2)\n"
    one:publish "tools"
    assert.equal("tools prompts resources tools", heard(stream))
    stream:leave()
    assert.equal("resources tools", heard(open(one, id)))
  end)

  it("tells of them from the worker that was asked last, and from no other", function()
    for _, world in ipairs { one, two, one, one, two } do
      local stream = open(world)
      pass()
      one:publish "tools"
      assert.equal("tools", heard(stream))
      stream:leave()
    end
  end)

  it("keeps what happened while nobody was there, for a while", function()
    open(one):leave()
    two:publish "tools"
    pass()
    assert.equal("tools", heard(open(two)))

    session = mcp.session(one)
    open(one):leave()
    pass(300)
    two:publish "tools"
    pass()
    assert.equal("", heard(open(two)))
    assert.equal(2, one:told() + two:told())
  end)

  it("is not written to while its client does not read, and what waits is bounded", function()
    ask(one, "subscribe", "x://1")
    local stream = open(two)
    stream:slow(true)
    one:publish "tools"
    pass()
    local before = #mcp.read(stream).body
    for _ = 1, 50 do
      for _ = 1, 2000 do one:publish("resource", "x://1") end
      pass()
    end
    assert.equal(before, #mcp.read(stream).body)
    local _, bytes = one:kept()
    assert.is_true(bytes < 4 << 20)

    stream:slow(false)
    assert.equal(50, select(2, heard(stream):gsub("x://1", "")))
  end)

  it("hears nothing of what it has not subscribed to", function()
    local stream = open(two)
    one:publish("resource", "x://1")

    assert.equal("", heard(stream))
  end)
end)

describe("resources/subscribe", function()
  it("has updates told, through whichever workers the requests came", function()
    for _, by in ipairs { one, two } do
      session = mcp.session(one)
      local stream = open(two)
      assert.equal("200", verdict(by, "subscribe", "x://1"))
      assert.equal("200", verdict(one, "subscribe", "x://item/7"))
      one:publish("resource", "x://1")
      two:publish("resource", "x://item/7")
      one:publish("resource", "x://2")

      local told = heard(stream)
      assert.truthy(told:find("x://1", 1, true))
      assert.equal(#"x://1 x://item/7", #told)
    end
  end)

  it("twice is once, by any worker", function()
    local stream = open(one)
    ask(one, "subscribe", "x://1")
    ask(two, "subscribe", "x://1")
    one:publish("resource", "x://1")

    assert.equal("x://1", heard(stream))
  end)

  it("may come before the stream is opened, and outlives it", function()
    ask(two, "subscribe", "x://1")
    two:publish("resource", "x://1")
    pass()
    local stream = open(one)
    two:publish("resource", "x://1")
    assert.equal("x://1", heard(stream))

    stream:leave()
    pass(300)
    stream = open(two)
    two:publish("resource", "x://1")
    assert.equal("x://1", heard(stream))
  end)

  it("makes way where there are too many in all, if nobody listens for it", function()
    two:free()
    one:free()
    one = new_world(nil, 3)
    two = new_world(one)
    session = mcp.session(one)
    assert.equal("200", verdict(two, "subscribe", "x://1"))
    local stream, mine = open(one), session
    local greedy = mcp.session(one)
    for i = 1, 10 do
      session = i % 3 > 0 and greedy or mcp.session(one)
      assert.equal("200", verdict(one, "subscribe", "x://item/" .. i))
      pass()
    end
    session = greedy
    local other = open(two)
    for i = 1, 10 do one:publish("resource", "x://item/" .. i) end
    one:publish("resource", "x://1")

    assert.equal("x://1", heard(stream))
    assert.equal("x://item/10", heard(other))
    session = mcp.session(one)
    assert.equal("200", verdict(one, "subscribe", "x://2")) -- for that of 9
    open(one)
    session = mine
    assert.equal("503 -32000", verdict(one, "subscribe", "x://2"))
  end)

  it("ends with unsubscribe, by any worker, and begins again", function()
    local stream = open(one)
    ask(one, "subscribe", "x://1")
    assert.equal("200", verdict(two, "unsubscribe", "x://1"))
    pass()
    one:publish("resource", "x://1")
    assert.equal("", heard(stream))

    ask(two, "unsubscribe", "x://1")
    ask(one, "subscribe", "x://1")
    one:publish("resource", "x://1")
    assert.equal("x://1", heard(stream))
  end)

  it("begins again before the end of the older one is known", function()
    local stream = open(one)
    ask(one, "subscribe", "x://1")
    ask(two, "unsubscribe", "x://1")
    ask(one, "subscribe", "x://1")
    pass()
    one:publish("resource", "x://1")

    assert.equal("x://1", heard(stream))
  end)

  it("is refused for what is not there, is no URI, or too many", function()
    local a = ask(one, "subscribe", "x://none")
    assert.same({ 200, -32002, "x://none" }, { a.status, a.code, a.json.error.data.uri })
    assert.equal("200 -32602", verdict(one, "subscribe", nil))
    assert.equal("200 -32602", verdict(one, "subscribe", 7))
    assert.equal("200 -32602", verdict(one, "subscribe", "x://item/" .. ("x"):rep(2048)))

    for i = 1, 256 do assert.equal("200", verdict(i % 2 == 0 and one or two, "subscribe", "x://item/" .. i)) end
    assert.equal("200 -32602", verdict(one, "subscribe", "x://item/257"))
    assert.equal("200", verdict(one, "subscribe", "x://item/1"))
    ask(two, "unsubscribe", "x://item/1")
    assert.equal("200", verdict(one, "subscribe", "x://item/257"))
  end)

  it("is no method without a session, or for one that cannot be told", function()
    session = nil
    assert.equal("200 -32601", verdict(one, "subscribe", "x://1"))
    session = mcp.session(one, "2024-11-05")
    assert.equal("200 -32601", verdict(one, "subscribe", "x://1"))
    assert.equal("200 -32601", verdict(one, "unsubscribe", "x://1"))
    assert.equal("404 -32601", mcp.verdict(one, mcp.modern("resources/subscribe", { uri = "x://1" })))
  end)

  it("is offered to those that can be told", function()
    local function offered(version)
      return mcp.send(one, mcp.initialize(version)).json.result.capabilities
    end
    for _, version in ipairs { "2025-11-25", "2025-06-18", "2025-03-26" } do
      assert.same({ listChanged = true, subscribe = true }, offered(version).resources)
      assert.same({ listChanged = true }, offered(version).tools)
    end
    assert.same({ {}, {} }, { offered("2024-11-05").resources, offered("2024-11-05").tools })
  end)
end)

describe("the end of a session", function()
  it("ends what it watches, on all workers", function()
    local stream = open(one)
    ask(one, "subscribe", "x://1")
    ask(two, "subscribe", "x://2")
    assert.equal(2, one:told() + two:told())

    mcp.send(two, { method = "DELETE", headers = { host = "localhost", ["mcp-session-id"] = session } })
    pass()

    assert.equal(0, one:told() + two:told())
    assert.is_true(mcp.read(stream).ended)
  end)

  it("comes by itself as well", function()
    open(one):leave()
    local stream = open(two)
    ask(two, "subscribe", "x://2")

    pass(24 * 60 * 60 + 120)

    assert.is_true(mcp.read(stream).ended)
    assert.equal(0, one:told() + two:told())
    assert.same({ 0, 0 }, { one:kept() })
  end)
end)

describe("without memory", function()
  local function subscribe(n)
    local request = mcp.legacy("resources/subscribe", { uri = "x://1" }, session)
    request.fail_after = n
    return mcp.send(one, request)
  end

  it("a session is subscribed or is not, and can always unsubscribe", function()
    local n = 0
    repeat
      session = mcp.session(one)
      local stream = open(two)
      pass()
      local answer = subscribe(n)
      one:publish("resource", "x://1")
      assert.equal(answer.status == 200 and not answer.code and "x://1" or "", heard(stream))
      assert.equal("200", verdict(two, "unsubscribe", "x://1"))
      pass()
      assert.equal("200", verdict(one, "subscribe", "x://1"))
      one:publish("resource", "x://1")
      assert.matches("x://1$", heard(stream))
      n = n + 1
    until not answer.fault_fired
    assert.is_true(n > 5, tostring(n))
  end)

  it("what is published may be lost, and nothing else", function()
    local fired, n = true, 0
    session = mcp.session(one)
    ask(one, "subscribe", "x://1")
    local stream = open(two)
    while fired do
      pass()
      local before = heard(stream)
      mcp.fail_after(n)
      one:publish "tools"
      one:publish("resource", "x://1")
      pass()
      fired = mcp.fired()
      assert.is_true(#heard(stream) <= #before + #" tools x://1")
      n = n + 1
    end
    assert.is_true(n > 3, tostring(n))
    one:publish "tools"
    assert.matches("tools$", heard(stream))
  end)
end)

describe("a thousand sessions", function()
  it("that subscribe, listen and are ended leave nothing", function()
    for i = 1, 1000 do
      session = mcp.session(one)
      open(i % 2 == 0 and one or two)
      ask(i % 3 == 0 and one or two, "subscribe", "x://item/" .. i)
      if i % 2 == 0 then
        mcp.send(two, { method = "DELETE", headers = { host = "localhost", ["mcp-session-id"] = session } })
      end
      if i % 100 == 0 then pass() end
    end
    assert.equal(500, (one:kept()))

    one:drain()
    two:drain()
    pass(24 * 60 * 60 + 180)

    assert.equal(0, one:told() + two:told())
    assert.same({ 0, 0 }, { one:kept() })
  end)
end)

describe("a stream of a session that hears nothing", function()
  it("says a comment every 15 s, and no more when its client is gone", function()
    local stream = open(one)
    stream:clear()

    one:pass(15.1)
    assert.equal(": keepalive\n\n", mcp.read(stream).body)
    one:pass(15.1)
    assert.equal((": keepalive\n\n"):rep(2), mcp.read(stream).body)

    stream:leave()
    stream:clear()
    one:pass(60)
    assert.equal("", mcp.read(stream).body)
  end)
end)
