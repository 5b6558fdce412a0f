-- Legacy clients that lose their connection, or are sent away, and come back.
local mcp = require "mcp"

local world, other, session

local function call(version, id)
  session = session or mcp.session(world, version)
  local request = mcp.legacy("tools/call", { name = "demo_add" }, session)
  request.message.id = id or 7
  return mcp.begin(world, request)
end

local function come(where, last, headers)
  local request = {
    method = "GET",
    headers = {
      host = "localhost", accept = "text/event-stream", ["mcp-session-id"] = session,
      ["last-event-id"] = last,
    },
  }
  for name, value in pairs(headers or {}) do request.headers[name] = value or nil end
  return mcp.begin(where, request)
end

local function verdict(handle)
  local a = mcp.read(handle)
  return a.code and a.status .. " " .. a.code or tostring(a.status)
end

-- Blocks of lines, as fields: { id=, data=, retry= }.
local function events(handle)
  local list = {}
  for block in mcp.read(handle).body:gmatch "(.-)\n\n" do
    local event = {}
    for name, value in (block .. "\n"):gmatch "(%w+): ?([^\n]*)\n" do event[name] = value end
    list[#list + 1] = event
  end
  return list
end

local function ids(list)
  local numbers = {}
  for i, event in ipairs(list) do numbers[i] = tonumber((event.id or ""):match "%-(%d+)$") end
  return numbers
end

local function last_of(handle)
  local list = events(handle)
  return list[#list]
end

before_each(function()
  session = nil
  world = mcp.world { mailbox = true, resume_ms = 10000 }
  other = mcp.world { mailbox = true, shared = world }
end)

-- Worlds share what they keep, so they go together and in order.
after_each(function()
  other:free()
  world:free()
end)

describe("a stream of 2025-11-25", function()
  it("begins with a name to come back with, and each event has its own", function()
    local handle = call "2025-11-25"
    world:tell(1, "1")
    world:tell(1, "2")
    world:finish(1, { form = "text", body = "done" })

    local list = events(handle)
    assert.same({ 0, 1, 2, 3 }, ids(list))
    assert.same({ "", "1000" }, { list[1].data, list[1].retry })
    assert.is_nil(list[1].event)
    assert.truthy(list[4].data:find("done", 1, true))
  end)

  it("begins after a second also if there is nothing to say", function()
    local handle = call "2025-11-25"
    world:pass(0.9)
    assert.same({}, events(handle))

    world:pass(0.2)

    assert.same({ 0 }, ids(events(handle)))
    assert.is_false(mcp.read(handle).ended)
  end)

  it("is not begun where there is an answer", function()
    local handle = call "2025-11-25"
    world:finish(1, { form = "text", body = "done" })

    assert.equal("application/json", mcp.read(handle).headers["content-type"])
    assert.equal(0, (world:kept()))
  end)
end)

describe("a stream of 2025-03-26 and 2025-06-18", function()
  it("has names, and no event without data", function()
    for _, version in ipairs { "2025-03-26", "2025-06-18" } do
      session = nil
      local handle = call(version)
      world:pass(5)
      assert.equal("", mcp.read(handle).body)
      world:tell(world:calls(), "1")
      world:finish(world:calls(), { form = "text", body = "done" })

      assert.same({ 1, 2 }, ids(events(handle)))
    end
  end)
end)

describe("a batch of 2025-03-26", function()
  it("is told of and answered on one stream, and can be come back to", function()
    session = mcp.session(world, "2025-03-26")
    local request = mcp.legacy("ping", nil, session)
    request.message = {}
    for i = 1, 2 do
      request.message[i] = mcp.legacy("tools/call", { name = "demo_add" }).message
      request.message[i].id = i
    end
    local handle = mcp.begin(world, request)
    world:tell(1, "1")
    handle:leave()
    world:tell(2, "2")
    world:finish(2, { form = "text", body = "second" })
    world:finish(1, { form = "text", body = "first" })

    local again = events(come(other, events(handle)[1].id))
    assert.same({ 2, 3 }, ids(again))
    assert.matches("^%[.*\"id\":2.*\"id\":1.*%]$", again[2].data)
  end)
end)

describe("a stream that nobody can come back to", function()
  it("has no names", function()
    local without = mcp.begin(world, mcp.legacy("tools/call", { name = "demo_add" }))
    world:tell(1, "1")
    session = mcp.session(world, "2024-11-05")
    local old = call()
    world:tell(2, "1")
    local modern = mcp.modern("tools/call", nil, "demo_add")
    mcp.meta(modern, "logLevel", "debug")
    modern = mcp.begin(world, modern)
    world:tell(3, "1")

    for _, handle in ipairs { without, old, modern } do
      assert.equal(1, #events(handle))
      assert.is_nil(events(handle)[1].id)
    end
  end)
end)

describe("a client that comes back", function()
  local function leave_after(n)
    local handle = call "2025-11-25"
    for i = 1, n do world:tell(1, tostring(i)) end
    handle:leave()
    return handle
  end

  it("is given what it missed and what is still to come, by any worker", function()
    for _, where in ipairs { world, other } do
      session = nil
      local n = world:calls() + 1
      local handle = call "2025-11-25"
      world:tell(n, "1")
      local first = last_of(handle).id
      handle:leave()
      world:tell(n, "2")

      local again = come(where, first)
      assert.same({ 2 }, ids(events(again)))
      world:tell(n, "3")
      world:finish(n, { form = "text", body = "done" })
      where:pass(0.1)

      assert.same({ 2, 3, 4 }, ids(events(again)))
      local a = mcp.read(again)
      assert.is_true(a.ended)
      assert.equal("text/event-stream", a.headers["content-type"])
      assert.equal("200", verdict(come(other, last_of(again).id)))
    end
  end)

  it("may do so also with its first name, and more than once", function()
    local handle = leave_after(2)
    world:finish(1, { form = "text", body = "done" })
    local primed = events(handle)[1].id

    for _ = 1, 3 do assert.same({ 1, 2, 3 }, ids(events(come(other, primed)))) end
  end)

  it("takes the stream from a connection that it does not know to be dead", function()
    local handle = call "2025-11-25"
    world:tell(1, "1")
    local again = come(other, last_of(handle).id)
    world:tell(1, "2")
    other:pass(0.1)
    assert.is_true(mcp.read(handle).left)
    assert.same({ 0, 1 }, ids(events(handle)))

    local third = come(world, last_of(again).id)
    other:pass(0.1)
    world:finish(1, { form = "text", body = "done" })
    world:pass(0.1)

    assert.is_true(mcp.read(again).ended)
    assert.same({ 2 }, ids(events(again)))
    assert.same({ 3 }, ids(events(third)))
    assert.is_true(mcp.read(handle).ended)
  end)

  it("is refused what is forged, another session's, or was never sent", function()
    local handle = leave_after(1)
    local id = last_of(handle).id
    local mine = session

    assert.equal("400 -32000", verdict(come(world, (id:gsub("1$", "2")))))
    assert.equal("400 -32000", verdict(come(world, (id:gsub("^.", "x")))))
    assert.equal("400 -32000", verdict(come(world, "")))
    assert.equal("400 -32000", verdict(come(world, { id, id })))
    session = mcp.session(world)
    assert.equal("400 -32000", verdict(come(world, id)))
    session = mine
    assert.equal("200", verdict(come(world, id)))
  end)

  it("is asked for its session, its version and what it takes", function()
    local id = last_of(leave_after(1)).id

    assert.equal("405 -32000", verdict(come(world, id, { ["mcp-session-id"] = false })))
    assert.equal("404 -32001", verdict(come(world, id, { ["mcp-session-id"] = "forged" })))
    assert.equal("406 -32000", verdict(come(world, id, { accept = "application/json" })))
    assert.equal("400 -32000", verdict(come(world, id, { ["mcp-protocol-version"] = "2024-10-07" })))
    assert.equal("403 -32000", verdict(come(world, id, { origin = "https://evil.example.com" })))
    assert.equal("405 -32000", verdict(come(world, id, { ["mcp-protocol-version"] = mcp.MODERN })))
  end)

  it("is too late when its time is over, and its call is cancelled by then", function()
    local id = last_of(leave_after(1)).id
    world:pass(9)
    other:pass(9)
    come(other, id):leave()
    world:pass(9.9)
    assert.is_true(world:call(1).running)

    world:pass(0.2)

    assert.equal("client", world:call(1).cancelled_by)
    local again = come(other, id)
    assert.same({ 2 }, ids(events(again)))
    again:leave()
    world:pass(181)
    assert.equal("400 -32000", verdict(come(other, id)))
    assert.equal(0, (world:kept()))
  end)
end)

describe("a client that cannot come back", function()
  it("has its call run on: leaving is no cancellation", function()
    call("2025-06-18"):leave()
    world:pass(60)

    assert.is_true(world:call(1).running)
    world:finish(1, { form = "text", body = "done" })
    assert.equal(0, (world:kept()))
  end)
end)

describe("a handler", function()
  it("sends its client away, which comes back for the answer", function()
    local handle = call "2025-11-25"

    assert.is_true(world:detach(1, 250))
    assert.is_true(world:detach(1, 250))
    local list = events(handle)
    assert.same({ 0 }, ids(list))
    assert.equal("250", list[2].retry)
    assert.same({ true, false }, { mcp.read(handle).left, mcp.read(handle).ended })
    world:tell(1, "1")
    world:finish(1, { form = "text", body = "done" })

    assert.same({ 1, 2 }, ids(events(come(other, list[1].id))))
    assert.is_true(mcp.read(handle).ended)
  end)

  it("cannot send away those that would not come back", function()
    for _, version in ipairs { "2025-06-18", "2025-03-26", "2024-11-05" } do
      session = nil
      local handle = call(version)

      assert.is_false(world:detach(world:calls(), 250))
      assert.same({ "", false }, { mcp.read(handle).body, mcp.read(handle).left })
    end
    local bare = mcp.world {}
    mcp.begin(bare, mcp.modern("tools/call", nil, "demo_add"))
    assert.is_false(bare:detach(1, 250))
    bare:free()
  end)

  it("is cancelled when the client that it sent away stays away", function()
    call "2025-11-25"
    world:detach(1, 2000)
    world:pass(11.9)
    assert.is_true(world:call(1).running)

    world:pass(0.2)

    assert.equal("client", world:call(1).cancelled_by)
  end)
end)

describe("a session's own stream", function()
  it("is open to one connection at a time, on whichever worker", function()
    session = mcp.session(world)
    local first = come(world)
    assert.equal("text/event-stream", mcp.read(first).headers["content-type"])

    assert.equal("409 -32000", verdict(come(other)))
    first:leave()

    assert.equal("200", verdict(come(other)))
  end)

  it("is for sessions, of revisions that have it", function()
    assert.equal("405 -32000", verdict(come(world)))
    session = mcp.session(world, "2024-11-05")
    assert.equal("405 -32000", verdict(come(world)))
  end)
end)

describe("the end of the server", function()
  it("ends a session's own stream, and lets answers be waited for", function()
    session = mcp.session(world)
    local own = come(world)
    local handle = call()
    world:tell(1, "1")
    handle:leave()
    local again = come(other, events(handle)[1].id)

    world:drain()
    other:drain()
    assert.is_true(mcp.read(own).ended)
    assert.equal("503 -32000", verdict(come(world)))
    assert.is_false(mcp.read(again).ended)
    world:finish(1, { form = "text", body = "done" })
    other:pass(0.1)

    assert.same({ 1, 2 }, ids(events(again)))
    assert.is_true(mcp.read(again).ended)
  end)
end)

describe("the end of a session", function()
  it("ends its streams and its calls on all workers", function()
    session = mcp.session(world)
    local own, asked = come(other), call()
    world:tell(1, "1")
    local left = call(nil, 8)
    world:tell(2, "1")
    left:leave()

    assert.equal("200", mcp.verdict(other, {
      method = "DELETE", headers = { host = "localhost", ["mcp-session-id"] = session },
    }))
    world:pass(0.1)
    other:pass(0.1)

    for _, handle in ipairs { own, asked, left } do assert.is_true(mcp.read(handle).ended) end
    assert.same({ "client", "client" }, { world:call(1).cancelled_by, world:call(2).cancelled_by })
    assert.equal("404 -32001", verdict(come(world)))
    assert.equal(0, (world:kept()))
  end)

  it("leaves other sessions alone", function()
    local mine = mcp.session(world)
    session = mcp.session(world)
    local handle = call()
    mcp.send(world, { method = "DELETE", headers = { host = "localhost", ["mcp-session-id"] = mine } })
    world:pass(0.1)

    assert.is_false(mcp.read(handle).ended)
    assert.is_true(world:call(1).running)
  end)
end)

-- Whatever is lost, nothing is given twice or out of order, and who is told that
-- there is nothing more has missed nothing that he was not told of.
describe("without memory", function()
  local function through(n, act)
    mcp.fail_after(n)
    act()
    return mcp.fired()
  end

  local function check_order(list)
    local last = -1
    for _, event in ipairs(list) do
      local number = tonumber((event.id or ""):match "%-(%d+)$")
      if number then
        assert.is_true(number > last)
        last = number
      end
    end
  end

  it("a stream is told of, left, come back to and ended", function()
    local fired, n = true, 0
    while fired do
      session = mcp.session(world)
      local i = world:calls() + 1
      if i > 60 then
        other:free()
        world:free()
        world = mcp.world { mailbox = true, resume_ms = 10000 }
        other = mcp.world { mailbox = true, shared = world }
        session, i = mcp.session(world), 1
      end
      local handle, again = call()
      fired = through(n, function()
        world:tell(i, "1")
        world:detach(i, 10)
      end)
      local first = events(handle)[1]
      if first and first.id then again = come(other, first.id) end
      fired = through(n, function()
        world:tell(i, "2")
        world:finish(i, { form = "text", body = "done" })
        other:pass(0.01)
      end) or fired
      check_order(events(handle))
      assert.is_true(mcp.read(handle).ended)
      if again and mcp.read(again).streamed then
        check_order(events(again))
        assert.is_true(mcp.read(again).ended)
      end
      n = n + 1
    end
    assert.is_true(n > 5, tostring(n))
  end)
end)

describe("a thousand sessions", function()
  it("leave nothing behind", function()
    for _ = 1, 1000 do
      session = mcp.session(world)
      local n = world:calls() + 1
      if n > 60 then break end
      local handle = call()
      world:tell(n, "1")
      handle:leave()
      world:finish(n, { form = "text", body = "done" })
    end
    assert.is_true(world:kept() > 50)

    world:pass(181)

    assert.same({ 0, 0 }, { world:kept() })
  end)
end)
