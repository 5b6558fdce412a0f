--- Credentials go out, and nowhere else.

local gateway = require "gateway"

local PLANTED = "s3cr3t/Planted+Value-91827"
local FROM_FILE = "file/Secret+with=signs 55"

local function script(name, auth)
  return ([[
    local key = tide.secret("planted", { optional = true })
    local function get(ctx) return ctx.http:get("/echo") end
    local function leak_error(ctx)
      error("the key is " .. tostring(key) .. " in " .. tostring(ctx.http))
    end
    local function leak_fields()
      tide.log.info("using " .. tostring(key), { key = key })
      return nil, tide.error("conflict", "with " .. tostring(key))
    end
    local function leak_json() return { key = key } end
    local function echo_error(ctx) return ctx.http:get("/missing-and-echoed") end
    local function respelled(ctx, args) return ctx.http:get("/respelled?as=" .. args.as) end
    local function echoed(ctx) return (ctx.http:get("/echo").json.headers.authorization) end
    local function behind(ctx, args) return ("x"):rep(args.n) .. (echoed(ctx) or "") end
    local function leak_path(ctx, args)
      return ctx.http:get("/nothing/" .. behind(ctx, args))
    end
    local function leak_long(ctx, args)
      local text = behind(ctx, args)
      tide.log.info("long", { text = text })
      return nil, tide.error("conflict", text)
    end
    local function leak_said(ctx, args)
      return ctx.http:get("/refused", { query = { n = args.n } })
    end
    local n = { n = tide.schema.integer() }
    return {
      name = "%s", about = "Auth.", upstream = { base = "$UPSTREAM" },
      auth = %s,
      tools = {
        get = { about = "Get.", args = {}, run = get },
        leak_error = { about = "Leak.", args = {}, run = leak_error },
        leak_fields = { about = "Leak.", args = {}, run = leak_fields },
        leak_json = { about = "Leak.", args = {}, run = leak_json },
        echo_error = { about = "Leak.", args = {}, run = echo_error },
        respelled = { about = "Leak.", args = { as = tide.schema.string() }, run = respelled },
        leak_path = { about = "Leak.", args = n, run = leak_path },
        leak_long = { about = "Leak.", args = n, run = leak_long },
        leak_said = { about = "Leak.", args = n, run = leak_said },
      },
    }]]):format(name, auth)
end

local SIGNED = [[function(ctx, request)
  local token = assert(ctx.http:get("/echo?token")).status
  request.headers["X-Token"] = "t" .. token
  request.headers["X-Signature"] = tide.hash.hmac(key,
    request.method .. " " .. request.path)
  request.query.signed = "yes"
end]]

describe("credentials", function()
  local g, up

  setup(function()
    up = require("upstream").start { plain = true }
    g = gateway.start {
      scripts = {
        ["bearer.lua"] = script("bearer", '{ kind = "bearer", secret = "planted" }'),
        ["basic.lua"] = script("basic", '{ kind = "basic", user = "ann", secret = "planted" }'),
        ["header.lua"] = script("header",
          '{ kind = "api_key", header = "X-Key", secret = "filed" }'),
        ["query.lua"] = script("query", '{ kind = "api_key", query = "key", secret = "filed" }'),
        ["signed.lua"] = script("signed", SIGNED),
        ["none.lua"] = script("none", '{ kind = "bearer", secret = "absent", optional = true }'),
      },
      files = { ["secrets/filed"] = FROM_FILE .. "\n" },
      replace = { UPSTREAM = up:url("/"):gsub("/$", "") },
      env = { PLANTED = PLANTED },
      args = {
        "--workers", "1", "--secrets", "$FOLDER/secrets", "--trail", "--log-level", "debug",
      },
    }
  end)

  teardown(function()
    local log = g:log()
    g:stop()
    up:stop()
    for _, secret in ipairs { PLANTED, FROM_FILE } do
      assert.is_nil(log:find(secret, 1, true), "a secret is in the log")
    end
  end)

  -- The echo of the service holds the header; it comes back scrubbed, so what
  -- was sent is told by its length.
  local function echoed(tool)
    local message, answer = g:rpc("tools/call", { name = tool, arguments = {} })
    assert.is_nil(answer.body:find(PLANTED, 1, true))
    assert.is_nil(answer.body:find(FROM_FILE, 1, true))
    return message.result.structuredContent
  end

  it("go out as bearer, and do not come back", function()
    local sent = echoed("bearer_get")

    assert.equal("Bearer ***", sent.headers.authorization)
  end)

  it("go out as basic", function()
    local sent = echoed("basic_get")

    assert.matches("^Basic ", sent.headers.authorization)
  end)

  it("go out as a header, from a file", function()
    local sent = echoed("header_get")

    assert.equal("***", sent.headers["x-key"])
  end)

  it("go out in the query", function()
    local sent = echoed("query_get")

    assert.matches("key=%*%*%*", sent.url or sent.path or sent.target)
  end)

  it("are made by a function, which may ask for more", function()
    local sent = echoed("signed_get")

    assert.equal("t200", sent.headers["x-token"])
    assert.matches("^%x+$", sent.headers["x-signature"])
    assert.matches("signed=yes", sent.url or sent.path or sent.target)
  end)

  it("may be absent if they are optional", function()
    local sent = echoed("none_get")

    assert.is_nil(sent.headers.authorization)
  end)

  for _, tool in ipairs { "leak_error", "leak_fields", "leak_json", "echo_error" } do
    it("are in no answer: " .. tool, function()
      local _, answer = g:rpc("tools/call", { name = "bearer_" .. tool, arguments = {} })

      assert.is_nil(answer.body:find(PLANTED, 1, true))
      assert.is_nil(answer.body:find(PLANTED:sub(3), 1, true))
    end)
  end

  -- PHP, Go and .NET, each with its own fear of characters; and all of them.
  for _, as in ipairs { "php", "go", "net", "ascii" } do
    it("are in no answer however the service spells them: " .. as, function()
      local result = g:call("bearer_respelled", { as = as })

      assert.same({ said = "Bearer ***" }, result.structuredContent)
    end)
  end

  -- Where a text is cut, half a secret could be left, which nobody knows.
  for tool, cuts in pairs {
    leak_path = { 0, 10, 20, 120, 130, 140 }, leak_said = { 260, 270, 280, 290 },
    leak_long = { 460, 470, 480, 490, 500, 1000 },
  } do
    it("are not left in halves: " .. tool, function()
      for _, n in ipairs(cuts) do
        local _, answer = g:rpc("tools/call",
          { name = "bearer_" .. tool, arguments = { n = n } })

        assert.is_nil(answer.body:find("s3cr3t", 1, true), answer.body)
      end
      g:logged("req=none", 0.2)
      assert.is_nil(g:log():find("s3cr3t", 1, true))
    end)
  end

  it("that are missing are named, with what to set", function()
    local code, out = gateway.run("check", {
      scripts = { ["bearer.lua"] = script("bearer", '{ kind = "bearer", secret = "not_there" }') },
      replace = { UPSTREAM = "http://127.0.0.1:9" },
    })

    assert.equal(1, code)
    assert.matches("bearer%.lua: auth%.secret: [^\n]*NOT_THERE", out)
  end)

  it("are not printed by tidegate call", function()
    local code, out, err = gateway.run("call", {
      scripts = { ["bearer.lua"] = script("bearer", '{ kind = "bearer", secret = "planted" }') },
      replace = { UPSTREAM = up:url("/"):gsub("/$", "") },
      env = { PLANTED = PLANTED },
      args = { "--log-level", "debug", "bearer_get" },
    })

    assert.equal(0, code, err)
    assert.is_nil((out .. err):find(PLANTED, 1, true))
  end)

  it("are not printed by tidegate check, whatever a script is found to hold", function()
    local code, out, err = gateway.run("check", {
      scripts = {
        ["bearer.lua"] = script("bearer", '{ kind = "bearer", secret = "planted" }'),
        ["other.lua"] = ('return { name = "other", ["%s"] = 1, tools = {} }'):format(PLANTED),
      },
      replace = { UPSTREAM = up:url("/"):gsub("/$", "") },
      env = { PLANTED = PLANTED },
    })

    assert.equal(1, code)
    assert.matches("other.lua: [^\n]*%*%*%*", out .. err)
    assert.is_nil((out .. err):find(PLANTED, 1, true))
  end)
end)
