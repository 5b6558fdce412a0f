---@meta
error "types only"

--- Words for arguments and results; they become JSON Schema 2020-12. A field is
--- required unless it says `optional = true` or has a `default`.
---@class tide.schema
tide.schema = {}

---@class tide.Word

---@class tide.WordOptions
---@field about? string what the model reads about it
---@field title? string
---@field optional? boolean
---@field default? any

--- Positional values are an enumeration: `str { "open", "closed" }`.
---@class tide.StringOptions: tide.WordOptions
---@field [integer] string
---@field enum? string[] the same as positional values
---@field pattern? string a Lua pattern; agents get it as a regular expression
---@field regex? string an ECMA-262 regular expression, for what patterns cannot say
---@field format? "date-time"|"date"|"time"|"email"|"uri"|"uuid"|"ipv4"|"ipv6"|"hostname"
---@field min_length? integer characters; `min` is the same
---@field max_length? integer characters; `max` is the same

--- Positional values are an enumeration: `int { 1, 2, 4 }`.
---@class tide.NumberOptions: tide.WordOptions
---@field [integer] number
---@field enum? number[] the same as positional values
---@field min? number
---@field max? number
---@field above? number more than that
---@field below? number less than that
---@field multiple_of? number

---@class tide.ListOptions: tide.WordOptions
---@field [1] tide.Word each item; `of` is the same
---@field min_items? integer `min` is the same
---@field max_items? integer `max` is the same
---@field unique? boolean

---@class tide.MapOptions: tide.WordOptions
---@field [1] tide.Word each value; `of` is the same
---@field min? integer members
---@field max? integer members

--- Positional: the fields, `object { { id = int(), name = str() } }`.
---@class tide.ObjectOptions: tide.WordOptions
---@field [1] table<string, tide.Word> `fields` is the same
---@field open? boolean other members may be there; they may not by default

---@param options? tide.StringOptions
---@return tide.Word
function tide.schema.string(options) end

---@param options? tide.NumberOptions
---@return tide.Word
function tide.schema.integer(options) end

---@param options? tide.NumberOptions
---@return tide.Word
function tide.schema.number(options) end

---@param options? tide.WordOptions
---@return tide.Word
function tide.schema.boolean(options) end

---@param options tide.ListOptions
---@return tide.Word
function tide.schema.list(options) end

--- An object with any names and one kind of value.
---@param options tide.MapOptions
---@return tide.Word
function tide.schema.map(options) end

---@param options tide.ObjectOptions
---@return tide.Word
function tide.schema.object(options) end

--- JSON Schema as it is, for what the words cannot say.
---@param schema table
---@return tide.Word
function tide.schema.raw(schema) end
