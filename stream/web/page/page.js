// The page at /: which streams there are, what comes through them, and how the
// connection and the database are doing.
import { isAfter, subscribe } from "../rowcast.js";
import { listStreams } from "./streams.js";
import { Tail, since } from "./tail.js";

const $ = (id) => document.getElementById(id);
const tail = new Tail();
let subscription, followed = "", listed = "", closedWhy = "", awayWhy = "", position = "", lag = null;

function show() {
  const text = [closedWhy, awayWhy].filter(Boolean).join(" – ");
  if ($("trouble").textContent !== text) $("trouble").textContent = text;
  $("trouble").hidden = !text;
  $("position").textContent = position || "–";
  $("lag").textContent = lag === null ? "–" : since(lag);
}

function showState(state, detail = "") {
  $("state").textContent = state;
  $("state").dataset.state = state;
  closedWhy = state === "closed" ? detail : "";
  if (state !== "open") lookIn(Math.max(0, looked + 1000 - Date.now()));
  show();
}

function moved(id) {
  if (id && (!position || isAfter(id, position))) position = id;
}

/** Follows the chosen streams, on one connection. */
function follow({ names, params }) {
  const choice = JSON.stringify([names, params]);
  if (choice === followed && subscription && subscription.state !== "closed") return;
  followed = choice;
  subscription?.close();
  subscription = null;
  tail.waitFor(names);
  $("followed").textContent = names.join(", ");
  if (!names.length) return showState("idle");
  const mine = (subscription = subscribe(names, {
    params,
    onError() {}, // the page shows it itself
    onChange(change, event) {
      moved(event.id);
      if (change?.ts) lag = Math.max(0, Date.now() - change.ts);
      tail.add(change, event);
    },
    onReset(reset, event) {
      position = "";
      tail.add({ op: "reset", reset }, event);
    },
    onState: (state, detail) => mine === subscription && showState(state, detail),
  }));
}

// The database: rowcast says in words what is wrong with it. While all is well,
// and while nobody looks, the page hardly asks.
const often = 5000, seldom = 30000; // ms
let looking, looked = 0;
async function look() {
  clearTimeout(looking);
  looked = Date.now();
  let wait = often;
  try {
    const answer = await fetch(new URL("../readyz", import.meta.url), { cache: "no-store" });
    const status = await answer.json();
    awayWhy = status.detail ?? "";
    if (status.ready) wait = seldom;
    moved(status.position);
    await list();
  } catch {
    awayWhy = "rowcast does not answer; this page will resume automatically when it does";
  }
  show();
  lookIn(wait);
}

function lookIn(ms) {
  clearTimeout(looking);
  if (!document.hidden) looking = setTimeout(look, ms);
}
document.addEventListener("visibilitychange", () => lookIn(Math.max(0, looked + often - Date.now())));

setInterval(() => {
  tail.tick();
  moved(subscription?.lastEventId);
  if (!document.hidden) show();
}, 1000);

/** Lists the streams, which a reload of rowcast's config can change. */
async function list() {
  const text = await (await fetch(new URL("../streams", import.meta.url), { cache: "no-store" })).text();
  if (text === listed) return;
  const streams = JSON.parse(text).streams ?? [];
  if (!listed) $("box").open = !streams.length || matchMedia("(min-width: 56rem)").matches; // a phone shows the changes first
  listStreams(streams, follow);
  listed = text;
}

look();
