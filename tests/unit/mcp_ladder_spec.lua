-- The validation ladder: a request with several faults is told the first.
local mcp = require "mcp"
local json = require "cjson"

-- In the order of the ladder: what is wrong, the answer, and how a good request
-- gets that fault. Each works on a request that may have later faults already.
local RUNGS = {
  { "the media type", "415 -32000", function(r) r.headers["content-type"] = "text/plain" end },
  { "the JSON", "400 -32700", function(r) r.broken = true end },
  { "jsonrpc", "400 -32600", function(r) r.message.jsonrpc = "1.0" end },
  { "the id", "400 -32600", function(r) r.message.id = mcp.null end },
  { "what is accepted", "406 -32000", function(r) r.headers.accept = "text/html" end },
  { "the version header", "400 -32020", function(r) r.headers["mcp-protocol-version"] = nil end },
  { "the envelope", "400 -32602", function(r) mcp.meta(r, "clientCapabilities", "all") end },
  { "the version", "400 -32022", function(r)
    mcp.meta(r, "protocolVersion", "2027-01-01")
    local header = r.headers["mcp-protocol-version"]
    r.headers["mcp-protocol-version"] = header and "2027-01-01"
  end },
  { "the method header", "400 -32020", function(r) r.headers["mcp-method"] = nil end },
  { "the name header", "400 -32020", function(r) r.headers["mcp-name"] = "demo_lost" end },
  { "the method", "404 -32601", function(r)
    r.message.method = "resources/read"
    r.message.params.uri = r.message.params.name
    if r.headers["mcp-method"] then r.headers["mcp-method"] = "resources/read" end
  end },
  { "the argument's header", "400 -32020", function(r) r.headers["mcp-param-region"] = "us" end },
}

-- Without an object there are no arguments, so nothing to compare headers with.
local function break_params(r)
  r.message.params.arguments = { "eu" }
end

local function request()
  local r = mcp.modern("tools/call", { arguments = { region = "eu" } }, "demo_region")
  r.headers["mcp-param-region"] = "eu"
  return r
end

local function verdict(world, r)
  if r.broken then r.body = "{" end
  return mcp.verdict(world, r)
end

describe("the ladder", function()
  local world
  before_each(function()
    world = mcp.world()
    world:at_once(true)
  end)

  it("lets a good request through", function()
    assert.equal("200", verdict(world, request()))
  end)

  it("has a rung for each fault", function()
    for _, rung in ipairs(RUNGS) do
      local r = request()
      rung[3](r)
      assert.equal(rung[2], verdict(world, r), rung[1])
    end
  end)

  it("tells the first of any two faults", function()
    for first = 1, #RUNGS do
      for second = first + 1, #RUNGS do
        local r = request()
        RUNGS[second][3](r)
        RUNGS[first][3](r)
        assert.equal(RUNGS[first][2], verdict(world, r),
          RUNGS[first][1] .. " before " .. RUNGS[second][1])
      end
    end
  end)

  it("comes to the params last", function()
    local alone = request()
    break_params(alone)
    assert.equal("200 -32602", verdict(world, alone))
    for i = 1, #RUNGS - 1 do
      local r = request()
      break_params(r)
      RUNGS[i][3](r)
      assert.equal(RUNGS[i][2], verdict(world, r), RUNGS[i][1])
    end
  end)

  it("tells the first of any number of faults", function()
    math.randomseed(20260728)
    for _ = 1, 500 do
      local r, first = request(), nil
      for i = #RUNGS, 1, -1 do
        if math.random() < 0.3 then
          RUNGS[i][3](r)
          first = i
        end
      end
      assert.equal(first and RUNGS[first][2] or "200", verdict(world, r))
    end
  end)
end)

describe("an argument that is repeated in a header", function()
  local world
  before_each(function()
    world = mcp.world()
    world:at_once(true)
  end)

  local function call(arguments, headers)
    local r = mcp.modern("tools/call", { arguments = arguments }, "demo_region")
    for name, value in pairs(headers) do r.headers["mcp-param-" .. name] = value end
    return mcp.verdict(world, r)
  end

  it("must be there and be the same", function()
    assert.equal("200", call({ region = "eu" }, { region = "eu" }))
    assert.equal("400 -32020", call({ region = "eu" }, {}))
    assert.equal("400 -32020", call({ region = "eu" }, { region = "us" }))
    assert.equal("400 -32020", call({ region = "eu" }, { region = "EU" }))
  end)

  it("may be written in base64", function()
    assert.equal("200", call({ region = "Zürich" }, { region = "=?base64?WsO8cmljaA==?=" }))
    assert.equal("400 -32020", call({ region = "Zürich" }, { region = "=?base64?WsO8cmljaA?=" }))
    assert.equal("200", call({ region = "=?base64?x" }, { region = "=?base64?x" }))
  end)

  it("is compared as a number if it is one", function()
    assert.equal("200", call({ where = { zone = 42 } }, { zone = "42" }))
    assert.equal("200", call({ where = { zone = 42 } }, { zone = "42.0" }))
    assert.equal("400 -32020", call({ where = { zone = 42 } }, { zone = "43" }))
    assert.equal("400 -32020", call({ where = { zone = 42 } }, { zone = "forty" }))
  end)

  it("is compared to the last digit", function()
    local r = mcp.modern("tools/call", { arguments = { where = { zone = 7 } } }, "demo_region")
    r.headers["mcp-param-zone"] = "9007199254740993"
    r.body = json.encode(r.message):gsub('"zone":7', '"zone":9007199254740992')

    assert.equal("400 -32020", mcp.verdict(world, r))
  end)

  it("is true or false if it is a boolean", function()
    assert.equal("200", call({ dry = true }, { dry = "true" }))
    assert.equal("400 -32020", call({ dry = true }, { dry = "false" }))
    assert.equal("400 -32020", call({ dry = true }, { dry = "True" }))
  end)

  it("is not asked for when it is absent or null, nor when nothing names it", function()
    assert.equal("200", call({}, {}))
    assert.equal("200", call({ region = mcp.null }, {}))
    assert.equal("200", call({}, { region = "eu", other = "x" }))
  end)

  it("is not asked for where the annotation is not allowed", function()
    assert.equal("200", call({ rate = 1.5, list = { "a" } }, {}))
    assert.equal("200", call({ copy = "x" }, {}))
  end)

  it("comes once", function()
    assert.equal("400 -32020", call({ region = "eu" }, { region = { "eu", "eu" } }))
  end)

  it("does not matter to legacy clients", function()
    assert.equal("200", mcp.verdict(world,
      mcp.legacy("tools/call", { name = "demo_region", arguments = { region = "eu" } })))
  end)
end)
