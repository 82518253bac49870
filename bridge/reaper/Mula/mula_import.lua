-- @description Mula: bring new clips into the project (toggle)
-- @version 0.1.0
-- @author mulabridge
-- @provides
--   [main] mula_*.lua
--   [nomain] lib/*.lua
-- @about
--   While this runs, every clip that the daemon finishes becomes an item on the selected
--   track, at the edit cursor, looping, at the project's tempo. Takes of one job become takes
--   of one item. Run it again to stop it.

local _, script, section, command = reaper.get_action_context()
local here = script:match("^(.*[/\\])")
local mula = dofile(here .. "lib/mula.lua")(here)

local LOOK_SECONDS = 0.25

local path = mula.folder.find()
if not path then return end
local watch = mula.importer.watch(path)

local function light(on)
  reaper.SetToggleCommandState(section, command, on and 1 or 0)
  reaper.RefreshToolbar2(section, command)
end

local next_look = 0
local function look()
  if reaper.time_precise() >= next_look then
    for _, recipe in ipairs(watch.new()) do mula.importer.place(recipe) end
    next_look = reaper.time_precise() + LOOK_SECONDS
  end
  reaper.defer(look)
end

light(true)
reaper.atexit(function() light(false) end)
look()
