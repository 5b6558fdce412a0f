-- Requests to an MCP server that specs hold in their hands (T.mcp), and what
-- came back. A request is a table that a spec may bend before it is sent:
-- { method = "POST", headers = { name = value }, message = {...} or body = "..." }
local T = require "T"
local json = require "cjson"

local M = { null = json.null, encode = json.encode }

local META = "io.modelcontextprotocol/"
M.MODERN = "2026-07-28"

-- One tool of a catalog: args and result are JSON Schema text.
function M.tool(name, more)
  more = more or {}
  local args = more.args or '{"type":"object"}'
  local parts = {
    ('"name":"%s","title":"T %s","description":"about"'):format(name, name),
    '"inputSchema":' .. args,
  }
  if more.result then parts[#parts + 1] = '"outputSchema":' .. more.result end
  parts[#parts + 1] = '"annotations":{"readOnlyHint":true},"icons":[{"src":"data:,"}]'
  return {
    name = name, short_name = name:match "_(.*)" or name,
    args = args, result = more.result, task = more.task, prepare = more.prepare,
    json = "{" .. table.concat(parts, ",") .. "}",
  }
end

local REGION = [[{"type":"object","properties":{
  "region":{"type":"string","x-mcp-header":"Region"},
  "where":{"type":"object","properties":{"zone":{"type":"integer","x-mcp-header":"Zone"}}},
  "copy":{"type":"string","x-mcp-header":"REGION"},
  "dry":{"type":"boolean","x-mcp-header":"Dry"},
  "rate":{"type":"number","x-mcp-header":"Rate"},
  "list":{"type":"array","items":{"type":"string","x-mcp-header":"Item"}}}}]]

function M.tools()
  return {
    M.tool "demo_add",
    M.tool("demo_list", { result = '{"type":"array"}' }),
    M.tool("demo_region", { args = REGION }),
    M.tool("demo_shape", { result = '{"type":"object"}' }),
  }
end

M.cursor, M.fail_after, M.fired = T.mcp.cursor, T.mcp.fail_after, T.mcp.fired

function M.world(options)
  options = options or {}
  options.tools = options.tools or M.tools()
  return T.mcp.world(options)
end

-- A well-formed modern request. `name` goes into params and Mcp-Name.
function M.modern(method, params, name)
  params = params or {}
  params.name = name
  params._meta = {
    [META .. "protocolVersion"] = M.MODERN,
    [META .. "clientCapabilities"] = {},
    [META .. "clientInfo"] = { name = "spec", version = "1" },
  }
  return {
    headers = {
      ["content-type"] = "application/json",
      accept = "application/json, text/event-stream",
      host = "localhost:8080",
      ["mcp-protocol-version"] = M.MODERN,
      ["mcp-method"] = method,
      ["mcp-name"] = name,
    },
    message = { jsonrpc = "2.0", id = 7, method = method, params = params },
  }
end

-- A well-formed legacy request; `session` is what initialize gave.
function M.legacy(method, params, session)
  return {
    headers = {
      ["content-type"] = "application/json",
      accept = "application/json, text/event-stream",
      host = "localhost:8080",
      ["mcp-session-id"] = session,
    },
    message = { jsonrpc = "2.0", id = 7, method = method, params = params },
  }
end

function M.initialize(version)
  return M.legacy("initialize", {
    protocolVersion = version or "2025-11-25",
    capabilities = { elicitation = { form = {} } },
    clientInfo = { name = "spec", version = "1" },
  })
end

function M.notification(request)
  request.message.id = nil
  return request
end

-- Access to the envelope of a modern request.
function M.meta(request, key, value)
  request.message.params._meta[META .. key] = value
  return request
end

local function pairs_of(headers)
  local list = {}
  for name, value in pairs(headers) do
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      list[#list + 1] = { name, one }
    end
  end
  return list
end

local function parse_headers(text)
  local headers = {}
  for name, value in text:gmatch "([^\n]-): ([^\n]*)\n" do headers[name:lower()] = value end
  return headers
end

-- What an answer looks like now: status, headers (by lower-case name), body,
-- json (decoded), ended, streamed.
function M.read(handle)
  local a = handle:get()
  a.headers = parse_headers(a.headers)
  a.code = nil
  local good, decoded = pcall(json.decode, a.body)
  if good then
    a.json = decoded
    local err = type(decoded) == "table" and decoded.error
    if err then
      err.code = math.tointeger(err.code)
      a.code = err.code
    end
  end
  return a
end

-- Sends it; the handle, for answers that come later.
function M.begin(world, request)
  return world:send {
    method = request.method, path = request.path, query = request.query,
    unix = request.unix, fail_after = request.fail_after,
    headers = pairs_of(request.headers or {}),
    body = request.body or (request.message and json.encode(request.message)),
  }
end

function M.send(world, request)
  return M.read(M.begin(world, request))
end

-- Opens a legacy session: its id.
function M.session(world, version)
  return M.send(world, M.initialize(version)).headers["mcp-session-id"]
end

-- Status and code, as the tables of the specification have them.
function M.verdict(world, request)
  local a = M.send(world, request)
  return a.code and a.status .. " " .. a.code or tostring(a.status)
end

return M
