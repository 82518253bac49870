-- @description Mula: stop the daemon's sound
-- @version 0.1.0
-- @author mulabridge
-- @noindex

local _, script = reaper.get_action_context()
local here = script:match("^(.*[/\\])")
dofile(here .. "lib/mula.lua")(here).act("stop")
