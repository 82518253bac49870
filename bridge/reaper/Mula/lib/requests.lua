-- Requests to the daemon as files in its inbox, and its answers.
local json, folder = ...

local requests = {}

local MOST_BARS = 64
local count = 0

-- A name that no other request has, now or after a restart of REAPER.
function requests.id()
  count = count + 1
  return string.format("reaper-%d-%d-%d", os.time(), math.floor(reaper.time_precise() * 1000) % 100000, count)
end

-- Put a request into the inbox. Returns its path, or nil and why not.
function requests.send(path, request)
  request.version = 1
  local inbox = path .. "/.mula/inbox/"
  local name = inbox .. (request.id or requests.id()) .. ".json"
  local file, why = io.open(name .. ".tmp", "wb")
  if not file then return nil, why end
  file:write(json.encode(request))
  file:close()
  local renamed
  renamed, why = os.rename(name .. ".tmp", name) -- whole, or not there
  if not renamed then return nil, why end
  return name
end

-- How a request stands: the daemon's answer, or nil before it took it.
function requests.answer(path, id)
  local text = folder.read(path .. "/.mula/inbox/answers/" .. id .. ".json")
  return text and json.decode(text) or nil
end

-- Take back a request that nobody has taken. False: somebody has.
function requests.withdraw(name)
  return (os.remove(name)) == true
end

-- Where and how long: the time selection in whole bars of four, else `bars` at the cursor.
-- Returns position (s), bars, and the project's tempo there.
function requests.span(bars)
  local from, to = reaper.GetSet_LoopTimeRange2(0, false, false, 0, 0, false)
  local position = reaper.GetCursorPosition()
  if to > from then
    position = from
    local quarters = reaper.TimeMap2_timeToQN(0, to) - reaper.TimeMap2_timeToQN(0, from)
    bars = math.floor(quarters / 4 + 0.5)
  end
  local _, _, tempo = reaper.TimeMap_GetTimeSigAtTime(0, position)
  return position, math.max(1, math.min(MOST_BARS, bars)), tempo
end

return requests
