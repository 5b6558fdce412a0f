---@meta
error "types only"

--- Content blocks for a tool that answers more than JSON.
---@class tide.content
tide.content = {}

---@class tide.Content

--- What any block may say about itself.
---@class tide.About
---@field audience? ("user"|"assistant")[] whom it is for
---@field priority? number 0 to 1
---@field last_modified? string "2026-11-20T09:15:00Z"
---@field meta? table<string, any> goes into `_meta` as it is

---@param text string
---@param about? tide.About
---@return tide.Content
function tide.content.text(text, about) end

---@param bytes string
---@param mime_type string
---@param about? tide.About
---@return tide.Content
function tide.content.image(bytes, mime_type, about) end

---@param bytes string
---@param mime_type string
---@param about? tide.About
---@return tide.Content
function tide.content.audio(bytes, mime_type, about) end

---@class tide.LinkOptions: tide.About
---@field name string
---@field title? string
---@field description? string
---@field mime_type? string
---@field size? integer
---@field icons? (string|tide.Icon)[]

---@param uri string
---@param options tide.LinkOptions
---@return tide.Content
function tide.content.link(uri, options) end

---@class tide.ResourceOptions: tide.About
---@field text? string
---@field bytes? string
---@field mime_type? string

---@param uri string
---@param options tide.ResourceOptions
---@return tide.Content
function tide.content.resource(uri, options) end

---@class tide.Result

---@class tide.ResultOptions
---@field content? tide.Content|tide.Content[] what is shown instead of the value as text
---@field meta? table<string, any> goes into `_meta` of the result as it is

--- A tool's whole result: a value (structuredContent, which the tool's `result`
--- describes), what to show of it, and what apps and clients are to know besides.
--- Without a value the content is all there is.
---
---     return tide.content.result({ rows = rows }, {
---       content = tide.content.text(#rows .. " rows"),
---       meta = { ["com.example/view"] = "table" },
---     })
---@param value any
---@param options tide.ResultOptions
---@return tide.Result
function tide.content.result(value, options) end
