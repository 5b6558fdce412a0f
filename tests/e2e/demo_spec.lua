-- ./dev demo --once, without the building.

local socket = require "socket"

local process = require "process"
local tree = require "tree"

local function free_port()
  local server = assert(socket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  server:close()
  return port
end

local function section(transcript, request)
  local from = transcript:find("> " .. request, 1, true)
  assert(from, "no request " .. request .. " in\n" .. transcript)
  local to = transcript:find("\n\n", from, true) or #transcript
  return transcript:sub(from, to)
end

describe("the demo", function()
  local code, transcript, log

  setup(function()
    local out, err
    code, out, err = process.run {
      "tests/demo/run", "--once",
      env = { PORT = free_port(), TIDEGATE = os.getenv "TIDEGATE", NO_COLOR = "1" },
      timeout_s = 60,
    }
    transcript = out .. err
    log = tree.read "build/demo/tidegate.log"
  end)

  it("ends well", function()
    assert(code == 0, transcript .. log)
  end)

  it("lists the tools", function()
    assert.matches("inventory_change_stock", section(transcript, "tools/list"))
  end)

  it("lists items page by page", function()
    assert.matches('"next_page":2', section(transcript, "tools/call inventory_list_items"))
  end)

  it("gives what it found beside what it did not", function()
    local answer = section(transcript, "tools/call inventory_get_items")

    assert.matches("P%-001", answer)
    assert.matches("not_found", answer)
  end)

  it("calls a conflict a conflict", function()
    local answer = section(transcript, "tools/call inventory_change_stock")

    assert.matches("conflict", answer)
    assert.matches("only 2 of Q%-001 in stock", answer)
  end)

  it("says how long a limit lasts", function()
    local answer = section(transcript, "tools/call inventory_limited")

    assert.matches("retry_after_ms 60000", answer)
  end)

  it("shows a trail with each call", function()
    local answer = section(transcript, "tools/call inventory_report")

    assert.matches("attempt.*GET /report", answer)
    assert.matches("answer.*status 200", answer)
  end)

  it("tells a call as a timeline, and proves its policy", function()
    assert.matches("call %-%-explain inventory_flaky\n\n  inventory_flaky: ok after", transcript)
    assert.matches(" in all: [12] attempts?, ", transcript)
    assert.matches("  inventory_flaky\n.*\n    policy default, reads: GET\n", transcript)
    assert.matches("\n  %d+ settings fire, in %d+ %a+ of virtual time", transcript)
  end)

  it("shows the key nowhere", function()
    assert.is_nil((transcript .. log):match "demo%-%x%x%x%x%x%x%x%x")
  end)
end)

it("the demo does not take another server for tidegate", function()
  local other = assert(socket.bind("127.0.0.1", 0))
  local _, port = other:getsockname()

  local code, out, err = process.run {
    "tests/demo/run", "--once", timeout_s = 60,
    env = { PORT = port, TIDEGATE = os.getenv "TIDEGATE", NO_COLOR = "1" },
  }
  other:close()

  assert.equal(1, code)
  assert.matches("Address already in use", out)
  assert.matches("PORT=9000 ./dev demo takes another port", err, 1, true)
end)
