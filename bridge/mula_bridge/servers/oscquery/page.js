"use strict";
const all = s => [...document.querySelectorAll(s)], byId = i => document.getElementById(i);
const padded = t => { const b = new TextEncoder().encode(t);
  const p = new Uint8Array((b.length + 4) & ~3); p.set(b); return p; };
function packet(address, type, value) {
  const parts = [padded(address), padded("," + type)];
  if (type === "s") parts.push(padded(value));
  if (type === "f" || type === "i") { const v = new DataView(new ArrayBuffer(4));
    type === "f" ? v.setFloat32(0, value) : v.setInt32(0, value);
    parts.push(new Uint8Array(v.buffer)); }
  return new Blob(parts);
}
function parsed(buffer) {
  const view = new DataView(buffer), bytes = new Uint8Array(buffer); let at = 0;
  const text = () => { const end = bytes.indexOf(0, at);
    const t = new TextDecoder().decode(bytes.subarray(at, end)); at = (end + 4) & ~3; return t; };
  const address = text(), args = [];
  for (const tag of text().slice(1)) {
    if (tag === "s") args.push(text());
    else if (tag === "f") { args.push(view.getFloat32(at)); at += 4; }
    else if (tag === "i") { args.push(view.getInt32(at)); at += 4; }
    else if (tag === "h") { args.push(Number(view.getBigInt64(at))); at += 8; }
    else if (tag === "d") { args.push(view.getFloat64(at)); at += 8; }
    else args.push(tag === "T" ? 1 : tag === "F" ? 0 : "");
  }
  return [address, args];
}
const shown = v => typeof v === "number" && !Number.isInteger(v) ? +v.toPrecision(4) : v;
const targets = new Map();
const on = (address, show) => { if (!targets.has(address)) targets.set(address, []);
  targets.get(address).push(show); };
const joined = (words, sep) => sep === " " || words.length === 1
  ? words.filter(w => w !== "").join(sep) : words.map(w => w === "" ? "-" : w).join(sep);
all("[data-value]").forEach(e => on(e.dataset.value,
  a => { e.textContent = joined(a.map(shown), e.dataset.sep); }));
all("[data-part]").forEach(e => on(e.dataset.part, a => { e.value = a[1]; }));
let socket, wait = 500;
const ready = () => socket && socket.readyState === 1;
const send = (...message) => { if (ready()) socket.send(packet(...message)); };
all("[data-norm]").forEach(e => {
  let queued = false, moved = 0;
  e.addEventListener("input", () => { moved = Date.now(); if (queued) return; queued = true;
    requestAnimationFrame(() => { queued = false; send(e.dataset.norm, "f", +e.value); }); });
  on(e.dataset.norm, a => {
    if (!(e.matches(":active") && Date.now() - moved < 2000)) e.value = a[0]; });
});
all("[data-set]").forEach(e => {
  e.addEventListener("change", () => {
    if (e.validity.valid && e.value !== "" || e.dataset.type === "s")
      send(e.dataset.set, e.dataset.type, e.dataset.type === "i" ? +e.value : e.value); });
  on(e.dataset.set, a => { if (document.activeElement !== e || e.tagName === "SELECT")
    e.value = a[0]; });
});
all("[data-send]").forEach(e => e.addEventListener("click", () => {
  const text = e.dataset.text;
  text === undefined ? send(e.dataset.send, "I") : send(e.dataset.send, "s", text); }));
let fading;
on("/mula/error", a => { const e = byId("error"); e.textContent = a[2] + (a[0] ? ` (${a[0]})` : "");
  e.hidden = false; clearTimeout(fading); fading = setTimeout(() => { e.hidden = true; }, 8000); });
const troubled = new Map(), services = byId("services");
const tell = () => { services.hidden = !troubled.size;
  services.textContent = [...troubled.values()].map(t => `${t[0]} ${t[1]}: ${t[3]}`).join("; "); };
on("/mula/status", () => { troubled.clear(); tell(); });
on("/mula/service", a => { troubled.delete(a[0]); if (a[1] !== "well") troubled.set(a[0], a);
  tell(); });
byId("find").addEventListener("input", event => all("tbody tr").forEach(row => {
  row.hidden = !row.textContent.toLowerCase().includes(event.target.value.toLowerCase()); }));
function connect() {
  socket = new WebSocket(location.origin.replace("http", "ws") + "/");
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { wait = 500; byId("link").textContent = "live";
    byId("link").className = "live";
    for (const address of targets.keys())
      socket.send(JSON.stringify({COMMAND: "LISTEN", DATA: address}));
    send("/mula/status", "I"); };
  socket.onmessage = event => { if (typeof event.data === "string") return;
    const [address, args] = parsed(event.data);
    (targets.get(address) || []).forEach(show => show(args)); };
  socket.onclose = () => { byId("link").textContent = "not connected"; byId("link").className = "";
    setTimeout(connect, wait); wait = Math.min(8000, wait * 2); };
}
connect();
