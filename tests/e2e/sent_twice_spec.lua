--- What the service sees of a write that fails, with real sockets: executed once
--- and never twice, unless the script or the service said that this does no harm.

local gateway = require "gateway"

local SCRIPT = [[
local str = tide.schema.string
local function tool(send, annotations)
  return { about = "Write.", args = { path = str() }, annotations = annotations,
    run = function(ctx, args) return send(ctx, args.path) end }
end
local function sure(ctx) return (assert(ctx.ask { message = "Sure?" })).action end
local function post(ctx, path) return ctx.http:post(path, { json = { n = 1 } }) end
return {
  name = "%s", title = "The harbour",
  upstream = { base = "%s", policy = "eager", idempotency = %s },
  tools = {
    post = tool(post),
    declared = tool(function(ctx, path)
      return ctx.http:post(path, { json = {}, idempotent = true })
    end),
    idempotent = tool(post, { idempotent = true }),
    bare = tool(function(ctx, path) return ctx.http:post(path, { idempotency_key = false }) end),
    put = tool(function(ctx, path) return ctx.http:put(path, { json = {} }) end),
    sure = {
      about = "Ask twice.", task = "optional", prepare = sure,
      run = function(ctx, _, before) return before .. ", " .. sure(ctx) end,
    },
    prepared = {
      about = "Write, then ask.", task = "optional",
      prepare = function(ctx) return (assert(ctx.http:post("/echo", { json = {} }))).status end,
      run = function(ctx) return (assert(ctx.ask { message = "Was it right?" })).action end,
    },
  },
}]]

local POLICY = [[return { eager = {
  deadline_ms = 5000, attempt = { timeout_ms = 250, connect_ms = 200 },
  retry = { attempts = 3, base_ms = 1, max_ms = 5, throttled_base_ms = 5, budget = 100000 },
  breaker = { consecutive = 0, min_calls = 10000 },
} }]]

-- { path, how often by one who must not repeat it, by one who may, effect }
local ENDS = {
  { "/stall-headers", 1, 3, "possible", slow = true },
  { "/stall-body", 1, 3, "possible", slow = true },
  { "/reset-before", 1, 3, "possible" }, { "/close-before", 1, 3, "possible" },
  { "/reset-mid", 1, 3, "possible" }, { "/short-body", 1, 3, "possible" },
  { "/status/500", 1, 3, "possible" }, { "/status/502", 1, 3, "possible" },
  { "/status/503", 1, 3, "possible" }, { "/status/504", 1, 3, "possible" },
  { "/status/408", 1, 3, "possible" }, { "/status/425", 1, 2, "none" },
  { "/status/429", 1, 3, "none" }, { "/status/422", 1, 1, "none" },
  { "/garbage", 1, 1, "possible" }, { "/bad-chunk", 1, 1, "possible" },
}

describe("a write that fails is", function()
  local g, up

  setup(function()
    up = require("upstream").start()
    local web = (up:url(""):gsub("/$", ""))
    g = gateway.start {
      scripts = {
        ["web.lua"] = SCRIPT:format("web", web, "false"),
        ["keyed.lua"] = SCRIPT:format("keyed", web, "true"),
        ["h2.lua"] = SCRIPT:format("h2", up:url("", "h2"), "false"),
        ["closed.lua"] = SCRIPT:format("closed", up:url("", "closed"), "false"),
        ["wrong.lua"] = SCRIPT:format("wrong", up:url("", "wrong_name"), "false"),
      },
      policies = { ["eager.lua"] = POLICY },
      args = { "--workers", "1", "--ca-file", up.ca },
    }
  end)

  teardown(function()
    g:stop()
    up:stop()
  end)

  -- How often the service saw it, and what the agent was told.
  local function send(tool, path)
    local before = up:count(path)
    local err = g:fails(tool, { path = path })
    return up:count(path) - before, err
  end

  local function check(tool, column, case)
    local seen, err = send(tool, case[1])
    -- What may be repeated may be replayed once by libcurl, when a connection that
    -- it had kept is dead; which ones it has kept is not told here.
    if column == 3 and seen == case[column] + 1 then seen = seen - 1 end
    assert.same({ case[column], case[column], case[4] }, { seen, err.attempts, err.side_effect },
      tool .. " " .. case[1])
  end

  -- What stalls takes its time: two tools will do.
  local function all(tool, column)
    local patient = tool == "web_post" or tool == "keyed_post"
    for _, case in ipairs(ENDS) do
      if patient or not case.slow then check(tool, column, case) end
    end
  end

  it("not repeated when nothing is declared", function() all("web_post", 2) end)
  it("not repeated when the script wants no key", function() all("keyed_bare", 2) end)
  it("repeated when the method says so", function() all("web_put", 3) end)
  it("repeated when the request says so", function() all("web_declared", 3) end)
  it("repeated when the tool says so", function() all("web_idempotent", 3) end)
  it("repeated when it carries a key", function() all("keyed_post", 3) end)

  it("sent with the same key on each attempt, and another in each call", function()
    local seen = {}
    for _ = 1, 5 do
      local keys = g:call("keyed_post", { path = "/keyed" }).structuredContent.keys
      assert.same({ keys[1], keys[1], keys[1] }, keys)
      assert.matches("^%x+%-%x+%-8%x+%-%x+%-%x+$", keys[1])
      assert.is_nil(seen[keys[1]])
      assert.is_nil(g:log():find(keys[1], 1, true))
      seen[keys[1]] = true
    end
  end)

  it("asked again when the first is still at work, if it carries a key", function()
    assert.equal(3, (send("keyed_post", "/status/409")))
    assert.equal(1, (send("keyed_bare", "/status/409")))
  end)

  it("not replayed by libcurl either, when a connection that was kept dies", function()
    g:call("web_post", { path = "/json" })

    local before = up:count("/close-reused")
    local err = g:fails("web_post", { path = "/close-reused" })

    assert.equal(1, up:count("/close-reused") - before)
    assert.same({ 1, "possible" }, { err.attempts, err.side_effect })
  end)

  it("not repeated by a question that comes after it, in what follows prepare", function()
    local before = up:count "/echo"
    local result = g:rpc("tools/call", {
      name = "web_prepared",
      _meta = { ["io.modelcontextprotocol/clientCapabilities"] = { elicitation = { form = {} } } },
    }, { ["Mcp-Name"] = "web_prepared" }).result

    assert.same({ "complete", true, 1 },
      { result.resultType, result.isError, up:count "/echo" - before })
  end)

  it("asked about twice, if prepare and what follows ask the same", function()
    local can = { elicitation = { form = {} } }
    local function call(asked, action)
      return g:rpc("tools/call", {
        name = "web_sure", requestState = asked and asked.requestState,
        inputResponses = asked and { ask_1 = { action = action } },
        _meta = { ["io.modelcontextprotocol/clientCapabilities"] = can },
      }, { ["Mcp-Name"] = "web_sure" }).result
    end

    local second = call(call(), "accept")
    assert.equal("input_required", second.resultType)
    assert.equal("accept, decline", call(second, "decline").content[1].text)
  end)

  it("repeated where it surely was not executed", function()
    local err = g:fails("closed_post", { path = "/x" })

    assert.same({ 3, "none" }, { err.attempts, err.side_effect })
  end)

  -- libcurl replays that itself, as it does when a connection has died, and does
  -- not say which it was.
  it("not repeated when HTTP/2 refuses the stream, which could be a dead connection", function()
    local seen, err = send("h2_post", "/refuse-stream")

    assert.same({ 1, 1, "possible" }, { seen, err.attempts, err.side_effect })
    assert.equal(3, (select(2, send("h2_declared", "/refuse-stream"))).attempts)
  end)

  it("never repeated to somebody who is not trusted", function()
    local err = g:fails("wrong_post", { path = "/x" })

    assert.same({ 1, "none", "tls_failed" }, { err.attempts, err.side_effect, err.code })
  end)
end)

