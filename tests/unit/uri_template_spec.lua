-- luacheck: ignore 631 (tables of cases read best in long lines)
-- Which URIs a template describes, and what they say.
local T = require "T"
local json = require "cjson"

local function match(template, uri)
  local text, err = T.uri_template.match(template, uri)
  return text and json.decode(text), err
end

describe("a URI template", function()
  local CASES = {
    { "a://{x}", "a://1", { x = "1" } },
    { "a://{x}", "a://", nil },
    { "a://{x}", "a://1/2", nil },
    { "a://{x}", "a://1?y=2", nil },
    { "a://{x}", "b://1", nil },
    { "a://{x}/b", "a://1/b", { x = "1" } },
    { "a://{x}/b", "a://1/b/b", nil },
    { "a://{x}/b", "a://1/bc", nil },
    { "a://{x}/{y}", "a://1/2", { x = "1", y = "2" } },
    { "a://{x}/{y}", "a://1/", nil },
    { "a://{x}-{y}", "a://1-2-3", { x = "1", y = "2-3" } },
    { "a://{+path}", "a://1/2?3#4", { path = "1/2?3#4" } },
    { "a://{+path}/end", "a://1/end/2/end", { path = "1/end/2" } },
    { "a://{+path}/end", "a:///end", nil },
    { "a://x{/y}", "a://x/1", { y = "1" } },
    { "a://x{/y}", "a://x", nil },
    { "a://x{/y}", "a://x/", nil },
    { "a://{x}{.ext}", "a://file.txt", { x = "file", ext = "txt" } },
    { "a://{x}{/y}{.z}", "a://1/2.3", { x = "1", y = "2", z = "3" } },
    { "a://x{?y,z}", "a://x?z=2&y=1", { y = "1", z = "2" } },
    { "a://x{?y,z}", "a://x?z=&other=1&&y", { y = "", z = "" } },
    { "a://x{?y}", "a://x", {} },
    { "a://x{?y}", "a://xx?y=1", nil },
    { "a://{x}", "a://%C3%A9%20%22", { x = 'é "' } },
    { "a://{x}", "a://%zz", nil },
    { "{x}", "", nil },
  }
  for _, case in ipairs(CASES) do
    local template, uri, expected = case[1], case[2], case[3]
    it(("%s %s %s"):format(template, expected and "describes" or "does not describe", uri), function()
      assert.same(expected, (match(template, uri)))
    end)
  end

  local FAULTS = {
    ["a://b"] = "has no { }", ["a://{x"] = "without }", ["a://x}"] = "without {",
    ["a://{}"] = "one name", ["a://{x*}"] = "one name", ["a://{;x}"] = "one name",
    ["a://{x,y}"] = "one name", ["a://{1}"] = "one name", ["a://{?x,}"] = "one name",
    ["a://{x}{y}"] = "between two", ["a://{x}{+y}"] = "between two",
    ["a://{x}/{x}"] = "twice", ["a://{x}{?x}"] = "twice", ["a://{?x}/y"] = "at the end",
  }
  for template, reason in pairs(FAULTS) do
    it("may not be " .. template, function()
      local _, err = match(template, "a://b")

      assert.truthy(err:find(reason, 1, true), err)
    end)
  end

  it("is not searched for long", function()
    local uri = "a://" .. ("a/"):rep(2000)

    assert.is_nil((match("a://{+a}/b/{+c}/b/{+d}/x", uri)))
    assert.is_nil((match("a://{x}", "a://" .. ("x"):rep(5000))))
  end)

  it("finds what it was made of again", function()
    math.randomseed(7)
    local SIGNS = { "a", "é", "/", "?", "#", "%", " ", "-", "&", "=" }
    for _ = 1, 300 do
      local x, y = {}, {}
      for i = 1, math.random(1, 6) do x[i] = SIGNS[math.random(#SIGNS)] end
      for i = 1, math.random(0, 6) do y[i] = SIGNS[math.random(#SIGNS)] end
      local values = { x = table.concat(x), y = table.concat(y) }
      local function encode(text)
        return (text:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end))
      end

      local found = match("i://{x}/end{?y}", ("i://%s/end?y=%s"):format(encode(values.x), encode(values.y)))

      assert.same(values, found)
    end
  end)
end)
