// What the device decides, as functions of their arguments: no Max, no Live, no time.
// TABLE, which the generator writes above this, holds knobs, tags and ports.

// "/mula/knob/cfg" and "mula/knob/cfg" as ["mula", "knob", "cfg"]: Max keeps the leading slash.
function addressParts(address) {
    return String(address).replace(/^\//, "").split("/");
}

// What is sent for a control that stands at `value`: a number, or the name of a choice.
function knobValue(knob, value) {
    if (knob.choices) {
        return knob.choices[Math.round(value)];
    }
    return knob.integer ? Math.round(value) : value;
}

// Where the control stands for what the daemon says: a number, an index into the choices, or
// null for a word that is none of them. Between two choices of a menu of numbers, the nearer.
function controlValue(knob, value) {
    var index, best = null;
    if (!knob.choices) {
        return Math.min(knob.high, Math.max(knob.low, Number(value)));
    }
    for (index = 0; index < knob.choices.length; index++) {
        if (knob.choices[index] === value) {
            return index;
        }
        if (typeof value === "number" && (best === null ||
                Math.abs(knob.choices[index] - value) < Math.abs(knob.choices[best] - value))) {
            best = index;
        }
    }
    return best;
}

// The way 0..1 that a dial has turned for a value in its own unit, bent as the dial is.
function turned(knob, value) {
    var way = (Math.min(knob.high, Math.max(knob.low, value)) - knob.low) / (knob.high - knob.low);
    return Math.pow(way, 1 / knob.exponent);
}

// A value as a ring shows it.
function shortNumber(knob, value) {
    return knob.integer ? String(Math.round(value)) : (Math.round(value * 100) / 100).toFixed(2);
}

// Two values that a listener could not tell apart: OSC carries 32-bit floats.
function sameValue(a, b) {
    if (typeof a === "number" && typeof b === "number") {
        return Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b));
    }
    return a === b;
}

// Free text with commas, as tags.
function wordsOf(text) {
    var parts = String(text).split(","), words = [], index, word;
    for (index = 0; index < parts.length; index++) {
        word = parts[index].replace(/^\s+|\s+$/g, "").replace(/\s+/g, " ").toLowerCase();
        if (word !== "" && words.indexOf(word) < 0) {
            words.push(word);
        }
    }
    return words;
}

// The tags that the menus (an index each, 0 is none) and the text choose, menus first.
function chosenTags(menus, text) {
    var tags = [], index, kind;
    for (index = 0; index < TABLE.menus.length; index++) {
        kind = TABLE.menus[index];
        if (menus[kind.name] > 0) {
            tags.push(kind.choices[menus[kind.name]]);
        }
    }
    return tags.concat(wordsOf(text).filter(function (word) { return tags.indexOf(word) < 0; }));
}

// The other way: what menus and text show for these tags. The first of each kind goes into its
// menu, all the rest into the text.
function shownTags(tags) {
    var shown = {menus: {}, text: []}, index, at, kind, tag, taken;
    for (index = 0; index < TABLE.menus.length; index++) {
        shown.menus[TABLE.menus[index].name] = 0;
    }
    for (at = 0; at < tags.length; at++) {
        tag = String(tags[at]);
        taken = false;
        for (index = 0; index < TABLE.menus.length && !taken; index++) {
            kind = TABLE.menus[index];
            if (shown.menus[kind.name] === 0 && kind.choices.indexOf(tag) > 0) {
                shown.menus[kind.name] = kind.choices.indexOf(tag);
                taken = true;
            }
        }
        if (!taken && tag !== "") {
            shown.text.push(tag);
        }
    }
    return {menus: shown.menus, text: shown.text.join(", ")};
}

// Live's root note 0..11 and the semitones of its scale as a key of ours. We know major and
// minor: a scale is called minor when it has the minor third only.
function liveKey(root, semitones) {
    var minor = semitones.indexOf(3) >= 0 && semitones.indexOf(4) < 0;
    return TABLE.tonics[root] + (minor ? "min" : "maj");
}

// Whether this Live has ClipSlot.create_audio_clip.
function canPlaceClips(version) {
    var needed = TABLE.placesFrom, index;
    for (index = 0; index < needed.length; index++) {
        if (version[index] !== needed[index]) {
            return version[index] > needed[index];
        }
    }
    return true;
}

// The path as it is, then as some versions of Live want it: on macOS with the drive in front, on
// Windows with slashes.
function pathsToTry(path, system, drive) {
    if (system === "windows") {
        return path.indexOf("\\") < 0 ? [path] : [path, path.replace(/\\/g, "/")];
    }
    return path.indexOf("/Volumes/") === 0 ? [path] : [path, "/Volumes/" + drive + path];
}

// "Macintosh HD" of a patcher's own path "Macintosh HD:/Users/..."
function driveOf(patcherPath) {
    var found = /^([^:\/]+):\//.exec(String(patcherPath));
    return found ? found[1] : "Macintosh HD";
}

// Two names of one file: Live may put the drive in front, or turn the slashes.
function samePath(a, b) {
    function plain(path) {
        return path.replace(/\\/g, "/").replace(/^\/Volumes\/[^\/]+/, "");
    }
    return plain(a) === plain(b);
}

function fileName(path) {
    return String(path).replace(/^.*[\\\/]/, "");
}

function folderName(path) {
    return fileName(String(path).replace(/[\\\/][^\\\/]*$/, ""));
}

// The port to try when this one belongs to somebody else.
function nextPort(port) {
    return port + 1 < TABLE.ports[1] ? port + 1 : TABLE.ports[0];
}

// One line about a job.
function jobLine(name, state, reason) {
    var line = name + " " + state;
    return reason ? line + ": " + reason : line;
}
