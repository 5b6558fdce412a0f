-- What nobody knows: methods and notifications of extensions are refused or
-- passed over, members are let be, in both eras.
local json = require "cjson"
local mcp = require "mcp"

local world

local METHODS = {
  "vendor/thing", "io.modelcontextprotocol/skills/list", "com.example.mcp/x", "ui/open", "tools/calls",
  "extensions/list", "rpc.discover", "tools", "/", "x/" .. ("y"):rep(5000), "sampling/createMessage",
  "elicitation/create", "roots/list", "notifications/initialized",
}

before_each(function()
  world = mcp.world { mailbox = true }
end)

describe("a method that nobody knows", function()
  it("is refused with 404 in the modern era, in-band in legacy", function()
    for _, method in ipairs(METHODS) do
      assert.equal("404 -32601", mcp.verdict(world, mcp.modern(method)), method)
      assert.equal("200 -32601", mcp.verdict(world, mcp.legacy(method, nil, mcp.session(world))), method)
      assert.equal("200 -32601", mcp.verdict(world, mcp.legacy(method)), method)
    end
  end)

  it("is refused also where its extension was declared", function()
    local request = mcp.modern "vendor/thing"
    mcp.meta(request, "clientCapabilities", { extensions = { vendor = { version = 1 } } })

    assert.equal("404 -32601", mcp.verdict(world, request))
  end)

  it("fails alone in a batch", function()
    local request = mcp.legacy("ping", nil, mcp.session(world, "2025-03-26"))
    request.message = { mcp.legacy("vendor/thing").message, mcp.legacy("ping").message }
    request.message[2].id = 8

    local answers = mcp.send(world, request).json
    assert.same({ 7, 8 }, { answers[1].id, answers[2].id })
    assert.equal(-32601, answers[1].error.code)
    assert.truthy(answers[2].result)
  end)
end)

describe("a notification that nobody knows", function()
  it("is accepted and means nothing", function()
    for _, method in ipairs { "notifications/vendor", "notifications/roots/list_changed", "vendor/thing" } do
      assert.equal("202", mcp.verdict(world, mcp.notification(mcp.legacy(method, nil, mcp.session(world)))))
      assert.equal("202", mcp.verdict(world, mcp.notification(mcp.modern(method))))
    end
  end)
end)

describe("members that nobody knows", function()
  it("do no harm, wherever they stand", function()
    local request = mcp.modern("tools/call", { arguments = {}, extra = { 1 } }, "demo_add")
    request.message.vendor = { deep = { true } }
    request.message.params._meta["example.com/a"] = 7
    request.message.params._meta.bare = json.null
    mcp.meta(request, "clientCapabilities", { vendor = {}, elicitation = { form = { x = 1 }, voice = {} } })
    mcp.meta(request, "clientInfo", { name = "n", version = "1", mood = "good" })
    request.headers["mcp-param-nobody"] = "x"
    request.headers["mcp-vendor"] = "x"
    local handle = mcp.begin(world, request)
    world:finish(1, { form = "text", body = "fine" })

    assert.equal("fine", mcp.read(handle).json.result.content[1].text)
  end)

  it("of initialize do none either", function()
    local request = mcp.initialize()
    request.message.params.capabilities.vendor = { x = {} }
    request.message.params.clientInfo.mood = "good"
    request.message.params.extra = 1

    assert.equal("200", mcp.verdict(world, request))
  end)

  it("of arguments reach the tool, as they were spelled", function()
    local request = mcp.legacy "tools/call"
    request.message = nil
    local arguments = '{"a":1.50,"vendor/x":{"deep":[1e3,"\\u00e9"]}}'
    request.body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"demo_add","arguments":'
      .. arguments .. "}}"
    mcp.begin(world, request)

    assert.equal(arguments, world:call(1).arguments)
  end)

  it("of a result and its blocks are kept, in every revision that has the block", function()
    local blocks = '[{"type":"text","text":"a","vendor":1.50,"_meta":{"x":{}},"annotations":{"mood":"good"}}]'
    for _, version in ipairs { "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25" } do
      local handle = mcp.begin(world, mcp.legacy("tools/call", { name = "demo_add" }, mcp.session(world, version)))
      world:finish(world:calls(), { form = "content", body = blocks })

      local block = mcp.read(handle).json.result.content[1]
      assert.same({ 1.5, "good" }, { block.vendor, block.annotations.mood })
    end
  end)
end)
