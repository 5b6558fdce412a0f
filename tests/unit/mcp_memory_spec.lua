-- No memory: whichever allocation fails, the request is answered and the next
-- one is served.
local mcp = require "mcp"

local world

-- The statuses of the answers while allocation 0, 1, 2 ... of the request fails,
-- until it needs no more.
local function statuses(make)
  local seen = {}
  for n = 0, 1000 do
    local request = make()
    request.fail_after = n
    local a = mcp.send(world, request)
    assert.is_true(a.ended or a.streamed)
    if not a.fault_fired then return seen, n end
    seen[a.status] = true
    assert.equal("200", mcp.verdict(world, mcp.legacy "ping"))
  end
end

-- `also`: a refusal that is fair, since what was sent could not be read.
local function check(make, also)
  local seen, needed = statuses(make)
  seen[200], seen[500], seen[503], seen[also or 0] = nil, nil, nil, nil

  assert.same({}, seen)
  assert.is_true(needed > 0)
end

describe("without memory", function()
  before_each(function()
    world = mcp.world { page_size = 1 }
    world:at_once(true)
  end)

  it("a call is answered", function()
    check(function()
      local r = mcp.modern("tools/call", { arguments = { region = "Zürich" } }, "demo_region")
      r.headers["mcp-param-region"] = "=?base64?WsO8cmljaA==?="
      return r
    end, 400)
  end)

  it("a list is answered", function()
    check(function() return mcp.modern "tools/list" end)
  end)

  it("initialize is answered", function()
    check(mcp.initialize)
  end)

  it("a batch is answered", function()
    local session = mcp.session(world, "2025-03-26")
    check(function()
      local request = mcp.legacy("ping", nil, session)
      request.message = { mcp.legacy("tools/list").message, mcp.legacy("ping").message }
      return request
    end, 404)
  end)

  it("a client that comes back is answered", function()
    world:free()
    world = mcp.world { mailbox = true }
    local session = mcp.session(world)
    local handle = mcp.begin(world, mcp.legacy("tools/call", { name = "demo_add" }, session))
    world:tell(1, "1")
    local name = mcp.read(handle).body:match "id: (%S+)"
    world:at_once(true)

    check(function()
      return {
        method = "GET", headers = {
          host = "localhost", accept = "text/event-stream", ["mcp-session-id"] = session,
          ["last-event-id"] = name,
        },
      }
    end, 404)
  end)

  it("a refusal is answered", function()
    check(function()
      local request = mcp.modern "tools/list"
      request.headers["mcp-protocol-version"] = "2027-01-01"
      return mcp.meta(request, "protocolVersion", "2027-01-01")
    end, 400)
  end)
end)
