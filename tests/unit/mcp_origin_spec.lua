-- Host and Origin: whom a browser may speak for.
local mcp = require "mcp"

local world

local function verdict(host, origin, unix)
  local request = mcp.legacy "ping"
  request.headers.host, request.headers.origin, request.unix = host, origin, unix
  return mcp.verdict(world, request)
end

before_each(function()
  world = mcp.world()
end)

describe("a host", function()
  it("is ours if it is a loopback name or a configured one", function()
    for _, host in ipairs { "localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:65535",
      "[::1]", "[::1]:8080", "gw.example.com", "GW.example.com:8443", "port.example.com:8443" } do
      assert.equal("200", verdict(host), host)
    end
  end)

  it("is refused otherwise", function()
    for _, host in ipairs { "evil.example.com", "localhost.evil.com", "localhost:", "localhost:x",
      "localhost:1:2", "localhost:123456", "127.0.0.1.evil.com", "127.0.0.2", "[::1", "[::2]", "",
      "port.example.com", "port.example.com:80", "xgw.example.com", "gw.example.com.evil.com" } do
      assert.equal("403 -32000", verdict(host), host)
    end
  end)

  it("does not matter on a unix socket, nor if there is none", function()
    assert.equal("200", verdict("evil.example.com", nil, true))
    assert.equal("200", verdict(nil))
  end)
end)

describe("an origin", function()
  it("may speak if it is loopback or configured, and is told so", function()
    for _, origin in ipairs { "http://localhost:5173", "https://127.0.0.1", "http://[::1]:1",
      "https://app.example.com", "HTTPS://app.example.com" } do
      local request = mcp.legacy "ping"
      request.headers.origin = origin
      local a = mcp.send(world, request)

      assert.equal(200, a.status)
      assert.equal(origin, a.headers["access-control-allow-origin"])
      assert.equal("Origin", a.headers.vary)
      assert.truthy(a.headers["access-control-expose-headers"]:find("Mcp-Session-Id", 1, true))
    end
  end)

  it("is refused otherwise, also on a unix socket", function()
    for _, origin in ipairs { "http://evil.example.com", "null", "", "https://app.example.com:444",
      "http://app.example.com", "localhost", "http://localhost.evil.com", "file://localhost" } do
      assert.equal("403 -32000", verdict("localhost", origin), origin)
      assert.equal("403 -32000", verdict("localhost", origin, true), origin)
    end
    assert.equal("403 -32000", verdict("localhost", { "http://localhost", "http://localhost" }))
  end)

  it("that is refused is not echoed", function()
    local request = mcp.legacy "ping"
    request.headers.origin = "http://evil.example.com"

    assert.is_nil(mcp.send(world, request).headers["access-control-allow-origin"])
  end)
end)

describe("a preflight", function()
  local function preflight(asked, origin)
    return mcp.send(world, { method = "OPTIONS", headers = {
      host = "localhost", origin = origin or "http://localhost:5173",
      ["access-control-request-method"] = "POST", ["access-control-request-headers"] = asked,
    } })
  end

  it("allows the headers of the protocol and no others", function()
    local a = preflight "content-type,authorization, mcp-protocol-version,Mcp-Param-Region,cookie,x-evil"

    assert.equal(204, a.status)
    assert.equal("content-type, authorization, mcp-protocol-version, Mcp-Param-Region",
      a.headers["access-control-allow-headers"])
    assert.equal("http://localhost:5173", a.headers["access-control-allow-origin"])
    assert.equal("POST, GET, DELETE", a.headers["access-control-allow-methods"])
  end)

  it("of a stranger is refused", function()
    assert.equal(403, preflight("content-type", "http://evil.example.com").status)
  end)
end)
