// The device's script with real sockets: what udpsend and udpreceive do, against a real daemon.
// Two devices; what each saw is printed as JSON. Run by tests/acceptance/test_max_device.py.
"use strict";
const dgram = require("node:dgram");
const vm = require("node:vm");
const { Device, LiveSet } = require("./max_host.js");

function padded(text) {
  const bytes = Buffer.from(text);
  return Buffer.concat([bytes, Buffer.alloc(4 - (bytes.length % 4))]);
}

// As Max does it: whole numbers as i, others as f, words as s.
function encoded([address, ...args]) {
  const tags = args.map((a) => (typeof a === "string" ? "s" : Number.isInteger(a) ? "i" : "f"));
  const values = args.map((a, at) => {
    if (tags[at] === "s") return padded(a);
    const word = Buffer.alloc(4);
    if (tags[at] === "i") word.writeInt32BE(a);
    else word.writeFloatBE(a);
    return word;
  });
  return Buffer.concat([padded(address), padded("," + tags.join("")), ...values]);
}

function decoded(packet) {
  let at = 0;
  const text = () => {
    const end = packet.indexOf(0, at);
    const found = packet.toString("utf-8", at, end);
    at = (end + 4) & ~3;
    return found;
  };
  const address = text();
  const args = [...text().slice(1)].map((tag) => {
    if (tag === "s") return text();
    at += 4;
    if (tag === "i") return packet.readInt32BE(at - 4);
    if (tag === "f") return packet.readFloatBE(at - 4);
    throw new Error(`tag ${tag}`);
  });
  return [address, ...args];
}

class SocketDevice extends Device {
  constructor(script, port, options) {
    super(script, options);
    this.sender = dgram.createSocket("udp4");
    this.daemonPort = port;
  }

  heardFromScript(number, message) {
    if (number === 2) return this.listen(message[1]);
    if (number === 3 && message[0] !== "port") {
      this.sender.send(encoded(message), this.selfPort, "127.0.0.1");
      return undefined;
    }
    if (number === 0) this.sender.send(encoded(message), this.daemonPort, "127.0.0.1");
    return super.heardFromScript(number, message);
  }

  listen(port) {
    if (this.receiver) this.receiver.close();
    this.port = port;
    this.receiver = dgram.createSocket("udp4", (packet) => this.udp(...decoded(packet)));
    this.receiver.on("error", () => { this.receiver = null; }); // taken: Max says so and goes on
    this.receiver.bind(port, "127.0.0.1");
  }

  close() {
    this.sender.close();
    if (this.receiver) this.receiver.close();
  }
}

const all = []; // so that a failure can tell what they showed

async function until(what, seconds, true_) {
  const end = Date.now() + seconds * 1000;
  while (!true_()) {
    if (Date.now() > end) throw new Error(`no ${what} in ${seconds} s`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

async function main(script, port) {
  const lives = [0, 1].map(() => new LiveSet({ tracks: [{ slots: [] }], tempo: 120 }));
  const [one, two] = lives.map((live) => new SocketDevice(script, port, { live }));
  const devices = [one, two];
  all.push(one, two);
  // Both want the same port, as two that were saved in one set may.
  devices.forEach((device, number) => {
    const dice = [0.1 + number / 10]; // the word it sends to itself is its own
    vm.runInContext("Math", device.global).random = () => dice.pop() ?? 0.5;
  });
  let then = Date.now();
  const clock = setInterval(() => {
    const now = Date.now();
    devices.forEach((device) => device.pass(now - then));
    then = now;
  }, 10);
  const connected = (device) => device.shown("status").includes("connected");
  one.ui("init");
  await until("connection", 20, () => connected(one));
  two.ui("init");
  await until("second connection", 20, () => connected(two));
  one.ui("knob", "cfg", 3.25);
  two.ui("knob", "temperature", 0.5);
  await until("cfg at two", 5, () => two.shown("cfg").includes(3.25));
  await until("temperature at one", 5, () => one.shown("temperature").includes(0.5));
  one.ui("knob", "bars", 0);
  one.ui("knob", "takes", 2);
  one.ui("press", "generate");
  await until("two clips", 30, () => lives[0].log.length === 2);
  await until("the end", 10, () => one.shown("status").some((line) => line === "our job done"));
  // The deck has the clip: keeping it moves its file, and the slot follows.
  one.ui("press", "next");
  await until("a clip on the deck", 10, () => one.shown("deck").length > 0);
  one.ui("press", "keep");
  const files = () => lives[0].tracks[0].slots.filter(Boolean).map((slot) => slot.clip.file_path);
  await until("a kept clip", 10, () => files().some((file) => file.includes("kept")));
  clearInterval(clock);
  devices.forEach((device) => device.close());
  console.log(JSON.stringify({
    ports: devices.map((device) => device.port),
    cfg: devices.map((device) => device.shown("cfg")),
    temperature: devices.map((device) => device.shown("temperature")),
    placed: lives.map((live) => live.tracks[0].slots.filter(Boolean).map((slot) => slot.clip.file_path)),
    deck: devices.map((device) => device.shown("deck").at(-1)),
    beats: lives[0].tracks[0].slots.filter(Boolean).map((slot) => slot.clip.loop_end),
    errors: devices.map((device) => device.shown("status").filter((line) => /takes|unknown|no such/.test(line))),
  }));
}

main(process.argv[2], Number(process.argv[3])).catch((error) => {
  console.error(error, all.map((device) => device.out[1].slice(-20)));
  process.exit(1);
});
