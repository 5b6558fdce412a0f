--- Child processes for specs: started, listened to, and certainly ended.
--
--   local p = process.spawn { "node", "server.mjs", env = { PORT = "0" } }
--   local line = p:line("listening on (%d+)")  -- waits; raises with the output
--   p:stop()                                   -- TERM, then KILL; the exit code
--
-- Output goes to temporary files, so a child never blocks on a full pipe. A
-- child ends with the busted process, whatever happens to that.

local C = require("T").process

local process = {}

local Process = {}
Process.__index = Process

local SIGNALS = {
  HUP = 1, INT = 2, QUIT = 3, KILL = 9, USR1 = 10, USR2 = 12, TERM = 15, CONT = 18, STOP = 19,
}

-- What busted itself was started with, for a child that needs T too.
process.preload = os.getenv("LD_PRELOAD") or false

process.sleep_ms = C.sleep_ms
process.now_ms = C.now_ms
process.self_pid = C.self_pid

--- Repeats `check` until it returns something true; nil after `timeout_s` (5).
function process.eventually(check, timeout_s)
  local deadline = C.now_ms() + (timeout_s or 5) * 1000
  local pause = 1
  while true do
    local result = check()
    if result then return result end
    if C.now_ms() >= deadline then return nil end
    C.sleep_ms(pause)
    pause = math.min(pause * 2, 20)
  end
end

--- The environment of this process with `changes` (false removes).
local function environment(changes)
  local env = {}
  for _, pair in ipairs(C.environment()) do
    local name = pair:match("^([^=]*)=")
    if not changes or changes[name] == nil then env[#env + 1] = pair end
  end
  for name, value in pairs(changes or {}) do
    if value then env[#env + 1] = name .. "=" .. tostring(value) end
  end
  return env
end

local function slurp(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read("a")
  file:close()
  return text
end

--- Starts a program: { "name", "argument", ..., cwd =, env = { NAME = value or
--- false } }. Raises when it cannot fork; a program that is not found ends
--- with the exit code 127.
function process.spawn(options)
  local self = setmetatable({
    name = options[1],
    out_path = os.tmpname(),
    err_path = os.tmpname(),
    read = 0, -- bytes of stdout that line() has passed
  }, Process)
  self.child = C.spawn {
    argv = table.move(options, 1, #options, 1, {}),
    env = environment(options.env),
    cwd = options.cwd,
    stdout = self.out_path,
    stderr = self.err_path,
  }
  return self
end

--- Runs to the end: exit code, stdout, stderr. Raises after timeout_s (30).
function process.run(options)
  local p <close> = process.spawn(options)
  if options.input then p:write(options.input) end
  p:close_stdin()
  local code = p:wait(options.timeout_s or 30)
  if not code then error(p:describe("did not end"), 2) end
  return code, p:stdout(), p:stderr()
end

--- All that it has written so far.
function Process:stdout()
  return self.out_path and slurp(self.out_path) or self.last_out
end

function Process:stderr()
  return self.err_path and slurp(self.err_path) or self.last_err
end

function Process:pid()
  return self.child:pid()
end

function Process:describe(what)
  return ("%s %s\n--- stdout\n%s\n--- stderr\n%s"):format(
    self.name, what, self:stdout():sub(-2000), self:stderr():sub(-2000))
end

local function next_line(self, stream)
  local text = self[stream](self)
  local key = stream == "stdout" and "read" or "read_err"
  local from = (self[key] or 0) + 1
  local stop = text:find("\n", from, true)
  if not stop then return nil end
  self[key] = stop
  return text:sub(from, stop - 1)
end

--- Waits for the next line of `stream` ("stdout") that matches; its captures,
--- or the line. Raises with all output when the process ends or time is up.
function Process:line(pattern, timeout_s, stream)
  pattern, stream = pattern or "^.*$", stream or "stdout"
  local ended
  local found = process.eventually(function()
    ended = self.child:wait(0) -- before reading: what it wrote is then there
    local line = next_line(self, stream)
    while line do
      if line:find(pattern) then return line end
      line = next_line(self, stream)
    end
    return ended and "" or nil
  end, timeout_s or 10)
  if not found or not found:find(pattern) or (ended and found == "") then
    error(self:describe(("wrote no line like %q"):format(pattern)), 2)
  end
  return found:match(pattern)
end

--- The exit code (128 + signal when killed); nil when it still runs after
--- timeout_s (10).
function Process:wait(timeout_s)
  return self.child:wait(math.floor((timeout_s or 10) * 1000))
end

function Process:running()
  return self.child:wait(0) == nil
end

--- To the whole process group. `name` as in "TERM".
function Process:signal(name)
  return self.child:signal(assert(SIGNALS[name], "unknown signal"))
end

function Process:write(bytes)
  return self.child:write(bytes)
end

function Process:close_stdin()
  self.child:close_in()
end

--- Asks it to end, then makes it; the exit code. Removes the files, keeping
--- what was in them. May be called twice.
function Process:stop(timeout_s)
  local code = self:wait(0)
  if not code then
    self:signal("TERM")
    self:close_stdin()
    code = self:wait(timeout_s or 5)
  end
  if not code then
    self:signal("KILL")
    code = self:wait(5)
  end
  self:forget()
  return code
end

function Process:kill()
  self:signal("KILL")
  local code = self:wait(5)
  self:forget()
  return code
end

function Process:forget()
  if not self.out_path then return end
  self.last_out, self.last_err = self:stdout(), self:stderr()
  os.remove(self.out_path)
  os.remove(self.err_path)
  self.out_path, self.err_path = nil, nil
end

Process.__close = Process.stop

function Process:__gc()
  if not self.child then return end
  self.child:kill()
  self:forget()
end

return process
