-- Puts clips into the project: each once, the takes of one job on one item, at the
-- project's tempo to the beat.
local folder = ...

local importer = {}

local MEMORY = "mula"

local function remembered(key)
  local found, text = reaper.GetProjExtState(0, MEMORY, key)
  return found > 0 and text or nil
end

local function remember(key, text)
  reaper.SetProjExtState(0, MEMORY, key, text)
end

local function guid(item)
  local _, text = reaper.GetSetMediaItemInfo_String(item, "GUID", "", false)
  return text
end

local function item_of(job)
  local wanted = remembered("item " .. job)
  if not wanted then return nil end
  for index = 0, reaper.CountMediaItems(0) - 1 do
    local item = reaper.GetMediaItem(0, index)
    if guid(item) == wanted then return item end
  end
  return nil -- the user deleted it: the next take begins a new one
end

local function track_by(wanted)
  for index = 0, reaper.CountTracks(0) - 1 do
    local track = reaper.GetTrack(0, index)
    if reaper.GetTrackGUID(track) == wanted then return track end
  end
end

-- The track in hand: the first selected one; in a project without, a new one at the end.
function importer.track()
  local track = reaper.GetSelectedTrack(0, 0)
  if track then return track end
  local count = reaper.CountTracks(0)
  if count > 0 then return reaper.GetTrack(0, count - 1) end
  reaper.InsertTrackAtIndex(count, true)
  track = reaper.GetTrack(0, count)
  reaper.GetSetMediaTrackInfo_String(track, "P_NAME", "mula", true)
  return track
end

-- Clips of this job shall go to this track and time (seconds).
function importer.expect(job, track, position)
  remember("place " .. job, string.format("%s %.17g", reaper.GetTrackGUID(track), position))
end

local function place_of(job)
  local text = remembered("place " .. job)
  local wanted, position = (text or ""):match("^(%S+) (%S+)$")
  local track = wanted and track_by(wanted)
  if track then return track, tonumber(position) end
  return importer.track(), reaper.GetCursorPosition()
end

function importer.has(id)
  return remembered("clip " .. id) ~= nil
end

local function new_item(recipe)
  local track, position = place_of(recipe.job)
  local item = reaper.AddMediaItemToTrack(track)
  reaper.SetMediaItemInfo_Value(item, "D_POSITION", position)
  reaper.SetMediaItemInfo_Value(item, "B_LOOPSRC", 1)
  reaper.SetMediaItemInfo_Value(item, "C_BEATATTACHMODE", 1) -- position, length and rate
  remember("item " .. recipe.job, guid(item))
  return item
end

local function build_peaks(source)
  if reaper.PCM_Source_BuildPeaks(source, 0) == 0 then return end
  while reaper.PCM_Source_BuildPeaks(source, 1) ~= 0 do end
  reaper.PCM_Source_BuildPeaks(source, 2)
end

local function quarters(recipe)
  return recipe.bars * tonumber(recipe.meter:match("^%d+"))
end

-- Put one clip into the project, as a take of its job's item. One undo step.
function importer.place(recipe)
  reaper.Undo_BeginBlock2(0)
  reaper.PreventUIRefresh(1)
  local item = item_of(recipe.job) or new_item(recipe)
  local start = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
  local beats = quarters(recipe)
  -- By the tempo map, which may change under the item.
  local length = reaper.TimeMap2_QNToTime(0, reaper.TimeMap2_timeToQN(0, start) + beats) - start
  if reaper.CountTakes(item) == 0 then reaper.SetMediaItemInfo_Value(item, "D_LENGTH", length) end
  local take = reaper.AddTakeToMediaItem(item)
  local source = reaper.PCM_Source_CreateFromFile(recipe.path)
  reaper.SetMediaItemTake_Source(take, source)
  reaper.SetMediaItemTakeInfo_Value(take, "D_PLAYRATE", beats * 60 / length / recipe.bpm)
  reaper.SetMediaItemTakeInfo_Value(take, "B_PPITCH", 1)
  reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", recipe.name, true)
  build_peaks(source)
  remember("clip " .. recipe.id, recipe.name)
  reaper.UpdateItemInProject(item)
  reaper.PreventUIRefresh(-1)
  reaper.UpdateArrange()
  reaper.Undo_EndBlock2(0, "Mula: import " .. recipe.name, -1)
  return item
end

-- A watch over the folder. Clips that were there before it are not its business.
function importer.watch(path)
  local seen = {}
  for _, clip in ipairs(folder.clips(path)) do seen[clip.sidecar] = true end
  local watch = {}
  -- The recipes that came since the last look. ``wanted`` (optional) says of each whether to
  -- take it; the others count as seen.
  function watch.new(wanted)
    local found = {}
    for _, clip in ipairs(folder.clips(path)) do
      if not seen[clip.sidecar] then
        local recipe = folder.recipe(clip)
        if recipe then
          seen[clip.sidecar] = true
          local ours = not wanted or wanted(recipe)
          if ours and not importer.has(recipe.id) then found[#found + 1] = recipe end
        end
      end
    end
    table.sort(found, function(one, other)
      if one.created ~= other.created then return one.created < other.created end
      return one.take < other.take
    end)
    return found
  end
  return watch
end

return importer
