--- Recorded answers of a service, for a kit.
--
--   fixtures.play(kit, "github", "https://api.github.com")
--
-- Each tests/fixtures/<name>/*.json is one exchange:
--
--   { "request":  { "method": "GET", "path": "/a", "query": { "page": "1" },
--                   "headers": { "accept": "..." }, "json": ... },
--     "response": { "status": 200, "headers": {}, "json": ... } }
--
-- A request is answered when method, path below the base, the whole query, the
-- headers that are named and the JSON body are as recorded; else the spec fails
-- and says what differs.

local json = require("tidegate.testing").json

local tree = require "tree"

local fixtures = {}

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- What is not as recorded; nil if all is.
local function difference(wanted, got, base)
  if got.method ~= wanted.method then return "method" end
  if got.url:match "^[^?]*" ~= base .. wanted.path then return "path" end
  if not same(wanted.query or {}, got.query) then return "query" end
  for name, value in pairs(wanted.headers or {}) do
    if got.headers[name:lower()] ~= value then return "header " .. name end
  end
  if not same(wanted.json, got.json) then return "body" end
end

local loaded = {}

local function load_all(name)
  local list = {}
  for i, path in ipairs(tree.find("tests/fixtures/" .. name .. " -name '*.json'")) do
    list[i] = json.decode(tree.read(path))
    list[i].name = path:match "[^/]+$"
  end
  assert(#list > 0, "no recordings of " .. name)
  return list
end

function fixtures.play(kit, name, base)
  loaded[name] = loaded[name] or load_all(name)
  kit:upstream("* " .. base .. "/*", function(request)
    local near = {}
    for _, exchange in ipairs(loaded[name]) do
      local what = difference(exchange.request, request, base)
      if not what then return exchange.response end
      if what ~= "method" and what ~= "path" then
        near[#near + 1] = exchange.name .. " has another " .. what
      end
    end
    error(("no such recording: %s %s %s\n%s"):format(request.method, request.url,
      request.body or "", table.concat(near, "\n")), 0)
  end)
end

return fixtures
