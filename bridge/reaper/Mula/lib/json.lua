-- JSON, as far as recipes, requests and answers need it: REAPER's Lua brings none.
-- decode(text) returns the value, or nil and what is wrong with it; null becomes nil.
-- encode(value) writes tables with a [1] (or made by list()) as arrays, others as objects.
local json = {}

local LIST = {}

function json.list(items)
  return setmetatable(items or {}, LIST)
end

local ESCAPES = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/"}

local function fail(at, what)
  error({json = string.format("%s at character %d", what, at)}, 0)
end

local function skip(text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
end

local function code_unit(text, at)
  local digits = text:match("^%x%x%x%x", at)
  if not digits then fail(at, "four hex digits expected") end
  return tonumber(digits, 16)
end

local function read_string(text, at)
  local parts, from = {}, at + 1
  while true do
    local stop = text:find('["\\\0-\31]', from)
    if not stop then fail(at, "a string without an end") end
    parts[#parts + 1] = text:sub(from, stop - 1)
    local char = text:sub(stop, stop)
    if char == '"' then return table.concat(parts), stop + 1 end
    if char ~= "\\" then fail(stop, "a control character in a string") end
    local kind = text:sub(stop + 1, stop + 1)
    if kind == "u" then
      local unit = code_unit(text, stop + 2)
      from = stop + 6
      if unit >= 0xD800 and unit < 0xDC00 and text:sub(from, from + 1) == "\\u" then
        local low = code_unit(text, from + 2)
        if low >= 0xDC00 and low < 0xE000 then
          unit = 0x10000 + (unit - 0xD800) * 0x400 + (low - 0xDC00)
          from = from + 6
        end
      end
      parts[#parts + 1] = utf8.char(unit)
    elseif ESCAPES[kind] then
      parts[#parts + 1] = ESCAPES[kind]
      from = stop + 2
    else
      fail(stop, "an unknown escape")
    end
  end
end

local read

local function read_array(text, at)
  local items, count = json.list(), 0
  at = skip(text, at + 1)
  if text:sub(at, at) == "]" then return items, at + 1 end
  while true do
    count = count + 1
    items[count], at = read(text, at)
    at = skip(text, at)
    local mark = text:sub(at, at)
    if mark == "]" then return items, at + 1 end
    if mark ~= "," then fail(at, "a comma or ] expected") end
    at = at + 1
  end
end

local function read_object(text, at)
  local fields = {}
  at = skip(text, at + 1)
  if text:sub(at, at) == "}" then return fields, at + 1 end
  while true do
    at = skip(text, at)
    if text:sub(at, at) ~= '"' then fail(at, "a field name expected") end
    local name
    name, at = read_string(text, at)
    at = skip(text, at)
    if text:sub(at, at) ~= ":" then fail(at, "a colon expected") end
    fields[name], at = read(text, at + 1)
    at = skip(text, at)
    local mark = text:sub(at, at)
    if mark == "}" then return fields, at + 1 end
    if mark ~= "," then fail(at, "a comma or } expected") end
    at = at + 1
  end
end

local WORDS = {["true"] = true, ["false"] = false}

function read(text, at)
  at = skip(text, at)
  local char = text:sub(at, at)
  if char == "{" then return read_object(text, at) end
  if char == "[" then return read_array(text, at) end
  if char == '"' then return read_string(text, at) end
  local word = text:match("^%a+", at)
  if word == "null" then return nil, at + 4 end
  if word and WORDS[word] ~= nil then return WORDS[word], at + #word end
  local digits = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
  local number = digits and tonumber(digits)
  if not number then fail(at, "a value expected") end
  return number, at + #digits
end

function json.decode(text)
  local done, value, at = pcall(read, text, 1)
  if not done then return nil, type(value) == "table" and value.json or tostring(value) end
  at = skip(text, at)
  if at <= #text then return nil, string.format("more text at character %d", at) end
  return value
end

local function quoted(text)
  return '"' .. text:gsub('["\\\0-\31]', function(char)
    return string.format("\\u%04x", char:byte())
  end) .. '"'
end

function json.encode(value)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind == "boolean" then return tostring(value) end
  if kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then
      error("JSON has no such number: " .. tostring(value))
    end
    -- 17 digits bring any double back exactly, whatever the decimal sign of the system.
    return (math.type(value) == "integer" and tostring(value) or string.format("%.17g", value):gsub(",", "."))
  end
  if kind ~= "table" then error("JSON has no " .. kind) end
  local parts = {}
  if getmetatable(value) == LIST or value[1] ~= nil then
    for index = 1, #value do parts[index] = json.encode(value[index]) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for name in pairs(value) do parts[#parts + 1] = name end
  table.sort(parts)
  for index, name in ipairs(parts) do parts[index] = quoted(name) .. ":" .. json.encode(value[name]) end
  return "{" .. table.concat(parts, ",") .. "}"
end

return json
