-- Loads the parts, each given what it needs. `local mula = dofile(HERE .. "lib/mula.lua")(HERE)`
return function(here)
  local function part(name, ...)
    local chunk, why = loadfile(here .. "lib/" .. name .. ".lua")
    if not chunk then error("Mula is not installed whole: " .. tostring(why)) end
    return chunk(...)
  end
  local mula = {}
  mula.json = part("json")
  mula.folder = part("folder", mula.json)
  mula.importer = part("importer", mula.folder)
  mula.requests = part("requests", mula.json, mula.folder)
  mula.prompt = part("prompt", mula.json)

  -- Ask the daemon for one action, such as "audition.next", and say so when nobody takes it.
  function mula.act(action)
    local path = mula.folder.find()
    if not path then return end
    local name, why = mula.requests.send(path, {["do"] = action})
    if not name then
      mula.say("The request could not be written: " .. tostring(why))
      return
    end
    mula.when_taken(name)
  end

  function mula.say(text)
    reaper.ShowMessageBox(text, "Mula", 0)
  end

  -- Wait until the daemon took the request; without one, take it back and say so.
  function mula.when_taken(name, go_on)
    local patience = reaper.time_precise() + 3
    local function look()
      if not reaper.file_exists(name) then
        if go_on then go_on() end
      elseif reaper.time_precise() < patience then
        reaper.defer(look)
      elseif mula.requests.withdraw(name) then
        mula.say("The daemon does not answer. Start it with: mula run\n"
          .. "If it runs with another clip folder, run this action again afterwards.")
      end
    end
    look()
  end

  return mula
end
