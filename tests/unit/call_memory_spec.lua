--- A call whose memory runs out at its n-th allocation, through the kit.

local engine = require "engine"

local TOOLS = [[
handlers.mine = {
  args = { id = tide.schema.integer() },
  run = function(ctx, args)
    local res, err = ctx.http:get("/mine/" .. args.id)
    if not res then return nil, err end
    return { body = res.body }
  end,
}
]]

describe("a call whose memory runs out", function()
  it("never keeps what one principal got where another finds it", function()
    local kit <close> = engine { tools = TOOLS, policy = "cache = { ttl_ms = 60000 }" }
    kit:upstream("* *", { body = "whose?" })
    local n, fired = 0, true
    while fired do
      n = n + 1
      kit:starve(n)
      pcall(kit.call, kit, "demo_mine", { id = n }, { principal = "alice" })
      fired = kit:starve()

      local bob = kit:call("demo_mine", { id = n }, { principal = "bob" })

      assert.is_true(bob.ok and bob.attempts == 1,
        "bob got what alice had, when allocation " .. n .. " failed")
      assert(kit:quiet())
    end
    assert.is_true(n > 10, n)
  end)
end)
