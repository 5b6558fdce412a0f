--- What the official conformance suite expects of the tasks extension. Its names
--- have no prefix.
local schema = tide.schema
local str = schema.string

-- The suite calls whatever tool comes first in the list, without arguments.
local function answer() return "Yes." end

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

return {
  name = "tasks",
  title = "Tasks",
  prefix = false,
  upstream = { base = "http://127.0.0.1:9" },
  tools = {
    an_answer = { about = "Comes first.", run = answer },
    greet = { about = "Greets.", args = { name = str() }, run = greet },
    slow_compute = {
      about = "Takes its time.", task = "optional", run = slow_compute,
      args = { seconds = schema.integer { min = 0, max = 300 }, label = str { optional = true } },
    },
    failing_job = { about = "Fails.", task = "required", run = failing_job },
    protocol_error_job = { about = "Breaks.", task = "optional", run = protocol_error_job },
  },
}
