--- Tools that run on as tasks, in the kit.

local engine = require "engine"

local TOOLS = [[
local boolean, str = tide.schema.boolean, tide.schema.string
handlers.import = {
  task = "optional",
  run = function(ctx, args, prepared)
    for i = 1, args.steps or 3 do
      tide.time.sleep(60)
      ctx.progress(i, args.steps or 3, "step " .. i)
    end
    return { prepared = prepared or "nothing" }
  end,
}
handlers.prepared = {
  task = "required", args = { size = tide.schema.integer { default = 1 } },
  result = { size = tide.schema.integer() },
  prepare = function(ctx, args)
    if args.size > 9 then return nil, tide.error("forbidden", "too large") end
    if args.size == 2 then return "two" end
    if args.size == 3 then return nil end
    tide.time.sleep(1)
    return { size = args.size * 10, left = ctx.deadline }
  end,
  run = function(ctx, args, prepared)
    tide.time.sleep(100)
    if type(prepared) == "table" then return { size = prepared.size } end
    return { size = prepared == "two" and -2 or prepared == tide.json.null and -3 or 0 }
  end,
}
handlers.asks = {
  task = "optional",
  run = function(ctx)
    local answer = assert(ctx.ask { message = "Sure?", fields = { sure = boolean() } })
    return { action = answer.action }
  end,
}
handlers.asks_first = {
  task = "optional",
  prepare = function(ctx)
    return assert(ctx.ask { message = "Who?", fields = { name = str() } }).values
  end,
  run = function(ctx, _, who)
    local again = assert(ctx.ask { message = "Really " .. who.name .. "?" })
    return { who = who.name, really = again.action }
  end,
}
function handlers.plain() return "plain" end
handlers.breaks = { task = "optional", run = function() error "oops" end }
handlers.fails = { task = "optional", run = function() return nil, tide.error("conflict", "taken") end }
handlers.stuck = { task = "optional", run = function() tide.time.sleep(3000) end }
]]

local kit

before_each(function() kit = engine { tools = TOOLS } end)

after_each(function() kit:close() end)

describe("kit:task", function()
  it("begins a task, which goes on as time goes by", function()
    local task = kit:task "demo_import"
    assert.same({ "working", nil, false }, { task.status, task.status_message, task.done })

    kit:advance(60000)
    assert.same({ "working", "1 of 3: step 1" }, { task.status, task.status_message })
    kit:advance(120000)
    assert.same({ "completed", nil, { prepared = "nothing" } }, { task.status, task.status_message, task.value })
    assert.is_true(kit:quiet())
  end)

  it("has more time than a call, and no more than the policy says", function()
    local call, task = kit:call "demo_stuck", kit:task "demo_stuck"
    assert.equal("timeout", call.error.code)
    task:wait()

    assert.same({ "completed", "timeout", 600000 }, { task.status, task.error.code, task.ms })
  end)

  it("is cancelled", function()
    local task = kit:task "demo_import"
    kit:advance(1000)

    assert.is_true(task:cancel())
    assert.same({ "cancelled", "cancelled" }, { task.status, task.error.code })
  end)

  it("tells what the tool said from what broke", function()
    assert.equal("completed", kit:task("demo_fails"):wait().status)
    assert.equal("failed", kit:task("demo_breaks"):wait().status)
  end)

  it("is for tools that run as tasks", function()
    local ok, message = pcall(kit.task, kit, "demo_plain")

    assert.is_false(ok)
    assert.matches('demo_plain does not run as a task: say task = "optional"', message, 1, true)
    assert.is_nil(kit:call("demo_plain").status)
  end)
end)

describe("a tool that is prepared", function()
  it("runs with what that brought, as a task and as a call", function()
    local task = kit:task("demo_prepared", { size = 4 })
    assert.same({ "working", 1000 }, { task.status, kit:now_ms() })
    task:wait()

    assert.same({ size = 40 }, task.value)
    kit:close()
    kit = engine { tools = TOOLS, policy = "deadline_ms = 200000" }
    assert.same({ size = 40 }, kit:call("demo_prepared", { size = 4 }).value)
  end)

  it("has its arguments checked first, with their defaults", function()
    assert.equal("invalid_argument", kit:task("demo_prepared", { size = "x" }).error.code)
    assert.same({ size = 10 }, kit:task("demo_prepared", {}):wait().value)
  end)

  it("may bring anything that JSON can say", function()
    assert.same({ size = -2 }, kit:task("demo_prepared", { size = 2 }):wait().value)
    assert.same({ size = -3 }, kit:task("demo_prepared", { size = 3 }):wait().value)
  end)

  it("is no task when that fails", function()
    local task = kit:task("demo_prepared", { size = 10 })

    assert.same({ true, nil, "forbidden" }, { task.done, task.status, task.error.code })
  end)
end)

describe("a task that asks", function()
  it("waits until there is an answer", function()
    local task = kit:task "demo_asks"
    kit:advance(1000)
    assert.same({ "input_required", "Sure?" }, { task.status, kit:questions()[1].message })

    kit:answer { action = "decline" }
    kit:advance(0)
    assert.same({ "completed", { action = "decline" } }, { task.status, task.value })
  end)

  it("waits as long as the question lasts", function()
    local task = kit:task "demo_asks"
    task:wait()

    assert.same({ "completed", "timeout", 300000 }, { task.status, task.error.code, task.ms })
  end)

  it("may be cancelled meanwhile", function()
    local task = kit:task "demo_asks"
    kit:advance(1000)
    task:cancel()

    assert.equal("cancelled", task.status)
    assert.is_true(kit:quiet())
  end)

  it("may ask before it is one", function()
    kit:answer({ values = { name = "Ann" } }, "accept")
    local task = kit:task("demo_asks_first")

    assert.same({ who = "Ann", really = "accept" }, task:wait().value)
    kit:answer({ values = { name = "Ann" } }, "accept")
    assert.same({ who = "Ann", really = "accept" }, kit:call("demo_asks_first").value)
  end)
end)

describe("a task that shares a request", function()
  it("has its own time for it, not that of a call", function()
    kit:close()
    kit = engine {
      tools = [[
        handlers.read = {
          task = "optional", annotations = { read_only = true },
          run = function(ctx)
            local res, err = ctx.http:get "/"
            if not res then return nil, err end
            return { status = res.status }
          end,
        }]],
      policy = [[deadline_ms = 1000, attempt = { timeout_ms = 400 }, retry = { attempts = 2 },
        cache = { ttl_ms = 1000 }]],
    }
    kit:upstream("* *", { status = 429, headers = { ["Retry-After"] = "3" } }, { status = 200 })

    local task = kit:task "demo_read"
    kit:advance(5000)

    assert.same({ true, 2 }, { task.ok, task.attempts })
  end)
end)

describe("what comes before a task", function()
  it("says other keys and draws other chance than the task", function()
    kit:close()
    kit = engine {
      fields = [[upstream = { base = "https://demo.example", policy = "demo", idempotency = true }]],
      tools = [[
        local function act(ctx)
          assert(ctx.http:post "/act")
          return { tide.uuid(), tostring(tide.random()) }
        end
        handlers.act = {
          task = "optional", prepare = act,
          run = function(ctx, args, before)
            local after = act(ctx)
            return { uuid = before[1] == after[1], chance = before[2] == after[2] }
          end,
        }]],
    }
    kit:upstream("* *", { status = 200 })

    local act = kit:call "demo_act"

    local requests = kit:requests()
    assert.equal(36, #requests[1].headers["idempotency-key"])
    assert.same({ uuid = false, chance = false }, act.value)
    assert.not_equal(requests[1].headers["idempotency-key"], requests[2].headers["idempotency-key"])
  end)
end)

describe("a request that must not be sent twice", function()
  it("may not come before a question of what follows prepare: that would repeat it", function()
    kit:close()
    kit = engine {
      tools = [[
        handlers.act = {
          task = "optional",
          prepare = function(ctx, args) return ctx.http:post("/act", { idempotent = args.safe }).status end,
          run = function(ctx) return (assert(ctx.ask { message = "Go on?" })).action end,
        }]],
    }
    kit:upstream("* *", { status = 200 })
    kit:answer "accept"

    local unsafe, safe = kit:call "demo_act", kit:call("demo_act", { safe = true })

    assert.same({ "script_failed", 0 }, { unsafe.error.code, #kit:questions() - 1 })
    assert.equal("accept", safe.value)
  end)
end)

describe("a question of what follows prepare", function()
  it("is asked, also if it reads as one of prepare's", function()
    kit:close()
    kit = engine {
      tools = [[
        local function sure(ctx) return (assert(ctx.ask { message = "Sure?" })).action end
        handlers.act = {
          task = "optional", prepare = sure,
          run = function(ctx, args, before) return { before, sure(ctx) } end,
        }]],
    }
    kit:answer("accept", "decline")

    assert.same({ "accept", "decline" }, kit:call "demo_act".value)
    assert.equal(2, #kit:questions())
  end)
end)
