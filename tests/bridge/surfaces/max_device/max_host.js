// A stand-in for Max and Live around the device's script: strict, so that whatever Max or Live
// does not have fails. Time stands still until a test lets it pass.
"use strict";
const fs = require("node:fs");
const vm = require("node:vm");

const MAX = { os: "macintosh" };

// A slot with an audio clip as Live makes it.
function clipOf(file_path, more = {}) {
  return {
    clip: {
      file_path, is_playing: 0, name: "", color: 0, warping: 0, warp_mode: 0, looping: 0, loop_start: 0, loop_end: 0,
      gain: 0.4, pitch_coarse: 0, pitch_fine: 0, muted: 0, launch_mode: 0, launch_quantization: 0, ...more,
    },
  };
}

// Live's objects by path: {type, properties, children: {name: [..]}, calls: {name: f}}.
class LiveSet {
  constructor({ version = [12, 1, 0], tracks = [], tempo = 128, scale = {}, device = "live_set tracks 0 devices 0", scenes = 8, moreScenes = true } = {}) {
    this.version = version;
    this.tracks = tracks;
    this.device = device;
    this.moreScenes = moreScenes;
    this.refuses = () => false;
    this.song = { tempo };
    if (version[0] >= 12) Object.assign(this.song, { root_note: 0, scale_mode: 0, scale_intervals: [0, 2, 4, 5, 7, 9, 11] }, scale);
    for (const track of tracks) {
      while (track.slots.length < scenes) track.slots.push(null);
    }
    this.observers = [];
    this.log = [];
  }

  change(property, value) {
    this.song[property] = value;
    for (const o of this.observers) if (o.property === property) o.callback([property, value]);
  }

  at(path) {
    let found;
    if (path === "live_app") {
      const [major, minor, bugfix] = this.version;
      return { calls: { get_major_version: () => major, get_minor_version: () => minor, get_bugfix_version: () => bugfix } };
    }
    if (path === "this_device") return { path: this.device };
    if (path === "live_set") return { properties: this.song, calls: { create_scene: (at) => this.scene(at) } };
    if ((found = /^live_set tracks (\d+)( clip_slots (\d+)( clip)?)?$/.exec(path))) {
      const track = this.tracks[found[1]];
      if (!found[2]) {
        const { is_foldable = 0, has_audio_input = 1, is_frozen = 0 } = track;
        return { properties: { is_foldable, has_audio_input, is_frozen }, counts: { clip_slots: track.slots.length } };
      }
      const at = Number(found[3]);
      if (found[4]) return { properties: track.slots[at].clip, writable: true };
      return {
        properties: { has_clip: track.slots[at] ? 1 : 0 },
        calls: {
          delete_clip: () => { if (!track.slots[at]) throw new Error("no clip"); track.slots[at] = null; },
          ...(this.version[0] * 10000 + this.version[1] * 100 + this.version[2] >= 120005 ? { create_audio_clip: (file) => this.create(track, at, file) } : {}),
        },
      };
    }
    throw new Error(`LiveAPI: no path ${path}`);
  }

  scene(at) {
    if (at !== -1) throw new Error("create_scene wants -1");
    if (this.moreScenes) for (const track of this.tracks) track.slots.push(null);
  }

  create(track, at, file) {
    this.log.push(["create_audio_clip", at, file]);
    if (track.slots[at]) throw new Error("slot is not empty");
    if (track.is_frozen || track.has_audio_input === 0) throw new Error("not an audio track");
    if (this.refuses(file)) return;
    track.slots[at] = clipOf(file);
  }
}

function liveAPI(set) {
  return class LiveAPI {
    constructor(callback, path) {
      if (arguments.length !== 2) throw new Error("LiveAPI(callback, path)");
      this.#path = path;
      this.#callback = callback;
      set.at(path);
    }
    #path;
    #callback;
    #here() { return set.at(this.#path); }
    get unquotedpath() { return this.#here().path ?? this.#path; }
    get(name) {
      const { properties = {} } = this.#here();
      if (!(name in properties)) throw new Error(`${this.#path} has no property ${name}`);
      return [].concat(properties[name]);
    }
    set(name, value) {
      const { properties = {}, writable } = this.#here();
      if (!writable || !(name in properties) || ["file_path", "is_playing"].includes(name) || typeof value === "object") throw new Error(`${this.#path}: cannot set ${name}`);
      properties[name] = value;
    }
    getcount(name) {
      const { counts = {} } = this.#here();
      if (!(name in counts)) throw new Error(`${this.#path} has no list ${name}`);
      return counts[name];
    }
    call(name, ...args) {
      const { calls = {} } = this.#here();
      if (!(name in calls)) throw new Error(`${this.#path} has no function ${name}`);
      return calls[name](...args);
    }
    set property(name) {
      this.get(name);
      set.observers.push({ property: name, callback: this.#callback });
    }
  };
}

// The script in a patch: what it sends from each outlet, and controls that answer it.
class Device {
  constructor(file, { live = new LiveSet({ tracks: [{ slots: [] }] }), stored = {}, busy = [], os = MAX.os, filepath = "Macintosh HD:/Users/me/Mula.amxd", daemon = null } = {}) {
    this.out = [[], [], [], [], []];
    this.live = live;
    this.stored = stored;
    this.busy = new Set(busy);
    this.clock = 0;
    this.tasks = new Set();
    this.port = null;
    this.daemon = daemon;
    const device = this;
    class Task {
      constructor(action) {
        if (typeof action !== "function") throw new Error("Task wants a function");
        this.action = action;
      }
      schedule(ms) { this.due = device.clock + ms; device.tasks.add(this); }
      cancel() { device.tasks.delete(this); }
    }
    const globals = {
      Task, LiveAPI: liveAPI(live), max: { os }, patcher: { filepath }, inlet: 0, messagename: "",
      arrayfromargs: (args) => Array.from(args),
      outlet: (number, ...message) => this.heardFromScript(number, message.flat()),
      post: (...words) => { throw new Error(`posted ${words}`); },
    };
    this.global = vm.createContext(globals);
    vm.runInContext(fs.readFileSync(file, "utf-8"), this.global, { filename: file });
    if (this.global.inlets !== 2 || this.global.outlets !== 5) throw new Error("inlets, outlets");
  }

  heardFromScript(number, message) {
    for (const atom of message) if (!["number", "string"].includes(typeof atom) || Number.isNaN(atom)) throw new Error(`outlet ${number}: ${message}`);
    this.out[number].push(message);
    if (number === 2 && message[0] === "port") this.port = this.busy.has(message[1]) ? null : message[1];
    if (number === 3 && message[0] === "port") this.selfPort = message[1];
    if (number === 3 && message[0] === "/mula/self" && this.port === this.selfPort) this.udp(...message);
    if (number === 1 && message[1] === "outputvalue" && message[0] in this.stored) this.control(message[0], this.stored[message[0]]);
    if (number === 1 && message[1] === "bang" && message[0] in this.stored) this.control(message[0], this.stored[message[0]]);
    if (number === 0 && this.daemon) this.daemon(message, this);
  }

  // A control's output, as the prepend boxes of the patch name it.
  control(name, value) {
    const table = this.global.TABLE;
    if (name in table.knobs) this.ui("knob", name, value);
    else if (table.menus.some((kind) => kind.name === name)) this.ui("menu", name, value);
    else if (name.startsWith("words_")) this.ui("words", name.slice(6), value);
    else if (name === "place") this.ui("placing", value);
    else this.ui("toggle", name, value);
  }

  ui(name, ...args) {
    this.global.inlet = 0;
    this.global.messagename = name;
    if (typeof this.global[name] !== "function") throw new Error(`no function ${name}`);
    this.global[name](...args);
  }

  udp(address, ...args) {
    this.global.inlet = 1;
    this.global.messagename = address;
    this.global.anything(...args);
  }

  pass(ms) {
    const end = this.clock + ms;
    for (;;) {
      const next = [...this.tasks].sort((a, b) => a.due - b.due)[0];
      if (!next || next.due > end) break;
      this.clock = next.due;
      this.tasks.delete(next);
      next.action();
    }
    this.clock = end;
  }

  sent(address) { return this.out[0].filter((m) => m[0] === address); }
  shown(name) { return this.out[1].filter((m) => m[0] === name && m[1] === "set").map((m) => m[2]); }
  clear() { for (const list of this.out) list.length = 0; }
}

// A daemon that answers pings to whoever subscribed, and records the rest.
function answering(state = {}) {
  state.subscribed = null;
  state.up = state.up ?? true;
  return Object.assign((message, device) => {
    if (!state.up) return;
    if (message[0] === "/mula/subscribe") state.subscribed = message.slice(1);
    if (message[0] === "/mula/ping" && state.subscribed && state.subscribed[0] === device.port) device.udp("/mula/pong", ...message.slice(1));
  }, { state });
}

module.exports = { Device, LiveSet, answering, clipOf };
