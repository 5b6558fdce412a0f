--- The official clients, of both eras, answer the questions of scripts: with one
--- worker and with four, over HTTP and stdio.

local cjson = require "cjson"

local gateway = require "gateway"
local process = require "process"

local SCRIPT = [[
local str, int = tide.schema.string, tide.schema.integer

local function form(ctx, args)
  local answer = assert(ctx.ask { message = args.message, fields = { name = str(), age = int() } })
  return { action = answer.action, values = answer.values }
end

local function url(ctx)
  local answer = assert(ctx.ask { message = "Log in", url = "https://login.example/x" })
  ctx.asked(answer)
  return { action = answer.action }
end

local function sample(ctx)
  local answer = assert(ctx.sample { messages = "Hello", max_tokens = 10 })
  return { text = answer.text, model = answer.model }
end

local function both(ctx)
  local results, errors = tide.all {
    form = function() return ctx.ask { message = "One", fields = { name = str() } } end,
    sample = function() return ctx.sample { messages = "Two" } end,
  }
  if errors then return nil, errors.form or errors.sample end
  return { name = results.form.values.name, text = results.sample.text }
end

local function twice(ctx)
  local drawn = tide.uuid()
  local first = assert(ctx.ask { message = "First", fields = { a = str() } }).values.a
  local second = assert(ctx.ask { message = "Second after " .. first, fields = { b = str() } })
  return { first = first, second = second.values.b, same = drawn == tide.uuid() }
end

local function acted(ctx)
  assert(ctx.ask { message = "May I?", key = "may" })
  local res = assert(ctx.http:post("/echo", { json = {} }))
  return { status = res.status }
end

return {
  name = "ask", upstream = { base = "$UPSTREAM" },
  tools = {
    form = { about = "Asks.", args = { message = str() }, run = form },
    url = { about = "Asks.", run = url },
    sample = { about = "Asks.", run = sample },
    roots = { about = "Asks.", run = function(ctx) return { roots = assert(ctx.roots()) } end },
    both = { about = "Asks.", run = both },
    twice = { about = "Asks.", run = twice },
    acted = { about = "Asks.", run = acted },
  },
}]]

local function run(argv)
  table.insert(argv, 1, "node")
  argv.env = { LD_PRELOAD = false }
  argv.timeout_s = 60
  local code, out, err = process.run(argv)
  assert(code == 0, err)
  return cjson.decode(out)
end

local function check(report)
  local first = "a of First"
  assert.same({ action = "accept", values = { name = "name of Who?", age = 42 } }, report.accept)
  assert.same({ action = "decline" }, report.decline)
  assert.same({ action = "accept" }, report.url)
  assert.same({ text = "heard: Hello", model = "m-1" }, report.sample)
  assert.same({ roots = { { uri = "file:///home/ada", name = "Home" } } }, report.roots)
  assert.same({ name = "name of One", text = "heard: Two" }, report.both)
  assert.same({ first = first, second = "b of Second after " .. first, same = false }, report.twice)
  assert.same({ status = 200 }, report.acted)
  for i, one in ipairs(report.many) do
    assert.equal(("name of %d?"):format(i - 1), one.values.name)
  end
  table.sort(report.asked)
  assert.equal("form form form form form form roots sample sample url",
    table.concat(report.asked, " "))
end

local MODES = { "v1", "legacy", "auto", "modern" }

for _, workers in ipairs { 1, 4 } do
  describe("a client of " .. workers .. " workers", function()
    local g, up

    setup(function()
      up = require("upstream").start { plain = true }
      g = gateway.start {
        scripts = { ["ask.lua"] = SCRIPT },
        replace = { UPSTREAM = up:url("/"):gsub("/$", "") },
        args = { "--workers", tostring(workers) },
      }
    end)

    teardown(function()
      if g then g:stop() end
      if up then up:stop() end
    end)

    for _, mode in ipairs(MODES) do
      it("in mode " .. mode .. " answers what is asked, and what it allows is done once", function()
        local before = up:count "/echo"

        local report = run { "tests/sdk/ask.mjs", mode, ("http://127.0.0.1:%d/mcp"):format(g.port) }

        check(report)
        assert.equal(mode == "v1" and 1 or 0, report.completed)
        assert.equal(before + 1, up:count "/echo")
      end)

      if mode == "v1" then
        it("over HTTP+SSE answers what is asked", function()
          check(run {
            "tests/sdk/ask.mjs", mode, "sse:", ("http://127.0.0.1:%d/sse"):format(g.port),
          })
        end)
      end

      if workers == 1 and (mode == "v1" or mode == "modern") then
        it("over stdio in mode " .. mode .. " answers what is asked", function()
          check(run {
            "tests/sdk/ask.mjs", mode, "stdio:", gateway.binary, "serve", "--stdio",
            "--scripts", g.folder .. "/scripts", "--policies", g.folder .. "/policies",
          })
        end)
      end
    end
  end)
end
