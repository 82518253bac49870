// The device's scripts in a strict stand-in for Max and Live. Run by test_script.py.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const vm = require("node:vm");
const test = require("node:test");
const { Device, LiveSet, answering, clipOf } = require("./max_host.js");

const SCRIPT = process.env.MULA_SCRIPT;
const CLIP = ["/mula/clip", "id1", "/Users/me/Music/Mula/techno_128bpm.wav", 128, 4, 7, 7.5];

function started(options = {}) {
  const daemon = answering();
  const device = new Device(SCRIPT, { daemon, ...options });
  device.ui("init");
  device.pass(1000);
  return device;
}

function generated(device, clips) {
  device.ui("press", "generate");
  const job = device.sent("/mula/generate").at(-1)[1];
  for (let take = 0; take < clips; take++) {
    device.udp(...CLIP.slice(0, 2), `/Users/me/Music/Mula/take${take}.wav`, ...CLIP.slice(3), job);
  }
}

function audioTrack(...slots) {
  return { slots: slots.map((full) => (full ? clipOf("/Users/me/mine.wav") : null)) };
}

test("the handshake finds a port, pings, and only then subscribes to everything", () => {
  const device = started();
  const [low, high] = device.global.TABLE.ports;
  assert.ok(device.port >= low && device.port < high);
  assert.deepEqual(device.sent("/mula/subscribe"), [["/mula/subscribe", device.port, "/mula/pong"], ["/mula/subscribe", device.port]]);
  assert.equal(device.shown("status").at(-1), "connected");
});

test("a port that another device has is passed over", () => {
  const busy = [];
  for (let port = 7801; port < 7899; port++) busy.push(port);
  const device = started({ busy });
  device.pass(100 * 1000);
  assert.equal(device.port, 7899);
  assert.equal(device.shown("status").at(-1), "connected");
});

test("when every port is taken it says so, and goes on trying", () => {
  const busy = [];
  for (let port = 7801; port < 7900; port++) busy.push(port);
  const device = started({ busy });
  device.pass(100 * 1000);
  assert.equal(device.shown("status").at(-1), "no free port from 7801 to 7899");
  device.busy.clear();
  device.pass(10 * 1000);
  assert.equal(device.shown("status").at(-1), "connected");
});

test("a fresh device takes the daemon's values and sends none of its own", () => {
  const device = started({ stored: { cfg: 1.5, genre_strength: 0, saved: 0, follow: 1, place: 1 } });
  assert.deepEqual(device.sent("/mula/knob/cfg"), []);
  assert.deepEqual(device.sent("/mula/tags"), []);
  assert.deepEqual(device.sent("/mula/knob/bpm").at(-1), ["/mula/knob/bpm", 128]);
  device.udp("/mula/knob/cfg", 3);
  device.pass(400);
  assert.deepEqual(device.shown("cfg"), [3]);
});

test("a saved device sends what the set saved before it hears the daemon's", () => {
  const stored = { genre_strength: 0.6, cfg: 3.5, temperature: 0.8, top_k: 40, genre: 1, words_a: "acid bass", words_b: "jazz", saved: 1 };
  const device = started({ stored });
  const sent = device.out[0].map((m) => m[0]);
  const full = sent.lastIndexOf("/mula/subscribe");
  for (const name of ["cfg", "temperature", "top_k"]) {
    assert.ok(sent.indexOf(`/mula/knob/${name}`) > sent.indexOf("/mula/knob/genre_strength"));
    assert.ok(sent.indexOf(`/mula/knob/${name}`) < full);
  }
  assert.deepEqual(device.sent("/mula/tags"), [["/mula/tags", "techno", "acid bass"]]);
  assert.deepEqual(device.sent("/mula/tags/b"), [["/mula/tags/b", "jazz"]]);
});

test("nothing is sent while the set restores its controls", () => {
  const device = new Device(SCRIPT);
  device.ui("knob", "cfg", 4);
  device.ui("menu", "genre", 2);
  device.ui("press", "generate");
  device.ui("toggle", "live", 1);
  assert.deepEqual(device.out[0], []);
});

test("a dial goes out in its own unit, whole numbers as such, choices by name", () => {
  const device = started();
  device.clear();
  device.ui("knob", "cfg", 3.25);
  device.ui("knob", "top_k", 49.7);
  device.ui("knob", "key", 21);
  device.ui("knob", "bars", 3);
  assert.deepEqual(device.out[0].slice(0, 4), [
    ["/mula/knob/cfg", 3.25], ["/mula/knob/top_k", 50], ["/mula/knob/key", "Amin"], ["/mula/knob/bars", 8],
  ]);
});

test("what comes in moves the dial without an echo, and once it rests", () => {
  const device = started();
  device.clear();
  for (let step = 0; step < 50; step++) {
    device.udp("/mula/knob/cfg", 2 + step / 50);
    device.pass(20);
  }
  assert.deepEqual(device.shown("cfg"), []);
  device.pass(400);
  assert.deepEqual(device.shown("cfg"), [2.98]);
  assert.deepEqual(device.sent("/mula/knob/cfg"), []);
  assert.equal(device.out[4].filter((m) => m[0] === "value" && m[1] === "cfg").length, 50);
});

test("what the dial shows already is not set again: no step in the undo history", () => {
  const device = started();
  device.ui("knob", "cfg", 3);
  device.clear();
  device.udp("/mula/knob/cfg", 3.0000001);
  device.pass(1000);
  assert.deepEqual(device.shown("cfg"), []);
});

test("the hand wins over a value that still waits to be shown", () => {
  const device = started();
  device.udp("/mula/knob/cfg", 5);
  device.ui("knob", "cfg", 2);
  device.pass(1000);
  assert.deepEqual(device.shown("cfg"), []);
  assert.deepEqual(device.sent("/mula/knob/cfg").at(-1), ["/mula/knob/cfg", 2]);
});

test("the first move by hand makes the values the set's own", () => {
  const device = started();
  device.ui("knob", "cfg", 3);
  assert.deepEqual(device.shown("saved"), [1]);
  device.ui("knob", "cfg", 4);
  assert.deepEqual(device.shown("saved"), [1]);
});

test("addresses are understood with and without the leading slash", () => {
  const device = started();
  device.udp("mula/knob/cfg", 4);
  device.pass(400);
  assert.deepEqual(device.shown("cfg"), [4]);
});

test("tags go to menus first, the rest to the text, and back", () => {
  const device = started();
  device.clear();
  device.udp("/mula/tags", "dark", "acid bass", "techno", "rainy day");
  const genres = device.global.TABLE.menus[0].choices;
  assert.deepEqual(device.shown("genre"), [genres.indexOf("techno")]);
  assert.deepEqual(device.shown("words_a"), ["rainy day"]);
  assert.deepEqual(device.out[0], []);
  device.ui("menu", "genre", genres.indexOf("jazz"));
  assert.deepEqual(device.sent("/mula/tags").at(-1), ["/mula/tags", "jazz", "dark", "acid bass", "rainy day"]);
  device.ui("menu", "genre", 0);
  device.ui("menu", "mood", 0);
  device.ui("menu", "instrument", 0);
  device.ui("words", "a", "bang"); // how an empty field arrives
  assert.deepEqual(device.sent("/mula/tags").at(-1), ["/mula/tags", ""]);
  device.ui("words", "a", "rainy day");
  device.udp("/mula/tags", "");
  assert.deepEqual(device.out[1].at(-1), ["words_a", "clear"]);
});

test("text is sent once, however often the field repeats it", () => {
  const device = started();
  device.clear();
  device.ui("words", "a", "rainy day, Acid  bass");
  device.ui("words", "a", "rainy day, Acid  bass");
  assert.deepEqual(device.sent("/mula/tags"), [["/mula/tags", "rainy day", "acid bass"]]);
});

test("three takes go into three empty slots, skipping full ones, looped at tempo", () => {
  const track = audioTrack(true, false, true, true, false, false);
  const live = new LiveSet({ tracks: [track] });
  const device = started({ live });
  generated(device, 3);
  const filled = track.slots.map((slot) => slot && slot.clip.file_path);
  assert.deepEqual(filled.slice(0, 6), ["/Users/me/mine.wav", "/Users/me/Music/Mula/take0.wav", "/Users/me/mine.wav", "/Users/me/mine.wav", "/Users/me/Music/Mula/take1.wav", "/Users/me/Music/Mula/take2.wav"]);
  for (const at of [1, 4, 5]) {
    const { warping, looping, loop_start, loop_end } = track.slots[at].clip;
    assert.deepEqual([warping, looping, loop_start, loop_end], [1, 1, 0, 16]);
  }
  assert.equal(device.shown("clip").at(-1), "placed take2.wav");
});

test("a full track gets a new scene; where Live makes none, it says so", () => {
  const track = audioTrack(true, true);
  const live = new LiveSet({ tracks: [track], scenes: 2 });
  const device = started({ live });
  generated(device, 1);
  assert.equal(track.slots[2].clip.file_path, "/Users/me/Music/Mula/take0.wav");
  live.moreScenes = false;
  generated(device, 1);
  assert.match(device.shown("clip").at(-1), /every slot is full/);
});

for (const [name, track, message] of [
  ["a frozen track", { slots: [], is_frozen: 1 }, /this track is frozen: unfreeze it \(take0\.wav is in Mula\)/],
  ["a MIDI track", { slots: [], has_audio_input: 0 }, /audio clips need an audio track/],
  ["a group", { slots: [], is_foldable: 1 }, /a group has no clips/],
]) {
  test(`${name} gets no clip, and a reason`, () => {
    const live = new LiveSet({ tracks: [track] });
    const device = started({ live });
    generated(device, 1);
    assert.deepEqual(live.log, []);
    assert.match(device.shown("clip").at(-1), message);
  });
}

test("a return track gets no clip, and a reason", () => {
  const device = started({ live: new LiveSet({ tracks: [audioTrack()], device: "live_set return_tracks 0 devices 0" }) });
  generated(device, 1);
  assert.match(device.shown("clip").at(-1), /not a return or the main track/);
});

test("a device inside a rack finds its track", () => {
  const live = new LiveSet({ tracks: [audioTrack(), audioTrack()], device: "live_set tracks 1 devices 0 chains 0 devices 2" });
  generated(started({ live }), 1);
  assert.ok(live.tracks[1].slots[0]);
  assert.equal(live.tracks[0].slots[0], null);
});

for (const version of [[11, 3, 25], [12, 0, 4]]) {
  test(`Live ${version.join(".")} is told what to do instead`, () => {
    const live = new LiveSet({ version, tracks: [audioTrack()] });
    const device = started({ live });
    generated(device, 1);
    assert.deepEqual(live.log, []);
    assert.equal(device.shown("clip").at(-1), "Live 12.0.5 or newer places clips: drag it in from the browser (take0.wav is in Mula)");
  });
}

test("Live 12.0.5 places clips", () => {
  const live = new LiveSet({ version: [12, 0, 5], tracks: [audioTrack()] });
  generated(started({ live }), 1);
  assert.equal(live.log.length, 1);
});

test("on macOS the path is tried with its drive when Live does not take it plain", () => {
  const live = new LiveSet({ tracks: [audioTrack()] });
  live.refuses = (file) => !file.startsWith("/Volumes/");
  const device = started({ live, filepath: "Studio:/Users/me/Mula.amxd" });
  generated(device, 1);
  assert.deepEqual(live.log.map((row) => row[2]), ["/Users/me/Music/Mula/take0.wav", "/Volumes/Studio/Users/me/Music/Mula/take0.wav"]);
  assert.equal(live.tracks[0].slots[0].clip.loop_end, 16);
});

test("on Windows slashes are tried too, and a refusal is said", () => {
  const live = new LiveSet({ tracks: [audioTrack()] });
  live.refuses = () => true;
  const device = started({ live, os: "windows", filepath: "C:/Mula.amxd" });
  device.ui("placing", 2);
  device.udp(...CLIP.slice(0, 2), "C:\\Users\\me\\Music\\Mula\\x.wav", ...CLIP.slice(3), "other");
  assert.deepEqual(live.log.map((row) => row[2]), ["C:\\Users\\me\\Music\\Mula\\x.wav", "C:/Users/me/Music/Mula/x.wav"]);
  assert.equal(device.shown("clip").at(-1), "Live did not take the file: drag it in from the browser (x.wav is in Mula)");
});

test("clips of others are placed only when all are wanted, and none when off", () => {
  const live = new LiveSet({ tracks: [audioTrack()] });
  const device = started({ live });
  device.udp(...CLIP, "job1");
  assert.equal(live.log.length, 0);
  device.ui("placing", 2);
  device.udp(...CLIP, "job1");
  assert.equal(live.log.length, 1);
  device.ui("placing", 0);
  generated(device, 1);
  assert.equal(live.log.length, 1);
  assert.equal(device.shown("clip").at(-1), "take0.wav");
});

const KEPT = ["/mula/clip/status", "id1", "kept", 0, "/Users/me/Music/Mula/kept/take0.wav"];

test("a clip whose file is kept plays it from its new place, with what was set on it", () => {
  const live = new LiveSet({ tracks: [audioTrack(true)] });
  const device = started({ live });
  generated(device, 2);
  Object.assign(live.tracks[0].slots[1].clip, { name: "my drop", gain: 0.8, loop_end: 8 });
  device.udp(...KEPT);
  const files = live.tracks[0].slots.slice(0, 3).map((slot) => slot.clip.file_path);
  assert.deepEqual(files, ["/Users/me/mine.wav", "/Users/me/Music/Mula/kept/take0.wav", "/Users/me/Music/Mula/take1.wav"]);
  const { name, gain, loop_end, looping, warping } = live.tracks[0].slots[1].clip;
  assert.deepEqual([name, gain, loop_end, looping, warping], ["my drop", 0.8, 8, 1, 1]);
  assert.equal(device.shown("clip").at(-1), "kept take0.wav");
});

test("a clip that plays is put in again when it rests", () => {
  const live = new LiveSet({ tracks: [{ slots: [clipOf("/Users/me/Music/Mula/take0.wav", { is_playing: 1 })] }] });
  const device = started({ live });
  device.udp(...KEPT);
  device.pass(5000);
  assert.equal(live.tracks[0].slots[0].clip.file_path, "/Users/me/Music/Mula/take0.wav");
  live.tracks[0].slots[0].clip.is_playing = 0;
  device.pass(2000);
  assert.equal(live.tracks[0].slots[0].clip.file_path, KEPT[4]);
  device.pass(9000);
  assert.equal(live.log.length, 1);
});

test("a favourite, a path with its drive, and Live 11 change no slot", () => {
  for (const [version, file] of [[[12, 1, 0], KEPT[4]], [[12, 1, 0], "/Volumes/Studio" + KEPT[4]], [[11, 3, 0], "/Users/me/take0.wav"]]) {
    const live = new LiveSet({ version, tracks: [{ slots: [clipOf(file)] }] });
    started({ live }).udp(...KEPT);
    assert.deepEqual(live.log, []);
    assert.equal(live.tracks[0].slots[0].clip.file_path, file);
  }
});

test("more of a clip are placed like generated ones, and what was captured here too", () => {
  const live = new LiveSet({ tracks: [audioTrack()] });
  const device = started({ live, stored: { takes: 3 } });
  device.ui("press", "more");
  const [, clip, takes, job] = device.sent("/mula/more")[0];
  assert.deepEqual([clip, takes], ["", 3]);
  device.udp(...CLIP, job);
  device.ui("press", "capture");
  device.udp(...CLIP, "live1");
  assert.equal(live.log.length, 2);
  device.udp(...CLIP, "live1");
  assert.equal(live.log.length, 2);
});

test("what fails is undone: a switch goes back, and no stranger's clip is taken for a capture", () => {
  const live = new LiveSet({ tracks: [audioTrack()] });
  const device = started({ live });
  device.ui("toggle", "live", 1);
  device.udp("/mula/error", "/mula/live", "unavailable", "there is no audio interface");
  assert.equal(device.shown("live").at(-1), 0);
  device.udp("/mula/live", 0, "the engine is too slow");
  assert.equal(device.shown("status").at(-1), "the engine is too slow");
  device.ui("press", "capture");
  device.udp("/mula/error", "/mula/capture", "bad_input", "nothing was heard");
  device.udp(...CLIP, "live1");
  assert.deepEqual(live.log, []);
});

test("the clip on the deck is shown with its place among the others", () => {
  const device = started();
  device.udp("/mula/audition/clip", "id1", 3, 12, "techno, dark", 128, 4, 7, 1, "new", 0, 0);
  assert.deepEqual(device.shown("deck"), ["3/12 techno, dark"]);
});

test("tempo and key come from the set, and follow it", () => {
  const scale = { scale_mode: 1, root_note: 9, scale_intervals: [0, 2, 3, 5, 7, 8, 10] };
  const live = new LiveSet({ tracks: [audioTrack()], tempo: 140, scale });
  const device = started({ live, stored: { saved: 1 } });
  assert.deepEqual(device.sent("/mula/knob/bpm").at(-1), ["/mula/knob/bpm", 140]);
  assert.deepEqual(device.sent("/mula/knob/key").at(-1), ["/mula/knob/key", "Amin"]);
  live.change("tempo", 90.5);
  live.change("root_note", 6);
  assert.deepEqual(device.sent("/mula/knob/bpm").at(-1), ["/mula/knob/bpm", 90.5]);
  assert.deepEqual(device.sent("/mula/knob/key").at(-1), ["/mula/knob/key", "F#min"]);
  device.pass(400);
  assert.equal(device.shown("bpm").at(-1), 90.5);
  device.ui("toggle", "follow", 0);
  live.change("tempo", 100);
  assert.deepEqual(device.sent("/mula/knob/bpm").at(-1), ["/mula/knob/bpm", 90.5]);
  device.ui("toggle", "follow", 1);
  assert.deepEqual(device.sent("/mula/knob/bpm").at(-1), ["/mula/knob/bpm", 100]);
});

test("a tempo outside the daemon's range is clamped, and said", () => {
  const device = started({ live: new LiveSet({ tracks: [audioTrack()], tempo: 300 }) });
  assert.deepEqual(device.sent("/mula/knob/bpm").at(-1), ["/mula/knob/bpm", 240]);
  assert.match(device.shown("clip")[0], /300 BPM is outside 40 to 240/);
});

test("a fresh device gives the daemon tempo and key of Live's set, and nothing else", () => {
  const scale = { scale_mode: 1, root_note: 0, scale_intervals: [0, 2, 4, 5, 7, 9, 11] };
  const device = started({ live: new LiveSet({ tracks: [audioTrack()], scale }), stored: { cfg: 1.5 } });
  const sent = device.out[0].filter((m) => !/ping|subscribe/.test(m[0]));
  assert.deepEqual(sent, [["/mula/knob/bpm", 128], ["/mula/knob/key", "Cmaj"]]);
});

test("Live 11 has no scale to ask for", () => {
  const device = started({ live: new LiveSet({ version: [11, 3, 25], tracks: [audioTrack()] }) });
  assert.deepEqual(device.sent("/mula/knob/key"), []);
});

test("a daemon that goes is missed, and gets everything when it comes back", () => {
  const daemon = answering();
  const device = started({ daemon, stored: { cfg: 3.5, saved: 1 } });
  daemon.state.up = false;
  device.pass(10 * 1000);
  assert.equal(device.shown("status").at(-1), device.global.TABLE.gone);
  device.ui("knob", "cfg", 4.5);
  device.clear();
  daemon.state.subscribed = null;
  device.pass(20 * 1000);
  assert.deepEqual(device.sent("/mula/knob/cfg"), []);
  daemon.state.up = true;
  device.pass(10 * 1000);
  assert.equal(device.shown("status").at(-1), "connected");
  assert.deepEqual(device.sent("/mula/knob/cfg"), [["/mula/knob/cfg", 4.5]]);
  assert.deepEqual(daemon.state.subscribed, [device.port]);
});

test("a daemon that restarted between two pings is found again", () => {
  const daemon = answering();
  const device = started({ daemon, stored: { cfg: 3.5, saved: 1 } });
  daemon.state.subscribed = null;
  device.clear();
  device.pass(15 * 1000);
  assert.deepEqual(device.sent("/mula/knob/cfg"), [["/mula/knob/cfg", 3.5]]);
  assert.deepEqual(daemon.state.subscribed, [device.port]);
});

test("a device whose port was taken away from it finds another", () => {
  const device = started();
  const lost = device.port;
  device.busy.add(lost);
  device.port = null;
  device.pass(20 * 1000);
  assert.ok(device.port !== null && device.port !== lost);
  assert.equal(device.shown("status").at(-1), "connected");
});

test("a device that finds no daemon says how to start one, and finds it later", () => {
  const daemon = answering({ up: false });
  const device = started({ daemon });
  assert.equal(device.shown("status").at(-1), "looking for the daemon");
  device.pass(10 * 1000);
  assert.equal(device.shown("status").at(-1), device.global.TABLE.gone);
  daemon.state.up = true;
  device.pass(10 * 1000);
  assert.equal(device.shown("status").at(-1), "connected");
});

test("buttons without a daemon say how to start it", () => {
  const daemon = answering({ up: false });
  const device = started({ daemon });
  device.ui("press", "generate");
  assert.match(device.shown("status").at(-1), /mula run/);
});

test("buttons and switches send their addresses", () => {
  const device = started();
  device.clear();
  for (const [name, address] of Object.entries(device.global.TABLE.buttons)) {
    if (name === "generate" || name === "more") continue;
    device.ui("press", name);
    assert.deepEqual(device.out[0].at(-1), [address]);
  }
  device.ui("toggle", "live", 1);
  device.ui("toggle", "loop", 0);
  assert.deepEqual(device.out[0].slice(-2), [["/mula/live", 1], ["/mula/audition/loop", 0]]);
});

test("a release is no press, and a preset is like opening the set", () => {
  const stored = { cfg: 3.5, saved: 1 };
  const device = started({ stored });
  device.clear();
  device.ui("press", "play", 0);
  assert.deepEqual(device.out[0], []);
  stored.cfg = 2;
  device.ui("init");
  assert.deepEqual(device.out[0], []);
  device.pass(1000);
  assert.deepEqual(device.sent("/mula/knob/cfg"), [["/mula/knob/cfg", 2]]);
});

test("switches show what the daemon says, not what the set saved", () => {
  const device = started({ stored: { live: 1, saved: 1 } });
  assert.deepEqual(device.shown("live"), [0]);
  device.udp("/mula/live", 1);
  device.udp("/mula/audition/loop", 1);
  assert.deepEqual([device.shown("live").at(-1), device.shown("loop").at(-1)], [1, 1]);
  assert.deepEqual(device.sent("/mula/live"), []);
});

test("jobs, progress, errors and the engine's state are shown", () => {
  const device = started();
  device.udp("/mula/job", "job1", "running");
  device.udp("/mula/progress", "job1", 0.5);
  assert.deepEqual(device.out[4].at(-1), ["progress", 0.5]);
  device.udp("/mula/job", "job1", "failed", "out of memory");
  assert.equal(device.shown("status").at(-1), "job1 failed: out of memory");
  assert.deepEqual(device.out[4].at(-1), ["progress", 0]);
  device.udp("/mula/error", "/mula/tags", "unknown_tag", "mini does not know 'polka'");
  assert.equal(device.shown("status").at(-1), "mini does not know 'polka'");
  device.udp("/mula/engine", "ready", "mini");
  assert.equal(device.shown("status").at(-1), "engine ready mini");
  device.udp("/mula/something/new", 1, 2);
  device.ui("press", "generate");
  device.udp("/mula/job", device.sent("/mula/generate")[0][1], "running");
  assert.equal(device.shown("status").at(-1), "our job running");
});

test("what is heard is drawn beside what is set", () => {
  const device = started();
  device.clear();
  device.ui("knob", "temperature", 1);
  device.udp("/mula/heard", "temperature", 0.5);
  assert.deepEqual(device.out[4], [["value", "temperature", 0.5, "1.00"], ["heard", "temperature", 0.25, "0.50"]]);
});

test("two devices choose different job ids and place only their own", () => {
  const lives = [0, 1].map(() => new LiveSet({ tracks: [audioTrack()] }));
  const [one, two] = lives.map((live) => started({ live }));
  one.ui("press", "generate");
  const job = one.sent("/mula/generate")[0][1];
  for (const device of [one, two]) device.udp(...CLIP, job);
  assert.deepEqual(lives.map((live) => live.log.length), [1, 0]);
});

// --- the rings ----------------------------------------------------------------------------------

function rings(names) {
  const drawn = [];
  const known = ["init", "redraw", "set_source_rgba", "set_line_width", "move_to", "line_to", "stroke", "arc", "rectangle", "fill", "select_font_face", "set_font_size", "show_text"];
  const mgraphics = { size: [230, 44], text_measure: (text) => [5 * text.length, 8] };
  for (const name of known) mgraphics[name] = (...args) => drawn.push([name, ...args]);
  const strict = new Proxy(mgraphics, {
    get(target, name) {
      if (!(name in target)) throw new Error(`mgraphics has no ${String(name)}`);
      return target[name];
    },
  });
  const context = vm.createContext({ mgraphics: strict, jsarguments: ["mula_display.js", ...names] });
  vm.runInContext(fs.readFileSync(process.env.MULA_DISPLAY, "utf-8"), context);
  return { context, drawn, texts: () => drawn.filter((row) => row[0] === "show_text").map((row) => row[1]) };
}

test("a ring shows the value that is set until something is heard", () => {
  const { context, drawn, texts } = rings(["cfg", "morph"]);
  context.value("cfg", 0.5, "3.00");
  context.paint();
  assert.deepEqual(texts(), ["3.00", ""]);
  drawn.length = 0;
  context.heard("cfg", 0.25, "2.10");
  context.value("cfg", 0.75, "4.00");
  context.paint();
  assert.deepEqual(texts(), ["2.10", ""]);
  const arcs = drawn.filter((row) => row[0] === "arc");
  assert.equal(arcs.length, 3);
  assert.ok(Math.abs(arcs[1][5] - arcs[1][4] - 0.25 * 1.5 * Math.PI) < 1e-9);
});

test("what no ring is for is passed over, and the bar grows with the job", () => {
  const { context, drawn } = rings(["cfg"]);
  context.value("seed", 0.5, "7");
  context.heard("seed", 0.5, "7");
  context.progress(0.5);
  context.paint();
  assert.deepEqual(drawn.filter((row) => row[0] === "rectangle").map((row) => row[3]), [230, 115]);
});
