-- What a call brought, in the form of each revision.
local mcp = require "mcp"

local OLD, MARCH, JUNE, NOVEMBER = "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"

local world

-- The result as a client of that revision gets it; "modern" by default.
local function result_of(result, version, tool)
  tool = tool or "demo_add"
  local request = version and mcp.legacy("tools/call", { name = tool })
    or mcp.modern("tools/call", {}, tool)
  if version then request.headers["mcp-protocol-version"] = version end
  request.headers["x-request-id"] = "req-1"
  local handle = mcp.begin(world, request)
  world:finish(world:calls(), result)
  local a = mcp.read(handle)
  return assert(a.json, a.body).result, a.body
end

local function text_of(result)
  return result.content[1].text
end

before_each(function()
  world = mcp.world()
end)

describe("JSON", function()
  it("is structured and text, byte for byte", function()
    local json = '{ "n": 1.50, "s": "\\u00e9\\"ü", "deep": [[{}]] }'
    local result, body = result_of { body = json }

    assert.equal(json, text_of(result))
    assert.truthy(body:find('"structuredContent":' .. json .. ",", 1, true))
    assert.equal("complete", result.resultType)
  end)

  it("that is an object is structured since 2025-06-18", function()
    assert.same({ n = 1 }, result_of({ body = '{"n":1}' }, NOVEMBER).structuredContent)
    assert.same({ n = 1 }, result_of({ body = '\n{"n":1}' }, JUNE).structuredContent)
    assert.is_nil(result_of({ body = '{"n":1}' }, MARCH).structuredContent)
    assert.equal('{"n":1}', text_of(result_of({ body = '{"n":1}' }, OLD)))
  end)

  it("that is no object is made one for legacy clients", function()
    for _, json in ipairs { "[1,2]", "3", '"x"', "null", "false" } do
      local _, body = result_of { body = json }
      assert.truthy(body:find('"structuredContent":' .. json .. ",", 1, true))
      for _, version in ipairs { NOVEMBER, JUNE } do
        local old, old_body = result_of({ body = json }, version)

        assert.truthy(old_body:find('"structuredContent":{"result":' .. json .. "}", 1, true))
        assert.equal(json, text_of(old))
      end
      assert.is_nil(result_of({ body = json }, MARCH).structuredContent)
    end
  end)

  it("is what the declared schema became, also where it is an object", function()
    local either = '{"anyOf":[{"type":"object"},{"type":"array"}]}'
    local referring = '{"anyOf":[{"$ref":"#/$defs/a"},{"type":"array"}],"$defs":{"a":{"type":"object"}}}'
    world:free()
    world = mcp.world { tools = {
      mcp.tool("demo_either", { result = either }), mcp.tool("demo_refers", { result = referring }),
    } }
    local function listed(i)
      local request = mcp.legacy "tools/list"
      request.headers["mcp-protocol-version"] = JUNE
      return mcp.send(world, request).json.result.tools[i].outputSchema
    end

    assert.same({ "result" }, listed(1).required)
    assert.equal(2, #listed(1).properties.result.anyOf)
    assert.same({ result = { n = 1 } }, result_of({ body = '{"n":1}' }, JUNE, "demo_either").structuredContent)
    assert.same({ result = "x" },
      result_of({ form = "text", body = "x" }, JUNE, "demo_either").structuredContent)
    assert.is_nil(listed(2))
    assert.same({ n = 1 }, result_of({ body = '{"n":1}' }, JUNE, "demo_refers").structuredContent)
  end)

  it("of a megabyte goes through whole", function()
    local json = '{"a":"' .. ('x"'):rep(400000):gsub('"', '\\"') .. '","b":[' ..
      ("1,"):rep(100000) .. "1]}"
    local result, body = result_of { body = json, unchecked = true }
    local _, at = body:find('"structuredContent":', 1, true)

    assert.is_true(json == text_of(result))
    assert.is_true(json == body:sub(at + 1, at + #json))
  end)

  it("that is none is an error of the service", function()
    for _, body in ipairs { '{"a":', "<html>", "", "{} {}", '"\xff"' } do
      local result = result_of { body = body, unchecked = true }

      assert.is_true(result.isError)
      assert.equal("bad_response", result.structuredContent.code)
    end
  end)
end)

describe("text", function()
  it("is one block", function()
    local result = result_of { form = "text", body = 'say "hi"\n\1\xff' }

    assert.equal('say "hi"\n\1\u{fffd}', text_of(result))
    assert.is_nil(result.structuredContent)
    assert.is_nil(result.isError)
  end)
end)

describe("content", function()
  local BLOCKS = '[{"type":"text","text":"a"},{"type":"audio","data":"AAAA","mimeType":"audio/wav"},' ..
    '{"type":"resource_link","uri":"file:///a","name":"a \\"b\\""},' ..
    '{"type":"image","data":"AA==","mimeType":"image/png"}]'

  local function types(version)
    local out = {}
    for i, block in ipairs(result_of({ form = "content", body = BLOCKS }, version).content) do
      out[i] = block.type
    end
    return table.concat(out, " ")
  end

  it("is spliced where the revision knows it", function()
    local _, body = result_of { form = "content", body = BLOCKS }

    assert.truthy(body:find('"content":' .. BLOCKS, 1, true))
    assert.equal("text audio resource_link image", types(JUNE))
  end)

  it("becomes text where it does not", function()
    assert.equal("text audio text image", types(MARCH))
    assert.equal("text text text image", types(OLD))
  end)

  it("that became text says what it was", function()
    local content = result_of({ form = "content", body = BLOCKS }, OLD).content

    assert.equal("[audio audio/wav: this client cannot take it]", content[2].text)
    assert.equal('[resource a "b": file:///a]', content[3].text)
  end)

  it("must be an array", function()
    assert.is_true(result_of({ form = "content", body = "{}", unchecked = true }).isError)
  end)
end)

describe("an error", function()
  local RATE = { form = "error", code = "rate_limited", message = "too many requests",
    retry_after_ms = 11200, attempts = 2, side_effect = 0, details = '{"limit":5}' }
  local DETAILS = { code = "rate_limited", message = "too many requests", retry_after_ms = 11200,
    attempts = 2, side_effect = "none", request_id = "req-1", details = { limit = 5 } }

  it("is one sentence for the model, and the details", function()
    local result = result_of(RATE)

    assert.is_true(result.isError)
    assert.equal("too many requests; try again in 12 s", text_of(result))
    assert.same(DETAILS, result.structuredContent)
  end)

  it("says what the model must know before it tries again", function()
    local function said(code, side_effect)
      return text_of(result_of { form = "error", code = code, message = "oh",
        side_effect = side_effect })
    end

    assert.equal("oh", said "not_found")
    assert.equal("oh; trying again later may help", said "unavailable")
    assert.equal("oh; it may have taken effect all the same", said("conflict", 1))
    assert.equal("oh; it has taken effect all the same; trying again later may help",
      said("timeout", 2))
  end)

  it("has its details in _meta where a schema promises something else", function()
    local modern = result_of(RATE, nil, "demo_shape")
    local legacy = result_of(RATE, NOVEMBER, "demo_shape")

    assert.is_nil(modern.structuredContent)
    assert.same(DETAILS, modern._meta["dev.tidegate/error"])
    assert.same(DETAILS, legacy._meta["dev.tidegate/error"])
  end)

  it("has them in _meta before 2025-06-18", function()
    assert.same(DETAILS, result_of(RATE, MARCH)._meta["dev.tidegate/error"])
    assert.same(DETAILS, result_of(RATE, JUNE).structuredContent)
  end)

  it("tells nothing more", function()
    local result = result_of { form = "error", code = "internal", message = "the engine failed" }

    assert.same({ code = "internal", message = "the engine failed", attempts = 0,
      side_effect = "none", request_id = "req-1" }, result.structuredContent)
  end)
end)

describe("a tool with a schema of its result", function()
  it("keeps its promise with a text too", function()
    assert.equal("x", result_of({ form = "text", body = "x" }, nil, "demo_list").structuredContent)
  end)
end)

describe("a degraded result", function()
  it("says so in _meta, in every revision, and how old it is where that is known", function()
    for _, version in ipairs { false, OLD, NOVEMBER } do
      local result = result_of({ body = "{}", degraded = 1, age_ms = 1500 }, version or nil)

      assert.is_true(result._meta["dev.tidegate/degraded"])
      assert.equal("fallback", result._meta["dev.tidegate/source"])
      assert.equal(1500, result._meta["dev.tidegate/age_ms"])
    end
    assert.is_nil(result_of({ body = "{}", degraded = 1 })._meta["dev.tidegate/age_ms"])
    assert.is_nil(result_of({ body = "{}" })._meta["dev.tidegate/degraded"])
  end)
end)

describe("the trail", function()
  it("is in _meta if that is asked for", function()
    world = mcp.world { trail_in_meta = true }
    local modern, legacy = result_of({ body = "{}" }), result_of({ body = "{}" }, OLD)

    assert.equal("run", modern._meta["dev.tidegate/trail"][1].step)
    assert.equal("run", legacy._meta["dev.tidegate/trail"][1].step)
    assert.truthy(modern._meta["io.modelcontextprotocol/serverInfo"])
  end)

  it("is not, if not", function()
    world = mcp.world()

    assert.is_nil(result_of({ body = "{}" })._meta["dev.tidegate/trail"])
    assert.is_nil(result_of({ body = "{}" }, OLD)._meta)
  end)
end)

describe("a secret", function()
  local SECRET = "hunter2-hunter2"

  before_each(function()
    world = mcp.world { secret = SECRET }
  end)

  local function clean(result, version)
    local decoded, body = result_of(result, version)
    assert.is_nil(body:find(SECRET, 1, true))
    return decoded, body
  end

  it("never leaves in JSON, text, content or errors", function()
    assert.equal('{"t":"***"}', text_of(clean { body = '{"t":"' .. SECRET .. '"}' }))
    assert.equal("my ***!", text_of(clean { form = "text", body = "my " .. SECRET .. "!" }))
    clean { form = "content", body = '[{"type":"text","text":"' .. SECRET .. '"}]' }
    local err = clean { form = "error", code = "internal", message = "bad " .. SECRET,
      details = '{"x":"' .. SECRET .. '"}' }
    assert.equal("bad ***", err.structuredContent.message)
    assert.equal("***", err.structuredContent.details.x)
  end)

  it("that was bare in JSON leaves text behind", function()
    world = mcp.world { secret = "12345678" }
    local result = result_of { body = '{"pin":12345678}' }

    assert.equal('{"pin":***}', text_of(result))
    assert.is_nil(result.structuredContent)
  end)
end)
