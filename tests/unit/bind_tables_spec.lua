-- tide.error, content, policy, schema and log: modules that make tables or lines.
local T = require "T"

local vm

before_each(function() vm = T.vm.new { secrets = { token = "s3cr3t-token" } } end)
after_each(function() vm:close() end)

local function gives(expected, text)
  local result, _, message = vm:load(text:find "return" and text or "return " .. text)
  assert.same(expected, message or result)
end
local function refuses(expected, text)
  local _, code, message = vm:load("return " .. text)
  assert.equal("script_failed", code, text)
  assert.matches(expected, message, 1, true)
end

describe("tide", function()
  it("is read-only, and knows what was meant", function()
    refuses("tide has no 'jsn' (did you mean json?)", "tide.jsn")
    refuses("tide.schema has no 'strng' (did you mean string?)", "tide.schema.strng {}")
    refuses("tide has no 'zzz'", "tide.zzz")
    refuses("tide.schema has no 'int'; it has boolean integer list map number", "tide.schema.int {}")
    refuses("tide is read-only", "(function() tide.x = 1 end)()")
    refuses("tide.json is read-only", "(function() tide.json.encode = nil end)()")
    gives(false, "getmetatable(tide)")
    gives(false, "getmetatable(tide.json)")
  end)

  it("shows its names to pairs", function()
    local names = vm:load [[
      local names = {}
      for name, value in pairs(tide) do
        if type(value) == "table" then
          for inner, v in pairs(value) do names[name .. "." .. inner] = type(v) end
        else
          names[name] = type(value)
        end
      end
      return names
    ]]

    local expected = {}
    for name in ([[env secret random uuid all error json.encode json.decode json.array
      cjson.encode cjson.decode base64.encode
      base64.decode base64.encode_url base64.decode_url url.encode url.decode url.query url.parse
      hash.sha256 hash.hmac hash.equal time.now time.sleep time.iso time.parse log.debug log.info
      log.warn log.error content.text content.image content.audio content.link content.resource content.result
      policy.extend schema.string schema.integer schema.number schema.boolean schema.list schema.map
      schema.object schema.raw]]):gmatch "%S+" do expected[name] = "function" end
    expected["json.null"], expected["cjson.null"] = "userdata", "userdata"
    assert.same(expected, names)
  end)
end)

describe("tide.error", function()
  it("makes an error object", function()
    gives({ code = "not_found", message = "no such city" }, 'tide.error("not_found", "no such city")')
    gives({ code = "timeout", message = "no answer in time" }, 'tide.error "timeout"')
    gives({ code = "conflict", message = "x", details = { 1 }, retry_after_ms = 5, side_effect = "done",
      attempts = 2, status = 409 },
      [[tide.error("conflict", "x",
        { details = { 1 }, retry_after_ms = 5, side_effect = "done", attempts = 2, status = 409 })]])
    gives("conflict: x", 'tostring(tide.error("conflict", "x"))')
    gives("it failed: conflict: x!", '"it failed: " .. tide.error("conflict", "x") .. "!"')
    gives(false, 'getmetatable(tide.error "conflict")')
  end)

  it("refuses what is not in the list", function()
    refuses("tide.error: there is no code 'not_fond' (did you mean not_found?)", 'tide.error "not_fond"')
    refuses("tide.error: there is no code 'ok'", 'tide.error "ok"')
    refuses("unknown option 'detail' (did you mean details?)", 'tide.error("conflict", "x", { detail = 1 })')
    refuses("retry_after_ms must be a number", 'tide.error("conflict", "x", { retry_after_ms = "1" })')
    refuses("tide.error: side_effect is one of none possible done, not 'maybe'",
      'tide.error("conflict", "x", { side_effect = "maybe" })')
  end)

  it("is handed on by error, assert and return, with its details", function()
    for _, how in ipairs { "error(e)", "assert(nil, e)" } do
      local task = vm:start("return function() local e = tide.error('conflict', 'x', { details = { a = 1 } }) "
        .. how .. " end")

      assert.equal("conflict", task.code)
      assert.same({ code = "conflict", message = "x", details = { a = 1 } }, task[1])
      assert.is_nil(task.log)
    end
  end)

  it("survives a script that spoils its fields", function()
    local task = vm:start [[return function()
      local e = tide.error "conflict"
      e.code, e.message, e.status, e.retry_after_ms = {}, 7, "x", -5
      error(e)
    end]]

    assert.equal("script_failed", task.code)
  end)
end)

describe("tide.content", function()
  it("says whom a block is for, how much it matters, and what else is to be said", function()
    local about = '{ audience = { "user" }, priority = 0.5, last_modified = "2026-11-20T09:15:00Z", meta = { a = 1 } }'
    local annotations = { audience = { "user" }, priority = 0.5, lastModified = "2026-11-20T09:15:00Z" }
    for code, block in pairs {
      ['tide.content.text("a", %s)'] = { type = "text", text = "a" },
      ['tide.content.image("", "image/png", %s)'] = { type = "image", data = "", mimeType = "image/png" },
      ['tide.content.audio("", "audio/wav", %s)'] = { type = "audio", data = "", mimeType = "audio/wav" },
    } do
      block.annotations, block._meta = annotations, { a = 1 }
      gives(block, code:format(about))
    end
    gives({ type = "resource_link", uri = "a:b", name = "n", annotations = { priority = 1 } },
      'tide.content.link("a:b", { name = "n", priority = 1 })')
    gives({ type = "resource", resource = { uri = "a:b", text = "t" }, _meta = { a = 1 } },
      'tide.content.resource("a:b", { text = "t", meta = { a = 1 } })')
    gives({ type = "text", text = "a" }, 'tide.content.text("a", {})')
  end)

  it("shows icons of links", function()
    gives({ type = "resource_link", uri = "a:b", name = "n", icons = {
      { src = "https://example.com/a.png" },
      { src = "data:,", mimeType = "image/png", sizes = { "48x48" }, theme = "dark" },
    } }, [[tide.content.link("a:b", { name = "n", icons = { "https://example.com/a.png",
      { src = "data:,", mime = "image/png", sizes = { "48x48" }, theme = "dark" } } })]])
    refuses("icons is a list", 'tide.content.link("a:b", { name = "n", icons = {} })')
    refuses("an icon is at an https:// address", 'tide.content.link("a:b", { name = "n", icons = { "http://x" } })')
    refuses("an icon is at an https:// address", 'tide.content.link("a:b", { name = "n", icons = { {} } })')
    refuses("unknown", 'tide.content.link("a:b", { name = "n", icons = { { url = "https://x" } } })')
  end)

  it("takes nothing else for it", function()
    refuses("priority is a number, 0 to 1", 'tide.content.text("a", { priority = 2 })')
    refuses("priority is a number, 0 to 1", 'tide.content.text("a", { priority = "1" })')
    refuses("audience is a list", 'tide.content.text("a", { audience = {} })')
    refuses("audience is a list", 'tide.content.text("a", { audience = "user" })')
    refuses("audience is a list", 'tide.content.text("a", { audience = { "users" } })')
    refuses("last_modified is a time", 'tide.content.text("a", { last_modified = "now" })')
    refuses("meta is a table", 'tide.content.image("", "a/b", { meta = 1 })')
    refuses("unknown", 'tide.content.text("a", { audiance = {} })')
  end)

  it("makes blocks as the protocol spells them", function()
    gives({ type = "text", text = "hé" }, 'tide.content.text "hé"')
    gives({ type = "image", data = "AP8=", mimeType = "image/png" }, [[tide.content.image("\0\255", "image/png")]])
    gives({ type = "audio", data = "", mimeType = "audio/wav" }, [[tide.content.audio("", "audio/wav")]])
    gives({ type = "resource_link", uri = "file:///a", name = "a", title = "A", description = "d",
      mimeType = "text/plain", size = 3 }, [[tide.content.link("file:///a",
      { name = "a", title = "A", description = "d", mime_type = "text/plain", size = 3 })]])
    gives({ type = "resource", resource = { uri = "x:y", text = "t", mimeType = "text/plain" } },
      [[tide.content.resource("x:y", { text = "t", mime_type = "text/plain" })]])
    gives({ type = "resource", resource = { uri = "x:y", blob = "AA==" } },
      [[tide.content.resource("x:y", { bytes = "\0" })]])
  end)

  it("refuses what a client could not show", function()
    refuses("must be UTF-8", [[tide.content.text "\255"]])
    refuses("string expected", "tide.content.text {}")
    for _, mime in ipairs { "png", "/png", "image/", "image/ png", "" } do
      refuses("a media type like image/png", ("tide.content.image('x', %q)"):format(mime))
    end
    for _, uri in ipairs { "", "nothing", ":x", "a b:c", "é:x" } do
      refuses("an absolute URI", ("tide.content.link(%q, { name = 'x' })"):format(uri))
    end
    refuses("a name is missing", "tide.content.link('a:b', {})")
    refuses("a name is missing", "tide.content.link('a:b')")
    refuses("unknown option 'mimetype' (did you mean mime_type?)",
      "tide.content.link('a:b', { name = 'x', mimetype = 'a/b' })")
    refuses("must not be negative", "tide.content.link('a:b', { name = 'x', size = -1 })")
    refuses("either text or bytes", "tide.content.resource('a:b', {})")
    refuses("either text or bytes", "tide.content.resource('a:b', { text = 'x', bytes = 'y' })")
  end)
end)

describe("tide.policy.extend", function()
  it("puts one over the other without changing either", function()
    gives({ { a = 1, b = { c = 1, d = 1 } }, { a = 1, b = { c = 2, d = 1, e = 3 }, f = 4 } }, [[
      local base = { a = 1, b = { c = 1, d = 1 } }
      local out = tide.policy.extend(base, { b = { c = 2, e = 3 }, f = 4 })
      out.b.d = out.b.d
      return { base, out }
    ]])
    gives({ a = 3 }, "tide.policy.extend({ a = 1 }, { a = 2 }, { a = 3 })")
    gives({ a = { b = 1 } }, "tide.policy.extend({ a = 1 }, { a = { b = 1 } })")
    gives({ a = 1 }, "tide.policy.extend({ a = { b = 1 } }, { a = 1 })")
    gives(1, [[
      local base, more = { a = { b = 1 } }, { c = { d = 1 } }
      local out = tide.policy.extend(base, more)
      out.a.b, out.c.d = 2, 2
      return base.a.b == 1 and more.c.d
    ]])
  end)

  it("refuses what is no policy", function()
    refuses("table expected", "tide.policy.extend({})")
    refuses("table expected", "tide.policy.extend({}, 1)")
    refuses("nested too deeply", [[(function()
      local t = {} t.t = t return tide.policy.extend(t, {}) end)()]])
  end)
end)

describe("tide.schema", function()
  it("makes words of what it is given", function()
    gives({ kind = "string" }, "tide.schema.string()")
    gives({ kind = "string", "a", "b", default = "a" }, 'tide.schema.string { "a", "b", default = "a" }')
    gives({ kind = "integer", min = 1, optional = true }, "tide.schema.integer { min = 1, optional = true }")
    gives({ kind = "list", { kind = "number" } }, "tide.schema.list(tide.schema.number())")
    gives({ kind = "list", { kind = "number" }, max_items = 3 },
      "tide.schema.list { tide.schema.number(), max_items = 3 }")
    gives({ kind = "map", of = { kind = "boolean" } }, "tide.schema.map { of = tide.schema.boolean {} }")
    gives({ kind = "object", { a = { kind = "string" } } }, "tide.schema.object { { a = tide.schema.string() } }")
    gives({ kind = "string" }, 'tide.schema.string { kind = "integer" }')
    gives(false, "getmetatable(tide.schema.string())")
  end)

  it("takes raw schemas as a table, as text, and with options", function()
    gives({ kind = "raw", schema = { type = "string", description = "d" }, optional = true },
      'tide.schema.raw { type = "string", optional = true, about = "d" }')
    gives({ kind = "raw", '{"type":"string"}' }, [[tide.schema.raw '{"type":"string"}']])
    gives({ kind = "raw", { type = "string" }, optional = true },
      'tide.schema.raw { { type = "string" }, optional = true }')
  end)

  it("leaves its argument as it was", function()
    gives({ min = 1 }, "local options = { min = 1 } tide.schema.integer(options) return options")
    gives({ type = "string", optional = true },
      "local o = { type = 'string', optional = true } tide.schema.raw(o) return o")
  end)
end)

describe("tide.log", function()
  it("writes a line with fields in order", function()
    vm:load([[tide.log.warn('it is late',
      { b = 'two words', a = 1, c = { 1, 2 }, d = true, e = tide.json.null })]], "clock.lua")


    assert.equal("2023-11-14T22:13:20.000Z warn scripts/clock it is late"
      .. ' a=1 b="two words" c="[1,2]" d=true e="userdata: (nil)"\n', vm:log())
  end)

  it("has four levels", function()
    for _, level in ipairs { "debug", "info", "warn", "error" } do
      vm:load("tide.log." .. level .. " 'hello'")
      assert.matches(" " .. level .. " scripts/test hello\n", vm:log())
    end
  end)

  it("keeps one call on one line, and secrets to itself", function()
    vm:load [[tide.log.info("a\nb", { x = "c\nd", s = tide.secret "token", e = tide.error("conflict", "x"),
      t = { tide.secret "token" } })]]

    local log = vm:log()
    assert.equal(1, select(2, log:gsub("\n", "")))
    assert.matches([[a\nb e="conflict: x" s="***" t="table: ]], log, 1, true)
    assert.matches([[x="c\nd"]], log, 1, true)
  end)

  it("prints what has a __tostring by it, and survives one that raises", function()
    vm:load "tide.log.info('x', { a = setmetatable({}, { __tostring = function() return 'mine' end }) })"
    local _, code = vm:load "tide.log.info('x', { a = setmetatable({}, { __tostring = function() error 'no' end }) })"

    assert.matches("x a=mine\n", vm:log())
    assert.equal("script_failed", code)
  end)

  it("cuts what is long", function()
    vm:load "tide.log.info('x', { a = ('y'):rep(5000) })"

    assert.is_true(#vm:log() < 2000)
  end)

  it("refuses fields it cannot name", function()
    refuses("the names must be strings", "tide.log.info('x', { 1 })")
    refuses("table expected", "tide.log.info('x', 1)")
    refuses("string expected", "tide.log.info({})")
    refuses("too many fields",
      "tide.log.info('x', (function() local t = {} for i = 1, 40 do t['k' .. i] = 1 end return t end)())")
  end)
end)
