--- The same tool calls as an OpenResty user writes them: cjson decodes the
--- request and the answer, and encodes the result twice, as text and as value.
-- A module, so that nothing of it is built again per request.
local cjson = require "cjson.safe"

local PATHS = {
  bench_small = "/upstream/small",
  bench_inside = "/upstream/small",
  bench_medium = "/upstream/64k.json",
  bench_large = "/upstream/1m.json",
}

local tools = {}
for i = 1, 200 do
  tools[i] = {
    name = ("many%02d_tool_%d"):format(math.ceil(i / 10), (i - 1) % 10 + 1),
    description = "Read one of the many things that this service has.",
    inputSchema = {
      type = "object",
      properties = {
        id = { type = "integer", minimum = 0 },
        name = { type = "string", maxLength = 100 },
        state = { type = "string", enum = { "open", "closed" }, default = "open" },
      },
      required = { "id", "name" },
    },
  }
end

local methods = {}

methods["server/discover"] = function()
  return { supportedVersions = { "2026-07-28" }, capabilities = { tools = {} } }
end

methods["tools/list"] = function()
  return { tools = tools, ttlMs = 5000, cacheScope = "public" }
end

methods["tools/call"] = function(params)
  local path = PATHS[params.name]
  local id = tonumber(params.arguments.id)
  if not path or not id then return nil, -32602, "unknown tool or bad arguments" end
  local res = ngx.location.capture(path, { args = { id = id } })
  local value = res.status == 200 and cjson.decode(res.body)
  if not value then return { isError = true, content = { { type = "text", text = "failed" } } } end
  if params.name == "bench_inside" then
    value = { sku = value.sku, name = value.name, stock = value.stock }
  end
  return {
    content = { { type = "text", text = cjson.encode(value) } },
    structuredContent = value,
    isError = false,
  }
end

local function answer(request)
  local method = methods[request.method]
  if not method then return { code = -32601, message = "no such method" } end
  local result, code, message = method(request.params)
  if not result then return { code = code, message = message } end
  result.resultType = "complete"
  return nil, result
end

local gateway = {}

function gateway.serve()
  ngx.req.read_body()
  local request = cjson.decode(ngx.req.get_body_data() or "")
  if not request then return ngx.exit(400) end
  local failure, result = answer(request)
  local body = cjson.encode { jsonrpc = "2.0", id = request.id, result = result, error = failure }
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Content-Length"] = #body
  ngx.print(body)
end

return gateway
