-- Cursors: of one list, of one principal, for an hour, and of nobody's making.
local mcp = require "mcp"

local world

local function page(method, cursor, where)
  return mcp.send(where or world, mcp.legacy(method, { cursor = cursor })).json
end

local function code(method, cursor, where)
  local answer = page(method, cursor, where)
  return answer.error and math.tointeger(answer.error.code) or "fine"
end

local LISTS = { "tools/list", "resources/list", "resources/templates/list", "prompts/list" }

before_each(function()
  world = mcp.world {
    page_size = 1, resources = { "x://1", "x://2" }, templates = { "x://a/{id}", "x://b/{id}" },
    prompts = { "demo_a", "demo_b" },
  }
end)

describe("a cursor", function()
  it("is good for the list that gave it, and no other", function()
    for _, from in ipairs(LISTS) do
      local cursor = page(from).result.nextCursor
      for _, to in ipairs(LISTS) do
        assert.equal(from == to and "fine" or -32602, code(to, cursor), from .. " at " .. to)
      end
    end
  end)

  it("is refused when it is forged or cut, wherever it was touched", function()
    local good = page("tools/list").result.nextCursor
    for at = 1, #good do
      local other = good:sub(at, at) == "A" and "B" or "A"
      assert.equal(-32602, code("tools/list", good:sub(1, at - 1) .. other .. good:sub(at + 1)))
      assert.equal(-32602, code("tools/list", good:sub(1, at - 1)))
    end
    assert.equal(-32602, code("tools/list", good .. "A"))
    assert.equal(-32602, code("tools/list", ("A"):rep(100000)))
    for _, value in ipairs { 0, 7, true, {}, 1.5 } do
      assert.equal(-32602, code("tools/list", value))
    end
  end)

  it("is refused from keys that are not ours", function()
    local stranger = mcp.world { page_size = 1, key = "another key of more than 16 bytes" }

    assert.equal(-32602, code("tools/list", page("tools/list", nil, stranger).result.nextCursor))
  end)

  it("is refused from another principal", function()
    local cursor = page("tools/list").result.nextCursor
    local forged = mcp.cursor("T", "somebody", 1790000000000 + 1000, "demo_add")
    local ours = mcp.cursor("T", "anonymous", 1790000000000 + 1000, "demo_add")

    assert.equal("fine", code("tools/list", cursor))
    assert.equal("fine", code("tools/list", ours))
    assert.equal(-32602, code("tools/list", forged))
  end)

  it("expires after an hour", function()
    local cursor = page("tools/list").result.nextCursor
    world:pass(3599)
    assert.equal("fine", code("tools/list", cursor))
    world:pass(2)
    assert.equal(-32602, code("tools/list", cursor))
  end)
end)
