-- What must not be written, and where the exceptions are.
local tree = require "tree"

local function set(names)
  local all = {}
  for _, name in ipairs(names) do all[name] = true end
  return all
end

local NEVER = set {
  "strcpy", "strcat", "sprintf", "vsprintf", "strncpy", "strtok", "atoi", "atol", "gets",
  "alloca", "setjmp", "longjmp", "strerror", "system",
}

-- Calls with a home: allowed below that path (and in the test modules).
local HOMES = {
  getenv = "core/app/", secure_getenv = "core/app/",
  lua_call = "core/script/", lua_callk = "core/script/",
  lua_pcall = "core/script/", lua_pcallk = "core/script/",
  lua_resume = "core/script/",
  clock_gettime = "core/loop/clock.c", gettimeofday = "core/loop/clock.c",
  time = "core/loop/clock.c", ev_time = "core/loop/clock.c",
}

local GUARD_NEVER = set { "malloc", "calloc", "realloc", "strdup" }

-- Iterates over the names that a line calls, members left out.
local function called(line)
  local next_call = line:gmatch "([%->.]?)%f[%w_]([%a_][%w_]*)%s*%("
  return function()
    local before, name = next_call()
    while before == "." or before == ">" do before, name = next_call() end
    return name
  end
end

local function first_call(line, names)
  for name in called(line) do
    if names[name] then return name .. "() is banned" end
  end
end

local function away_from_home(line, path)
  if path:find "^core/testing/" then return end
  for name in called(line) do
    local home = HOMES[name]
    if home and path:sub(1, #home) ~= home then return name .. "() belongs to " .. home end
  end
end

local function mutable_static(line)
  if not line:find("static", 1, true) then return end
  local declaration = line:match "^%s*static%s+(.*)$"
  if not declaration or declaration:find "^_?[%w_]*const%f[^%w_]" then return end
  local head = declaration:match "^[^;={]*"
  if head:find("%(") or head:find "%f[%w_]const%f[^%w_]" or head:find "^inline" then return end
  if declaration:find "[;=]" then return "mutable static" end
end

-- A fault must reach code that is handed nothing, and exists in tests only.
local function state(line, path)
  if path == "core/base/fault.c" then return end
  if line:find "_Thread_local" or line:find "__thread" then return "thread-local state" end
  return mutable_static(line)
end

local function typedef_struct(line)
  local aliased = line:match "typedef%s+struct(.*)" or line:match "typedef%s+enum(.*)"
  if aliased and not aliased:find("(", 1, true) then
    return "a struct or enum keeps its tag"
  end
end

local function matches(paths, patterns)
  local faults = {}
  for _, path in ipairs(paths) do
    for line, n in tree.lines(tree.read(path)) do
      for _, pattern in ipairs(patterns) do
        local hit = line:match(pattern)
        if hit then faults[#faults + 1] = ("%s:%d: %s"):format(path, n, hit) end
      end
    end
  end
  return faults
end

local function except_this(paths)
  local kept = {}
  for _, path in ipairs(paths) do
    if not path:find "banned_spec%.lua$" and not path:find "^%./LICENSE$" then
      kept[#kept + 1] = path
    end
  end
  return kept
end

describe("C code", function()
  it("calls no banned function", function()
    assert.same({}, tree.faults(tree.core(), function(line)
      return first_call(line, NEVER)
    end))
  end)

  it("reads the environment, runs Lua and reads clocks only where that lives", function()
    assert.same({}, tree.faults(tree.core(), away_from_home))
  end)

  it("allocates nothing in guard/ but through base/", function()
    assert.same({}, tree.faults(tree.find "core/guard -name '*.[ch]'", function(line)
      return first_call(line, GUARD_NEVER)
    end))
  end)

  it("has no mutable statics, globals or thread-locals", function()
    assert.same({}, tree.faults(tree.core(), state))
  end)

  it("has no typedef of a struct", function()
    assert.same({}, tree.faults(tree.core(), typedef_struct))
  end)
end)

describe("the tree", function()
  it("has no unfinished business", function()
    assert.same({}, matches(except_this(tree.ours()), {
      "%f[%w_]TODO%f[^%w_]", "%f[%w_]FIXME%f[^%w_]", "%f[%w_]XXX%f[^%w_]",
      "not implemented", "%f[%w_]pending%(",
    }))
  end)

  it("names no path of a developer's machine and no registry", function()
    assert.same({}, matches(except_this(tree.ours()), {
      "%f[%w/]/work/[%w.]+", "%f[%w/]/home/%w+", "%f[%w/]/root/%w*",
      "registry%.[%w-]+%.%w+", "[%w.]*artifactory[%w.]*", "%w+%.debian%.org",
    }))
  end)
end)

describe("the check itself", function()
  it("sees a call and no member, comment or string", function()
    local code = tree.c_code 'x = time(NULL); y->time(1); // time(2)\nputs("time(3)");'

    assert.equal("x = time(NULL); y->time(1);           \nputs(         );", code)
    assert.truthy(away_from_home(code, "core/net/x.c"))
    assert.is_nil((away_from_home("y->time(1)", "core/net/x.c")))
  end)

  it("sees a mutable static and passes const ones and functions", function()
    assert.truthy(mutable_static "static int count;")
    assert.truthy(mutable_static "  static char text[8] = {0};")
    assert.is_nil((mutable_static "static const char *const names[] = {"))
    assert.is_nil((mutable_static "static int count(int x)"))
  end)
end)
