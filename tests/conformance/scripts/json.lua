--- The one tool of the conformance suite whose name begins otherwise.
local ADDRESS = {
  ["$anchor"] = "addressDef", type = "object",
  properties = { street = { type = "string" }, city = { type = "string" } },
}

local INPUT = tide.schema.raw {
  ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
  type = "object",
  ["$defs"] = { address = ADDRESS },
  properties = {
    name = { type = "string" },
    address = { ["$ref"] = "#/$defs/address" },
    contactMethod = { type = "string", enum = { "phone", "email" } },
    phone = { type = "string" },
    email = { type = "string" },
  },
  allOf = { { anyOf = { { required = { "phone" } }, { required = { "email" } } } } },
  ["if"] = {
    properties = { contactMethod = { const = "phone" } }, required = { "contactMethod" },
  },
  ["then"] = { required = { "phone" } },
  ["else"] = { required = { "email" } },
  additionalProperties = false,
}

return {
  name = "json",
  upstream = { base = "http://127.0.0.1:9" },
  tools = {
    schema_2020_12_tool = {
      about = "Tool with JSON Schema 2020-12 features.", args = INPUT,
      run = function(_, args) return "name: " .. tostring(args.name) end,
    },
  },
}
