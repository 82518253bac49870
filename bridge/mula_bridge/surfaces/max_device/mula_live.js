// What the device asks of Live. Objects are resolved by path each time: they go stale.
// Every call and property here is in Live's own type stubs; a test compares them.

// A clip that could not be placed, and why, in words for whoever waits for it.
function NotPlaced(reason) {
    this.reason = reason;
}

function live(path) {
    return new LiveAPI(null, path);
}

function number(api, property) {
    return Number(api.get(property));
}

// [major, minor, bugfix]
function liveVersion() {
    var app = live("live_app");
    return [
        Number(app.call("get_major_version")),
        Number(app.call("get_minor_version")),
        Number(app.call("get_bugfix_version"))
    ];
}

// The path of the audio track this device is on, also from inside a rack. Throws NotPlaced.
function audioTrack() {
    var found = /^live_set tracks \d+/.exec(live("this_device").unquotedpath), track;
    if (!found) {
        throw new NotPlaced("only a track has clip slots, not a return or the main track");
    }
    track = live(found[0]);
    if (number(track, "is_foldable") === 1) {
        throw new NotPlaced("a group has no clips of its own: put Mula on an audio track");
    }
    if (number(track, "has_audio_input") !== 1) {
        throw new NotPlaced("audio clips need an audio track: put Mula on one");
    }
    if (number(track, "is_frozen") === 1) {
        throw new NotPlaced("this track is frozen: unfreeze it");
    }
    return found[0];
}

// The path of the first empty slot of a track; a new scene is made when all are full.
function emptySlot(track) {
    var api = live(track), count = api.getcount("clip_slots"), index;
    for (index = 0; index < count; index++) {
        if (number(live(track + " clip_slots " + index), "has_clip") === 0) {
            return track + " clip_slots " + index;
        }
    }
    live("live_set").call("create_scene", -1);
    if (live(track).getcount("clip_slots") === count) {
        throw new NotPlaced("every slot is full and this Live makes no more scenes");
    }
    return track + " clip_slots " + count;
}

// Puts the file into the next empty slot, warped and looped over so many beats. Returns the
// slot's path. Throws NotPlaced.
function placeClip(path, beats, system, drive) {
    var slot;
    if (!canPlaceClips(liveVersion())) {
        throw new NotPlaced("Live " + TABLE.placesFrom.join(".") + " or newer places clips: drag it in from the browser");
    }
    slot = emptySlot(audioTrack());
    fillSlot(slot, path, system, drive);
    setClip(slot, {warping: 1, looping: 1, loop_start: 0, loop_end: beats});
    return slot;
}

// Throws NotPlaced.
function fillSlot(slot, path, system, drive) {
    var paths = pathsToTry(path, system, drive), index;
    for (index = 0; index < paths.length; index++) {
        live(slot).call("create_audio_clip", paths[index]);
        if (number(live(slot), "has_clip") === 1) {
            return;
        }
    }
    throw new NotPlaced("Live did not take the file: drag it in from the browser");
}

function setClip(slot, properties) {
    var clip = live(slot + " clip"), name;
    for (name in properties) {
        if (properties.hasOwnProperty(name)) {
            clip.set(name, properties[name]);
        }
    }
}

// The clips of our track that play a file of this name from where it was are put in again from
// where it is now. Returns false when one of them plays, and has to wait.
function followFile(path, system, drive) {
    var track, count, index, slot, clip, old, done = true;
    if (!canPlaceClips(liveVersion())) {
        return true;
    }
    try {
        track = audioTrack();
    } catch (notOurs) {
        return true;
    }
    count = live(track).getcount("clip_slots");
    for (index = 0; index < count; index++) {
        slot = track + " clip_slots " + index;
        if (number(live(slot), "has_clip") === 1) {
            clip = live(slot + " clip");
            old = String(clip.get("file_path"));
            if (fileName(old) === fileName(path) && !samePath(old, path)) {
                if (number(clip, "is_playing") === 1) {
                    done = false;
                } else {
                    replaceClip(slot, clip, path, system, drive);
                }
            }
        }
    }
    return done;
}

function replaceClip(slot, clip, path, system, drive) {
    var kept = {}, index, name;
    for (index = 0; index < TABLE.keptOfClips.length; index++) {
        name = TABLE.keptOfClips[index];
        kept[name] = clip.get(name)[0];
    }
    live(slot).call("delete_clip");
    fillSlot(slot, path, system, drive);
    setClip(slot, kept);
}

// Calls `tempo` with the set's BPM and `key` with its key, now and whenever they change. Live 11
// has no scale for the whole set, and Live 12 only means it while its scale mode is on.
function followSet(tempo, key) {
    var observed = {tempo: tellTempo}, observers = [], name;

    function tellTempo() {
        tempo(number(live("live_set"), "tempo"));
    }

    function tellKey() {
        var set = live("live_set");
        if (number(set, "scale_mode") === 1) {
            key(liveKey(number(set, "root_note"), set.get("scale_intervals")));
        }
    }

    if (liveVersion()[0] >= 12) {
        observed.root_note = observed.scale_intervals = observed.scale_mode = tellKey;
        tellKey();
    }
    tellTempo();
    for (name in observed) {
        if (observed.hasOwnProperty(name)) {
            observers.push(new LiveAPI(observed[name], "live_set"));
            observers[observers.length - 1].property = name;
        }
    }
    return observers;
}
