local lab = require "http_lab"
local http_server = require("T").http_server
local start, connect, get = lab.start, lab.connect, lab.get

after_each(lab.stop)

describe("a listener", function()
  local function refuse(address)
    local none, message = http_server.start { address = address }
    assert.is_nil(none)
    return message
  end

  it("takes loopback when no host is given", function()
    start { address = ":0" }
    assert.matches("^127%.0%.0%.1:%d+$", lab.server:name())
  end)

  it("says what it does not understand", function()
    for _, address in ipairs { "", "8080", "a:b", "1.2.3:80", "127.0.0.1:65536", "127.0.0.1:", "[::1]", "[::1:80",
      "::1:80", "example.com:80", "unix:", "unix:/" .. ("x"):rep(120) } do
      assert.matches("is not understood; write 127.0.0.1:8080", refuse(address))
    end
  end)

  it("says why it cannot open an address, and what may help", function()
    assert.matches("cannot listen on 192.0.2.1:80: .*; this machine has no such address", refuse "192.0.2.1:80")
  end)

  it("of several workers may have the same address", function()
    start()
    local second = assert(http_server.start { address = lab.server:name() })
    second:stop()
  end)
end)

describe("a unix socket", function()
  local path
  before_each(function() path = os.tmpname() .. ".sock" end)
  after_each(function() os.remove(path) end)

  it("is served; the peer is 'unix'", function()
    start { address = "unix:" .. path }
    assert.equal("unix:" .. path, lab.server:name())

    assert.equal("unix", connect():ask(get "/peer").body)
  end)

  it("may be used by owner and group alone", function()
    start { address = "unix:" .. path }

    local pipe = io.popen("stat -c %a " .. path)
    assert.equal("660", pipe:read "l")
    pipe:close()
  end)

  it("replaces a dead socket file", function()
    start { address = "unix:" .. path }
    lab.server:stop()

    start { address = "unix:" .. path }

    assert.equal(200, connect():ask(get "/").status)
  end)

  it("does not replace one that lives, nor any other file", function()
    start { address = "unix:" .. path }
    local none, message = http_server.start { address = "unix:" .. path }
    assert.is_nil(none)
    assert.matches("another process listens there", message)
    assert.equal(200, connect():ask(get "/").status)

    local file = os.tmpname()
    assert.is_nil((http_server.start { address = "unix:" .. file }))
    assert.is_true(os.remove(file))
  end)
end)
