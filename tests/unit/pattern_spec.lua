local T = require "T"

-- Runs the same text in the sandbox and in plain Lua, and compares.
local function both(vm, text)
  local ours, code, message = vm:load(text)
  assert.is_nil(code and message)
  assert.same(load(text)(), ours)
  return ours
end

describe("the string functions of scripts", function()
  local vm

  before_each(function() vm = T.vm.new { instructions = 1000000000 } end)
  after_each(function() vm:close() end)

  it("find, match, walk and replace", function()
    both(vm, [=[return {
      { ("hello world"):find "o w" }, { ("hello world"):find("o", 6) }, { ("a.b"):find(".", 1, true) },
      { ("hello"):find "l+" }, { ("key = value"):match "^(%w+)%s*=%s*(%w+)$" }, { ("x"):match "()" },
      { ("THE (quick) fox"):find "%((%a+)%)" }, { ("  trim "):match "^%s*(.-)%s*$" }, { (""):find "" },
      { ("abc"):find("", 10) }, { ("abc"):find("", 4) }, { ("abc"):find("b", -2) }, { ("abc"):find("a", -9) },
      { ("a=1, b=2"):gsub("(%w)=(%w)", "%2=%1") }, { ("abc"):gsub("%w", "%0%0", 2) }, { ("abc"):gsub("", "-") },
      { ("hello"):gsub("l", { l = "L" }) }, { ("hello"):gsub(".", function(c) if c == "l" then return 1 end end) },
      { ("abc"):gsub("^a", "x") }, { ("f(a(b)c)d"):match "%b()" }, { ("THE END"):gsub("%f[%a]%a", "<%0>") },
      { ("x 'a' \"b\""):match "([\"'])(.-)%1" }, { ("a\0b\0"):gsub("%z", "0") }, { ("a\0b"):find "\0" },
      { ("abc"):gsub("b", "%%") }, { ("äö"):gsub("[\xc3]", "C") }, { ("a-z"):match "[a%-z]+" }, { ("]"):match "[]]" },
      { ("^a"):match "[%^a]+" }, { ("x^"):find "^^" }, { ("a$"):match "a$$" }, { ("abab"):match "(ab)%1" },
      { ("  a b  c"):gsub("%s+", " ") }, { ("0x1F"):match "^0[xX](%x+)$" }, { ("a,b,,c"):gsub("[^,]*", "<%0>") },
    }]=])
  end)

  it("walk with gmatch as Lua does", function()
    both(vm, [[
      local out = {}
      for k, v in ("a=1, b=2, c=3"):gmatch "(%w+)=(%w+)" do out[#out + 1] = k .. v end
      for w in ("one two  three"):gmatch "%a*" do out[#out + 1] = w end
      for at in ("abc"):gmatch "()" do out[#out + 1] = at end
      for w in ("abcabc"):gmatch("b", 3) do out[#out + 1] = w end
      for w in ("abc"):gmatch("", 10) do out[#out + 1] = "never" end
      local next = ("x"):gmatch "x"
      out[#out + 1] = next()
      out[#out + 1] = next() == nil
      out[#out + 1] = next() == nil
      return out
    ]])
  end)

  it("say the same of a malformed pattern", function()
    for _, pattern in ipairs { "%", "[", "[a", "[%", "[]", "[^", "(", ")", "a)", "(()", "%b", "%bx", "%f", "%fa", "%1",
      "(%1)", "(a)%2", "%0", "[a-", "[a-%", "((((((((((((((((((((((((((((((((((a", "(a", "%f[",
      "[^]" } do
      both(vm, ([[
        local p = %q
        return { pcall(string.find, "abc", p), pcall(string.gsub, "abc", p, "x"), pcall(string.match, "", p) }
      ]]):format(pattern))
    end
    for _, replacement in ipairs {
      '"%"', '"%2"', '"%9"', '"%x"', "true", "nil", "{}", "{ b = true }", "{ b = {} }", "7" } do
      both(vm, ([[return { pcall(string.gsub, "abc", "b", %s) }]]):format(replacement))
    end
  end)

  it("raise the same for wrong arguments", function()
    both(vm, [[
      local out = {}
      for _, name in ipairs { "find", "match", "gmatch", "gsub" } do
        out[name] = { pcall(string[name]), { pcall(string[name], "a") }, { pcall(string[name], {}, "a") } }
        out[name .. "3"] = { pcall(string[name], "a", "a", {}, "x") }
      end
      return #out.find
    ]])
  end)

  it("are stopped when a pattern takes too long", function()
    local small = T.vm.new { instructions = 10000000 }
    local endless = {
      [[("a"):rep(40):find(("a*"):rep(40) .. "b")]],
      [[("a"):rep(5000):match((".-"):rep(10) .. "b")]],
      [[("a"):rep(3000):gsub((".*"):rep(5) .. "b", "")]],
      [[for _ in ("a"):rep(3000):gmatch((".*"):rep(5) .. "b") do end]],
      [[("("):rep(60000):find "%b()"]],
      [[pcall(string.find, ("a"):rep(40), ("a*"):rep(40) .. "b") while true do end]],
    }
    for _, text in ipairs(endless) do
      local task = small:start("return function() " .. text .. " end")

      assert.equal("script_limit", task.code, text)
      assert.equal("ok", small:start "return function() return ('x'):find 'x' end".code)
    end
    small:close()
  end)

  it("find plain text in linear time", function()
    local real = T.vm.new { real = true }

    local task = real:start [[return function()
      local n = 2000000
      return (("a"):rep(n) .. "b"):find(("a"):rep(n // 2) .. "b", 1, true)
    end]]

    assert.same({ 1000001, 2000001 }, { task[1], task[2] })
    real:close()
  end)

  it("count long walks that allocate nothing", function()
    local small = T.vm.new { instructions = 10000000 }
    for _, text in ipairs { "s:find('b', 1, true)", "utf8.len(s)", "utf8.offset(s, #s)" } do

      local task = small:start("local s = ('a'):rep(5000000) "
        .. "return function() while true do local _ = " .. text .. " end end")

      assert.equal("script_limit", task.code)
    end
    small:close()
  end)

  it("agree with Lua on any pattern", function()
    local atoms = { "a", "b", ".", "%a", "%d", "%W", "[ab]", "[^a]", "[a-c]", "[%w_]", "x", "%%", "()", "(a)", "(.-)",
      "(", ")", "%b()", "%f[%a]", "%1", "^", "$", "[", "]", "%", "-", "\0", "[%", "\xff" }
    local repeats = { "", "", "", "*", "+", "-", "?" }
    local letters = { "a", "b", "c", "x", "1", " ", "(", ")", "%", "\0", "\xff", "ab" }
    local values = { '"<%0>"', '"%1"', "{ a = 'A', b = false }", "function(a) return a ~= 'b' and a end" }
    local function some(list, most)
      local out = {}
      for i = 1, math.random(0, most) do out[i] = list[math.random(#list)] end
      return table.concat(out)
    end
    for seed = 1, 60 do
      math.randomseed(seed)
      local cases = {}
      for i = 1, 50 do
        local p = {}
        for j = 1, math.random(0, 5) do p[j] = atoms[math.random(#atoms)] .. repeats[math.random(#repeats)] end
        local s, pattern = some(letters, 12), table.concat(p)
        cases[i] = ([[do
          local s, p, init = %q, %q, %d
          out[#out + 1] = { pcall(string.find, s, p, init) }
          out[#out + 1] = { pcall(string.match, s, p, init) }
          out[#out + 1] = { pcall(string.gsub, s, p, %s, %d) }
          out[#out + 1] = { pcall(function()
            local all = {}
            for a, b in s:gmatch(p) do all[#all + 1] = { a, b } end
            return all
          end) }
        end]]):format(s, pattern, math.random(-3, 14), values[math.random(#values)], math.random(0, 9))
      end
      local text = "local out = {}\n" .. table.concat(cases, "\n") .. "\nreturn out"
      local expected = load(text, "=test.lua")()
      local ours, _, message = vm:load(text)
      assert.is_nil(message)
      for i = 1, #expected do assert.same(expected[i], ours[i], cases[(i + 3) // 4]) end
    end
  end)
end)
