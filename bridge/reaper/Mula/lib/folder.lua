-- The clip folder, as the daemon lays it out: NAME.wav, and its recipe in .mula/NAME.json.
-- Subfolders (by date, by job, kept clips) look the same inside.
local json = ...

local folder = {}

local MOST_DEPTH = 3
local SKIPPED = {rejected = true, archive = true}

-- Where the daemon notes its folder: platformdirs' user_config_path, in Lua.
function folder.note()
  local system = reaper.GetOS()
  local home = os.getenv("HOME") or ""
  if system:find("^Win") then
    return (os.getenv("LOCALAPPDATA") or "") .. "\\mulabridge\\folder.txt"
  elseif system:find("^OSX") or system:find("^macOS") then
    return home .. "/Library/Application Support/mulabridge/folder.txt"
  end
  local config = os.getenv("XDG_CONFIG_HOME")
  if not config or config == "" then config = home .. "/.config" end
  return config .. "/mulabridge/folder.txt"
end

function folder.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

-- The folder of the daemon that started last; else the one the user once named; else nil.
function folder.known()
  local noted = folder.read(folder.note())
  local path = noted and noted:match("^[^\r\n]+")
  if path then return path end
  local said = reaper.GetExtState("mula", "folder")
  return said ~= "" and said or nil
end

-- The same, but asks when nobody knows. nil: the user did not say.
function folder.find()
  local path = folder.known()
  if path then return path end
  local given, typed = reaper.GetUserInputs(
    "Mula: no daemon has run here yet", 1, "Clip folder,extrawidth=300", "")
  if not given or typed == "" then return nil end
  reaper.SetExtState("mula", "folder", typed, true)
  return typed
end

function folder.stems(hidden)
  reaper.EnumerateFiles(hidden, -1) -- forget what was cached
  local found, index = {}, 0
  while true do
    local name = reaper.EnumerateFiles(hidden, index)
    if not name then return found end
    local stem = name:match("^([^.].*)%.json$")
    if stem then found[#found + 1] = stem end
    index = index + 1
  end
end

local function gather(place, depth, found)
  for _, stem in ipairs(folder.stems(place .. "/.mula")) do
    found[#found + 1] = {
      sound = place .. "/" .. stem .. ".wav",
      sidecar = place .. "/.mula/" .. stem .. ".json",
    }
  end
  if depth >= MOST_DEPTH then return end
  reaper.EnumerateSubdirectories(place, -1)
  local index = 0
  while true do
    local name = reaper.EnumerateSubdirectories(place, index)
    if not name then return end
    if name:sub(1, 1) ~= "." and not SKIPPED[name] then gather(place .. "/" .. name, depth + 1, found) end
    index = index + 1
  end
end

-- Every clip there is now: {sound, sidecar}, the paths.
function folder.clips(path)
  local found = {}
  gather(path, 1, found)
  return found
end

-- The recipe of a clip, with its name and path; nil while it is not complete.
function folder.recipe(clip)
  if not reaper.file_exists(clip.sound) then return nil end
  local text = folder.read(clip.sidecar)
  local recipe = text and json.decode(text)
  if type(recipe) ~= "table" or not (recipe.id and recipe.bpm and recipe.bars and recipe.meter) then
    return nil
  end
  recipe.path = clip.sound
  recipe.name = clip.sound:match("([^/\\]+)%.wav$")
  return recipe
end

return folder
