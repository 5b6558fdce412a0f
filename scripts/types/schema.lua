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

--- Positional values, or `enum`, are all that is allowed: `str { "open", "closed" }`.
---@class tide.StringOptions: tide.WordOptions
---@field [integer] string
---@field enum? string[]
---@field titles? table<string, string> what users of a form (ctx.ask) read for each value
---@field pattern? string a Lua pattern: "^%u+$"
---@field regex? string a regular expression, for what a Lua pattern cannot say
---@field format? "date-time"|"date"|"time"|"email"|"uri"|"uuid"|"ipv4"|"ipv6"|"hostname"
---@field min_length? integer or `min`
---@field max_length? integer or `max`
---@field min? integer
---@field max? integer

---@class tide.NumberOptions: tide.WordOptions
---@field [integer] number
---@field enum? number[]
---@field min? number
---@field max? number
---@field above? number more than this
---@field below? number less than this
---@field multiple_of? number

---@class tide.ListOptions: tide.WordOptions
---@field [1]? tide.Word each item; or `of`
---@field of? tide.Word
---@field min_items? integer or `min`
---@field max_items? integer or `max`
---@field min? integer
---@field max? integer
---@field unique? boolean

---@class tide.MapOptions: tide.WordOptions
---@field [1]? tide.Word each value; or `of`
---@field of? tide.Word
---@field min? integer how many members
---@field max? integer

---@class tide.ObjectOptions: tide.WordOptions
---@field [1]? table<string, tide.Word> the fields; or `fields`
---@field fields? table<string, tide.Word>
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

---@param options tide.ListOptions|tide.Word
---@return tide.Word
function tide.schema.list(options) end

--- An object with any names and one kind of value.
---@param options tide.MapOptions|tide.Word
---@return tide.Word
function tide.schema.map(options) end

---@param options tide.ObjectOptions
---@return tide.Word
function tide.schema.object(options) end

--- JSON Schema 2020-12 as a table or as text, for what the words cannot say. In
--- the table `about` and `optional` mean what they mean in words.
---@param schema table|string
---@return tide.Word
function tide.schema.raw(schema) end
