-- Tasks against a plain model of them: whatever is done, in any order, through
-- either of two workers.
local mcp = require "mcp"

local TASKS = "io.modelcontextprotocol/tasks"
local KEPT_S = 900
local ROOTS = { roots = { { uri = "file:///a" } } }

local world, other, list, now, chance

local function random(n)
  chance = (chance * 1103515245 + 12345) % 2147483648
  return chance // 65536 % n + 1
end

local function any() return list[random(#list)] end

local function worker() return random(2) == 1 and world or other end

local function send(w, method, params, name)
  local request = mcp.modern(method, params, name)
  mcp.meta(request, "clientCapabilities", { extensions = { [TASKS] = {} }, roots = {} })
  request.headers["mcp-name"] = name or params.taskId
  if not name then request.message.params.name = nil end
  return mcp.send(w, request).json
end

-- Mail is delivered, so that owners know.
local function settle()
  world:pass(0)
  other:pass(0)
end

local actions = {}

function actions.begin()
  if #list == 60 then return end
  local w = worker()
  local id = send(w, "tools/call", { arguments = {} }, "demo_slow").result.taskId
  local task = { id = id, status = "working", ends = now + KEPT_S, owner = w, call = w:calls(), runs = true }
  list[#list + 1] = task
end

function actions.progress(task)
  if not task.runs then return end
  task.owner:progress(task.call, 1, nil, "at " .. now)
  task.says = "1: at " .. now
end

function actions.ask(task)
  if not task.runs or task.question then return end
  task.asked = (task.asked or 0) + 1
  task.question = "q" .. task.asked
  task.owner:ask(task.call, task.question)
  task.status = "input_required"
end

function actions.answer(task)
  local name = random(3) == 1 and "never" or task.question or "none"
  local good = send(worker(), "tasks/update", { taskId = task.id, inputResponses = { [name] = ROOTS } })
  assert(now < task.ends and good.result or good.error)
  if task.runs and name == task.question and now < task.ends then
    task.status, task.question = "working", nil
    settle()
    assert(task.owner:asked(task.call))
  end
end

function actions.finish(task)
  if not task.runs then return end
  task.owner:unask(task.call)
  task.owner:finish(task.call, { form = "json", body = '{"n":1}' })
  task.runs, task.question, task.status, task.says = false, nil, "completed", nil
end

function actions.fail(task)
  if not task.runs then return end
  task.owner:unask(task.call)
  task.owner:finish(task.call, { form = "error", code = "script_failed", message = "broken" })
  task.runs, task.question, task.status, task.says = false, nil, "failed", "broken"
end

function actions.cancel(task)
  local message = send(worker(), "tasks/cancel", { taskId = task.id })
  assert((now < task.ends) == (message.result ~= nil))
  if task.runs and now < task.ends then
    task.status, task.says, task.question, task.runs = "cancelled", nil, nil, false
    settle()
    assert(not task.owner:call(task.call).running)
  end
end

function actions.time()
  local seconds = random(200)
  now = now + seconds
  world:pass(seconds)
  other:pass(seconds)
  settle()
  for _, task in ipairs(list) do
    if now >= task.ends + 1 then task.runs = task.runs and task.owner:call(task.call).running end
  end
end

local NAMES = { "begin", "begin", "progress", "ask", "answer", "finish", "fail", "cancel", "time" }

local function check(task)
  local message = send(worker(), "tasks/get", { taskId = task.id })
  if now >= task.ends then
    assert.equal(-32602, math.tointeger(message.error.code))
    return
  end
  local seen = message.result
  assert.same({ task.status, task.says }, { seen.status, seen.statusMessage })
  assert.equal(task.status == "completed", seen.result ~= nil)
  assert.equal(task.status == "failed", seen.error ~= nil)
  assert.equal(task.status == "input_required" and task.question or nil, next(seen.inputRequests or {}))
end

local function round(seed)
  chance, now, list = seed * 7919, 0, {}
  local options = function(more)
    more.tools, more.mailbox = { mcp.tool("demo_slow", { task = "optional" }) }, true
    return more
  end
  world = mcp.world(options {})
  other = mcp.world(options { shared = world })
  actions.begin()
  for _ = 1, 150 do
    local task = any()
    actions[NAMES[random(#NAMES)]](task)
    check(task)
    check(any())
  end
  world:pass(2 * KEPT_S)
  other:pass(2 * KEPT_S)
  settle()
  assert.same({ count = 0, running = 0, bytes = 0 }, world:tasks())
end

describe("tasks, whatever happens to them", function()
  it("are what a plain model of them says", function()
    for seed = 1, 12 do round(seed) end
  end)
end)
