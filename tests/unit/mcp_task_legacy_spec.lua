-- Tasks as 2025-11-25 has them: clients ask for them, and fetch the result.
local json = require "cjson"
local mcp = require "mcp"
local sse = require "sse"

local RELATED = "io.modelcontextprotocol/related-task"
local OK = { form = "json", body = '{"sum":3}' }

local world, session

local function tools()
  return {
    mcp.tool "demo_add",
    mcp.tool("demo_slow", { task = "optional" }),
    mcp.tool("demo_task_only", { task = "required" }),
  }
end

local function request(method, params, s) return mcp.legacy(method, params, s or session) end

local function call(name, task)
  return request("tools/call", { name = name, arguments = {}, task = task })
end

local function send(method, params, w, s) return mcp.send(w or world, request(method, params, s)) end

local function begin(w, s)
  local r = call("demo_slow", {})
  r.headers["mcp-session-id"] = s or session
  return mcp.send(w or world, r).json.result.task.taskId
end

local function status(id) return send("tasks/get", { taskId = id }).json.result.status end

local function open(capabilities)
  local r = mcp.initialize()
  r.message.params.capabilities = capabilities or r.message.params.capabilities
  return mcp.send(world, r).headers["mcp-session-id"]
end

describe("a task of 2025-11-25", function()
  before_each(function()
    world = mcp.world { tools = tools(), page_size = 2 }
    session = open()
  end)

  it("is what the client asks for", function()
    local task = mcp.send(world, call("demo_slow", { ttl = 60000 })).json.result.task

    assert.same({ "working", 60000, 1000 }, { task.status, task.ttl, task.pollInterval })
    assert.is_nil(task.ttlMs)
    assert.equal(32, #task.taskId)
    assert.equal("yes", world:call(1).as_task)
  end)

  it("lives as long as the client wants, and no longer than the policy", function()
    local function ttl(task) return mcp.send(world, call("demo_slow", task)).json.result.task.ttl end

    assert.same({ 900000, 900000, 900000, 1 },
      { ttl {}, ttl { ttl = json.null }, ttl { ttl = 1e12 }, ttl { ttl = 1.5 } })
    for _, wrong in ipairs { { ttl = 0 }, { ttl = -1 }, { ttl = "5" }, { ttl = {} }, 7, "x" } do
      assert.equal("200 -32602", mcp.verdict(world, call("demo_slow", wrong)))
    end
  end)

  it("is so for tools that can be one, and only asked for", function()
    assert.equal("200 -32601", mcp.verdict(world, call("demo_add", {})))
    assert.equal("200 -32601", mcp.verdict(world, call "demo_task_only"))
    mcp.begin(world, call "demo_slow")
    assert.is_nil(world:call(1).as_task)
  end)

  it("is said of each tool in the list", function()
    local support = {}
    for _, version in ipairs { "2025-11-25", "2025-06-18" } do
      local list = send("tools/list", {}, world, mcp.session(world, version)).json.result
      for _, tool in ipairs(list.tools) do support[#support + 1] = tool.execution or "none" end
    end

    assert.same({ "none", { taskSupport = "optional" }, "none", "none" }, support)
  end)

  it("is none of earlier revisions", function()
    session = mcp.session(world, "2025-06-18")

    assert.equal("200 -32601", mcp.verdict(world, call "demo_task_only"))
    mcp.begin(world, call("demo_slow", {}))
    assert.is_nil(world:call(1).as_task)
    for _, method in ipairs { "tasks/get", "tasks/result", "tasks/cancel", "tasks/list" } do
      assert.equal("200 -32601", mcp.verdict(world, request(method, { taskId = "x" })))
    end
  end)

  it("has its result when it is over, and whoever waits for it gets it then", function()
    local id = begin()
    local first = mcp.begin(world, request("tasks/result", { taskId = id }))
    local second = mcp.begin(world, request("tasks/result", { taskId = id }))
    assert.is_false(mcp.read(first).ended)

    world:finish(1, OK)
    for _, handle in ipairs { first, second } do
      local result = mcp.read(handle).json.result
      assert.same({ { sum = 3 }, { [RELATED] = { taskId = id } } }, { result.structuredContent, result._meta })
    end
    assert.same({ sum = 3 }, send("tasks/result", { taskId = id }).json.result.structuredContent)
    assert.equal("completed", status(id))
  end)

  it("has failed when its tool reports an error, which is its result", function()
    for _, code in ipairs { "conflict", "script_failed" } do
      local id = begin()
      world:finish(world:calls(), { form = "error", code = code, message = "no" })

      local task = send("tasks/get", { taskId = id }).json.result
      assert.same({ "failed", "no" }, { task.status, task.statusMessage })
      assert.is_true(send("tasks/result", { taskId = id }).json.result.isError)
    end
  end)

  it("is cancelled once", function()
    local id = begin()
    local waits = mcp.begin(world, request("tasks/result", { taskId = id }))
    local task = send("tasks/cancel", { taskId = id }).json.result

    assert.same({ id, "cancelled" }, { task.taskId, task.status })
    assert.equal(-32603, mcp.read(waits).code)
    assert.equal("client", world:call(1).cancelled_by)
    assert.equal("200 -32602", mcp.verdict(world, request("tasks/cancel", { taskId = id })))
  end)

  it("is listed page by page to the session that began it", function()
    local ids = { begin(), begin(), begin() }
    local other = open()
    begin(world, other)

    local listed, cursor = {}, nil
    repeat
      local page = send("tasks/list", { cursor = cursor }).json.result
      for _, task in ipairs(page.tasks) do listed[#listed + 1] = task.taskId end
      cursor = page.nextCursor
    until not cursor
    assert.same(ids, listed)
    assert.equal(1, #send("tasks/list", {}, world, other).json.result.tasks)
    assert.equal("200 -32602", mcp.verdict(world, request("tasks/list", { cursor = "x" })))
    local r = mcp.legacy("tasks/list", {})
    r.headers["mcp-protocol-version"] = "2025-11-25"
    assert.same({}, mcp.send(world, r).json.result.tasks)
  end)

  it("is not there for the other era, nor when its time is over", function()
    local id = begin()
    local modern = mcp.modern("tasks/get", { taskId = id })
    mcp.meta(modern, "clientCapabilities", { extensions = { ["io.modelcontextprotocol/tasks"] = {} } })
    modern.headers["mcp-name"] = id
    assert.equal("200 -32602", mcp.verdict(world, modern))

    local waits = mcp.begin(world, request("tasks/result", { taskId = id }))
    world:pass(901)
    assert.equal(-32602, mcp.read(waits).code)
    for _, method in ipairs { "tasks/get", "tasks/result", "tasks/cancel" } do
      assert.equal("200 -32602", mcp.verdict(world, request(method, { taskId = id })))
    end
  end)

  it("is waited for until the client cancels that, which is not the task", function()
    local id = begin()
    local r = request("tasks/result", { taskId = id })
    r.message.id = "wait"
    local waits = mcp.begin(world, r)
    local cancel = mcp.notification(request("notifications/cancelled", { requestId = "wait" }))
    assert.equal("202", mcp.verdict(world, cancel))

    assert.is_true(mcp.read(waits).ended)
    assert.equal("working", status(id))
    world:finish(1, OK)
  end)

  it("is waited for on another worker", function()
    world = mcp.world { tools = tools(), mailbox = true }
    local other = mcp.world { tools = tools(), mailbox = true, shared = world }
    session = open()
    local id = begin()
    local waits = mcp.begin(other, request("tasks/result", { taskId = id }))
    world:finish(1, OK)
    assert.is_false(mcp.read(waits).ended)

    other:pass(0)
    assert.same({ sum = 3 }, mcp.read(waits).json.result.structuredContent)
  end)

  it("may be waited for when a worker ends", function()
    world = mcp.world { tools = tools(), mailbox = true }
    local other = mcp.world { tools = tools(), mailbox = true, shared = world }
    session = open()
    local id = begin()
    mcp.begin(other, request("tasks/result", { taskId = id }))
    world:finish(1, OK)
    other:free()

    assert.equal("completed", status(id))
  end)

  it("is answered whichever allocation fails", function()
    world:at_once(true)
    local n, fired = 0, true
    while fired do
      local r = call("demo_slow", {})
      r.fail_after = n
      local a = mcp.send(world, r)
      fired, n = a.fault_fired, n + 1
      assert.is_true(a.ended)
    end
    local id = begin()
    for _, method in ipairs { "tasks/get", "tasks/result", "tasks/list" } do
      n, fired = 0, true
      while fired do
        local r = request(method, { taskId = id })
        r.fail_after = n
        local a = mcp.send(world, r)
        fired, n = a.fault_fired, n + 1
        assert.is_true(a.ended)
      end
    end
    assert.is_true(n > 2)
  end)
end)

describe("a task of 2025-11-25 that asks", function()
  local ROOTS = { roots = { { uri = "file:///a" } } }

  before_each(function()
    world = mcp.world { tools = tools() }
    session = open { roots = {} }
  end)

  local function respond(id, members, w)
    local r = request("x", nil)
    r.message = { jsonrpc = "2.0", id = id, result = members.result, error = members.error }
    assert.equal("202", mcp.verdict(w or world, r))
  end

  local function heard(handle)
    local messages = sse.messages(handle:get().body)
    handle:clear()
    return messages
  end

  local function last(handle)
    local messages = heard(handle)
    return messages[#messages]
  end

  it("asks on the stream of whoever waits for its result", function()
    local id = begin()
    local waits = mcp.begin(world, request("tasks/result", { taskId = id }))
    assert.is_true(world:ask(1, "where"))
    assert.equal("input_required", status(id))

    local news, question = table.unpack(heard(waits))
    assert.same({ "notifications/tasks/status", "input_required" }, { news.method, news.params.status })
    assert.equal("roots/list", question.method)
    assert.same({ taskId = id }, question.params._meta[RELATED])
    respond(question.id, { result = ROOTS })
    assert.same({ true, mcp.encode(ROOTS) }, { world:asked(1) })
    assert.equal("working", status(id))
    world:finish(1, OK)
    assert.same({ sum = 3 }, last(waits).result.structuredContent)
  end)

  it("says how it is to whoever waits, when that changes", function()
    local id = begin()
    world:progress(1, 1, 4)
    local waits = mcp.begin(world, request("tasks/result", { taskId = id }))
    assert.same({}, heard(waits))
    world:progress(1, 2, 4, "half way")
    world:progress(1, 2, 4, "half way")

    local news = heard(waits)
    assert.same({ 1, "notifications/tasks/status" }, { #news, news[1].method })
    assert.same({ id, "working", "2 of 4: half way" },
      { news[1].params.taskId, news[1].params.status, news[1].params.statusMessage })
    world:finish(1, OK)
    assert.same({ sum = 3 }, heard(waits)[1].result.structuredContent)
  end)

  it("asks those that come later, each once, and takes the first answer", function()
    local id = begin()
    world:ask(1, "where")
    local first = mcp.begin(world, request("tasks/result", { taskId = id }))
    local second = mcp.begin(world, request("tasks/result", { taskId = id }))
    local a, b = last(first), last(second)
    assert.are_not.equal(a.id, b.id)
    respond(b.id, { result = ROOTS })
    respond(a.id, { result = { roots = {} } })

    assert.same({ true, mcp.encode(ROOTS) }, { world:asked(1) })
  end)

  it("takes its question back when nobody waits for the answer any more", function()
    local id = begin()
    world:ask(1, "where")
    local first = mcp.begin(world, request("tasks/result", { taskId = id }))
    local second = mcp.begin(world, request("tasks/result", { taskId = id }))
    local a, b = last(first), last(second)
    respond(b.id, { result = ROOTS })
    local news = heard(first)
    assert.same({ "notifications/cancelled", a.id }, { news[2].method, news[2].params.requestId })

    world:ask(1, "when")
    local open_now = last(first).id
    mcp.send(world, request("tasks/cancel", { taskId = id }))
    news = heard(first)
    assert.same({ "notifications/cancelled", open_now }, { news[#news - 1].method, news[#news - 1].params.requestId })
    assert.equal(-32603, news[#news].error.code)
  end)

  it("hears that the user said no", function()
    local id = begin()
    world:ask(1, "where")
    local waits = mcp.begin(world, request("tasks/result", { taskId = id }))
    respond(heard(waits)[1].id, { error = { code = -1, message = "never" } })

    local settled, why = world:asked(1)
    assert.is_true(settled)
    assert.matches("never", why)
  end)

  it("asks again when the answer is wrong", function()
    local id = begin()
    world:ask(1, "where")
    local waits = mcp.begin(world, request("tasks/result", { taskId = id }))
    respond(heard(waits)[1].id, { result = { roots = 7 } })
    local again = heard(waits)
    respond(again[#again].id, { result = ROOTS })

    assert.is_true((world:asked(1)))
  end)

  it("asks by another worker", function()
    world = mcp.world { tools = tools(), mailbox = true }
    local other = mcp.world { tools = tools(), mailbox = true, shared = world }
    session = open { roots = {} }
    local id = begin()
    local waits = mcp.begin(other, request("tasks/result", { taskId = id }))
    world:ask(1, "where")
    other:pass(0)
    respond(last(waits).id, { result = ROOTS })
    other:pass(0)
    world:pass(0)

    assert.is_true((world:asked(1)))
  end)

  it("cannot ask a client that cannot be asked", function()
    session = open {}
    begin()

    assert.same({ nil, "it cannot" }, { world:ask(1, "where") })
  end)
end)
