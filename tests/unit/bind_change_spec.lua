-- ctx.changed and ctx.updated: a handler's word that something is another now.
local testing = require "tidegate.testing"

local folder = require "folder"

local SCRIPT = [[
local function say(ctx)
  ctx.changed "tools"
  ctx.updated "shop://stock"
  ctx.updated "shop://item/7"
  ctx.changed "tools"
  return "said"
end

local function outcome(...)
  local ok, why = pcall(...)
  return ok and "said" or tostring(why):match "bad argument.*" or why
end

local function wrong(ctx)
  return {
    outcome(ctx.changed, "tool"), outcome(ctx.changed), outcome(ctx.changed, 7),
    outcome(ctx.updated, "shop://nowhere"), outcome(ctx.updated, "shop://item/"), outcome(ctx.updated),
  }
end

return {
  name = "shop", upstream = { base = "http://127.0.0.1:9" },
  tools = { say = { about = "Says.", run = say }, wrong = { about = "Wrong.", run = wrong } },
  resources = { stock = { uri = "shop://stock", about = "The stock.", read = function() end } },
  templates = { item = { uri = "shop://item/{sku}", about = "One.", read = function() end } },
}]]

local kit, path

before_each(function()
  path = folder.new()
  folder.fill(path, { ["shop.lua"] = SCRIPT })
  kit = testing.new { scripts = path }
end)

after_each(function()
  kit:close()
  folder.remove(path)
end)

describe("ctx.changed and ctx.updated", function()
  it("tell what changed, in order", function()
    assert.equal("said", kit:call("shop_say").value)

    assert.same({ "tools", "shop://stock", "shop://item/7", "tools" }, kit:changes())
    assert.same({}, kit:changes())
  end)

  it("raise for a list that there is not, and for a URI that nobody has", function()
    local said = kit:call("shop_wrong").value

    for i = 4, 6 do assert.matches("^bad argument #1", said[i]) end
    local is = "ctx.changed: a list is one of tools prompts resources, not "
    assert.matches(is .. "'tool' (did you mean tools?)", said[1], 1, true)
    assert.matches(is .. "'no value'", said[2], 1, true)
    assert.matches(is .. "'number'", said[3], 1, true)
    assert.matches("no resource has this URI, and no template", said[4])
    assert.same({}, kit:changes())
  end)
end)
