-- What to generate next time: kept with REAPER, asked for in one dialog.
local json = ...

local prompt = {}

local FIELDS = {
  {key = "tags", caption = "Tags (commas between)", default = ""},
  {key = "bars", caption = "Bars (no time selection)", default = "4", number = {1, 64}},
  {key = "takes", caption = "Takes", default = "1", number = {1, 16}},
  {key = "genre_strength", caption = "Genre strength 0 to 1", default = "0", number = {0, 1}},
}

function prompt.get()
  local values = {}
  for _, field in ipairs(FIELDS) do
    local kept = reaper.GetExtState("mula", field.key)
    values[field.key] = kept ~= "" and kept or field.default
  end
  return values
end

function prompt.is_set()
  return reaper.HasExtState("mula", "tags")
end

-- Ask; true when the user confirmed and everything reads well.
function prompt.ask()
  local captions, values, now = {}, {}, prompt.get()
  for index, field in ipairs(FIELDS) do
    captions[index], values[index] = field.caption, now[field.key]
  end
  -- Captions are parted by commas, what is typed by new lines: tags have commas in them.
  captions[#captions + 1] = "extrawidth=240"
  captions[#captions + 1] = "separator=\n"
  local given, typed = reaper.GetUserInputs(
    "Mula: what to generate", #FIELDS, table.concat(captions, ","), table.concat(values, "\n"))
  if not given then return false end
  local index = 0
  local answers = {}
  for text in (typed .. "\n"):gmatch("([^\n]*)\n") do
    index = index + 1
    local field = FIELDS[index]
    if field then
      local number = tonumber(text)
      if field.number and not (number and number >= field.number[1] and number <= field.number[2]) then
        reaper.ShowMessageBox(
          string.format("%s: %q is not a number from %d to %d.", field.caption, text,
            field.number[1], field.number[2]), "Mula", 0)
        return false
      end
      answers[field.key] = text
    end
  end
  for key, text in pairs(answers) do reaper.SetExtState("mula", key, text, true) end
  return true
end

-- The request's fields for `bars` at `tempo`.
function prompt.request(id, bars, tempo)
  local values = prompt.get()
  local tags = json.list()
  for tag in values.tags:gmatch("[^,]+") do
    local word = tag:match("^%s*(.-)%s*$")
    if word ~= "" then tags[#tags + 1] = word end
  end
  return {
    id = id,
    ["do"] = "generate",
    tags = tags,
    knobs = {
      bars = bars,
      bpm = math.max(40, math.min(240, tempo)),
      takes = math.floor(tonumber(values.takes)),
      genre_strength = tonumber(values.genre_strength),
    },
  }
end

return prompt
