-- Tasks of the modern era, heard by subscriptions/listen.
local T = require "T"
local mcp = require "mcp"
local sse = require "sse"

local TASKS = "io.modelcontextprotocol/tasks"

local world

local function tools() return { mcp.tool("demo_slow", { task = "optional" }) } end

-- A request of a client that knows tasks.
local function knowing(request)
  return mcp.meta(request, "clientCapabilities", { extensions = { [TASKS] = {} } })
end

local function begin()
  local request = mcp.modern("tools/call", { arguments = {} }, "demo_slow")
  return mcp.send(world, knowing(request)).json.result.taskId
end

local function about(method, id, params)
  params = params or {}
  params.taskId = id
  local request = knowing(mcp.modern("tasks/" .. method, params))
  request.headers["mcp-name"] = id
  return request
end

local OK = { form = "json", body = '{"sum":3}' }

describe("a task on a stream", function()
  local ID = "io.modelcontextprotocol/subscriptionId"

  local function listen(ids)
    local request = mcp.modern("subscriptions/listen", { notifications = { taskIds = ids } })
    return mcp.begin(world, knowing(request))
  end

  local function heard(handle)
    local messages = sse.messages(handle:get().body)
    handle:clear()
    return messages
  end

  before_each(function() world = mcp.world { tools = tools() } end)

  it("is granted to those that know it", function()
    local id = begin()
    local handle = listen { id, "never", id }

    local first = heard(handle)[1]
    assert.same({ taskIds = { id } }, first.params.notifications)
  end)

  it("is told as it is, and then whenever it changes", function()
    local id = begin()
    local handle = listen { id }
    world:pass(0)
    local messages = heard(handle)
    assert.equal("notifications/tasks", messages[2].method)
    assert.same({ id, "working" }, { messages[2].params.taskId, messages[2].params.status })
    assert.equal(7, messages[2].params._meta[ID])

    world:progress(1, 50, 100)
    world:pass(0)
    assert.equal("50 of 100", heard(handle)[1].params.statusMessage)
    world:finish(1, OK)
    world:pass(0)
    local last = heard(handle)[1].params
    assert.same({ "completed", { sum = 3 } }, { last.status, last.result.structuredContent })
  end)

  it("costs its result once, however many do not read it", function()
    local id = begin()
    local handles = {}
    for i = 1, 50 do handles[i] = listen { id } end
    world:pass(0)
    for i = 1, 50 do
      handles[i]:clear()
      handles[i]:slow(true)
    end
    world:progress(1, 1, 2)
    world:pass(0) -- now they are known to be slow
    local before = T.generation.allocated()

    world:finish(1, { form = "text", body = ("x"):rep(1 << 20) })
    world:pass(0)

    assert.is_true(T.generation.allocated() - before < 10 << 20)
    for i = 1, 50 do
      handles[i]:clear()
      handles[i]:slow(false)
    end
    world:pass(0)
    for i = 1, 50 do
      local messages = heard(handles[i])
      assert.equal(1 << 20, #messages[#messages].params.result.content[1].text)
    end
  end)

  it("is told to those alone that asked for it", function()
    local id, other = begin(), begin()
    local handle = listen { id }
    world:pass(0)
    heard(handle)
    mcp.send(world, about("cancel", other))
    world:finish(1, OK)
    world:pass(0)

    assert.equal(1, #heard(handle))
  end)
end)
