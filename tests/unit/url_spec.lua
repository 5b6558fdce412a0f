local url = require("T").url

describe("taking a URL apart", function()
  it("gives its parts, absent ones absent", function()
    assert.same({ scheme = "https", host = "api.example.com", port = 0, path = "" },
      url.parse("https://api.example.com"))
    assert.same(
      { scheme = "http", host = "localhost", port = 8080, path = "/a/b", query = "c=d?e", fragment = "f#g" },
      url.parse("http://localhost:8080/a/b?c=d?e#f#g"))
    assert.same({ scheme = "http", host = "h", port = 0, path = "", query = "", fragment = "" },
      url.parse("http://h?#"))
  end)

  it("takes the brackets off an IPv6 address", function()
    assert.same({ scheme = "https", host = "::1", port = 443, path = "/" }, url.parse("https://[::1]:443/"))
  end)

  it("takes the scheme in any case", function()
    assert.equal("HTTPS", url.parse("HTTPS://h/").scheme)
  end)

  it("takes a name with a dot at its end", function()
    assert.equal("example.com.", url.parse("http://example.com./").host)
  end)

  local refused = {
    ["another scheme"] = { "ftp://h/", "file:///etc/passwd", "httpx://h", "//h/", "h/", "", "http:/h", "http:h" },
    ["a user or password"] = { "http://u@h/", "http://u:p@h/", "http://@h/", "http://h@other/" },
    ["a malformed host"] = {
      "http://", "http:///p", "http://?q", "http://.h/", "http://a..b/", "http://h%20/", "http://a,b/",
      "http://[::1/", "http://[]/", "http://[::1]x/", "http://[::g]/", "http://[1.2.3.4]/",
      "http://[fe80::1%25eth0]/", "http://::1/", "http://h\\other/", "http://" .. ("a"):rep(254) .. "/",
    },
    ["a bad port"] = {
      "http://h:/", "http://h:0/", "http://h:65536/", "http://h:99999999999/", "http://h:8o/", "http://h:-1/",
      "http://h:80:80/", "http://h:+80/",
    },
    ["what is not printable ASCII"] = {
      "http://h/ ", " http://h/", "http://h/\t", "http://h/\r\nHost: x", "http://h/\0", "http://h/é", "http://é/",
      "http://h/\127",
    },
  }
  for what, texts in pairs(refused) do
    it("refuses " .. what, function()
      for _, text in ipairs(texts) do
        local parts, message = url.parse(text)
        assert.is_nil(parts, text)
        assert.is_string(message)
      end
    end)
  end
end)

describe("joining a path to a base", function()
  it("appends it", function()
    assert.equal("https://h/a", (url.join("https://h", "/a")))
    assert.equal("https://h/v1/a/b/", (url.join("https://h/v1", "/a/b/")))
    assert.equal("https://h:1/", (url.join("https://h:1", "/")))
  end)

  it("makes one slash of the two where they meet", function()
    assert.equal("https://h/v1/a", (url.join("https://h/v1/", "/a")))
  end)

  it("encodes what may not stand in a path and leaves what is encoded", function()
    assert.equal("https://h/a%20b/%C3%A9%5B%5D%22%5C%7C", (url.join("https://h", '/a b/é[]"\\|')))
    assert.equal("https://h/a%2Fb%c3/-._~!$&'()*+,;=:@", (url.join("https://h", "/a%2Fb%c3/-._~!$&'()*+,;=:@")))
    assert.equal("https://h/50%25/%25zz%254", (url.join("https://h", "/50%/%zz%4")))
  end)

  it("lets dots be where they are not a segment", function()
    assert.equal("https://h/a.b/..c/d../...", (url.join("https://h", "/a.b/..c/d../...")))
  end)

  local refused = {
    "", "a", "//other", "?a", "/a?b", "/a#b", "/a\0", "/a\r\nX: y", "/\127",
    "/..", "/.", "/../a", "/a/..", "/a/../b", "/a/./b", "/a/.", "/%2e%2e/a", "/.%2E/a", "/%2e", "/a%2f..%2fb",
    "/a/..%2f", "/a/..%5cb", "/..\\b", "/a\\..", "/..;/a", "/a/..;x=1/b", "/a/..%3B", "/.;/a",
  }
  it("refuses a path that would leave the base, and leaves the buffer as it was", function()
    for _, path in ipairs(refused) do
      local joined, message, untouched = url.join("https://h/v1", path)
      assert.is_nil(joined, path)
      assert.is_string(message)
      assert.is_true(untouched)
    end
  end)

  it("refuses a base that is no base", function()
    for _, base in ipairs { "h", "ftp://h", "https://h?q", "https://h#f", "https://h/..", "https://h/a/%2e%2e", "" } do
      assert.is_nil((url.join(base, "/a")), base)
    end
  end)

  it("keeps host and base for any path that it accepts", function()
    math.randomseed(11)
    local parts = { "/", ".", "..", "%2e", "%2F", "a", "%", "é", "\\", "@", ":", "//", "[", " ", "%00" }
    local accepted = 0
    for _ = 1, 5000 do
      local path = { "/" }
      for i = 2, math.random(1, 8) do path[i] = parts[math.random(#parts)] end

      local joined = url.join("https://host:81/base", table.concat(path))

      if joined then
        accepted = accepted + 1
        local again = url.parse(joined)
        assert.same({ "host", 81 }, { again.host, again.port })
        assert.equal("/base/", again.path:sub(1, 6))
        local decoded = again.path:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
        assert.is_nil((decoded .. "/"):gsub("\\", "/"):find("/%.%.?/"))
      end
    end
    assert.is_true(accepted > 500)
  end)
end)

describe("adding to the query", function()
  it("puts ? or & as needed", function()
    assert.equal("http://h/?a=1", url.add_query("http://h/", "a", "1"))
    assert.equal("http://h/?a=1&b=2", url.add_query("http://h/?a=1", "b", "2"))
    assert.equal("http://h/?b=2", url.add_query("http://h/?", "b", "2"))
    assert.equal("http://h/?a=1&b=2", url.add_query("http://h/?a=1&", "b", "2"))
  end)

  it("encodes both sides", function()
    assert.equal("http://h/?a%20b%26=%3D%3F%2F%C3%A9", url.add_query("http://h/", "a b&", "=?/é"))
  end)
end)
