-- Calls that run on after their answer: the tasks extension of the modern era.
local mcp = require "mcp"

local TASKS = "io.modelcontextprotocol/tasks"
local PLAIN = "demo_add"
local SLOW, ONLY, ASKS_FIRST = "demo_slow", "demo_task_only", "demo_prepared"

local world

local function tools()
  return {
    mcp.tool(PLAIN),
    mcp.tool(ASKS_FIRST, { task = "optional", prepare = true }),
    mcp.tool(SLOW, { task = "optional" }),
    mcp.tool(ONLY, { task = "required" }),
  }
end

-- A request of a client that knows tasks.
local function knowing(request)
  return mcp.meta(request, "clientCapabilities", { extensions = { [TASKS] = {} } })
end

local function call(name, more)
  return mcp.modern("tools/call", more or { arguments = {} }, name)
end

local function about(method, id, params)
  params = params or {}
  params.taskId = id
  local request = knowing(mcp.modern("tasks/" .. method, params))
  request.headers["mcp-name"] = id
  return request
end

local function begin(name, w)
  return mcp.send(w or world, knowing(call(name or SLOW))).json.result.taskId
end

local function get(id, w)
  return mcp.send(w or world, about("get", id)).json.result
end

local function verdict(request) return mcp.verdict(world, request) end

local OK = { form = "json", body = '{"sum":3}' }
local KEPT_S = 900 -- task.deadline_ms + task.keep_ms, by default

describe("a task", function()
  before_each(function() world = mcp.world { tools = tools() } end)

  it("is what a call becomes whose tool says so and whose client knows tasks", function()
    local result = mcp.send(world, knowing(call(SLOW))).json.result

    assert.equal("task", result.resultType)
    assert.equal("working", result.status)
    assert.matches("^%x+$", result.taskId)
    assert.equal(32, #result.taskId)
    assert.equal("2026-09-21T14:13:20Z", result.createdAt)
    assert.equal(result.createdAt, result.lastUpdatedAt)
    assert.same({ 900000, 1000 }, { result.ttlMs, result.pollIntervalMs })
    assert.is_nil(result.result)
    assert.equal("yes", world:call(1).as_task)
  end)

  it("is none for a client that does not know them, or a tool that does not say so", function()
    local first = mcp.begin(world, call(SLOW))
    local second = mcp.begin(world, knowing(call(PLAIN)))

    assert.is_false(mcp.read(first).ended)
    assert.is_false(mcp.read(second).ended)
    assert.is_nil(world:call(1).as_task)
  end)

  it("is none because the client asks for it as 2025-11-25 does", function()
    local a = mcp.begin(world, knowing(call(PLAIN, { arguments = {}, task = { ttl = 1000 } })))

    world:finish(1, OK)
    assert.equal("complete", mcp.read(a).json.result.resultType)
  end)

  it("is all that some tools can be: the error names what the client lacks", function()
    local a = mcp.send(world, call(ONLY))

    assert.same({ 400, -32021 }, { a.status, a.code })
    assert.same({ extensions = { [TASKS] = {} } }, a.json.error.data.requiredCapabilities)
    assert.equal("task", mcp.send(world, knowing(call(ONLY))).json.result.resultType)
  end)

  it("goes on when the client has left", function()
    local handle = mcp.begin(world, knowing(call(SLOW)))
    handle:leave()

    assert.is_true(world:call(1).running)
  end)

  it("has its result when it is completed", function()
    local id = begin()
    world:pass(3)
    world:finish(1, OK)

    local task = get(id)
    assert.same({ "complete", "completed", id }, { task.resultType, task.status, task.taskId })
    assert.same({ sum = 3 }, task.result.structuredContent)
    assert.equal("2026-09-21T14:13:23Z", task.lastUpdatedAt)
    assert.is_nil(task.error)
    assert.is_nil(task.result._meta["io.modelcontextprotocol/related-task"])
  end)

  it("has completed when its tool reports an error", function()
    local id = begin()
    world:finish(1, { form = "error", code = "conflict", message = "taken" })

    local task = get(id)
    assert.equal("completed", task.status)
    assert.is_true(task.result.isError)
  end)

  it("has failed when there was no answer of the tool's", function()
    for _, code in ipairs { "script_failed", "script_limit", "internal", "no_memory" } do
      local id = begin()
      world:finish(world:calls(), { form = "error", code = code, message = "broken" })

      local task = get(id)
      assert.equal("failed", task.status)
      assert.same({ -32603, "broken" }, { task.error.code, task.error.message })
      assert.is_nil(task.result)
    end
  end)

  it("says how far it is", function()
    local id = begin()
    world:progress(1, 2, 4, "half way")
    assert.equal("2 of 4: half way", get(id).statusMessage)
    world:progress(1, 3)
    assert.equal("3", get(id).statusMessage)

    world:finish(1, OK)
    assert.is_nil(get(id).statusMessage)
  end)

  it("keeps of a long message what fits, and no half character", function()
    local id = begin()
    world:progress(1, 1, nil, ("ü"):rep(200))

    assert.equal("1: " .. ("ü"):rep(126), get(id).statusMessage)
  end)

  it("can be done at once", function()
    world:at_once(true)

    local result = mcp.send(world, knowing(call(SLOW))).json.result
    assert.same({ "task", "completed" }, { result.resultType, result.status })
    assert.is_nil(result.result)
    assert.same({}, get(result.taskId).result.structuredContent)
  end)

  it("hides secrets in what it says and brings", function()
    world = mcp.world { tools = tools(), secret = "s3cr3t-value" }
    local id = begin()
    world:progress(1, 1, nil, "with s3cr3t-value")
    assert.equal("1: with ***", get(id).statusMessage)
    world:finish(1, { form = "text", body = "s3cr3t-value" })
    assert.equal("***", get(id).result.content[1].text)

    id = begin()
    world:finish(2, { form = "error", code = "internal", message = "lost s3cr3t-value" })
    assert.same({ "lost ***", "lost ***" }, { get(id).statusMessage, get(id).error.message })
  end)

  describe("that is prepared", function()
    it("begins when that is over, with what it brought", function()
      local handle = mcp.begin(world, knowing(call(ASKS_FIRST)))
      assert.same({ "prepare", nil }, { world:call(1).slot, world:call(1).as_task })
      assert.is_false(mcp.read(handle).ended)

      world:finish(1, { form = "json", body = '{"user":"Alice"}' })
      assert.equal("task", mcp.read(handle).json.result.resultType)
      assert.same({ '{"user":"Alice"}', "yes" }, { world:call(2).prepared, world:call(2).as_task })
    end)

    it("is so at once, too", function()
      world:at_once(true)
      assert.equal("complete", mcp.send(world, call(ASKS_FIRST)).json.result.resultType)
      assert.equal("task", mcp.send(world, knowing(call(ASKS_FIRST))).json.result.resultType)
    end)

    it("does not begin if that fails", function()
      local handle = mcp.begin(world, knowing(call(ASKS_FIRST)))
      world:finish(1, { form = "error", code = "forbidden", message = "not you" })

      assert.is_true(mcp.read(handle).json.result.isError)
      assert.equal(0, world:tasks().count)
    end)

    it("and is no task may be done as soon as it begins", function()
      for n = 1, 400, 7 do
        world = mcp.world { tools = tools() }
        local list = {}
        for i = 1, n do list[i] = { i, "x\n" } end
        local handle = mcp.begin(world, call(ASKS_FIRST, { arguments = { list = list } }))
        world:at_once(true)
        world:finish(1, { form = "text", body = ("x"):rep(n * 40) })

        assert.is_true(mcp.read(handle).ended)
      end
    end)

    it("and is no task is prepared as well", function()
      local handle = mcp.begin(world, call(ASKS_FIRST))
      world:finish(1, { form = "text", body = 'say "a"' })

      assert.same({ [["say \"a\""]], nil }, { world:call(2).prepared, world:call(2).as_task })
      world:finish(2, OK)
      assert.equal("complete", mcp.read(handle).json.result.resultType)
    end)
  end)

  describe("that is cancelled", function()
    it("is so at once, whatever becomes of its call", function()
      local id = begin()
      local ack = mcp.send(world, about("cancel", id)).json.result

      assert.equal("complete", ack.resultType)
      assert.is_nil(ack.taskId)
      assert.equal("client", world:call(1).cancelled_by)
      assert.equal("cancelled", get(id).status)
    end)

    it("may be cancelled again", function()
      local id = begin()
      assert.equal("200", verdict(about("cancel", id)))
      assert.equal("200", verdict(about("cancel", id)))
      assert.equal("client", world:call(1).cancelled_by)
    end)

    it("stays what it was if it had ended", function()
      local id = begin()
      world:finish(1, OK)
      assert.equal("200", verdict(about("cancel", id)))

      assert.equal("completed", get(id).status)
      assert.same({ sum = 3 }, get(id).result.structuredContent)
    end)

    it("says why when the server ends", function()
      local id = begin()
      world:drain()

      local task = get(id)
      assert.same({ "cancelled", "The server was shut down" }, { task.status, task.statusMessage })
      assert.equal("shutdown", world:call(1).cancelled_by)
    end)
  end)

  describe("that nobody began", function()
    local function all(id)
      return {
        verdict(about("get", id)), verdict(about("cancel", id)),
        verdict(about("update", id, { inputResponses = { x = {} } })),
      }
    end
    local NONE = { "200 -32602", "200 -32602", "200 -32602" }

    it("is not there", function()
      local id = begin()
      local other = (id:sub(1, 1) == "0" and "1" or "0") .. id:sub(2)

      for _, wrong in ipairs { "x", other, id .. "0", id:sub(1, 31), id:upper() .. "Z", ("0"):rep(32) } do
        assert.same(NONE, all(wrong))
      end
    end)

    it("is not there for a client that does not name it", function()
      begin()
      for _, wrong in ipairs { 7, { "x" }, true } do
        local request = about("get", "x")
        request.message.params.taskId = wrong
        request.headers["mcp-name"] = nil
        assert.equal("200 -32602", verdict(request))
      end
    end)

    it("has a name that header and body agree on", function()
      local request = about("get", begin())
      request.headers["mcp-name"] = "another"
      assert.equal("400 -32020", verdict(request))
      request.headers["mcp-name"] = nil
      assert.equal("400 -32020", verdict(request))
    end)

    it("is one of the other era", function()
      local session = mcp.session(world)
      local id = begin()

      assert.equal("200 -32602", verdict(mcp.legacy("tasks/get", { taskId = id }, session)))
      assert.equal("200 -32602", verdict(mcp.legacy("tasks/cancel", { taskId = id }, session)))
      assert.is_true(world:call(1).running)
    end)
  end)

  it("belongs to clients that know tasks", function()
    local request = about("get", begin())
    mcp.meta(request, "clientCapabilities", {})

    assert.equal("400 -32021", verdict(request))
  end)

  it("has no methods of the revision before", function()
    for _, method in ipairs { "result", "list" } do
      assert.equal("404 -32601", verdict(about(method, begin())))
    end
  end)

  it("takes answers to nothing as they come", function()
    local id = begin()

    assert.equal("200", verdict(about("update", id, { inputResponses = { never = { action = "accept" } } })))
    assert.equal("200 -32602", verdict(about("update", id, { inputResponses = { "a" } })))
    assert.equal("200 -32602", verdict(about("update", id)))
    assert.equal("working", get(id).status)
  end)

  it("is told of as an extension, if a tool is one", function()
    local function offered(w)
      local session = mcp.send(w, mcp.initialize()).json.result.capabilities
      local modern = mcp.send(w, mcp.modern "server/discover").json.result.capabilities
      return modern.extensions and modern.extensions[TASKS], modern.tasks, session.tasks
    end

    local extension, core, legacy = offered(world)
    assert.same({ {}, { list = {}, cancel = {}, requests = { tools = { call = {} } } } }, { extension, legacy })
    assert.is_nil(core)
    assert.same({}, { offered(mcp.world()) })
    assert.equal("404 -32601", mcp.verdict(mcp.world(), about("get", "x")))
  end)

  describe("'s time", function()
    it("is kept, and then it is gone", function()
      local id = begin()
      world:finish(1, OK)
      world:pass(KEPT_S - 1)
      assert.equal("completed", get(id).status)

      world:pass(1)
      assert.equal("200 -32602", verdict(about("get", id)))
      world:pass(1)
      assert.same({ count = 0, running = 0, bytes = 0 }, world:tasks())
    end)

    it("is over though nobody has cleared it away yet", function()
      begin()
      world:pass(0.3)
      local id = begin()
      world:pass(KEPT_S - 0.3)
      assert.equal("working", get(id).status)

      world:pass(0.4)
      assert.equal(1, world:tasks().count)
      assert.equal("200 -32602", verdict(about("get", id)))
    end)

    it("ends what still runs", function()
      begin()
      world:pass(KEPT_S + 1)

      assert.equal("client", world:call(1).cancelled_by)
      assert.same({ count = 0, running = 0, bytes = 0 }, world:tasks())
    end)

    it("is the same for ten thousand of them", function()
      world:at_once(true)
      for _ = 1, 10000 do begin() end
      assert.equal(10000, world:tasks().count)
      world:pass(KEPT_S + 1)

      assert.same({ count = 0, running = 0, bytes = 0 }, world:tasks())
    end)
  end)

  describe("too many", function()
    it("is refused until there is room again, in words for the model", function()
      world = mcp.world { tools = tools(), max_tasks = 2, max_bytes = 1000000 }
      begin()
      begin()
      local refused = mcp.send(world, knowing(call(SLOW))).json.result
      assert.is_true(refused.isError)
      assert.matches("too many tasks", refused.content[1].text)
      assert.equal(2, world:calls())

      world:pass(KEPT_S)
      assert.truthy(begin())
      assert.equal(1, world:tasks().count)
    end)

    it("bytes of a result fail it, and nothing else", function()
      world = mcp.world { tools = tools(), max_tasks = 10, max_bytes = 20000 }
      local small, big = begin(), begin()
      world:finish(2, { form = "text", body = ("x"):rep(20000) })
      world:finish(1, OK)

      assert.same({ "completed", "failed" }, { get(small).status, get(big).status })
      assert.matches("too large", get(big).error.message)
      world:pass(KEPT_S + 1)
      assert.equal(0, world:tasks().bytes)
    end)
  end)

  it("is not begun when its call cannot be", function()
    world:refuse(true)

    assert.equal("500 -32603", verdict(knowing(call(SLOW))))
    assert.same({ count = 0, running = 0, bytes = 0 }, world:tasks())
  end)

  it("is begun or refused whichever allocation fails", function()
    world:at_once(true)
    local n, fired = 0, true
    while fired do
      local request = knowing(call(SLOW))
      request.fail_after = n
      local a = mcp.send(world, request)
      fired, n = a.fault_fired, n + 1
      assert.is_true(a.ended)
      assert.equal("200", verdict(mcp.legacy "ping"))
    end
    assert.is_true(n > 5)
    world:pass(KEPT_S + 2)
    assert.same({ count = 0, running = 0, bytes = 0 }, world:tasks())
  end)

  it("ends with the server", function()
    begin()
    world:free()
    world = nil
  end)
end)

describe("a task that asks", function()
  local ROOTS = { action = "unused", roots = { { uri = "file:///a" } } }

  local function begin_asking(w)
    local request = mcp.meta(call(SLOW), "clientCapabilities", { extensions = { [TASKS] = {} }, roots = {} })
    return mcp.send(w or world, request).json.result.taskId
  end

  local function update(id, answers, w)
    local a = mcp.send(w or world, about("update", id, { inputResponses = answers }))
    assert.equal("complete", a.json.result.resultType)
  end

  local function open(id)
    local task = get(id)
    local names = {}
    for name in pairs(task.inputRequests or {}) do names[#names + 1] = name end
    table.sort(names)
    return task.status .. ":" .. table.concat(names, " ")
  end

  before_each(function() world = mcp.world { tools = tools() } end)

  it("waits for its client, which finds the question when it looks", function()
    local id = begin_asking()
    assert.is_true(world:ask(1, "where"))

    assert.equal("input_required:where", open(id))
    assert.same({ method = "roots/list", params = {} }, get(id).inputRequests.where)
    assert.is_nil(get(id).requestState)
  end)

  it("goes on with the answer", function()
    local id = begin_asking()
    world:ask(1, "where")
    update(id, { where = ROOTS })

    assert.equal("working:", open(id))
    assert.same({ true, mcp.encode(ROOTS) }, { world:asked(1) })
    world:finish(1, OK)
    assert.equal("completed", get(id).status)
  end)

  it("takes one answer to each question, and none to others", function()
    local id = begin_asking()
    world:ask(1, "where")
    update(id, { never = ROOTS })
    assert.equal("input_required:where", open(id))
    update(id, { where = ROOTS, never = ROOTS })
    update(id, { where = { roots = {} } })

    assert.same({ true, mcp.encode(ROOTS) }, { world:asked(1) })
  end)

  it("asks again, under another name, when the answer is wrong", function()
    local id = begin_asking()
    world:ask(1, "where")
    update(id, { where = { roots = "here" } })
    assert.equal("input_required:where#1", open(id))
    assert.matches("roots must be an array", get(id).statusMessage)
    assert.is_false((world:asked(1)))

    update(id, { where = ROOTS })
    assert.equal("input_required:where#1", open(id))
    update(id, { ["where#1"] = ROOTS })
    assert.equal("working:", open(id))
    assert.is_true((world:asked(1)))
  end)

  it("does not ask for ever", function()
    local id = begin_asking()
    world:ask(1, "where")
    update(id, { where = 7 })
    for i = 1, 99 do update(id, { ["where#" .. i] = 7 }) end

    local settled, why = world:asked(1)
    assert.is_true(settled)
    assert.matches("is no object", why)
    assert.equal("working:", open(id))
  end)

  it("may lose interest", function()
    local id = begin_asking()
    world:ask(1, "where")
    world:unask(1)

    assert.equal("working:", open(id))
    update(id, { where = ROOTS })
  end)

  it("is told what its client cannot do", function()
    begin(SLOW)

    assert.same({ nil, "it cannot" }, { world:ask(1, "where") })
  end)

  it("may be cancelled meanwhile, and its time may be over", function()
    local id = begin_asking()
    world:ask(1, "where")
    assert.equal("200", verdict(about("cancel", id)))
    assert.equal("cancelled:", open(id))
    update(id, { where = ROOTS })

    begin_asking()
    world:ask(2, "where")
    world:pass(KEPT_S + 2)
    assert.same({ count = 0, running = 0, bytes = 0 }, world:tasks())
  end)

  it("needs room for what it asks", function()
    begin_asking()
    local size = world:tasks().bytes
    world = mcp.world { tools = tools(), max_tasks = 2, max_bytes = size + 20 }
    local id = begin_asking()

    assert.same({ nil, "there is no room for another question" }, { world:ask(1, "where") })
    assert.equal("working:", open(id))
  end)

  it("answers whichever allocation fails, and its client can try again", function()
    local n, fired, id = 0, true, begin_asking()
    while fired do
      world:ask(1, "where" .. n)
      local request = about("update", id, { inputResponses = { ["where" .. n] = ROOTS } })
      request.fail_after = n
      local a = mcp.send(world, request)
      assert.is_true(a.ended)
      local name = next(get(id).inputRequests or {}) -- what it did not take, or asks again
      if name then update(id, { [name] = ROOTS }) end
      assert.same({ true, "working:" }, { (world:asked(1)), open(id) })
      fired, n = a.fault_fired, n + 1
    end
    assert.is_true(n > 3)
  end)

  it("hears of answers that reach another worker", function()
    world = mcp.world { tools = tools(), mailbox = true }
    local other = mcp.world { tools = tools(), mailbox = true, shared = world }
    local id = begin_asking()
    world:ask(1, "where")
    update(id, { where = ROOTS }, other)
    assert.equal("working:", open(id))
    assert.is_false((world:asked(1)))

    world:pass(0)
    assert.is_true((world:asked(1)))
  end)

  it("may have ended when the answer comes", function()
    world = mcp.world { tools = tools(), mailbox = true }
    local other = mcp.world { tools = tools(), mailbox = true, shared = world }
    local id = begin_asking(other)
    other:ask(1, "where")
    update(id, { where = ROOTS })
    other:unask(1)
    other:finish(1, OK)
    other:pass(0)

    assert.equal("completed", get(id).status)
  end)
end)

describe("a task on another worker", function()
  local other

  before_each(function()
    world = mcp.world { tools = tools(), mailbox = true }
    other = mcp.world { tools = tools(), mailbox = true, shared = world }
  end)

  it("is seen there", function()
    local id = begin()
    assert.equal("working", get(id, other).status)
    world:finish(1, OK)

    assert.same({ sum = 3 }, get(id, other).result.structuredContent)
  end)

  it("is cancelled there at once, and stopped here soon", function()
    local id = begin()
    assert.equal("200", mcp.verdict(other, about("cancel", id)))
    assert.equal("cancelled", get(id).status)
    assert.is_true(world:call(1).running)

    world:pass(0)
    assert.equal("client", world:call(1).cancelled_by)
    assert.equal("cancelled", get(id, other).status)
  end)

  it("may end while it is told to stop", function()
    local id = begin()
    assert.equal("200", mcp.verdict(other, about("cancel", id)))
    world:finish(1, OK)
    world:pass(0)

    assert.equal("cancelled", get(id).status)
    assert.equal(0, world:tasks().running)
  end)

  it("may go while it is told to stop", function()
    local id = begin(SLOW, other)
    assert.equal("200", mcp.verdict(world, about("cancel", id)))
    other:free()

    assert.equal("cancelled", get(id).status)
  end)
end)
