-- luacheck: ignore 631
--- Calls that run on after their answer, against the real binary: both eras, one
--- and four workers, stdio; reload, shutdown, and what a thousand of them cost.

local cjson = require "cjson"

local gateway = require "gateway"
local process = require "process"
local sse = require "sse"

local TASKS = "io.modelcontextprotocol/tasks"

local SCRIPT = [[
local function work(ctx, args)
  ctx.progress(1, 2, "begun")
  tide.time.sleep((args.ms or 0) / 1000)
  return { version = "$VERSION", slept = args.ms }
end
local function asks(ctx)
  local answer = assert(ctx.ask { message = "Who?", fields = { name = tide.schema.string() } })
  return { name = answer.values.name }
end
local function fails() return nil, tide.error("conflict", "taken") end
local function prepare()
  tide.time.sleep(1.5)
  return { by = "$VERSION" }
end
local ms = { ms = tide.schema.integer { optional = true } }
return {
  name = "late", upstream = { base = "http://127.0.0.1:9" },
  tools = {
    work = { about = "Works.", task = "optional", args = ms, run = work },
    asks = { about = "Asks.", task = "optional", run = asks },
    fails = { about = "Fails.", task = "required", run = fails },
    prep = {
      about = "Prepares.", task = "optional", prepare = prepare,
      run = function(_, _, prepared) return { by = prepared.by, run = "$VERSION" } end,
    },
    plain = { about = "Plain.", run = function() return "plain" end },
  },
}]]

local POLICY = "return { default = { task = { deadline_ms = 30000, keep_ms = 30000, poll_ms = 100 } } }"

local g

local function start(...)
  return gateway.start {
    scripts = { ["late.lua"] = SCRIPT }, policies = { ["p.lua"] = POLICY },
    replace = { VERSION = "1" }, args = { ... },
  }
end

local function params(members)
  members = members or {}
  members._meta = { ["io.modelcontextprotocol/clientCapabilities"] = {
    extensions = { [TASKS] = {} }, elicitation = { form = {} },
  } }
  return members
end

local function call(tool, arguments)
  local message = g:rpc("tools/call", params { name = tool, arguments = arguments or {} })
  return message.result or message.error
end

local function about(method, id, more)
  more = more or {}
  more.taskId = id
  local message = g:rpc("tasks/" .. method, params(more), { ["Mcp-Name"] = id })
  return message.result or message.error
end

local function settled(id)
  return process.eventually(function()
    local task = about("get", id)
    return task.status ~= "working" and task
  end)
end

local function node(...)
  local argv = { "node", "tests/sdk/tasks.mjs", ... }
  argv.env = { LD_PRELOAD = false }
  local code, out, err = process.run(argv)
  assert(code == 0, err)
  return cjson.decode(out)
end

local function check_sdk(report)
  local eight = {}
  for i = 1, 8 do eight[i] = "cancelled" end
  assert.same({ list = {}, cancel = {}, requests = { tools = { call = {} } } }, report.capabilities)
  assert.same({ { "taskCreated", "taskStatus", "result" }, 50 },
    { report.work.types, report.work.result.structuredContent.slept })
  assert.same({ name = "Ada" }, report.asks.result.structuredContent)
  assert.same({ "Who?", 32 }, report.asked)
  assert.equal("failed", report.fails.task.status)
  assert.same(eight, report.cancelled)
  assert.same(eight, report.seen)
  assert.equal(11, report.listed)
  assert.matches("was cancelled", report.late)
  assert.equal(-32602, report.unknown)
end

for _, workers in ipairs { "1", "4" } do
  describe("tasks with workers=" .. workers, function()
    setup(function() g = start("--workers", workers) end)

    teardown(function() g:stop() end)

    it("run on, and are seen by whichever worker is asked", function()
      local ids = {}
      for i = 1, 20 do
        local task = call("late_work", { ms = 20 + i })
        assert.equal("task", task.resultType)
        ids[i] = task.taskId
      end
      for i, id in ipairs(ids) do
        local task = settled(id)
        assert.same({ "completed", 20 + i }, { task.status, task.result.structuredContent.slept })
      end
    end)

    it("are cancelled from any of them, and stopped soon", function()
      local ids = {}
      for i = 1, 20 do ids[i] = call("late_work", { ms = 20000 }).taskId end
      for _, id in ipairs(ids) do
        assert.equal("complete", about("cancel", id).resultType)
        assert.equal("cancelled", about("get", id).status)
      end

      assert.truthy(process.eventually(function()
        local _, n = g:log():gsub("tool=late_work[^\n]*code=cancelled", "")
        return n >= 20
      end))
    end)

    it("take their answers from any of them", function()
      local ids = {}
      for i = 1, 10 do ids[i] = call("late_asks").taskId end
      for i, id in ipairs(ids) do
        local name = next(settled(id).inputRequests)
        about("update", id, { inputResponses = { [name] = { action = "accept", content = { name = "n" .. i } } } })
      end
      for i, id in ipairs(ids) do
        assert.same({ name = "n" .. i }, settled(id).result.structuredContent)
      end
    end)

    it("are told of on a stream, wherever they run", function()
      local ids = {}
      for i = 1, 4 do ids[i] = call("late_work", { ms = 300 }).taskId end
      local stream = sse.open(g:modern("subscriptions/listen", params { notifications = { taskIds = ids } }))
      assert.same(ids, stream:next().params.notifications.taskIds)
      local over = 0
      while over < 4 do
        local message = assert(stream:next())
        assert.equal("notifications/tasks", message.method)
        if message.params.status == "completed" then over = over + 1 end
      end
      stream:close()
    end)

    it("are driven by the client of SDK 1.32", function()
      check_sdk(node(("http://127.0.0.1:%d/mcp"):format(g.port)))
    end)
  end)
end

describe("tasks that are prepared while their script is changed", function()
  after_each(function()
    g:stop()
    g = nil
  end)

  -- Another tool before them, so that the functions have other places.
  local function change(text)
    g.replace.VERSION = "2"
    text = text:gsub("tools = {", 'tools = { a = { about = "A.", run = function() return "a" end },', 1)
    g:write("scripts/late.lua", text)
  end

  it("run as they are served then", function()
    g = start()
    change(SCRIPT)
    local id = call("late_prep").taskId
    assert(g:logged "generation 1 %-> 2")

    assert.same({ by = "1", run = "2" }, settled(id).result.structuredContent)
  end)

  it("do not begin where there is no such tool any more", function()
    g = start()
    change((SCRIPT:gsub("prep = {", "other = {")))
    local err = call("late_prep")

    assert.equal(-32602, math.tointeger(err.code))
    assert.matches("late_prep", err.message)
  end)
end)

describe("tasks", function()
  after_each(function()
    if g then g:stop() end
    g = nil
  end)

  it("are driven by the client of SDK 1.32 over stdio", function()
    g = start "--workers=1"
    check_sdk(node("stdio:", gateway.binary, "serve", "--stdio", "--scripts", g.folder .. "/scripts",
      "--policies", g.folder .. "/policies"))
  end)

  it("finish on the generation that they began on", function()
    g = start("--workers", "2")
    local old = call("late_work", { ms = 700 }).taskId
    g.replace.VERSION = "2"
    g:write("scripts/late.lua", SCRIPT)
    assert(g:logged "generation 1 %-> 2 worker=1")

    assert.equal("2", settled(call("late_work").taskId).result.structuredContent.version)
    assert.equal("1", settled(old).result.structuredContent.version)
  end)

  it("are in the list of tools, which changes when a tool becomes one", function()
    g = start("--workers", "2")
    local stream = sse.open(g:modern("subscriptions/listen", params { notifications = { toolsListChanged = true } }))
    assert.truthy(stream:next())
    g:write("scripts/late.lua", (SCRIPT:gsub('task = "optional"', 'task = "required"')))

    assert.equal("notifications/tools/list_changed", stream:next().method)
    stream:close()
  end)

  it("are said to be cancelled to those who listen when the server stops", function()
    g = start("--workers", "2")
    local id = call("late_work", { ms = 25000 }).taskId
    local stream = sse.open(g:modern("subscriptions/listen", params { notifications = { taskIds = { id } } }))
    assert.equal("working", select(2, stream:next(), stream:next()).params.status)
    g:signal "TERM"

    local task = stream:next().params
    assert.same({ "cancelled", "The server was shut down" }, { task.status, task.statusMessage })
    assert.equal("complete", stream:next().result.resultType)
    stream:close()
  end)

  it("are over when the server is, which does not wait for them", function()
    g = start("--workers", "2")
    for _ = 1, 10 do call("late_work", { ms = 25000 }) end
    local before = os.time()
    g:stop()

    assert.is_true(os.time() - before < 10)
    g = nil
  end)

  it("are refused when there are too many", function()
    g = start("--workers", "2", "--max-tasks", "3")
    for _ = 1, 3 do assert.equal("task", call("late_work", { ms = 20000 }).resultType) end
    local refused = call("late_work", { ms = 1 })

    assert.is_true(refused.isError)
    assert.matches("too many tasks", refused.content[1].text)
  end)

  it("are called from the command line like other tools, and prepared", function()
    local function call_once(name)
      return gateway.run("call", { args = { "late_prepared", ('{"name":"%s"}'):format(name) }, scripts = {
        ["late.lua"] = [[return { name = "late", upstream = { base = "http://127.0.0.1:9" }, tools = {
          prepared = { about = "P.", task = "required", args = { name = tide.schema.string() },
            prepare = function(_, args)
              if args.name == "no" then return nil, tide.error("forbidden", "not you") end
              return { who = args.name }
            end,
            run = function(ctx, _, prepared) return { who = prepared.who, long = ctx.deadline > 500000 } end,
          } } }]],
      } })
    end

    local code, out = call_once "Ann"
    assert.same({ 0, { who = "Ann", long = true } }, { code, cjson.decode(out) })
    local failed, _, err = call_once "no"
    assert.equal(1, failed)
    assert.matches("not you", err)
  end)

  it("leave memory where it was when their time is over", function()
    g = gateway.start {
      scripts = { ["late.lua"] = SCRIPT }, replace = { VERSION = "1" },
      policies = { ["p.lua"] = POLICY:gsub("keep_ms = 30000", "keep_ms = 1000"):gsub("30000", "100") },
      args = { "--workers", "1" }, asan = ":quarantine_size_mb=1",
    }
    local function round(n)
      local last
      for _ = 1, n do last = call("late_work", { ms = 0 }).taskId end
      assert.truthy(process.eventually(function() return about("get", last).code end, 5))
    end
    round(200)
    local before = g:usage()
    round(800)

    local after = g:usage()
    assert.is_true(after - before < 3000, ("%d KiB more"):format(after - before))
  end)
end)
