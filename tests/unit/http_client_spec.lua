local T = require "T"

local kit = require("client_kit").install {
  setup = setup, teardown = teardown, before_each = before_each, after_each = after_each,
}

describe("an answer", function()
  it("has status, header, body and the times", function()
    local answer, a = kit.get("/json")

    assert.same({ "answered", 200, 11, 1 }, { answer.end_, answer.status, answer.http_version, answer.ends })
    assert.equal('{"ok":true,"text":"héllo","list":[1,2.5,null]}', answer.body)
    assert.equal("application/json", a:header("Content-TYPE"))
    assert.is_nil(a:header("content"))
    assert.same({ true, false, 0 }, { answer.sent, answer.reused, answer.replays })
    assert.is_true(0 < answer.connect_ns and answer.connect_ns < answer.first_byte_ns)
    assert.is_true(answer.first_byte_ns <= answer.total_ns)
  end)

  it("is any status, and a redirect is not followed", function()
    for _, status in ipairs { 204, 304, 404, 500, 503 } do
      assert.equal(status, kit.get("/status/" .. status).status)
    end
    local json_before = kit.up:count("/json")
    local answer, a = kit.get("/redirect?to=/json")
    assert.same({ "answered", 302, "/json" }, { answer.end_, answer.status, a:header("location") })
    assert.equal(json_before, kit.up:count("/json"))
  end)

  it("has the fields of the last block only, no interim ones and no trailers", function()
    local _, hinted = kit.get("/early-hints")
    assert.same({ "yes" }, { hinted:header("x-real"), hinted:header("x-interim") })

    local answer, trailed = kit.get("/trailers")
    assert.same({ "ok", "1" }, { answer.body, trailed:header("x-first"), trailed:header("x-trailer") })
  end)

  it("has folded lines as one and empty values", function()
    local _, a = kit.get("/folded")

    assert.same({ "one two", "" }, { a:header("x-folded"), a:header("x-empty") })
  end)

  it("is decoded", function()
    local answer = kit.get("/gzip")

    assert.matches('"zipped":true', answer.body)
    assert.matches("gzip", answer.body)
  end)

  it("comes in pieces, without a length, and large", function()
    assert.equal('{"dripped":true}', kit.get("/drip?ms=1").body)
    assert.equal(3 << 20, #kit.get("/huge?mb=3").body)
    assert.equal(500000, #kit.get("/size?bytes=500000").body)
  end)

  it("ends where its length says", function()
    local answer = kit.get("/long-body")

    assert.same({ "answered", "hello" }, { answer.end_, answer.body })
  end)
end)

describe("a request", function()
  it("has its method, header and body, and nothing that was not asked for", function()
    local seen = kit.echo {
      method = "POST", body = '{"a":1}',
      headers = { { "Content-Type", "application/json" }, { "X-Empty", "" }, { "X-Two", "a" }, { "X-Two", "b" } },
    }

    assert.same({ "POST", '{"a":1}' }, { seen.method, seen.body })
    seen.headers.host = nil
    assert.same({
      accept = "*/*", ["accept-encoding"] = seen.headers["accept-encoding"], ["content-length"] = "7",
      ["content-type"] = "application/json", ["user-agent"] = "tidegate/0.1.0", ["x-empty"] = "", ["x-two"] = "a, b",
    }, seen.headers)
  end)

  it("may have any method, with and without a body", function()
    for _, method in ipairs { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND" } do
      for _, body in ipairs { false, "", "body", ("b"):rep(100000) } do
        local seen = kit.echo { method = method, body = body or nil }

        assert.same({ method, body or "" }, { seen.method, seen.body })
        local says = body or method == "POST" or method == "PUT" or method == "PATCH"
        assert.equal(says and tostring(#(body or "")) or nil, seen.headers["content-length"])
        assert.is_nil(seen.headers["transfer-encoding"])
        assert.is_nil(seen.headers["content-type"])
      end
    end
  end)

  it("with HEAD has an answer without a body", function()
    local answer, a = kit.get("/size?bytes=5000", { method = "HEAD" })
    assert.same({ "answered", "", "5000" }, { answer.end_, answer.body, a:header("content-length") })

    assert.equal(47, #kit.get("/json").body)
  end)

  it("does not wait for 100 (Continue) with a large body", function()
    local seen, answer = kit.echo { method = "POST", body = ("x"):rep(2 << 20) }

    assert.equal(2 << 20, #seen.body)
    assert.is_nil(seen.headers.expect)
    assert.is_true(answer.total_ns < 900e6)
  end)

  it("leaves framing to the client, whatever the script says", function()
    local seen = kit.echo {
      method = "POST", body = "12345",
      headers = {
        { "Content-Length", "2" }, { "Transfer-Encoding", "chunked" }, { "Connection", "close" }, { "TE", "trailers" },
        { "Expect", "100-continue" }, { "Upgrade", "h2c" },
      },
    }

    assert.equal("12345", seen.body)
    assert.equal("5", seen.headers["content-length"])
    for _, name in ipairs { "transfer-encoding", "connection", "te", "expect", "upgrade" } do
      assert.is_nil(seen.headers[name])
    end
  end)

  it("may say who it is and which host it means", function()
    local seen = kit.echo { headers = { { "User-Agent", "me" }, { "Host", "other.example" } } }

    assert.same({ "me", "other.example" }, { seen.headers["user-agent"], seen.headers.host })
  end)

  it("keeps the path as it is", function()
    local before = kit.up:count("/json")
    kit.get("/echo/../json")
    kit.get("/%6Ason/./")

    assert.equal(before, kit.up:count("/json"))
    assert.equal("/echo?p=/../%2e%20", kit.echo({}, nil, "?p=/../%2e%20").path)
  end)

  it("begins its target with a slash and leaves the fragment at home", function()
    kit.get ""
    kit.get "?p=1"

    assert.equal(2, kit.up:count "/")
    assert.equal("/echo?p=1", kit.echo({}, nil, "?p=1#part?x=/y").path)
  end)

  it("is refused when its target could end the request line", function()
    for _, target in ipairs { "/echo HTTP/1.1", "/echo\r\nX-Smuggled: 1", "/echo\t", "/echo?p=\127", "/echo\0" } do
      local answer = kit.get(target)

      assert.same({ "failed", false }, { answer.end_, answer.sent })
      assert.matches("URL", answer.detail)
    end
  end)

  it("asks for what can be decoded, unless its headers ask for something else", function()
    assert.equal("gzip, br", kit.echo({}).headers["accept-encoding"])
    assert.equal("identity", kit.echo({ headers = { { "accept-encoding", "identity" } } }).headers["accept-encoding"])
  end)

  it("goes to many hosts, more than are remembered", function()
    for i = 1, 160 do -- only the first of each eighty listens
      local url = kit.url("/json"):gsub("127%.0%.0%.1", ("127.0.0.%d"):format(1 + (i - 1) % 80))
      local answer = kit.attempt { url = url }

      assert.equal(i % 80 == 1 and "answered" or "refused", answer.end_)
    end

    assert.equal(200, kit.get("/json").status)
  end)

  it("carries nothing over from the one before", function()
    kit.echo { method = "POST", body = "secret", headers = { { "Authorization", "Bearer 1" } }, unix_socket = nil }
    local seen = kit.echo {}

    assert.same({ "GET", "" }, { seen.method, seen.body })
    assert.is_nil(seen.headers.authorization)
    assert.is_nil(seen.headers["content-length"])
  end)

  it("goes out before the loop waits, but not inside of start", function()
    local a = kit.start { url = kit.url("/json"), on_done = function() end }

    assert.is_nil(a:answer())
    assert.equal(0, kit.client:stats().connections_new)
    kit.client:run()
    assert.equal("answered", a:answer().end_)
  end)
end)

describe("the end of an attempt", function()
  local function ends(path, options, listener)
    local answer = kit.get(path, options, listener)
    assert.equal(1, answer.ends)
    return answer.end_, answer.status, answer.sent
  end

  it("is no_name for a name that does not resolve", function()
    local answer = kit.attempt { url = "http://no-such-host.invalid/", connect_ms = 5000 }

    assert.same({ "no_name", false }, { answer.end_, answer.sent })
  end)

  it("is refused when nobody listens", function()
    assert.same({ "refused", 0, false }, { ends("/", {}, "closed") })
  end)

  it("is connect_timeout when the handshake takes too long, whatever the rest may take", function()
    local url = kit.url("/", "mute"):gsub("http:", "https:")

    local answer = kit.attempt { url = url, connect_ms = 60, total_ms = 5000 }

    assert.same({ "connect_timeout", false }, { answer.end_, answer.sent })
    assert.is_true(answer.total_ns > 55e6 and answer.total_ns < 1000e6)
    answer = kit.attempt { url = url, connect_ms = 5000, total_ms = 60 }
    assert.same({ "connect_timeout", false }, { answer.end_, answer.sent })
    answer = kit.attempt { url = url, connect_ms = 5000, first_byte_ms = 60 }
    assert.same({ "connect_timeout", false }, { answer.end_, answer.sent })
  end)

  it("is timeout when the answer takes too long", function()
    assert.same({ "timeout", 0, true }, { ends("/stall-headers", { total_ms = 60 }) })
    assert.same({ "timeout", 200, true }, { ends("/stall-body", { total_ms = 60 }) })
    assert.same({ "timeout", 200, true }, { ends("/drip?ms=30", { total_ms = 100 }) })
    assert.same({ "timeout", 0, true }, { ends("/", { total_ms = 60 }, "mute") })
  end)

  it("is timeout when the first byte takes too long, and only the first", function()
    local answer = kit.get("/stall-headers", { first_byte_ms = 60, total_ms = 5000 })
    assert.same({ "timeout", 0 }, { answer.end_, answer.first_byte_ns })
    assert.is_true(answer.total_ns > 55e6 and answer.total_ns < 1000e6)

    assert.equal("answered", (ends("/drip?ms=10", { first_byte_ms = 100, total_ms = 5000 })))
  end)

  it("is reset when a new connection dies before an answer", function()
    assert.same({ "reset", 0, true }, { ends("/reset-before") })
    assert.same({ "reset", 0, true }, { ends("/close-before") })
  end)

  it("is cut when it dies in the answer", function()
    assert.same({ "cut", 200, true }, { ends("/reset-mid") })
    assert.same({ "cut", 200, true }, { ends("/short-body") })
    assert.same({ "cut", 200, true }, { ends("/cut-chunk") })
    assert.same({ "cut", 200, true }, { ends("/cut-headers") })
  end)

  it("is garbage when the answer is not HTTP", function()
    for _, path in ipairs { "/garbage", "/http09", "/bad-status", "/bad-chunk", "/bad-gzip" } do
      assert.equal("garbage", (ends(path)), path)
    end
  end)

  it("is too_large over the limits, of the decoded body and of the header", function()
    assert.equal("too_large", (ends("/gzip-bomb?mb=20", { max_body_bytes = 1 << 20 })))
    assert.equal("too_large", (ends("/huge?mb=2", { max_body_bytes = 1 << 20 })))
    assert.equal("too_large", (ends("/size?bytes=1001", { max_body_bytes = 1000 })))
    assert.equal("answered", (ends("/size?bytes=1000", { max_body_bytes = 1000 })))
    assert.equal("answered", (ends("/headers-huge?kb=60")))
    assert.equal("too_large", (ends("/headers-huge?kb=70")))
    assert.equal("too_large", (ends("/headers-huge?kb=400")))
  end)

  it("is tls_untrusted for a certificate that proves nothing", function()
    for _, listener in ipairs { "self_signed", "expired", "wrong_name" } do
      assert.same({ "tls_untrusted", 0, false }, { ends("/json", {}, listener) })
      assert.same({ "answered", 200, true }, { ends("/json", { insecure_tls = true }, listener) })
    end
  end)

  it("is tls_failed when the service does not talk TLS", function()
    local url = kit.url("/"):gsub("http:", "https:")

    assert.same({ "tls_failed", false }, { kit.attempt({ url = url }).end_, kit.attempt({ url = url }).sent })
  end)

  it("is failed for what is no URL for it", function()
    for _, url in ipairs { "ftp://127.0.0.1/", "file:///etc/passwd", "http://user@127.0.0.1/", "http://", "" } do
      local answer = kit.attempt { url = url }
      assert.same({ "failed", false }, { answer.end_, answer.sent }, url)
    end
  end)

  it("is told in words, and which ends prove that nothing was executed", function()
    local list = T.http_client.ends()
    local proven = {}
    for name, row in pairs(list) do
      assert.is_true(#row.sentence > 0)
      if row.not_executed then proven[#proven + 1] = name end
    end
    table.sort(proven)

    assert.same({
      "blocked", "connect_timeout", "no_name", "refused", "stream_refused", "tls_failed", "tls_untrusted",
    }, proven)
    assert.matches("onnect", kit.get("/", {}, "closed").detail)
  end)
end)

describe("an address that is not public", function()
  it("is blocked, by number and by name", function()
    local before = kit.up:count("/json")
    for _, host in ipairs {
      "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "[::ffff:127.0.0.1]",
      "[::1]", "[fd00::1]", "169.254.169.254", "10.0.0.1",
    } do
      local answer = kit.attempt { url = ("http://%s:%d/json"):format(host, kit.up.http), allow_private = false }

      assert.same({ "blocked", false, 0 }, { answer.end_, answer.sent, answer.status }, host)
    end
    assert.equal(before, kit.up:count("/json"))
  end)

  it("is blocked too when a connection to it is already in the pool", function()
    local before = kit.up:count("/status/200")
    kit.get("/status/200")

    local blocked = kit.get("/status/200", { allow_private = false })

    assert.same({ "blocked", false }, { blocked.end_, blocked.sent })
    assert.equal(before + 1, kit.up:count("/status/200"))
  end)
end)
