std = "lua54"
max_line_length = 100
-- `tide` is the one global of scripts; its fields are made from scripts/types/
-- and compared with the binary by tests/lint/api_names_spec.lua.
stds.tide = { read_globals = { tide = { fields = {
  schema = { fields = { "string", "integer", "number", "boolean", "list", "map", "object", "raw" } },
  policy = { fields = { "extend" } },
  log = { fields = { "debug", "info", "warn", "error" } },
  time = { fields = { "sleep", "now", "iso", "parse" } },
  cjson = { fields = { "encode", "decode", "null" } },
  json = { fields = { "encode", "decode", "array", "null" } },
  base64 = { fields = { "encode", "decode", "encode_url", "decode_url" } },
  url = { fields = { "encode", "decode", "query", "parse" } },
  hash = { fields = { "sha256", "hmac", "equal" } },
  content = { fields = { "text", "image", "audio", "link", "resource", "result" } },
  "env", "secret", "random", "uuid", "all", "error",
} } } }
files["policies"] = { std = "lua54+tide" }
files["scripts"] = { std = "lua54+tide" }
files["scripts/types"] = { std = "lua54+tide", ignore = { "1", "2" } }
files["tests"] = { std = "lua54+busted" }
files["tests/unit"] = { std = "lua54+busted", max_line_length = 120 } -- tables of data
files["tests/*/scripts"] = { std = "lua54+tide" }
files["tests/bench/gateway.lua"] = { std = "ngx_lua" }
exclude_files = { "build", "node_modules", "tests/fixtures/scripts" }
