--- Resources, templates and prompts in the kit, and in what the commands count.

local testing = require "tidegate.testing"

local folder = require "folder"
local process = require "process"

local SCRIPT = [[
local str = tide.schema.string
return {
  name = "shop", upstream = { base = "https://shop.example" },
  tools = { ping = { about = "Ping.", run = function() return "pong" end } },
  resources = {
    readme = { uri = "shop://readme", about = "About it.", read = function() return "# shop" end },
    logo = { uri = "shop://logo", about = "A picture.", mime = "image/png",
      read = function() return "\x89PNG\0\xff" end },
    live = { uri = "shop://live", about = "From the service.",
      read = function(ctx) return ctx.http:get "/live" end },
  },
  templates = {
    item = { uri = "shop://items/{sku}{?lang}", about = "One item.",
      read = function(_, vars) return vars end },
  },
  prompts = {
    triage = { about = "Looks through.", args = { repo = str() },
      run = function(ctx, args) return { "look at " .. args.repo, ctx.principal } end },
  },
}]]

local root, kit

setup(function()
  root = folder.new()
  folder.fill(root, { ["scripts/shop.lua"] = SCRIPT })
end)

teardown(function() folder.remove(root) end)

before_each(function() kit = testing.new { scripts = root .. "/scripts" } end)

after_each(function() kit:close() end)

describe("kit:read", function()
  it("reads a resource", function()
    local call = kit:read "shop://readme"

    assert.same({ true, "text", "# shop" }, { call.ok, call.form, call.value })
  end)

  it("tells bytes from text", function()
    local call = kit:read "shop://logo"

    assert.same({ "bytes", "\x89PNG\0\xff" }, { call.form, call.value })
  end)

  it("reads one of a template, with its variables", function()
    assert.same({ sku = "7", lang = "de" }, kit:read("shop://items/7?lang=de").value)
  end)

  it("goes through the guard like a call", function()
    kit:upstream("GET *", { status = 503 }, { json = { open = true } })

    local call = kit:read("shop://live", { principal = "ann" })

    assert.same({ true, 2, { open = true } }, { call.ok, call.attempts, call.value })
    assert.matches("^shop_live: ok after", call:timeline())
  end)

  it("raises for what is not offered", function()
    assert.error_matches(function() kit:read "shop://nothing" end,
      "no resource or template 'shop://nothing'")
  end)
end)

describe("kit:prompt", function()
  it("gives what its handler gave", function()
    local call = kit:prompt("shop_triage", { repo = "a/b" }, { principal = "ann" })

    assert.same({ "look at a/b", "ann" }, call.value)
  end)

  it("checks arguments", function()
    assert.equal("invalid_argument", kit:prompt("shop_triage", {}).error.code)
  end)

  it("raises for what is not offered", function()
    assert.error_matches(function() kit:prompt "shop_triag" end, "no prompt 'shop_triag'")
  end)
end)

describe("what is offered besides tools", function()
  local function run(word)
    return process.run { os.getenv "TIDEGATE", word, "--scripts", root .. "/scripts" }
  end

  it("is counted by check and listed by tools", function()
    local _, checked = run "check"
    local _, listed = run "tools"

    assert.matches("ok: 1 integration, 1 tool, 3 resources, 1 template, 1 prompt, %d+ polic", checked)
    assert.matches("\nRESOURCE[^\n]+\nshop://live +[^\n]+\nshop://logo +[^\n]+\nshop://readme ", listed)
    assert.matches("\nTEMPLATE[^\n]+\nshop://items/{sku}{%?lang} +default +One item%.\n", listed)
    assert.matches("\nPROMPT[^\n]+\nshop_triage +default +Looks through%.\n$", listed)
  end)
end)
