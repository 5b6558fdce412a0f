-- What legacy clients that lost their connection can have again.
local T = require "T"

local store

local function named(stream, number)
  return (stream:gsub("%-0$", "-" .. number))
end

-- All that a reader is given until nothing is left, and what it is told then.
local function drain(reader)
  local list = {}
  while true do
    local what, data, name = reader:next()
    if what ~= "given" then return list, what end
    list[#list + 1] = data .. "@" .. name:match "%-(%d+)$"
  end
end

local function read(session, name)
  local reader = store:reader(session, name)
  if type(reader) == "string" then return reader end
  local list, last = drain(reader)
  reader:free()
  return table.concat(list, " "), last
end

before_each(function() store = T.events.store {} end)

describe("an event's name", function()
  local hex = ("0a"):rep(16)
  local good = hex .. "-"

  it("is read in the one way in which it is written", function()
    for _, n in ipairs { "0", "1", "10", "999999999999999" } do
      assert.equal(good .. n, T.events.parse(good .. n))
    end
    for _, n in ipairs { "", "-1", "+1", "01", "00", " 1", "1 ", "1.0", "0x1", "9999999999999999", "1\0" } do
      assert.is_nil(T.events.parse(good .. n))
    end
    for _, other in ipairs { "", "0a", hex:upper(), hex:sub(2), hex .. "0", "g" .. hex:sub(2) } do
      assert.is_nil(T.events.parse(other .. "-1"))
    end
    for _, name in ipairs { "", "-", hex } do assert.is_nil(T.events.parse(name)) end
  end)
end)

describe("a stream", function()
  it("gives what followed an event, in order, and then waits", function()
    local stream = store:open("s", "answer", 0)
    for i = 1, 3 do assert.equal(i, (store:add(stream, "e" .. i, 0))) end

    assert.same({ "e1@1 e2@2 e3@3", "later" }, { read("s", stream) })
    assert.same({ "e3@3", "later" }, { read("s", named(stream, 2)) })
    assert.same({ "", "later" }, { read("s", named(stream, 3)) })
  end)

  it("knows no event that was never sent, nor to another session", function()
    local stream = store:open("s", "answer", 0)
    store:add(stream, "e1", 0)

    assert.equal("unknown", read("s", named(stream, 2)))
    assert.equal("unknown", read("t", named(stream, 1)))
    assert.equal("unknown", read("s", ("0"):rep(32) .. "-0"))
    assert.equal("unknown", read("s", "forged"))
  end)

  it("wakes its reader, once for all that came, and tells it of the end", function()
    local stream = store:open("s", "answer", 0)
    local reader = store:reader("s", stream)
    assert.equal("later", reader:next())

    store:add(stream, "a", 0)
    store:add(stream, "b", 0)
    assert.equal(0, reader:woken())
    store:turn()
    assert.equal(1, reader:woken())
    assert.same({ { "a@1", "b@2" }, "later" }, { drain(reader) })
    store:finish(stream, 0)
    store:turn()

    assert.equal(2, reader:woken())
    assert.equal("over", reader:next())
  end)

  it("tells its writer that a reader has come, also when it has left", function()
    local stream = store:open("s", "answer", 0)
    assert.same({ 1, false }, { store:add(stream, "a", 0) })

    local reader = store:reader("s", stream)
    assert.same({ 2, true }, { store:add(stream, "b", 0) })
    reader:free()

    assert.same({ 3, true }, { store:add(stream, "c", 0) })
  end)

  it("is given to whoever comes last", function()
    local stream = store:open("s", "answer", 0)
    local old = store:reader("s", stream)
    local new = store:reader("s", stream)
    store:turn()

    assert.equal(1, old:woken())
    assert.equal("over", old:next())
    assert.equal("later", new:next())
  end)

  it("knows for how long nobody has read it", function()
    local stream = store:open("s", "answer", 100)
    assert.equal(50, store:unread(stream, 150))

    local reader = store:reader("s", stream)
    assert.equal(0, store:unread(stream, 200))
    reader:free(300)

    assert.equal(7, store:unread(stream, 307))
    store:end_session "s"
    assert.equal(-1, store:unread(stream, 307))
  end)

  it("is kept for a while behind its end", function()
    store = T.events.store { keep_ms = 1000 }
    local stream = store:open("s", "answer", 0)
    store:add(stream, "a", 0)
    store:finish(stream, 500)

    assert.is_true(store:sweep(1499))
    assert.same({ "a@1", "over" }, { read("s", stream) })
    assert.is_false(store:sweep(1500))
    assert.equal("unknown", read("s", stream))
    assert.same({ streams = 0, sessions = 0, events = 0, bytes = 0 }, store:counts())
  end)

  it("that expires under its reader is over for it", function()
    store = T.events.store { keep_ms = 1000 }
    local stream = store:open("s", "answer", 0)
    local reader = store:reader("s", stream)
    store:finish(stream, 0)
    store:sweep(1000)
    store:turn()

    assert.equal("over", reader:next())
  end)

  it("ends with its session, for its reader and its writer", function()
    local mine, other = store:open("s", "answer", 0), store:open("t", "answer", 0)
    local reader = store:reader("s", mine)
    store:end_session "s"
    store:turn()

    assert.equal("over", reader:next())
    assert.same({ 0, false }, { store:add(mine, "a", 0) })
    assert.equal(1, (store:add(other, "a", 0)))
    store:end_session "never"
  end)
end)

describe("a session's own stream", function()
  it("is one, and has one reader", function()
    local own = store:open("s", "own", 0)
    assert.is_nil(store:open("s", "own", 0))
    assert.truthy(store:open("s", "answer", 0))

    local reader = store:reader "s"
    assert.equal("busy", read "s")
    reader:free()

    assert.same({ "", "later" }, { read "s" })
    assert.equal("unknown", read "t")
    assert.same({ "", "later" }, { read("s", own) })
  end)

  it("makes way where there are too many, if nobody reads it", function()
    store = T.events.store { total_streams = 3 }
    store:open("read", "own", 0)
    local reader = store:reader "read"
    store:open("left", "own", 1)
    store:open("mine", "own", 2)

    assert.truthy(store:open("next", "own", 3))
    assert.equal("unknown", read "left")
    assert.truthy(store:open("mine", "answer", 4))
    assert.equal("unknown", read "next")
    assert.truthy(store:open("other", "answer", 5))
    assert.equal("unknown", read "mine")
    assert.is_nil(store:open("more", "own", 6))
    assert.same({}, (drain(reader)))

    reader:free(7)
    assert.truthy(store:open("more", "own", 8))
    assert.equal("unknown", read "read")
  end)

  it("goes on where its last reader was", function()
    local own = store:open("s", "own", 0)
    store:add(own, "a", 0)
    assert.equal("a@1", (read "s"))
    store:add(own, "b", 0)
    store:add(own, "c", 0)

    assert.equal("b@2 c@3", (read "s"))
    assert.equal("", (read "s"))
  end)
end)

describe("the store", function()
  it("lets the oldest events of a long stream go, and says so", function()
    store = T.events.store { stream_bytes = 1000 }
    local stream = store:open("s", "answer", 0)
    for _ = 1, 100 do store:add(stream, ("x"):rep(100), 0) end

    assert.equal("forgotten", read("s", stream))
    local kept = store:counts().events
    assert.is_true(kept > 0 and kept < 10 and store:counts().bytes <= 1000)
    local last = select(2, read("s", named(stream, 100 - kept)))
    assert.equal("later", last)
    assert.equal("forgotten", read("s", named(stream, 99 - kept)))
  end)

  it("keeps none of a stream in which one is missing", function()
    store = T.events.store { stream_bytes = 1000 }
    local stream = store:open("s", "answer", 0)
    store:add(stream, "a", 0)
    store:add(stream, ("x"):rep(2000), 0)
    store:add(stream, "c", 0)

    assert.equal("forgotten", read("s", named(stream, 1)))
    assert.equal("c@3", (read("s", named(stream, 2))))
  end)

  it("takes from the session's, then from all, that were silent longest", function()
    store = T.events.store { session_bytes = 900, total_bytes = 2000 }
    local data = ("x"):rep(300)
    local a, b = store:open("s", "answer", 0), store:open("s", "answer", 0)
    store:add(a, data, 0)
    store:add(b, data, 0)
    store:add(b, data, 0)
    assert.equal("forgotten", read("s", a))
    assert.is_not.equal("forgotten", read("s", b))

    for _, session in ipairs { "t", "u", "v" } do
      local stream = store:open(session, "answer", 0)
      store:add(stream, data, 0)
      store:add(stream, data, 0)
    end
    assert.equal("forgotten", read("s", b))
    assert.is_true(store:counts().bytes <= 2000)
  end)

  it("holds no more streams than it may; those that have ended make way", function()
    store = T.events.store { session_streams = 3, total_streams = 4 }
    local streams = {}
    for i = 1, 3 do streams[i] = store:open("s", "answer", 0) end
    assert.is_nil(store:open("s", "answer", 0))

    store:finish(streams[2], 0)
    assert.truthy(store:open("s", "answer", 0))
    assert.equal("unknown", read("s", streams[2]))
    local other = store:open("t", "answer", 0)
    assert.is_nil(store:open("u", "answer", 0))
    assert.equal(2, store:counts().sessions)

    store:finish(other, 0)
    assert.truthy(store:open("u", "answer", 0))
  end)

  -- Against a list in Lua: whatever is given is what was added, without a gap,
  -- and what is refused was never there, or was let go.
  it("keeps its word through any order of events", function()
    for seed = 1, 40 do
      math.randomseed(seed)
      store = T.events.store { stream_bytes = 600, session_bytes = 900, total_bytes = 1500, keep_ms = 50 }
      local streams, readers, now, lost = {}, {}, 0, 0
      for _ = 1, 300 do
        now = now + math.random(0, 4)
        local session, dice = "s" .. math.random(3), math.random(10)
        local s = streams[math.random(math.max(#streams, 1))]
        if dice == 1 or not s then
          local name = store:open(session, "answer", now)
          if name then streams[#streams + 1] = { name = name, session = session, list = {} } end
        elseif dice <= 5 and not s.ended then
          local data = ("d"):rep(math.random(0, 60)) .. math.random(1000)
          s.list[#s.list + 1] = data .. "@" .. #s.list + 1
          assert.equal(#s.list, (store:add(s.name, data, now)))
        elseif dice == 6 and not s.ended then
          store:finish(s.name, now)
          s.ended = now
        elseif dice <= 8 then
          local at = math.random(0, #s.list + 1)
          local reader = store:reader(s.session, named(s.name, at))
          local expired = s.ended and now >= s.ended + 50
          if at > #s.list then assert.equal("unknown", reader) end
          if type(reader) == "string" then
            lost = lost + (reader == "forgotten" and 1 or 0)
            assert.is_true(reader == "forgotten" or at > #s.list or s.ended ~= nil)
          else
            readers[#readers + 1] = { reader = reader, at = at, stream = s }
          end
          if expired then store:sweep(now) end
        elseif #readers > 0 then
          local r = table.remove(readers, math.random(#readers))
          local list = drain(r.reader)
          assert.same(table.move(r.stream.list, r.at + 1, r.at + #list, 1, {}), list)
          r.reader:free(now)
        end
        local counts = store:counts()
        assert.is_true(counts.bytes <= 1500)
      end
      for _, r in ipairs(readers) do r.reader:free(now) end
      for _, s in ipairs(streams) do if not s.ended then store:finish(s.name, now) end end
      assert.is_false(store:sweep(now + 50))
      assert.same({ streams = 0, sessions = 0, events = 0, bytes = 0 }, store:counts())
      assert.is_true(lost > 0 or seed > 1)
    end
  end)
end)
