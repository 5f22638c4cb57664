// The plain page at /: one stream, live.
import { subscribe } from "/rowcast.js";

const $ = id => document.getElementById(id);
const shown = 200;
let current;

function line(op, time, text) {
  const row = document.createElement("tr");
  row.className = op;
  for (const cell of [time, op, text]) row.insertCell().textContent = cell;
  $("changes").prepend(row);
  while ($("changes").rows.length > shown) $("changes").deleteRow(-1);
  $("empty").hidden = true;
}

const values = row => Object.entries(row ?? {}).map(([k, v]) => `${k}: ${typeof v === "string" ? v : JSON.stringify(v)}`).join("  ");

function follow(name) {
  current?.close();
  $("changes").replaceChildren();
  $("empty").hidden = false;
  current = subscribe(name, {
    onChange: c => line(c.op ?? "row", new Date(c.ts ?? Date.now()).toLocaleTimeString(), values(c.row ?? c.key ?? c)),
    onReset: r => line("reset", new Date().toLocaleTimeString(), `${r.reason}: ${r.message}`),
    onState: s => ($("state").textContent = s),
  });
}

const { streams } = await (await fetch("/streams")).json();
for (const { name } of streams) $("stream").add(new Option(name));
$("stream").onchange = () => follow($("stream").value);
const first = streams.find(s => s.name === "picks") ?? streams[0];
if (first) {
  $("stream").value = first.name;
  follow(first.name);
} else {
  $("state").textContent = "no stream is configured";
}
