-- luacheck: ignore 631 (tables of cases read best in long lines)
local T = require "T"
local compile = T.schema.compile

-- { schema, { what fits }, { what does not } }, in the manner of the official
-- JSON-Schema-Test-Suite.
local cases = {
  ["boolean schemas"] = {
    { "true", { "1", "null", "{}" }, {} },
    { "false", {}, { "1", "null", "{}" } },
    { "{}", { "1", "null", "[]", '"x"' }, {} },
  },
  type = {
    { '{"type":"integer"}', { "1", "1.0", "-3", "1e3", "12345678901234567890" }, { "1.1", '"1"', "null", "true", "1e-3" } },
    { '{"type":"number"}', { "1", "1.5", "1e400" }, { '"1"', "[]" } },
    { '{"type":"string"}', { '""', '"1"' }, { "1", "{}", "null" } },
    { '{"type":"boolean"}', { "true", "false" }, { "0", '""', "null" } },
    { '{"type":"null"}', { "null" }, { "0", "false", '""' } },
    { '{"type":"array"}', { "[]" }, { "{}" } },
    { '{"type":"object"}', { "{}" }, { "[]" } },
    { '{"type":["integer","string"]}', { "1", '"a"' }, { "1.5", "null" } },
    { '{"type":["integer","number"]}', { "1", "1.5" }, { '"a"' } },
  },
  enum = {
    { '{"enum":[1,2,3]}', { "1", "2.0", "3e0" }, { "4", '"1"' } },
    { '{"enum":[6,"foo",[],true,{"foo":12}]}', { "[]", '{"foo":12}', '{"foo":12.0}', "true" },
      { "null", '{"foo":false}', '{"foo":12,"x":1}', "[0]" } },
    { '{"enum":["a\\u0062"]}', { '"ab"', '"\\u0061b"' }, { '"a"' } },
    { '{"enum":[false]}', { "false" }, { "0", "true", "null" } },
    { '{"enum":[[0]]}', { "[0]", "[0.0]" }, { "[false]", "[]", "[0,0]" } },
    { '{"enum":[{"a":1,"b":2}]}', { '{"b":2,"a":1}' }, { '{"a":1}', '{"a":2,"b":1}' } },
    { '{"enum":[9007199254740993]}', { "9007199254740993" }, { "9007199254740992" } },
  },
  const = {
    { '{"const":2}', { "2", "2.0" }, { "5", '"2"' } },
    { '{"const":null}', { "null" }, { "0", "false" } },
    { '{"const":{"a":[1,{"b":null}]}}', { '{"a":[1,{"b":null}]}' }, { '{"a":[1,{"b":0}]}', '{"a":[]}' } },
  },
  ["minimum and maximum"] = {
    { '{"minimum":1.1}', { "2.6", "1.1", '"x"' }, { "0.6" } },
    { '{"maximum":300}', { "299.9", "300", "300.00" }, { "300.5", "301" } },
    { '{"minimum":-2}', { "-1", "-2", "-2.0" }, { "-2.0001", "-3" } },
    { '{"exclusiveMinimum":1.1}', { "2.2" }, { "1.1", "0.6" } },
    { '{"exclusiveMaximum":3}', { "2.2" }, { "3.0", "3.5" } },
    { '{"maximum":9007199254740992}', { "9007199254740992" }, { "9007199254740993" } },
    { '{"minimum":0}', { "1e400", "-0" }, { "-1e400" } },
  },
  multipleOf = {
    { '{"multipleOf":2}', { "10", '"x"', "0", "-4", "1e2" }, { "7", "2.5" } },
    { '{"multipleOf":1.5}', { "0", "4.5" }, { "35" } },
    { '{"multipleOf":0.0001}', { "0.0075", "1" }, { "0.00751" } },
    { '{"multipleOf":0.01}', { "19.99", "4.35", "1e20", "1.1" }, { "0.005", "19.999" } },
    { '{"type":"integer","multipleOf":0.123456789}', {}, { "1e308" } },
    { '{"multipleOf":1e-8}', { "12391239123" }, {} },
    { '{"multipleOf":3}', { "111111111111111111" }, { "10000000000000001" } },
  },
  ["minLength and maxLength"] = {
    { '{"minLength":2}', { '"foo"', '"fo"', "100", '"é€"' }, { '"f"', '"💩"' } },
    { '{"maxLength":2}', { '"f"', '"fo"', '"💩💩"', '"\\ud83d\\udca9\\n"', '"\\u00e9\\u00e9"' }, { '"foo"', '"\\n\\n\\n"' } },
    { '{"maxLength":2.0}', { '"fo"' }, { '"foo"' } },
    { '{"minLength":1}', { '"\\u0000"' }, { '""' } },
  },
  pattern = {
    { [[{"pattern":"^a*$"}]], { '"aaa"', '""', "12", "null" }, { '"abc"' } },
    { [[{"pattern":"a+"}]], { '"xxaayy"' }, { '"b"' } },
    { [[{"pattern":"^\\p{L}+$"}]], { '"äöü"' }, { '"a1"' } },
    { [[{"pattern":"^\\d+$"}]], { '"123"' }, { '"१"', '"12\\n"' } },
    { [[{"pattern":"^\\u00e9$"}]], { '"é"', '"\\u00e9"' }, { '"e"' } },
    { [[{"pattern":"^.$"}]], { '"💩"' }, { '"ab"', '"\\n"' } },
    { [[{"pattern":"^(?:ab|cd){2}\\-[^\\]x]$"}]], { '"abcd-y"' }, { '"ab-y"', '"abcd-]"' } },
    { [[{"pattern":"^[\\w.]+$"}]], { '"a_b.c"' }, { '"é"' } },
    { [[{"pattern":"\\u0000"}]], { '"a\\u0000b"' }, { '"ab"' } },
    { [[{"pattern":"[]"}]], {}, { '"a"', '""' } },
  },
  format = {
    { '{"format":"date-time"}', { '"1963-06-19T08:30:06.283185Z"', '"1990-12-31T15:59:59.123-08:00"', '"1998-12-31T23:59:60Z"',
      '"1998-12-31T15:59:60.123-08:00"', '"1963-06-19t08:30:06.28z"', "1" },
      { '"1998-12-31T23:59:61Z"', '"1998-12-31T23:58:60Z"', '"1990-02-31T15:59:59Z"', '"1990-12-31T15:59:59-24:00"',
        '"1963-06-19T08:30:06.28123+01:00Z"', '"06/19/1963 08:30:06 PST"', '"2013-350T01:01:01"', '"1963-6-19T08:30:06Z"', '""',
        '"1963-06-19T08:30:06."', '"1963-06-19T08:30:06.Z"', '"1963-06-19"' } },
    { '{"format":"date"}', { '"1963-06-19"', '"2020-02-29"', '"2000-02-29"' },
      { '"2021-02-29"', '"1900-02-29"', '"2020-13-01"', '"2020-00-10"', '"2020-01-00"', '"2020-04-31"', '"1963-06-1"', '"1963-06-1४"' } },
    { '{"format":"time"}', { '"08:30:06Z"', '"23:59:60Z"', '"01:29:60+01:30"', '"08:30:06.28+23:59"' },
      { '"08:30:06"', '"008:030:006Z"', '"24:00:00Z"', '"00:60:00Z"', '"22:59:60Z"', '"12:00:00+24:00"', '"12:00"', '"08:30:06#00:20"' } },
    { '{"format":"email"}', { '"joe.bloggs@example.com"', '"te~st@example.com"', '"\\"joe bloggs\\"@example.com"', '"joe@[127.0.0.1]"', '"a@[IPv6:::1]"' },
      { '"2962"', '".test@example.com"', '"te..st@example.com"', '"joe@"', '"@x"', '"joe bloggs@example.com"', '"joe@[300.0.0.1]"', '"a@-b.c"', '"\\"\\\\\\"@x.y"' } },
    { '{"format":"uri"}', { '"http://foo.bar/?baz=qux#quux"', '"urn:oasis:names:specification"', '"http://[::1]:80/"', '"mailto:a@b.c"',
      '"http://u:p@h:1/%20?x=%2F"', '"ftp://x"', '"file:///etc"' },
      { '"//foo.bar/"', '"/abc"', '"abc"', '"http:// shouldfail.com"', '"1http://x"', '"http://x/%zz"', '":foo"', '"http://x/ä"',
        '"http://[1]/"', '"http://h:8a/"', '"http://a/#b#c"', '"http://a/[x]"', '"http://a]b/"', '""' } },
    { '{"format":"uuid"}', { '"2EB8AA08-aa98-11EA-B4Aa-73B441D16380"' }, { '"2eb8aa08aa9811eab4aa73b441d16380"', '"2eb8aa08-aa98-11ea-b4aa-73b441d1638"', '"2eb8aa08-aa98-11ea-b4aa-73b441d1638g"' } },
    { '{"format":"ipv4"}', { '"192.168.0.1"' }, { '"127.0.0.0.1"', '"256.1.1.1"', '"127.0"', '"0x7f.1.1.1"', '"087.10.0.1"', '"1.2.3.4\\u0000"' } },
    { '{"format":"ipv6"}', { '"::1"', '"::abef"', '"1::d6:192.168.0.1"' }, { '"12345::"', '"1::2::3"', '"::1%eth0"', '"1:1:1:1:1:1:1"' } },
    { '{"format":"hostname"}', { '"www.example.com"', '"xn--4gbwdl.xn--wgbh1c"', '"a"' },
      { '"-a-host"', '"a-.b"', '"a..b"', '"not_valid.com"', '""', '"a.b."', '"' .. ("a"):rep(64) .. '.com"' } },
    { '{"format":"int32"}', { "1", '"anything"' }, {} },
  },
  properties = {
    { '{"properties":{"foo":{"type":"integer"},"bar":{"type":"string"}}}', { '{"foo":1,"bar":"baz"}', "{}", "[]", '{"quux":[]}' }, { '{"foo":[]}', '{"foo":1,"bar":{}}' } },
    { '{"properties":{"foo":true,"bar":false}}', { '{"foo":1}' }, { '{"bar":1}' } },
    { '{"properties":{"foo\\nbar":{"type":"number"}}}', { '{"foo\\nbar":1}' }, { '{"foo\\u000abar":"1"}' } },
    { '{"properties":{"__proto__":{"type":"number"},"":{"type":"null"}}}', { '{"__proto__":1,"":null}' }, { '{"":1}' } },
  },
  required = {
    { '{"required":["foo"],"properties":{"foo":{},"bar":{}}}', { '{"foo":1}', "12" }, { '{"bar":1}', "{}" } },
    { '{"required":[]}', { "{}" }, {} },
    { '{"required":["a","b"]}', { '{"a":1,"b":2,"c":3}' }, { '{"a":1}', '{"c":1}' } },
    { '{"required":["foo\\"bar"]}', { '{"foo\\"bar":1}' }, { '{"foobar":1}' } },
  },
  additionalProperties = {
    { '{"properties":{"foo":{}},"patternProperties":{"^v":{}},"additionalProperties":false}', { '{"foo":1}', '{"foo":1,"vroom":2}', "[]" }, { '{"quux":1}' } },
    { '{"additionalProperties":{"type":"boolean"}}', { '{"a":true}', "{}" }, { '{"a":12}' } },
    { '{"properties":{"foo":{}},"additionalProperties":{"type":"boolean"}}', { '{"foo":1,"x":true}' }, { '{"x":1}' } },
    { '{"required":["a"],"additionalProperties":false}', {}, { '{"a":1}', "{}" } },
  },
  patternProperties = {
    { '{"patternProperties":{"f.*o":{"type":"integer"}}}', { '{"foo":1}', '{"foooo":1,"a":"b"}', "[]" }, { '{"foo":"bar"}' } },
    { '{"patternProperties":{"a*":{"type":"integer"},"aaa*":{"maximum":20}}}', { '{"a":21}', '{"aaaa":18}' }, { '{"a":"x"}', '{"aaaa":31}' } },
  },
  propertyNames = {
    { '{"propertyNames":{"maxLength":3}}', { '{"f":1,"foo":2}', "{}" }, { '{"foobar":1}' } },
    { '{"propertyNames":{"pattern":"^a+$"}}', { '{"a":1,"aaa":2}' }, { '{"aaA":1}' } },
    { '{"propertyNames":false}', { "{}" }, { '{"a":1}' } },
  },
  ["minProperties and maxProperties"] = {
    { '{"minProperties":1}', { '{"a":1}', '""' }, { "{}" } },
    { '{"maxProperties":1}', { '{"a":1}', "{}" }, { '{"a":1,"b":2}' } },
  },
  ["items and prefixItems"] = {
    { '{"items":{"type":"integer"}}', { "[1,2]", "[]", '{"foo":"bar"}' }, { '[1,"x"]' } },
    { '{"items":false}', { "[]" }, { "[1]" } },
    { '{"prefixItems":[{"type":"integer"},{"type":"string"}]}', { '[1,"foo"]', "[1]", '[1,"foo",true]', "[]" }, { '["foo",1]' } },
    { '{"prefixItems":[{},{}],"items":false}', { "[1,2]", "[1]" }, { "[1,2,3]" } },
    { '{"prefixItems":[{"type":"string"}],"items":{"type":"integer"}}', { '["x",2,3]' }, { '["x","y"]' } },
  },
  contains = {
    { '{"contains":{"minimum":5}}', { "[3,4,5]", "[5]", "{}" }, { "[2,3]", "[]" } },
    { '{"contains":{"const":1},"maxContains":1}', { "[1]", "[1,2]" }, { "[1,1]", "[2]" } },
    { '{"contains":{"const":1},"minContains":2}', { "[1,2,1]" }, { "[1]" } },
    { '{"contains":{"const":1},"minContains":0}', { "[]", "[2]" }, {} },
  },
  ["minItems and maxItems"] = {
    { '{"minItems":1}', { "[1]", '""' }, { "[]" } },
    { '{"maxItems":2}', { "[1,2]" }, { "[1,2,3]" } },
  },
  uniqueItems = {
    { '{"uniqueItems":true}', { "[1,2]", "[1,true]", "[0,false]", '[{"a":1},{"a":2}]', "[[1],[2]]", '["1",1]', "[]", '[{"a":1,"b":2},{"a":2,"b":1}]' },
      { "[1,1]", "[1.0,1.00,1]", '["a","\\u0061"]', '[{"a":1,"b":2},{"b":2,"a":1}]', "[[1],[1]]", "[null,1,null]" } },
    { '{"uniqueItems":false}', { "[1,1]" }, {} },
    { '{"uniqueItems":true}', { "[1,2,3,4,5,6,7,8,9,10,11]", "[9007199254740993,9007199254740992,3,4,5,6,7,8,9]" },
      { "[1,2,3,4,5,6,7,8,9,10,1.0]", '[1,2,3,4,5,6,7,8,{"a":0},{"a":-0.0}]', '["b",2,3,4,5,6,7,8,"\\u0062"]', "[1,2,3,4,5,6,7,8,[null],[null]]" } },
  },
  ["allOf, anyOf, oneOf, not"] = {
    { '{"allOf":[{"required":["a"]},{"required":["b"]}]}', { '{"a":1,"b":2}' }, { '{"a":1}' } },
    { '{"anyOf":[{"type":"integer"},{"minimum":2}]}', { "1", "2.5", "3" }, { "1.5" } },
    { '{"oneOf":[{"type":"integer"},{"minimum":2}]}', { "1", "2.5" }, { "3", "1.5" } },
    { '{"not":{"type":"integer"}}', { '"foo"', "1.5" }, { "1" } },
    { '{"not":{"not":{"type":"null"}}}', { "null" }, { "1" } },
    { '{"anyOf":[true,false]}', { "1" }, {} },
    { '{"oneOf":[true,true]}', {}, { "1" } },
    { '{"allOf":[{"maximum":30}],"anyOf":[{"minimum":20}],"oneOf":[{"multipleOf":5}]}', { "25" }, { "35", "15", "21" } },
  },
  ["if, then, else"] = {
    { '{"if":{"exclusiveMaximum":0},"then":{"minimum":-10},"else":{"multipleOf":2}}', { "-1", "4" }, { "-100", "3" } },
    { '{"if":{"const":0}}', { "0", "1" }, {} },
    { '{"then":{"const":0}}', { "1" }, {} },
    { '{"if":true,"then":{"const":"t"},"else":{"const":"e"}}', { '"t"' }, { '"e"' } },
  },
  ["$ref, $defs, $anchor"] = {
    { '{"properties":{"foo":{"$ref":"#"}},"additionalProperties":false}', { '{"foo":{"foo":false}}' }, { '{"foo":{"bar":false}}' } },
    { '{"properties":{"a":{"type":"integer"},"b":{"$ref":"#/properties/a"}}}', { '{"b":3}' }, { '{"b":true}' } },
    { '{"$defs":{"tilde~field":{"type":"integer"},"slash/field":{"type":"integer"},"percent%field":{"type":"integer"}},"properties":{"t":{"$ref":"#/$defs/tilde~0field"},"s":{"$ref":"#/$defs/slash~1field"},"p":{"$ref":"#/$defs/percent%25field"}}}',
      { '{"t":1,"s":2,"p":3}' }, { '{"t":"a"}', '{"s":"a"}', '{"p":"a"}' } },
    { '{"$defs":{"a":{"type":"integer"},"b":{"$ref":"#/$defs/a"},"c":{"$ref":"#/$defs/b"}},"$ref":"#/$defs/c"}', { "5" }, { '"a"' } },
    { '{"$defs":{"r":{"maxItems":2}},"properties":{"foo":{"$ref":"#/$defs/r","type":"array"}}}', { '{"foo":[]}' }, { '{"foo":[1,2,3]}', '{"foo":"x"}' } },
    { '{"$ref":"#here","$defs":{"A":{"$anchor":"here","type":"integer"}}}', { "1" }, { '"a"' } },
    { '{"prefixItems":[{"type":"integer"},{"$ref":"#/prefixItems/0"}]}', { "[1,2]" }, { '[1,"foo"]' } },
    { '{"definitions":{"x":{"type":"null"}},"$ref":"#/definitions/x"}', { "null" }, { "1" } },
    { '{"x-mine":{"s":{"type":"null"}},"$ref":"#/x-mine/s"}', { "null" }, { "1" } },
    { '{"$id":"https://x.test/s","$ref":"https://x.test/s#/$defs/n","$defs":{"n":{"type":"null"}}}', { "null" }, { "1" } },
    { '{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"next":{"$ref":"#/$defs/node"},"v":{"type":"integer"}},"required":["v"]}}}',
      { '{"v":1,"next":{"v":2}}' }, { '{"v":1,"next":{}}', '{"v":1,"next":{"v":2,"next":{"v":"x"}}}' } },
  },
  ["all of it, as the conformance suite sends it"] = {
    { '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","$defs":{"address":{"$anchor":"addressDef","type":"object","properties":{"street":{"type":"string"}}}},"properties":{"name":{"type":"string"},"address":{"$ref":"#/$defs/address"},"other":{"$ref":"#addressDef"},"contactMethod":{"type":"string","enum":["phone","email"]},"phone":{"type":"string"},"email":{"type":"string"}},"allOf":[{"anyOf":[{"required":["phone"]},{"required":["email"]}]}],"if":{"properties":{"contactMethod":{"const":"phone"}},"required":["contactMethod"]},"then":{"required":["phone"]},"else":{"required":["email"]},"additionalProperties":false}',
      { '{"contactMethod":"phone","phone":"1"}', '{"email":"a","address":{"street":"x"}}' },
      { '{"contactMethod":"phone","email":"a"}', "{}", '{"email":"a","address":{"street":1}}', '{"email":"a","other":{"street":1}}', '{"email":"a","x":1}' } },
  },
  annotations = {
    { '{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"t","description":"d","default":1,"examples":[1],"deprecated":true,"$comment":"c","x-mcp-header":"Region"}', { "1", "null" }, {} },
  },
}

for title, rows in pairs(cases) do
  describe("a schema with " .. title, function()
    for _, row in ipairs(rows) do
      it("accepts and refuses as JSON Schema says: " .. row[1]:sub(1, 100), function()
        local schema = assert(compile(row[1]))

        for _, value in ipairs(row[2]) do
          assert.same({ value, true }, { value, (schema:check(value)) })
        end
        for _, value in ipairs(row[3]) do
          assert.same({ value }, { value, (schema:check(value)) })
        end
      end)
    end
  end)
end

-- The message for a value that does not fit.
local function complaint(schema, value)
  local ok, message, code = assert(compile(schema)):check(value)
  assert.is_nil(ok)
  assert.equal("invalid_argument", code)
  return message
end

local list_args = [[{"type":"object","properties":{
  "repo":{"type":"string","pattern":"^[a-z]+/[a-z]+$"},
  "state":{"type":"string","enum":["open","closed"]},
  "limit":{"type":"integer","minimum":1,"maximum":100},
  "labels":{"type":"array","items":{"type":"string","minLength":1},"maxItems":3},
  "filter":{"type":"object","properties":{"since":{"type":"string","format":"date"}},"additionalProperties":false,"required":["since"]}
  },"required":["repo"],"additionalProperties":false}]]

describe("what a model is told", function()
  it("names the argument, what is allowed and what was given", function()
    for value, message in pairs {
      ['{"repo":"a/b","limit":250}'] = "limit must be at most 100 (got 250)",
      ['{"repo":"a/b","limit":0}'] = "limit must be at least 1 (got 0)",
      ['{"repo":"a/b","limit":"10"}'] = 'limit must be an integer (got "10")',
      ['{"repo":"a/b","limit":[10]}'] = "limit must be an integer (got an array)",
      ['{"repo":"a/b","state":"gone"}'] = 'state must be one of open, closed (got "gone")',
      ['{"repo":"a/b","state":"opn"}'] = 'state must be one of open, closed (got "opn", did you mean open?)',
      ['{"repo":"ab"}'] = 'repo must match ^[a-z]+/[a-z]+$ (got "ab")',
      ["{}"] = "repo is required",
      ["[]"] = "the value must be an object (got an array)",
      ['{"repo":"a/b","stat":"open"}'] = "unknown argument stat (did you mean state?)",
      ['{"repo":"a/b","colour":"red"}'] = "unknown argument colour (known: repo, state, limit, labels, filter)",
      ['{"repo":"a/b","labels":["a",""]}'] = "labels[1] must not be empty",
      ['{"repo":"a/b","labels":["a","b","c","d"]}'] = "labels must have at most 3 items (got 4)",
      ['{"repo":"a/b","filter":{}}'] = "filter.since is required",
      ['{"repo":"a/b","filter":{"since":"today"}}'] = 'filter.since must be a date such as 2026-11-20 (got "today")',
      ['{"repo":"a/b","filter":{"since":"2026-11-20","til":1}}'] = "unknown field til in filter (known: since)",
      ['{"repo":"a/b","repo":"a/b"}'] = "repo is given twice",
    } do
      assert.equal(message, complaint(list_args, value))
    end
  end)

  it("is up to three faults, of three values", function()
    assert.equal(
      "unknown argument rep (did you mean repo?); limit must be at most 100 (got 999); labels[0] must be a string (got 1)",
      complaint(list_args, '{"rep":"a/b","limit":999,"labels":[1,2],"state":5}'))
    assert.equal("unknown argument repoo (did you mean repo?); repo is required", complaint(list_args, '{"repoo":"a/b"}'))
  end)

  it("says of alternatives only what helps", function()
    local either = '{"anyOf":[{"type":"string"},{"type":"object","required":["id"]},{"type":"null"}]}'

    assert.equal("the value must be a string or an object or null (got 5)", complaint(either, "5"))
    assert.equal("id is required", complaint(either, "{}"))
    assert.equal("the value fits none of the 2 allowed forms", complaint('{"oneOf":[{"minimum":5},{"maximum":1}]}', "3"))
    assert.equal("the value fits more than one of the allowed forms", complaint('{"oneOf":[{"minimum":5},{"minimum":4}]}', "6"))
    assert.equal("the value has a form that is not allowed", complaint('{"not":{}}', "6"))
  end)

  it("speaks of characters, items, members in one or many", function()
    assert.equal("the value must have at least 3 characters (got 1)", complaint('{"minLength":3}', '"é"'))
    assert.equal("the value must have at most 1 character (got 2)", complaint('{"maxLength":1}', '"ab"'))
    assert.equal("the value must have at least 1 member (got 0)", complaint('{"minProperties":1}', "{}"))
    assert.equal("the value must be a multiple of 0.5 (got 0.7)", complaint('{"multipleOf":0.5}', "0.7"))
    assert.equal("the value must be above 0 (got 0)", complaint('{"exclusiveMinimum":0}', "0"))
    assert.equal("the value must not hold a value twice (items 0 and 2)", complaint('{"uniqueItems":true}', "[1,2,1]"))
    assert.equal('the value must be "x" (got "y")', complaint('{"const":"x"}', '"y"'))
    assert.equal("a must be true or false (got 1)", complaint('{"properties":{"a":{"type":"boolean"}}}', '{"a":1}'))
    assert.equal('["a b"][0] is not allowed', complaint('{"properties":{"a b":{"items":false}}}', '{"a b":[1]}'))
  end)

  it("cuts what is long at a whole character, and stays one line", function()
    local long = complaint('{"type":"null"}', '"' .. ("é"):rep(1000) .. '"')

    assert.equal('the value must be null (got "' .. ("é"):rep(19) .. "...)", long)
    assert.is_true(#complaint(list_args, '{"' .. ("x"):rep(5000) .. '":1}') < 512)
    assert.is_nil(complaint('{"type":"null"}', '"\\n\\u0000"'):find("[%c]"))
  end)
end)

describe("a schema that cannot be used", function()
  it("is refused with the path and the reason", function()
    for text, message in pairs {
      ["[]"] = "expected a schema: an object, true or false",
      ['{"properties":{"limit":{"minimum":"1"}}}'] = "properties.limit.minimum: expected a number",
      ['{"properties":{"limit":{"minimun":1}}}'] = "properties.limit.minimun: unknown keyword (did you mean minimum?)",
      ['{"unevaluatedProperties":false}'] = "unevaluatedProperties: this keyword is not supported",
      ['{"$dynamicRef":"#x"}'] = "$dynamicRef: this keyword is not supported",
      ['{"type":"int"}'] = 'type: "int" is not a type of JSON',
      ['{"type":[]}'] = "type: expected at least one type",
      ['{"allOf":[{"type":"null"},3]}'] = "allOf[1]: expected a schema: an object, true or false",
      ['{"anyOf":[]}'] = "anyOf: expected an array with at least one schema",
      ['{"enum":[]}'] = "enum: expected an array with at least one value",
      ['{"enum":[1,2,1.0]}'] = "enum: 1 is listed twice",
      ['{"required":"a"}'] = "required: expected an array of names",
      ['{"required":["a","a"]}'] = "required: a is listed twice",
      ['{"minLength":-1}'] = "minLength: expected a whole number of 0 or more",
      ['{"minLength":1.5}'] = "minLength: expected a whole number of 0 or more",
      ['{"minLength":3,"maxLength":2}'] = "maxLength is below minLength",
      ['{"properties":{"a":{"minimum":3,"maximum":2}}}'] = "properties.a: maximum is below minimum",
      ['{"multipleOf":0}'] = "multipleOf: must be above 0",
      ['{"items":[{}]}'] = "items: expected one schema (a list of schemas is prefixItems)",
      ['{"pattern":"a("}'] = "pattern: not a regular expression: missing closing parenthesis, at character 3",
      ['{"pattern":"(*COMMIT)a"}'] = 'pattern: not a regular expression: "(*"',
      ['{"patternProperties":{"[":true}}'] = "patternProperties.[: not a regular expression: missing terminating ] for character class, at character 2",
      ['{"$ref":"other.json"}'] = '$ref: only a $ref into the same document can be followed ("#/..." or "#anchor")',
      ['{"items":{"$ref":"#/$defs/x"}}'] = "items.$ref: there is no #/$defs/x",
      ['{"$ref":"#x"}'] = "$ref: there is no #x",
      ['{"$ref":"#"}'] = 'a $ref leads back to itself: {"$ref":"#"}',
      ['{"allOf":[{"anyOf":[{"$ref":"#"}]}]}'] = 'a $ref leads back to itself: {"allOf":[{"anyOf":[{"$ref":"#"}]}]}',
      ['{"properties":{"a":{"$id":"x"}}}'] = "properties.a.$id: may stand at the root only",
      ['{"type":"string","type":"null"}'] = "type is given twice",
      ['{"properties":{"n":{"type":"integer","maximum":5,"default":7}}}'] = "the default 7 must be at most 5 (got 7)",
      ['{"title":3}'] = "title: expected a string",
      ['{"uniqueItems":1}'] = "uniqueItems: expected true or false",
      ['{"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}}'] = "$defs.b.$anchor: x names two schemas",
    } do
      local schema, why, code = compile(text)
      assert.same({ text, nil, message, "invalid_argument" }, { text, schema, why, code })
    end
  end)

  it("is refused when it is no JSON", function()
    local schema, why = compile("{type:1}")

    assert.is_nil(schema)
    assert.truthy(why:find("^line 1, column 2"))
  end)
end)

describe("the text of a schema", function()
  it("is compact and in the author's order", function()
    local schema = compile('{ "type" : "object",\n "x-b": [1, 2.50], "x-a": {"x": "\\u0041 b"} , "properties": { } }')

    assert.equal('{"type":"object","x-b":[1,2.50],"x-a":{"x":"\\u0041 b"},"properties":{}}', schema:text())
  end)
end)

describe("completing", function()
  local schema = compile [[{"type":"object","properties":{
    "limit":{"type":"integer","default":30},"state":{"default":"open"},"q":{},
    "page":{"type":"object","properties":{"size":{"default":10}}},
    "list":{"type":"array","items":{"$ref":"#/$defs/item"}},
    "map":{"type":"object","additionalProperties":{"$ref":"#/$defs/item"}}},
    "$defs":{"item":{"type":"object","properties":{"n":{"default":[1]},"sub":{"$ref":"#/$defs/item"}}}}}]]

  it("adds the defaults of absent properties, in the schema's order", function()
    assert.equal('{"limit":30,"state":"open"}', schema:complete("{}"))
    assert.equal('{"q":1.50,"limit":30,"state":"open"}', schema:complete('{"q": 1.50}'))
    assert.equal('{"state":null,"limit":30}', schema:complete('{"state":null}'))
  end)

  it("leaves what is whole as it is", function()
    assert.is_nil(schema:complete('{"limit":1,"state":2}'))
    assert.is_nil(compile('{"properties":{"a":{}}}'):complete("{}"))
  end)

  it("goes into objects, lists and maps that are there", function()
    assert.equal('{"limit":1,"state":2,"page":{"size":10}}', schema:complete('{"limit":1,"state":2,"page":{}}'))
    assert.equal('{"limit":1,"state":2,"list":[{"n":[1]},3,{"n":2,"sub":{"sub":1,"n":[1]}}]}',
      schema:complete('{"limit":1,"state":2,"list":[{},3,{"n":2,"sub":{"sub":1}}]}'))
    assert.equal('{"limit":1,"state":2,"map":{"a":{"n":[1]}}}', schema:complete('{"limit":1,"state":2,"map":{"a":{}}}'))
  end)
end)

describe("a schema, asked what is where", function()
  it("knows arrays and objects, behind references too", function()
    local schema = compile [[{"type":"object","properties":{"list":{"type":["array","null"],"items":{"$ref":"#/$defs/o"}},"any":{}},
      "additionalProperties":{"type":"array"},"$defs":{"o":{"type":"object","properties":{"a":{"type":"array"}},"additionalProperties":false}}}]]

    assert.equal("object", schema:kind())
    assert.equal("array", schema:kind("list"))
    assert.equal("object", schema:kind("list", "*"))
    assert.equal("array", schema:kind("list", "*", "a"))
    assert.is_nil(schema:kind("list", "*", "b"))
    assert.equal("", schema:kind("any"))
    assert.equal("array", schema:kind("other"))
    assert.is_nil(schema:kind("*"))
  end)
end)

describe("work", function()
  -- Seconds of processor time, without the sanitizers' factor of about five.
  local function seconds(schema, value)
    local from = os.clock()
    local ok, message = schema:check(value)
    return (os.clock() - from) / 5, ok, message
  end

  it("is bounded for a pattern that backtracks", function()
    for _, pattern in ipairs { "^(a+)+$", "(a|a)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(?:a?){60}a{60}", "[^b]{20000}c" } do
      local schema = assert(compile('{"items":{"pattern":"' .. pattern .. '"}}'))
      for _, n in ipairs { 30, 3000, 300000 } do
        local text = '["' .. ("a"):rep(n) .. '!"]'
        local taken = seconds(schema, text)

        assert.is_true(taken < 2, pattern .. " took " .. taken)
      end
    end
  end)

  it("is bounded for many texts", function()
    local schema = compile '{"items":{"pattern":"^(a|aa)+$"}}'
    local text = "[" .. ('"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",'):rep(50000) .. '"a"]'

    local taken, ok, message = seconds(compile '{"not":{"contains":{"pattern":"^(a|aa)+$","minLength":5}}}', text)
    assert.is_nil(ok)
    assert.equal("too complicated to check", message)
    assert.is_true(taken < 2)
    assert.is_nil((schema:check(text)))
  end)

  it("is enough for long texts and many ordinary ones", function()
    assert.is_true(compile('{"pattern":"^[\\\\s\\\\S]*$"}'):check('"' .. ("é\\n"):rep(200000) .. '"'))
    assert.is_true(compile('{"items":{"pattern":"^[a-z]+-[0-9]+$"}}'):check("[" .. ('"item-12345",'):rep(20000) .. '"a-1"]'))
    assert.is_true(compile('{"pattern":"needle"}'):check('"' .. ("hay "):rep(20000) .. 'needle"'))
    assert.is_true(compile('{"items":{"enum":["a","b","c"]}}'):check("[" .. ('"c",'):rep(100000) .. '"a"]'))
  end)

  it("is bounded for alternatives of alternatives", function()
    local text = '{"$defs":{"n0":{"type":"null"}'
    for i = 1, 40 do
      text = text .. (',"n%d":{"anyOf":[{"$ref":"#/$defs/n%d"},{"$ref":"#/$defs/n%d"}]}'):format(i, i - 1, i - 1)
    end
    local schema = assert(compile(text .. '},"$ref":"#/$defs/n40"}'))

    local taken, ok, message = seconds(schema, "1")

    assert.is_nil(ok)
    assert.equal("too complicated to check", message)
    assert.is_true(taken < 2)
  end)

  it("finds one double among many", function()
    local parts = {}
    for i = 1, 100000 do parts[i] = tostring(i) end
    local text = "[" .. table.concat(parts, ",")

    assert.is_true(compile('{"uniqueItems":true}'):check(text .. "]"))
    assert.is_nil((compile('{"uniqueItems":true}'):check(text .. ",777]")))
  end)
end)

describe("when memory fails", function()
  it("compiling says so and loses nothing", function()
    local n = 0
    repeat
      T.buf.fail_after(n)
      local schema, _, code = compile(list_args)
      local fired = T.buf.fired()
      assert.is_true(not fired or code == "no_memory" or schema ~= nil)
      n = n + 1
    until not fired
    assert.is_true(n > 3)
  end)
end)
