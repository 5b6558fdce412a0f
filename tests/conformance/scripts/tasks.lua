--- What the official conformance suite expects of the tasks extension. Its names
--- have no prefix.
local schema = tide.schema
local str = schema.string

-- The suite calls whatever tool comes first in the list, without arguments.
local function yes() return "Yes." end

local function greet(_, args) return ("Hello, %s!"):format(args.name) end

local function slow_compute(ctx, args)
  for second = 1, args.seconds do
    tide.time.sleep(1)
    ctx.progress(second, args.seconds)
  end
  return ("Computed for %d seconds"):format(args.seconds)
end

local function failing_job()
  tide.time.sleep(1)
  return nil, tide.error("conflict", "This job always fails")
end

local function protocol_error_job() error "This job breaks" end

local function confirm_delete(ctx, args)
  local answer = assert(ctx.ask {
    message = ("Delete %s?"):format(args.filename), fields = { confirm = schema.boolean() },
  })
  local sure = answer.values and answer.values.confirm
  return (sure and "Deleted %s" or "Kept %s"):format(args.filename)
end

local function multi_input(ctx)
  local function ask(what)
    return function()
      return ctx.ask { message = what, fields = { name = str(), confirm = schema.boolean() } }
    end
  end
  local answers, errors = tide.all { ask "First?", ask "Second?" }
  if errors then return nil, errors[1] or errors[2] end
  return ("%s and %s"):format(answers[1].values.name, answers[2].values.name)
end

local function ask_name(ctx)
  local answer = assert(ctx.ask {
    message = "Who are you?", key = "user_name", fields = { name = str() },
  })
  return { name = answer.values and answer.values.name or "nobody" }
end

local function tool_with_task(_, _, prepared) return ("Done for %s"):format(prepared.name) end

return {
  name = "tasks",
  title = "Tasks",
  prefix = false,
  upstream = { base = "http://127.0.0.1:9" },
  tools = {
    an_answer = { about = "Comes first.", run = yes },
    greet = { about = "Greets.", args = { name = str() }, run = greet },
    slow_compute = {
      about = "Takes its time.", task = "optional", run = slow_compute,
      args = { seconds = schema.integer { min = 0, max = 300 }, label = str { optional = true } },
    },
    failing_job = { about = "Fails.", task = "required", run = failing_job },
    confirm_delete = {
      about = "Asks first.", task = "optional", args = { filename = str() }, run = confirm_delete,
    },
    multi_input = { about = "Asks twice at once.", task = "optional", run = multi_input },
    test_tool_with_task = {
      about = "Asks before it is a task.", task = "required",
      prepare = ask_name, run = tool_with_task,
    },
    protocol_error_job = { about = "Breaks.", task = "optional", run = protocol_error_job },
  },
}
