-- @description Mula: generate into the time selection
-- @version 0.1.0
-- @author mulabridge
-- @noindex
-- @about
--   Asks the daemon for a clip as long as the time selection, at the project's tempo there,
--   and puts its takes onto one item at its start. Without a time selection: as many bars as
--   the prompt says, at the edit cursor. The first time it asks for the prompt; the action
--   "Mula: set the prompt" changes it.

local _, script = reaper.get_action_context()
local here = script:match("^(.*[/\\])")
local mula = dofile(here .. "lib/mula.lua")(here)

local path = mula.folder.find()
if not path then return end
if not mula.prompt.is_set() and not mula.prompt.ask() then return end

local position, bars, tempo = mula.requests.span(tonumber(mula.prompt.get().bars))
local id = mula.requests.id()
mula.importer.expect(id, mula.importer.track(), position)
local watch = mula.importer.watch(path)
local name, why = mula.requests.send(path, mula.prompt.request(id, bars, tempo))
if not name then
  mula.say("The request could not be written: " .. tostring(why) .. "\nIs the daemon running?")
  return
end

local function ours(recipe)
  return recipe.job == id
end

local ENDED = {done = true, cancelled = true, failed = true}

local function follow()
  local answer = mula.requests.answer(path, id)
  for _, recipe in ipairs(watch.new(ours)) do mula.importer.place(recipe) end
  if answer and ENDED[answer.state] then
    reaper.Help_Set("", false)
    if answer.state ~= "done" then
      local how = answer.state == "failed" and "failed" or "was cancelled"
      mula.say("The job " .. how .. ".\n" .. (answer.reason or ""))
    end
    return
  end
  if answer then
    reaper.Help_Set(string.format("Mula: %s, %d %%", answer.state,
      math.floor((answer.fraction or 0) * 100 + 0.5)), false)
  end
  reaper.defer(follow)
end

mula.when_taken(name, follow)
