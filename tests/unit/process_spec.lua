local process = require "process"

describe("a child process", function()
  it("is waited for, with its output", function()
    local code, out, err = process.run { "sh", "-c", "cat; echo bad >&2; exit 3", input = "in" }

    assert.same({ 3, "in", "bad\n" }, { code, out, err })
  end)

  it("has ended with 127 when there is no such program", function()
    assert.equal(127, (process.run { "/no/such/program" }))
  end)

  it("gives its lines one after the other", function()
    local p <close> = process.spawn { "sh", "-c", "echo a 1; sleep 0.05; echo b 2; echo c 3; cat" }

    assert.equal("a 1", p:line())
    assert.equal("3", (p:line("^c (%d)")))
    assert.is_true(p:running())
  end)

  it("raises with what was said when the line does not come", function()
    local p <close> = process.spawn { "sh", "-c", "echo hello; echo trouble >&2" }

    local ok, message = pcall(p.line, p, "^never$")

    assert.is_false(ok)
    assert.matches("hello.*trouble", message)
  end)

  it("does not have LD_PRELOAD and has the changes of the environment", function()
    local _, out = process.run {
      "sh", "-c", "echo ${LD_PRELOAD-none} $COLOUR ${HOME-homeless}",
      env = { COLOUR = "green", HOME = false },
    }

    assert.equal("none green homeless\n", out)
  end)

  it("is killed with all of its group, also when it ignores TERM", function()
    local p = process.spawn { "sh", "-c", "trap '' TERM; (trap '' TERM; sleep 60) & echo $!; wait" }
    local inner = p:line("^%d+$")

    local code = p:stop(0.05)

    assert.equal(137, code)
    assert.is_truthy(process.eventually(function()
      local file = io.open("/proc/" .. inner .. "/stat")
      local state = file and file:read("a"):match("%) (%a)")
      if file then file:close() end
      return not file or state == "Z"
    end))
  end)

  it("ends with the last reference to it", function()
    local pid = process.spawn({ "sleep", "60" }):pid()
    collectgarbage()
    collectgarbage()

    assert.is_nil(io.open("/proc/" .. pid .. "/stat"))
  end)

  it("ends with the process that started it, however that ends", function()
    local outer = process.spawn {
      "lua5.4", "-e", [[
        local process = require "process"
        print(process.spawn({ "sleep", "60" }):pid())
        io.stdout:flush()
        process.sleep_ms(60000)]],
      env = { LD_PRELOAD = process.preload, LUA_PATH = package.path, LUA_CPATH = package.cpath,
              ASAN_OPTIONS = "detect_leaks=0" },
    }
    local inner = outer:line("^%d+$")

    outer:kill()

    assert.is_truthy(process.eventually(function()
      return not io.open("/proc/" .. inner .. "/stat")
    end))
  end)
end)
