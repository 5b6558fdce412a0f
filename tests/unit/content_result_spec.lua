--- tide.content.result: a value, what is shown of it, and what is said besides.

local engine = require "engine"

local kit

local function result_of(code, fields)
  if kit then kit:close() end
  kit = engine { tools = ("handlers.t = { %s run = function(ctx) local content = tide.content return %s end }")
    :format(fields or "", code) }
  return kit:call "demo_t"
end

after_each(function()
  if kit then kit:close() end
  kit = nil
end)

describe("tide.content.result", function()
  it("has a value of any kind, blocks and an object", function()
    local call = result_of [[content.result({ a = 1 }, { content = content.text "one", meta = { b = { 2 } } })]]
    assert.same({ "json", { a = 1 }, { { type = "text", text = "one" } }, { b = { 2 } } },
      { call.form, call.value, call.content, call.meta })

    call = result_of [[content.result(7, { content = { content.text "a", content.text "b" } })]]
    assert.same({ 7, 2, nil }, { call.value, #call.content, call.meta })
    call = result_of [[content.result({ a = 1 }, { meta = { x = true } })]]
    assert.same({ { a = 1 }, nil, { x = true } }, { call.value, call.content, call.meta })
    call = result_of [[content.result("plain", { meta = { x = true } })]]
    assert.same({ "text", "plain", { x = true } }, { call.form, call.value, call.meta })
  end)

  it("may be blocks alone", function()
    local call = result_of [[content.result(nil, { content = content.text "one", meta = { x = 1 } })]]

    assert.same({ "content", { { type = "text", text = "one" } }, nil, { x = 1 } },
      { call.form, call.value, call.content, call.meta })
  end)

  it("keeps to the result that the tool declares", function()
    local declared = "result = { a = tide.schema.integer() },"
    local call = result_of([[content.result({ a = 1 }, { content = content.text "one" })]], declared)
    assert.same({ a = 1 }, call.value)

    call = result_of([[content.result({ a = "x" }, { content = content.text "one" })]], declared)
    assert.equal("bad_response", call.error.code)
    call = result_of([[content.result(nil, { content = content.text "one" })]], declared)
    assert.equal("bad_response", call.error.code)
  end)

  it("hands a response on as it came", function()
    kit = engine { tools = [[handlers.t = { run = function(ctx)
      return tide.content.result(assert(ctx.http:get "/"), { meta = { x = 1 } }) end }]] }
    kit:upstream("GET *", { json = { from = "upstream" } })

    local call = kit:call "demo_t"
    assert.same({ { from = "upstream" }, { x = 1 } }, { call.value, call.meta })
  end)

  it("is refused where it makes no sense", function()
    for code, why in pairs {
      [ [[content.result({}, {})]] ] = false,
      [ [[content.result("a", { content = content.text "b" })]] ] = "a text or blocks, where content is given as well",
      [ [[content.result({}, { meta = { f = ctx } })]] ] = "cannot become JSON",
    } do
      local call = result_of(code)
      if why then
        assert.equal("bad_response", call.error.code)
        assert.matches(why, call.error.message, 1, true)
      else
        assert.is_true(call.ok)
      end
    end
  end)

  it("is checked where it is made", function()
    for code, why in pairs {
      [ [[content.result({})]] ] = "content or meta is missing",
      [ [[content.result(nil, { meta = {} })]] ] = "neither a value nor content",
      [ [[content.result({}, { content = "x" })]] ] = "content is a block of tide.content, or a list of them",
      [ [[content.result({}, { meta = 1 })]] ] = "meta is a table",
      [ [[content.result({}, { meta = { 1 } })]] ] = "meta has names and values",
      [ [[content.result({}, { meta = { ["io.modelcontextprotocol/x"] = 1 } })]] ] = "belongs to the protocol",
      [ [[content.result({}, { meta = { ["dev.tidegate/x"] = 1 } })]] ] = "belongs to the protocol",
      [ [[content.result({}, { metta = {} })]] ] = "metta",
    } do
      local call = result_of(code)
      assert.equal("script_failed", call.error.code)
      assert.matches(why, kit:log(), 1, true)
    end
  end)
end)
