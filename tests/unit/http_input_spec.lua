local T = require "T"
local parse = T.http_input.parse

local HOST = "Host: a\r\n"

local function request(line, fields, body)
  return line .. "\r\n" .. HOST .. (fields or "") .. "\r\n" .. (body or "")
end

local function get(fields) return request("GET / HTTP/1.1", fields) end

local function post(fields, body) return request("POST /p HTTP/1.1", fields, body) end

local function chunked(body) return post("Transfer-Encoding: chunked\r\n", body) end

describe("the head of a request", function()
  it("is taken apart", function()
    local text = request("PUT /a/b%20c?x=1&y HTTP/1.1", "X-One:  two\t \r\nX-Empty:\r\n")

    local list, state = parse { text }

    assert.equal("head", state)
    assert.same({ {
      method = "PUT", target = "/a/b%20c?x=1&y", path = "/a/b%20c", query = "x=1&y",
      minor = 1, keep_alive = true, body = "",
      headers = { "Host=a", "X-One=two", "X-Empty=" },
    } }, list)
  end)

  it("has no query without a question mark, and an empty one behind it", function()
    assert.is_nil(parse({ get() })[1].query)
    assert.equal("", parse({ request("GET /? HTTP/1.1") })[1].query)
  end)

  it("may ask for the connection to end or to stay", function()
    assert.is_true(parse({ get() })[1].keep_alive)
    assert.is_false(parse({ get("Connection: close\r\n") })[1].keep_alive)
    assert.is_false(parse({ get("Connection: x, Close\r\n") })[1].keep_alive)
    assert.is_false(parse({ "GET / HTTP/1.0\r\n\r\n" })[1].keep_alive)
    assert.is_true(parse({ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" })[1].keep_alive)
  end)

  it("may follow one empty line, not two", function()
    assert.equal(1, #parse { "\r\n" .. get() })
    assert.equal(400, select(2, parse { "\r\n\r\n" .. get() }))
  end)

  it("ignores a wish to upgrade", function()
    local list, state = parse { get("Connection: Upgrade\r\nUpgrade: h2c\r\n") .. get() }

    assert.same({ 2, "head" }, { #list, state })
  end)

  local accepted = {
    ["OPTIONS of everything"] = request("OPTIONS * HTTP/1.1"),
    ["HTTP/1.0 without a Host"] = "GET / HTTP/1.0\r\n\r\n",
    ["a Host with a port"] = "GET / HTTP/1.1\r\nHost: a.b-c_d:8080\r\n\r\n",
    ["a Host in IPv6"] = "GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n",
    ["UTF-8 in a value"] = get("X: \195\164\r\n"),
    ["a tab in a value"] = get("X: a\tb\r\n"),
    ["a length of zero"] = post("Content-Length: 0\r\n"),
    ["leading zeros in a length"] = post("Content-Length: 003\r\n", "abc"),
    ["an expectation in HTTP/1.0, which has none"] = "GET / HTTP/1.0\r\nExpect: x\r\n\r\n",
  }
  for what, text in pairs(accepted) do
    it("is accepted with " .. what, function()
      local list, state = parse { text }

      assert.same({ 1, "head" }, { #list, state })
    end)
  end

  -- Each of these has been, or is kin to, a way to make two parsers disagree.
  local refused = {
    { "a bare LF behind the request line", "GET / HTTP/1.1\n" .. HOST .. "\r\n" },
    { "a bare LF behind a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n" },
    { "a bare LF at the end of the head", "GET / HTTP/1.1\r\nHost: a\r\n\n" },
    { "a bare CR in a value", get("X: a\rb\r\n") },
    { "a CR before the CRLF", get("X: a\r\r\n") },
    { "a bare CR in the target", request("GET /\rx HTTP/1.1") },
    { "a NUL in a value", get("X: a\0b\r\n") },
    { "a NUL in a name", get("X\0: b\r\n") },
    { "a NUL in the target", request("GET /\0 HTTP/1.1") },
    { "a control in a value", get("X: a\1b\r\n") },
    { "DEL in a value", get("X: a\127b\r\n") },
    { "a folded line", get("X: a\r\n b\r\n") },
    { "a line folded with a tab", get("X: a\r\n\tb\r\n") },
    { "a first field that is folded", "GET / HTTP/1.1\r\n X: a\r\n" .. HOST .. "\r\n" },
    { "a space before the colon", get("X : a\r\n") },
    { "a tab before the colon", get("Content-Length\t: 3\r\n") },
    { "a field without a colon", get("X\r\n") },
    { "a field without a name", get(": a\r\n") },
    { "a name in UTF-8", get("X\195\164: a\r\n") },
    { "a name in quotes", get('"X": a\r\n') },
    { "two lengths that are the same", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc") },
    { "two lengths that differ", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd") },
    { "a list of lengths", post("Content-Length: 3, 3\r\n", "abc") },
    { "a length with a plus", post("Content-Length: +3\r\n", "abc") },
    { "a negative length", post("Content-Length: -3\r\n", "abc") },
    { "a length in hex", post("Content-Length: 0x3\r\n", "abc") },
    { "a length with a space in it", post("Content-Length: 1 2\r\n", "abc") },
    { "a fractional length", post("Content-Length: 3.0\r\n", "abc") },
    { "an empty length", post("Content-Length:\r\n", "abc") },
    { "a length that wraps around", post("Content-Length: 18446744073709551619\r\n", "abc") },
    { "a length and a coding", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") },
    { "a coding and a length", post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n") },
    { "two codings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") },
    { "another coding", post("Transfer-Encoding: gzip\r\n") },
    { "a list of codings", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n") },
    { "identity", post("Transfer-Encoding: identity\r\n") },
    { "chunked with a parameter", post("Transfer-Encoding: chunked;x\r\n", "0\r\n\r\n") },
    { "chunked in quotes", post('Transfer-Encoding: "chunked"\r\n', "0\r\n\r\n") },
    { "chunked with a vertical tab", post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n") },
    { "Chunked", post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n") },
    { "an empty coding", post("Transfer-Encoding:\r\n") },
    { "a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    { "no Host", "GET / HTTP/1.1\r\n\r\n" },
    { "two Hosts", get(HOST) },
    { "an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n" },
    { "a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" },
    { "a Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n" },
    { "a Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n" },
    { "a list of Hosts", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n" },
    { "a Host with a bad port", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n" },
    { "a Host with a port in words", "GET / HTTP/1.1\r\nHost: a:http\r\n\r\n" },
    { "an open bracket in the Host", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n" },
    { "a bad Host in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a b\r\n\r\n" },
    { "an absolute target", request("GET http://a/ HTTP/1.1") },
    { "an authority as target", request("CONNECT a:443 HTTP/1.1") },
    { "GET of everything", request("GET * HTTP/1.1") },
    { "a relative target", request("GET a HTTP/1.1") },
    { "no target", request("GET  HTTP/1.1") },
    { "a fragment", request("GET /#a HTTP/1.1") },
    { "UTF-8 in the target", request("GET /\195\164 HTTP/1.1") },
    { "two spaces before the target", request("GET  / HTTP/1.1") },
    { "two spaces before the version", request("GET /  HTTP/1.1") },
    { "a space at the end of the request line", request("GET / HTTP/1.1 ") },
    { "a space before the method", request(" GET / HTTP/1.1") },
    { "a tab in the request line", request("GET\t/ HTTP/1.1") },
    { "no version", request("GET /") },
    { "a version in lower case", request("GET / http/1.1") },
    { "a long version", request("GET / HTTP/1.10") },
    { "a version without a point", request("GET / HTTP/11") },
    { "a method with a colon", request("GE:T / HTTP/1.1") },
    { "a TLS greeting", "\22\3\1\2\0\1\0\1\252\3\3\n" },
    { "another version", request("GET / HTTP/1.2"), 505 },
    { "HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
    { "HTTP/0.9", request("GET / HTTP/0.9"), 505 },
    { "a method that nobody knows", request("FROB / HTTP/1.1"), 501 },
    { "an expectation that nobody knows", get("Expect: wonders\r\n"), 417 },
    { "two expectations", get("Expect: 100-continue\r\nExpect: wonders\r\n"), 417 },
    { "a body that is too large", post("Content-Length: 1048577\r\n"), 413 },
  }
  for _, case in ipairs(refused) do
    it(("is refused with %d for %s"):format(case[3] or 400, case[1]), function()
      local list, status = parse { case[2] }

      assert.same({ 0, case[3] or 400 }, { #list, status })
    end)
  end
end)

describe("the limits of a head", function()
  it("are exact", function()
    local fields = "X: " .. ("x"):rep(100) .. "\r\n"
    local text = get(fields)

    assert.equal(1, #parse({ text }, { max_header_bytes = #text }))
    assert.equal(431, select(2, parse({ text }, { max_header_bytes = #text - 1 })))
  end)

  it("tell a long request line from long fields", function()
    local text = request("GET /" .. ("x"):rep(200) .. " HTTP/1.1")

    assert.equal(414, select(2, parse({ text }, { max_header_bytes = 100 })))
  end)

  it("do not wait for the end of a head that is too long", function()
    assert.equal(414, select(2, parse({ ("x"):rep(100) }, { max_header_bytes = 100 })))
    assert.equal("head", select(2, parse({ ("x"):rep(99) }, { max_header_bytes = 100 })))
  end)

  it("count the fields", function()
    local fields = ("X: y\r\n"):rep(9)

    assert.equal(1, #parse({ get(fields) }, { max_headers = 10 }))
    assert.equal(431, select(2, parse({ get(fields .. "X: y\r\n") }, { max_headers = 10 })))
  end)
end)

describe("a body", function()
  it("of known length is awaited", function()
    local list, state = parse { post("Content-Length: 5\r\n", "hell") }
    assert.same({ 0, "body" }, { #list, state })

    list = parse { post("Content-Length: 5\r\n", "hell"), "o" .. get() }
    assert.equal("hello", list[1].body)
    assert.equal("GET", list[2].method)
  end)

  it("may be as large as the limit", function()
    local big = ("b"):rep(1024 * 1024)

    assert.equal(big, parse({ post("Content-Length: " .. #big .. "\r\n", big) })[1].body)
    assert.equal(big, parse({ chunked("100000\r\n" .. big .. "\r\n0\r\n\r\n") })[1].body)
  end)

  it("in chunks is put together; extensions and trailers are dropped", function()
    local text = chunked("5;a=\"b\"\r\nhello\r\n00B\r\n, is there \r\n1\r\n?\r\n000\r\nX: y\r\nZ:\r\n\r\n")

    local list, state = parse { text .. get() }

    assert.equal("hello, is there ?", list[1].body)
    assert.same({ "Host=a", "Transfer-Encoding=chunked" }, list[1].headers)
    assert.same({ 2, "head" }, { #list, state })
  end)

  it("in chunks may be empty", function()
    assert.equal("", parse({ chunked("0\r\n\r\n") })[1].body)
  end)

  it("is waited for with 100 Continue only before any of it has come", function()
    local expects = "Expect: 100-continue\r\n"

    local function wants(text) return select(3, parse { text }) end

    assert.is_true(wants(post("Content-Length: 3\r\n" .. expects)))
    assert.is_true(wants(chunked(""):gsub("\r\n\r\n$", "\r\n" .. expects .. "\r\n")))
    assert.is_false(wants(post("Content-Length: 3\r\n" .. expects, "a")))
    assert.is_false(wants(post("Content-Length: 3\r\n")))
    assert.is_false(wants(get(expects)))
    assert.is_false(wants("POST / HTTP/1.0\r\nContent-Length: 3\r\n" .. expects .. "\r\n"))
  end)

  local refused = {
    { "no size", "\r\nhello\r\n0\r\n\r\n" },
    { "a size that is no number", "x\r\nhello\r\n0\r\n\r\n" },
    { "a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n" },
    { "a size with a sign", "+5\r\nhello\r\n0\r\n\r\n" },
    { "a space before the size", " 5\r\nhello\r\n0\r\n\r\n" },
    { "a space behind the size", "5 \r\nhello\r\n0\r\n\r\n" },
    { "a space before an extension", "5 ;a\r\nhello\r\n0\r\n\r\n" },
    { "a size that wraps around", "10000000000000005\r\nhello\r\n0\r\n\r\n" },
    { "a size of nine digits", "000000005\r\nhello\r\n0\r\n\r\n" },
    { "a bare LF behind the size", "5\nhello\r\n0\r\n\r\n" },
    { "a bare CR behind the size", "5\rhello\r\n0\r\n\r\n" },
    { "a bare LF in an extension", "5;a\nhello\r\n0\r\n\r\n" },
    { "a NUL in an extension", "5;a\0\r\nhello\r\n0\r\n\r\n" },
    { "an endless extension", "5;" .. ("a"):rep(9000) .. "\r\nhello\r\n0\r\n\r\n" },
    { "data that is too long", "5\r\nhello!\r\n0\r\n\r\n" },
    { "a bare LF behind the data", "5\r\nhello\n0\r\n\r\n" },
    { "no line end behind the data", "5\r\nhello0\r\n\r\n" },
    { "a bare LF in the trailer", "0\r\nX: y\n\r\n" },
    { "a bare LF at the end", "0\r\n\n" },
    { "a folded trailer", "0\r\nX: y\r\n z\r\n\r\n" },
    { "a NUL in the trailer", "0\r\nX: \0\r\n\r\n" },
    { "a trailer without a name", "0\r\n: y\r\n\r\n" },
    { "a trailer without a colon", "0\r\nX\r\n\r\n" },
    { "a space before the colon of a trailer", "0\r\nX : y\r\n\r\n" },
    { "endless trailers", "0\r\n" .. ("X: y\r\n"):rep(3000) .. "\r\n" },
    { "more data than the limit", "100001\r\nx", 413 },
    { "more chunks than the limit", ("100\r\n" .. ("x"):rep(256) .. "\r\n"):rep(4096) .. "1\r\nx\r\n", 413 },
  }
  for _, case in ipairs(refused) do
    it(("in chunks is refused with %d for %s"):format(case[3] or 400, case[1]), function()
      local list, status = parse { chunked(case[2]) }

      assert.same({ 0, case[3] or 400 }, { #list, status })
    end)
  end
end)

describe("the way bytes are cut", function()
  local long = ("z"):rep(6000)
  local texts = {
    get("Connection: close\r\n"),
    post("Content-Length: 11\r\nX: y\r\n", "hello world"),
    chunked("5;x\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n") .. "\r\n" .. get(),
    get() .. post("Content-Length: 3\r\n", "abc") .. chunked("1\r\na\r\n0\r\n\r\n") .. get(),
    "\r\n" .. get() .. "\r\n\r\n",
    "\r\n\n",
    get("X: a\nb\r\n"),
    chunked("5\r\nhello\n"),
    request("GET / HTTP/1.1", "Expect: x\r\n"),
    get() .. "GET /\0 HTTP/1.1\r\n\r\n",
  }

  it("in two, anywhere, changes nothing", function()
    for _, text in ipairs(texts) do
      local list, state = parse { text }
      for cut = 1, #text - 1 do
        local got, ended = parse { text:sub(1, cut), text:sub(cut + 1) }
        assert.equal(state, ended, ("cut at %d of %q"):format(cut, text))
        assert.same(list, got, ("cut at %d of %q"):format(cut, text))
      end
    end
  end)

  it("in single bytes changes nothing", function()
    for _, text in ipairs(texts) do
      local list, state = parse { text }
      local bytes = {}
      for i = 1, #text do bytes[i] = text:sub(i, i) end

      local got, ended = parse(bytes)

      assert.same({ state, list }, { ended, got })
    end
  end)

  it("at random changes nothing, for long bodies and heads too", function()
    local text = post("Content-Length: 6000\r\nX: " .. long .. "\r\n", long)
      .. chunked("1770\r\n" .. long .. "\r\n1770\r\n" .. long .. "\r\n0\r\n\r\n") .. get()
    local list, state = parse { text }
    assert.equal(3, #list)
    math.randomseed(7)
    for _ = 1, 200 do
      local pieces, at = {}, 1
      while at <= #text do
        local n = math.random(math.random(2) == 1 and 30 or 9000)
        pieces[#pieces + 1] = text:sub(at, at + n - 1)
        at = at + n
      end

      local got, ended = parse(pieces)

      assert.equal(state, ended)
      assert.same(list, got)
    end
  end)
end)

describe("memory that is out", function()
  after_each(function() T.buf.fail_after(-1) end)

  it("at any point is a refusal with 503, never half a request", function()
    local long = ("z"):rep(9000)
    local pieces = { post("Content-Length: 9000\r\n", long:sub(1, 5000)), long:sub(5001) .. chunked(""),
      "2328\r\n" .. long, "\r\n0\r\n\r\n" .. get("X: " .. long .. "\r\n") }
    local list = parse(pieces)
    assert.equal(3, #list)
    local n = 0
    repeat
      T.buf.fail_after(n)
      local got, state = parse(pieces)
      local failed = T.buf.fired()
      assert.equal(failed and 503 or "head", state, "allocation " .. n)
      for i, message in ipairs(got) do assert.same(list[i], message) end
      n = n + 1
    until not failed
    assert.is_true(n > 3)
  end)
end)
