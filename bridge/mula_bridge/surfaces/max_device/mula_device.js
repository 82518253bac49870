// The conversation: Live's controls on inlet 0, the daemon on inlet 1.
//
// udpreceive has to be told its port, and several devices run on one machine. So each takes a
// port, sends a word to itself there, and takes the next one when the word does not arrive.
// Then it asks the daemon for nothing but the answers to its pings until one comes; only then it
// sends what the set has saved, and subscribes to everything. In this order the daemon never
// overwrites a saved dial with its defaults, neither at the start nor when it comes back.

autowatch = 0;
inlets = 2;
outlets = 5;

var OSC = 0, UI = 1, LISTEN = 2, ITSELF = 3, DISPLAY = 4; // outlets
var CONNECT_MS = 50, SELF_MS = 300, PING_MS = 3000, SETTLE_MS = 300, FOLLOW_MS = 2000;
var MISSES = 2; // pings without an answer before the daemon counts as gone
var PLACE = {off: 0, mine: 1, all: 2};

var owner = this;
var ready = false; // the controls have told what the set saved
var saved = false; // this device has values of its own; a fresh one takes the daemon's
var connected = false;
var waiting = false; // for a pong
var missed = 0;
var port = 0;
var token = "";
var heardItself = false;
var triedPorts = 0;
var values = {}; // where each knob's control stands
var ofSet = {}; // the knobs that Live's set moves
var menus = {};
var texts = {a: "", b: ""};
var place = PLACE.mine;
var follow = true;
var followed = []; // LiveAPI observers live as long as somebody holds them
var jobs = {}; // the ids of our own
var jobCount = 0;
var captures = 0; // clips of live play that were asked for here and have not come yet
var tasks = {};

// --- from Max ---------------------------------------------------------------------------------

// live.thisdevice: Live is there, and the controls have been restored; also after a preset.
function init() {
    var index, names = TABLE.restored;
    ready = connected = waiting = false;
    forget("tick");
    for (index = 0; index < names.length; index++) {
        outlet(UI, names[index], "outputvalue");
    }
    outlet(UI, "words_a", "bang");
    outlet(UI, "words_b", "bang");
    token = "mula" + Math.floor(Math.random() * 1e9);
    port = TABLE.ports[0] + Math.floor(Math.random() * (TABLE.ports[1] - TABLE.ports[0]));
    triedPorts = 0;
    later("start", CONNECT_MS, start);
}

function start() {
    ready = true;
    showStatus("looking for the daemon");
    followed = followSet(tempoIs, keyIs);
    takePort();
}

function knob(name, value) {
    values[name] = value;
    drawSet(name);
    if (ready) {
        forget("settle " + name);
        keep();
        sendKnob(name);
    }
}

function menu(name, index) {
    menus[name] = index;
    changedByHand(sendTags);
}

function words(which) {
    var text = arrayfromargs(arguments).slice(1).join(" ");
    if (text === "bang") { // what prepend makes of an empty field
        text = "";
    }
    if (text === texts[which]) {
        return; // Tab and a click beside the field send it again
    }
    texts[which] = text;
    changedByHand(which === "a" ? sendTags : sendTagsB);
}

function press(action, down) {
    if (!ready || down === 0) {
        return;
    }
    if (action === "generate") {
        outlet(OSC, TABLE.buttons[action], newJob());
    } else if (action === "more") {
        outlet(OSC, TABLE.buttons[action], "", values.takes || 1, newJob());
    } else {
        captures += action === "capture" ? 1 : 0;
        outlet(OSC, TABLE.buttons[action]);
    }
    if (!connected) {
        showStatus(TABLE.gone);
    }
}

function newJob() {
    var id;
    jobCount += 1;
    id = "live-" + new Date().getTime().toString(36) + "-" + jobCount;
    jobs[id] = true;
    return id;
}

function toggle(name, on) {
    if (name === "follow") {
        follow = on === 1;
        if (follow && ready) {
            followed = followSet(tempoIs, keyIs);
        }
    } else if (name === "saved") {
        saved = saved || on === 1;
    } else if (ready) {
        outlet(OSC, TABLE.switches[name], on);
    }
}

function placing(index) {
    place = index;
}

function anything() {
    var args = arrayfromargs(arguments), parts = addressParts(messagename), about, handler;
    if (inlet !== 1 || parts[0] !== "mula") {
        return;
    }
    about = parts.slice(1).join("/");
    if (about === "self") {
        heardItself = heardItself || args[0] === token;
        return;
    }
    if (parts[1] === "knob" && parts.length === 3) {
        onKnob(parts[2], args[0]);
        return;
    }
    handler = {
        "pong": onPong, "tags": onTags, "tags/b": onTagsB, "job": onJob, "progress": onProgress,
        "clip": onClip, "clip/status": onMoved, "engine": onEngine, "error": onError,
        "heard": onHeard, "live": onLive, "audition/clip": onDeck
    }[about];
    if (handler) {
        handler(args);
    } else {
        onSwitch("/mula/" + about, args[0]);
    }
}

// --- a port of our own, and the daemon's ear ----------------------------------------------------

function takePort() {
    heardItself = false;
    outlet(LISTEN, "port", port);
    outlet(ITSELF, "port", port);
    later("self", CONNECT_MS, function () { outlet(ITSELF, "/mula/self", token); });
    later("port", SELF_MS, function () {
        if (heardItself) {
            triedPorts = 0;
            tick();
            return;
        }
        triedPorts += 1;
        port = nextPort(port);
        if (triedPorts >= TABLE.ports[1] - TABLE.ports[0]) {
            triedPorts = 0;
            showStatus("no free port from " + TABLE.ports[0] + " to " + (TABLE.ports[1] - 1));
        }
        takePort();
    });
}

function tick() {
    missed = waiting ? missed + 1 : 0;
    if (missed >= MISSES) {
        missed = 0;
        waiting = false;
        connected = false;
        showStatus(TABLE.gone);
        takePort(); // perhaps it is not the daemon that is gone, but our port
        return;
    }
    if (!connected) {
        outlet(OSC, "/mula/subscribe", port, "/mula/pong");
    }
    waiting = true;
    outlet(OSC, "/mula/ping", token);
    later("tick", PING_MS, tick);
}

function onPong(args) {
    var name;
    if (args[0] !== token) {
        return;
    }
    waiting = false;
    if (!connected) {
        connected = true;
        showStatus("connected");
        sendAll();
        for (name in TABLE.switches) {
            outlet(UI, name, "set", 0); // the daemon tells which are on
        }
        outlet(OSC, "/mula/subscribe", port);
    }
}

// --- to the daemon ------------------------------------------------------------------------------

function sendKnob(name) {
    if (values.hasOwnProperty(name)) {
        outlet(OSC, "/mula/knob/" + name, knobValue(TABLE.knobs[name], values[name]));
    }
}

function sendTags() {
    var tags = chosenTags(menus, texts.a);
    outlet.apply(null, [OSC, "/mula/tags"].concat(tags.length ? tags : [""]));
}

function sendTagsB() {
    var tags = wordsOf(texts.b);
    outlet.apply(null, [OSC, "/mula/tags/b"].concat(tags.length ? tags : [""]));
}

// What the set has saved; of a fresh device only what Live's set itself tells. genre_strength
// comes first in the table: it moves cfg, temperature and top_k, which then get their own values.
function sendAll() {
    var index, name;
    for (index = 0; index < TABLE.order.length; index++) {
        name = TABLE.order[index];
        if (saved || (follow && ofSet[name])) {
            sendKnob(name);
        }
    }
    if (saved) {
        sendTags();
        sendTagsB();
    }
}

function changedByHand(send) {
    if (ready) {
        keep();
        send();
    }
}

// From now on the set's values are the ones that count.
function keep() {
    if (!saved) {
        saved = true;
        outlet(UI, "saved", "set", 1);
    }
}

function tempoIs(bpm) {
    var knob = TABLE.knobs.bpm;
    if (!follow) {
        return;
    }
    if (bpm < knob.low || bpm > knob.high) {
        showClip("Live's " + bpm + " BPM is outside " + knob.low + " to " + knob.high + "; clips are warped");
    }
    takeOver("bpm", bpm);
}

function keyIs(key) {
    if (follow) {
        takeOver("key", key);
    }
}

// Live's set moves a knob.
function takeOver(name, value) {
    var at = controlValue(TABLE.knobs[name], value);
    ofSet[name] = true;
    if (at !== null && !sameValue(at, values[name])) {
        values[name] = at;
        settle(name);
        if (connected) {
            sendKnob(name);
        }
    }
}

// --- from the daemon ----------------------------------------------------------------------------

function onKnob(name, value) {
    var knob = TABLE.knobs[name], at;
    if (!knob) {
        return;
    }
    at = controlValue(knob, value);
    if (at !== null && !sameValue(at, values[name])) {
        values[name] = at;
        drawSet(name);
        settle(name);
    }
}

// A control that others move is set once it rests: every set is a step in Live's undo history.
function settle(name) {
    later("settle " + name, SETTLE_MS, function () { outlet(UI, name, "set", values[name]); });
}

function onTagsB(args) {
    if (wordsOf(texts.b).join(", ") !== args.join(", ")) {
        showWords("b", args.join(", "));
    }
}

function onTags(args) {
    var shown, index, name;
    shown = shownTags(args);
    for (index = 0; index < TABLE.menus.length; index++) {
        name = TABLE.menus[index].name;
        if (menus[name] !== shown.menus[name]) {
            menus[name] = shown.menus[name];
            outlet(UI, name, "set", menus[name]);
        }
    }
    if (wordsOf(texts.a).join(", ") !== shown.text) {
        showWords("a", shown.text);
    }
}

function showWords(which, text) {
    texts[which] = text;
    if (text === "") {
        outlet(UI, "words_" + which, "clear");
    } else {
        outlet(UI, "words_" + which, "set", text);
    }
}

function onJob(args) {
    showStatus(jobLine(jobs[args[0]] ? "our job" : args[0], args[1], args[2]));
    if (args[1] !== "running") {
        outlet(DISPLAY, "progress", 0);
    }
    if (args[1] === "failed" || args[1] === "cancelled") {
        delete jobs[args[0]];
    }
}

function onProgress(args) {
    outlet(DISPLAY, "progress", args[1]);
}

// id, path, bpm, bars, seed, seconds, job
function onClip(args) {
    var path = String(args[1]), beats = Math.round(args[2] * args[5] / 60), mine = jobs[args[6]];
    if (!mine && captures > 0) {
        captures -= 1;
        mine = true;
    }
    if (place !== PLACE.all && !(place === PLACE.mine && mine)) {
        showClip(fileName(path));
        return;
    }
    try {
        placeClip(path, beats, max.os, driveOf(owner.patcher.filepath));
        showClip("placed " + fileName(path));
    } catch (reason) {
        if (!(reason instanceof NotPlaced)) {
            throw reason;
        }
        showClip(reason.reason + " (" + fileName(path) + " is in " + folderName(path) + ")");
    }
}

// id, status, favourite, path: keeping and rejecting move the file, and the slots that play it
// have to follow. A clip that plays is left alone until it rests.
function onMoved(args) {
    var path = String(args[3]);
    showClip(args[1] + " " + fileName(path));
    if (!followFile(path, max.os, driveOf(owner.patcher.filepath))) {
        later("follow " + fileName(path), FOLLOW_MS, function () { onMoved(args); });
    }
}

function onEngine(args) {
    showStatus("engine " + args.join(" "));
}

// address, code, text: what was asked for at that address did not happen.
function onError(args) {
    showStatus(args[2]);
    onSwitch(args[0], 0);
    if (args[0] === TABLE.buttons.capture && captures > 0) {
        captures -= 1;
    }
}

// on, and why it ended by itself
function onLive(args) {
    onSwitch(TABLE.switches.live, args[0]);
    if (args[1]) {
        showStatus(args[1]);
    }
}

function onHeard(args) {
    var knob = TABLE.knobs[args[0]];
    if (knob && !knob.choices) {
        outlet(DISPLAY, "heard", args[0], turned(knob, args[1]), shortNumber(knob, args[1]));
    }
}

// id, number, count, tags, BPM, bars, seed, take, status, favourite, writing
function onDeck(args) {
    showDeck(args[1] + "/" + args[2] + " " + args[3]);
}

function onSwitch(address, on) {
    for (var name in TABLE.switches) {
        if (TABLE.switches[name] === address) {
            outlet(UI, name, "set", Number(on) ? 1 : 0);
        }
    }
}

// --- to the eye ---------------------------------------------------------------------------------

function drawSet(name) {
    var knob = TABLE.knobs[name];
    if (!knob.choices) {
        outlet(DISPLAY, "value", name, turned(knob, values[name]), shortNumber(knob, values[name]));
    }
}

function showStatus(text) {
    outlet(UI, "status", "set", text);
}

function showDeck(text) {
    outlet(UI, "deck", "set", text);
}

function showClip(text) {
    outlet(UI, "clip", "set", text);
}

// --- time ---------------------------------------------------------------------------------------

// Does it once, so many milliseconds from now; the same name again puts it off.
function later(name, milliseconds, action) {
    forget(name);
    tasks[name] = new Task(action);
    tasks[name].schedule(milliseconds);
}

function forget(name) {
    if (tasks[name]) {
        tasks[name].cancel();
        delete tasks[name];
    }
}
