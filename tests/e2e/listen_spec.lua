--- subscriptions/listen on the real binary, over HTTP with one worker and with
--- four.

local cjson = require "cjson"

local gateway = require "gateway"
local process = require "process"
local script = require "listen_shop"
local sse = require "sse"
local web = require "web"

local ID = "io.modelcontextprotocol/subscriptionId"

local ALL = {
  toolsListChanged = true, promptsListChanged = true, resourcesListChanged = true,
  resourceSubscriptions = { "shop://stock", "shop://item/7" },
}

local g

local function start(...)
  g = gateway.start { scripts = { ["shop.lua"] = script "Says." }, args = { ... } }
end

-- Freed memory is used again, as without a sanitizer.
local function start_lean(...)
  g = gateway.start {
    scripts = { ["shop.lua"] = script "Says." }, args = { ... },
    asan = ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0",
  }
end

local function listen(filter)
  return sse.open(g:modern("subscriptions/listen", { notifications = filter or ALL }))
end

local function said(message)
  return message.method and message.method:match "^notifications/(.*)"
end

local function methods(list)
  local names = {}
  for i, message in ipairs(list) do names[i] = said(message) or "result" end
  return names
end

after_each(function()
  if g then g:stop() end
  g = nil
end)

for _, workers in ipairs { "1", "4" } do
  describe("with " .. workers .. " workers a stream #threads", function()
    local streams

    before_each(function()
      start("--workers", workers)
      streams = {}
      for i = 1, 8 do
        streams[i] = listen()
        assert.equal("subscriptions/acknowledged", said(assert(streams[i]:next())))
      end
    end)

    it("hears of a reload once all serve the new list, and of each list that differs", function()
      g:write("scripts/shop.lua", script "Says more.")

      for _, stream in ipairs(streams) do
        assert.equal("tools/list_changed", said(assert(stream:next(10))))
      end
      for _ = 1, 12 do
        local answer = g:rpc "tools/list"
        assert.truthy(cjson.encode(answer.result.tools):find("Says more.", 1, true))
      end
      for _, stream in ipairs(streams) do assert.same({}, stream:all(0.05)) end
    end)

    it("hears nothing of a reload that changes no list", function()
      g:write("scripts/shop.lua", script "Says." .. " -- and nothing else")
      assert(g:logged "generation 1 %-> 2")

      for _, stream in ipairs(streams) do assert.same({}, stream:all(0.05)) end
    end)

    it("hears a script's word, whichever worker runs it", function()
      for _ = 1, 6 do
        g:call("shop_say", { list = "prompts" })
        for _, stream in ipairs(streams) do
          assert.equal("prompts/list_changed", said(assert(stream:next())))
        end
      end
      g:call("shop_say", { uri = "shop://item/7" })
      g:call("shop_say", { uri = "shop://item/8" })
      for _, stream in ipairs(streams) do
        local message = assert(stream:next())
        assert.same({ "resources/updated", "shop://item/7" }, { said(message), message.params.uri })
        assert.is_number(message.params._meta[ID])
        assert.same({}, stream:all(0.02))
      end
    end)

    it("ends with its result when the server stops, and in time", function()
      local begun = process.now_ms()
      g:signal "TERM"

      for _, stream in ipairs(streams) do
        local message = assert(stream:next())
        local result = message.result
        assert.same({ message.id, "complete" }, { result._meta[ID], result.resultType })
        assert.is_nil(stream:next())
        assert.is_true(stream.ended)
      end
      assert.equal(0, g.process:wait())
      assert.is_true(process.now_ms() - begun < 5000)
    end)
  end)
end

describe("a stream", function()
  local function open_files()
    local n = 0
    for _ in io.popen(("ls /proc/%d/fd"):format(g.process:pid())):lines() do n = n + 1 end
    return n
  end

  local function ticks()
    local stat = assert(io.open(("/proc/%d/stat"):format(g.process:pid()))):read "a"
    local user, system = stat:match("%) %S+" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
    return user + system
  end

  it("beyond the limit is refused clearly, until another has gone", function()
    start("--workers", "1", "--max-streams", "3")
    local streams = { listen(), listen(), listen() }

    local refused = listen()
    assert.equal(503, refused.status)
    assert.truthy(refused.body:find("Too many open streams (3)", 1, true))

    streams[2]:close()
    assert.truthy(process.eventually(function() return listen().status == 200 end))
  end)

  local function resident_kb()
    local status = assert(io.open(("/proc/%d/status"):format(g.process:pid()))):read "a"
    return tonumber(status:match "VmRSS:%s+(%d+)")
  end

  local function come_and_go(times)
    for _ = 1, times do
      local streams = {}
      for i = 1, 100 do streams[i] = listen() end
      g:call("shop_say", { list = "tools" })
      for _, stream in ipairs(streams) do stream:close() end
    end
  end

  it("leaves no descriptor behind, no memory and no work", function()
    start_lean("--workers", "2")
    g:rpc "tools/list"
    local files = open_files()
    come_and_go(3)
    local memory = resident_kb()

    come_and_go(10)

    assert.truthy(process.eventually(function() return open_files() <= files end, 1))
    assert.is_true(resident_kb() - memory < 2000)
    local spent = ticks()
    process.sleep_ms(300)
    assert.is_true(ticks() - spent <= 2)
  end)

  it("of a client that does not read holds up nobody", function()
    start("--workers", "1")
    local asleep, awake = listen(), listen()
    awake:next()

    for _ = 1, 3 do
      g:call "shop_work"
      assert.is_true(#awake:all(0.02) > 0)
    end

    asleep:close()
  end)

  it("is cut when its client takes nothing for too long, and the others go on", function()
    start("--workers", "1", "--write-timeout-ms", "200")
    local uri = "shop://item/" .. ("a"):rep(2000)
    local awake = listen { resourceSubscriptions = { uri } }
    local files = open_files()
    local asleep = {}
    for i = 1, 5 do asleep[i] = listen { resourceSubscriptions = { uri } } end

    local params = { name = "shop_flood", arguments = { uri = uri } }
    local call = web.open(g:modern("tools/call", params))
    assert.is_true(#awake:all(0.3) > 100)

    assert.equal(200, web.finish(call).status)
    assert.truthy(process.eventually(function() return open_files() <= files + 1 end, 3))
    g:call("shop_say", { uri = uri })
    assert.equal("resources/updated", said(assert(awake:next())))
    for _, stream in ipairs(asleep) do stream:close() end
  end)

  it("does not get what belongs to a call, nor a call what belongs to it", function()
    start("--workers", "1")
    local stream = listen { resourceSubscriptions = { "shop://stock" } }
    local params = { name = "shop_work", _meta = { progressToken = 1 } }
    local call = sse.open(g:modern("tools/call", params))

    assert.same({ "progress", "progress", "progress", "result" }, methods(call:all(1)))
    for i, method in ipairs(methods(stream:all(0.1))) do
      assert.equal(i == 1 and "subscriptions/acknowledged" or "resources/updated", method)
    end
  end)
end)

describe("a task", function()
  local JOBS = [[
  local function work()
    tide.time.sleep(0.05)
    return "worked"
  end
  return {
    name = "jobs", about = "Jobs.", upstream = { base = "http://127.0.0.1:9" },
    tools = { long = { about = "Works long.", run = work, task = "optional" } },
  }]]

  -- Opens a request of a client that knows tasks.
  local function open(method, params)
    local request = g:modern(method, params)
    request.body = request.body:gsub('clientCapabilities":{}',
      'clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}')
    return sse.open(request)
  end

  it("that is listened to tells how it goes, by whichever worker", function()
    g = gateway.start { scripts = { ["jobs.lua"] = JOBS }, args = { "--workers", "4" } }
    for _ = 1, 6 do
      local call = open("tools/call", { name = "jobs_long", arguments = {} })
      local id = cjson.decode(call.body).result.taskId
      local stream = open("subscriptions/listen", { notifications = { taskIds = { id } } })
      assert.same({ id }, assert(stream:next()).params.notifications.taskIds)

      local task
      repeat
        local message = assert(stream:next())
        assert.equal("tasks", said(message))
        task = message.params
      until task.status ~= "working"
      assert.same({ "completed", id }, { task.status, task.taskId })
      assert.equal("worked", task.result.content[1].text)
      stream:close()
    end
  end)
end)
