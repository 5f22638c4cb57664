// Five clients that know nothing of each other read the same bytes.
import { EventSource } from "eventsource";
import { createParser } from "eventsource-parser";
import { assert, open, scene, sql, stage } from "./stage.mjs";
import { blank } from "./watch.mjs";
import { EventStream } from "../../../stream/web/rowcast/sse.js";

const texts = [
  "plain", "", " leading space", "trailing ", "two\nlines", "cr\ronly", "crlf\r\nhere", "\n", "\r", "\r\n\r\n", "ends\n",
  "data: forged\n\ndata: x", "id: 1\nevent: reset\ndata: {}\n\n", ":comment", "event: ping", "retry: 1", "nul \0 inside",
  "\ufeffbom", "snow \u2603, face \u{1F600}, sep \u2028 \u2029", "tab\there", "quote \" back \\ slash", "\u0001\u001f\u007f", "</script><!--", "{\"json\":1}",
  "long ".repeat(35), "id:\n", "data", "\n\n\n",
];
const hex = (text) => (text ? "0x" + Buffer.from(text).toString("hex") : "''");
const insertAll = () => sql(...texts.map((t) => `INSERT INTO draft.picks (team, player) VALUES ('Jets', CONVERT(${hex(t)} USING utf8mb4))`));

const now = async () => (await (await fetch(stage.rowcast + "events/picks?wait=0s", { headers: { Accept: "application/json" } })).json()).lastEventId;
const at = (name, id) => `${stage.rowcast}events/${name}?lastEventId=${encodeURIComponent(id)}`;

async function chromium(url, names, n) {
  const page = await blank(await open());
  return page.evaluate(([url, names, n]) => new Promise((done) => {
    const source = new window.EventSource(url), events = [];
    const hear = (e) => {
      events.push({ type: e.type, id: e.lastEventId, data: e.data });
      if (events.length === n) done(events, source.close());
    };
    for (const name of names) source.addEventListener(name, hear);
  }), [url, names, n]);
}

function npmEventSource(url, names, n) {
  return new Promise((done) => {
    const source = new EventSource(url), events = [];
    const hear = (e) => {
      events.push({ type: e.type, id: e.lastEventId, data: e.data });
      if (events.length === n) done(events, source.close());
    };
    for (const name of names) source.addEventListener(name, hear);
  });
}

/** The bytes of a response until n events, as they came. */
async function bytes(url, n) {
  const stop = new AbortController(), chunks = [];
  let events = 0;
  const parser = createParser({ onEvent: (e) => e.event !== "ping" && events++ });
  const decoder = new TextDecoder();
  for await (const chunk of (await fetch(url, { signal: stop.signal })).body) {
    chunks.push(chunk);
    parser.feed(decoder.decode(chunk, { stream: true }));
    if (events >= n) break;
  }
  stop.abort();
  return Buffer.concat(chunks);
}

/** eventsource-parser, fed in pieces of the given size. */
function parsed(text, size) {
  const events = [];
  let id = "";
  const parser = createParser({
    onEvent(e) {
      id = e.id ?? id;
      if (e.event !== "ping") events.push({ type: e.event ?? "message", id, data: e.data });
    },
    onError: (error) => assert.fail(`eventsource-parser: ${error.message}`),
  });
  for (let i = 0; i < text.length; i += size) parser.feed(text.slice(i, i + size));
  return events;
}

/** The client module's own, fed in pieces of the given size. A block without an id is a ping, one without data a checkpoint. */
function read(raw, size) {
  const events = [];
  const stream = new EventStream({
    block: ({ id, type, data }) => id !== undefined && data !== undefined && events.push({ type, id, data }),
    retry() {},
  });
  for (let i = 0; i < raw.length; i += size) stream.push(raw.subarray(i, i + size));
  return events;
}

for (const [name, types, textOf] of [
  ["picks", ["message"], (data) => JSON.parse(data).row.player],
  ["text", ["line"], (data) => data],
]) {
  scene(`${name}: every client reads the same, and what was written`, async () => {
    const url = at(name, await now());
    await insertAll();
    await sql("TRUNCATE draft.picks");
    const names = [...types, "reset"], n = texts.length + 1;
    const events = await chromium(url, names, n);
    assert.deepEqual(events.map((e) => e.type), [...texts.map(() => types[0]), "reset"]);
    // An event stream knows one kind of line break: in text streams all become it.
    const lines = (text) => (name === "text" ? text.replace(/\r\n?/g, "\n") : text);
    assert.deepEqual(events.slice(0, -1).map((e) => textOf(e.data)), texts.map(lines));
    assert.equal(new Set(events.map((e) => e.id)).size, n);
    assert.deepEqual(await npmEventSource(url, names, n), events);
    const raw = await bytes(url, n), text = raw.toString("utf8");
    for (const size of [1, 2, 3, 7, 64, raw.length]) {
      assert.deepEqual(parsed(text, size), events);
      assert.deepEqual(read(raw, size), events);
    }
    const go = await fetch(stage.control + "go-client", { method: "POST", body: JSON.stringify({ url, n }) });
    assert.equal(go.status, 200);
    assert.deepEqual(await go.json(), events);
  });
}

scene("a client that resumes after any of the events gets the rest, alike", async () => {
  const url = at("text", await now());
  await insertAll();
  const all = await npmEventSource(url, ["line"], texts.length);
  for (const i of [0, 7, 16, texts.length - 2]) {
    const rest = await npmEventSource(at("text", all[i].id), ["line"], texts.length - i - 1);
    assert.deepEqual(rest, all.slice(i + 1));
  }
});
