--- Prints one MCP answer (on stdin) for people: the request in a line, what came
--- back, the trail of the call.
--
--   ... | lua5.4 show.lua METHOD NAME ARGUMENTS
local cjson = require "cjson"

local method, name, arguments = arg[1], arg[2] or "", arg[3] or ""
local colour = os.getenv "TERM" ~= nil and os.getenv "NO_COLOR" == nil
local WIDTH, LINES = 96, 3

local function paint(code, text)
  return colour and ("\27[%sm%s\27[0m"):format(code, text) or text
end

local function line(mark, style, text)
  print(("  %s %s"):format(mark, style and paint(style, text) or text))
end

-- A few lines of at most WIDTH characters.
local function say(style, text)
  text = text:gsub("%s+", " ")
  local mark = "<"
  for i = 1, LINES do
    local stop = utf8.offset(text, WIDTH + 1) or #text + 1
    local rest = text:sub(stop)
    line(mark, style, text:sub(1, stop - 1) .. (i == LINES and rest ~= "" and "…" or ""))
    if rest == "" then return end
    mark, text = " ", rest
  end
end

local SHOWN_APART = { at_us = true, step = true, label = true, code = true }

--- { at_us = 85, step = "answer", code = "ok", status = 200, label = "..." }
local function show_step(step)
  local numbers = {}
  for key, value in pairs(step) do
    if not SHOWN_APART[key] then numbers[#numbers + 1] = ("%s %d"):format(key, value) end
  end
  table.sort(numbers)
  local code = step.code ~= "ok" and step.code or ""
  local text = ("%9.1f ms  %-9s %-22s %s  %s"):format((step.at_us or 0) / 1000, step.step,
    table.concat(numbers, ", "), step.label or "", code)
  print(paint("2", (text:gsub("%s+$", ""))))
end

local function show_trail(meta)
  for key, steps in pairs(meta or {}) do
    if key:find "trail$" then
      for _, step in ipairs(steps) do show_step(step) end
    end
  end
end

local function show_tools(tools)
  for _, tool in ipairs(tools) do
    line(" ", nil, ("%-24s %s"):format(tool.name, tool.description or ""))
  end
end

-- cjson reads all numbers as floats.
local function plain(value)
  return tostring(math.type(value) and math.tointeger(value) or value)
end

-- What an agent can act on, beside the sentence.
local function show_error(error)
  local words = { "code " .. error.code }
  for _, key in ipairs { "retry_after_ms", "attempts", "side_effect" } do
    if error[key] then words[#words + 1] = key .. " " .. plain(error[key]) end
  end
  say("31", table.concat(words, ", "))
end

local function show_server(result)
  line("<", nil, "speaks " .. table.concat(result.supportedVersions, ", "))
end

local function show_result(result)
  if result.tools then return show_tools(result.tools) end
  if result.supportedVersions then return show_server(result) end
  say(result.isError and "31" or "32", result.content[1] and result.content[1].text or "")
  if result.isError and result.structuredContent then show_error(result.structuredContent) end
  show_trail(result._meta)
end

-- An answer is JSON, or events of which the last holds it.
local function decode(text)
  local last
  for data in text:gmatch "data: ([^\r\n]+)" do last = data end
  return cjson.decode(text:find "^%s*{" and text or last or text)
end

print()
print(paint("1", ("> %s %s %s"):format(method, name, arguments)))
local text = io.read "a"
local ok, answer = pcall(decode, text)
if not ok then
  say("31", text)
  os.exit(1)
elseif answer.error then
  say("31", cjson.encode(answer.error))
  os.exit(1)
end
show_result(answer.result)
