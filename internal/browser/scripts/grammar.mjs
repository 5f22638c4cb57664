// The client module's reading of event streams, beside Chromium's own.
import assert from "node:assert/strict";
import { open, scene, stage } from "./stage.mjs";
import { blank } from "./watch.mjs";
import { EventStream } from "../../../stream/web/rowcast/sse.js";

/** What EventStream makes of bytes that come in the given pieces: blocks, and retry times. */
function read(bytes, sizes) {
  const blocks = [], retries = [];
  const stream = new EventStream({ block: (b) => blocks.push(b), retry: (ms) => retries.push(ms) });
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length];
    stream.push(bytes.subarray(at, at + size));
    at += size;
  }
  return { blocks, retries };
}

/** The same as a listener of an EventSource sees it. */
function events({ blocks }) {
  let last = "";
  const all = [];
  for (const { id, type, data } of blocks) {
    last = id ?? last;
    if (data !== undefined) all.push({ type, id: last, data });
  }
  return all;
}

const types = ["message", "a", "b", " c", "é"];

/** What Chromium's EventSource makes of each text. */
async function chromium(texts) {
  const context = await open();
  await context.route(`${stage.rowcast}text/*`, (route) =>
    route.fulfill({ contentType: "text/event-stream", body: Buffer.from(texts[Number(new URL(route.request().url()).pathname.slice(6))]) }));
  const page = await blank(context);
  return page.evaluate(([n, types]) => Promise.all(Array.from({ length: n }, (_, i) => new Promise((done) => {
    const source = new EventSource(`/text/${i}`), events = [];
    for (const type of types) source.addEventListener(type, (e) => events.push({ type: e.type, id: e.lastEventId, data: e.data }));
    source.onerror = () => (source.close(), done(events)); // the end of the response
  }))), [texts.length, types]);
}

const utf8 = (text) => new Uint8Array(Buffer.from(text));

scene("as Chromium reads it, however it is split", async () => {
  const written = [
    "\ufeffdata: after a byte order mark\n\n", "\ufeff\ufeffdata: two of them\n\ndata: x\n\n", "data: a\rdata: b\r\rdata: c\r\n\r\n", "data: lf\n\ndata: cr\r\rdata: crlf\r\n\r\n",
    "data: mixed\r\n\ndata: y\n\r\n", "id: 1\n\ndata: has it\n\n", "id: 1\ndata: x\n\nid\ndata: none\n\n", "id: a\0b\ndata: nul\n\n", "id: 1\n\nid: \0\ndata: kept\n\n",
    "data\n\n", "data:\n\n", "data: \n\n", "data:  two spaces\n\n", "data\ndata\n\n", "data: unterminated", "data: unterminated\n", "id: 7\ndata: dropped", ":comment\n\n:\n", "event: a\n\ndata: not a\n\n",
    "event: a\nevent: b\ndata: b\n\n", "event:  c\ndata: space\n\n", "event: é\ndata: 😀\n\n", "data : not a field\n\n", "Data: nor this\n\n", " data: nor this\n\n", "data:a:b\n\n",
    "retry: x\nretry: 1\nretry: 2.5\nretry: -3\nretry:\ndata: r\n\n", "\n\n\ndata: x\n\n", "\r\n\r\ndata: x\r\n\r\n", "\r", "", "data: \u2028 \u2029 \u0085\n\n", "event\ndata: e\n\n",
  ];
  // And what chance makes of the same parts.
  const parts = ["data", "data:", "data: x", "data:é😀", "id: 1", "id:", "id", "id: 2\0", "event: a", "event: b", "event", "retry: 5", ":c", "", "", "", "x: y", "\ufeff"];
  let seed = 7;
  const chance = (n) => ((seed = (seed * 48271) % 2147483647) >> 8) % n;
  for (let i = 0; i < 150; i++) {
    let text = "";
    for (let k = chance(60); k >= 0; k--) text += parts[chance(parts.length)] + ["\n", "\r", "\r\n"][chance(3)];
    text = text.replace(/^\ufeff(?=[\r\n])/, ""); // Chromium takes a line end right after a byte order mark for part of a line
    written.push(text + (chance(4) ? "" : "data: cut off"));
  }
  const seen = await chromium(written);
  assert.ok(seen.flat().length > 200, `${seen.flat().length} events`);
  written.forEach((text, i) => {
    const bytes = utf8(text);
    for (const sizes of [[bytes.length || 1], [1], [2], [3], [7], [1, 5, 2]]) {
      assert.deepEqual(events(read(bytes, sizes)), seen[i], JSON.stringify(text) + " in pieces of " + sizes);
    }
  });
});

scene("what EventSource keeps to itself: blocks without data, ids of their own, times to stay away", () => {
  const text = "retry: 2000\nid: b.1/4~0\n\n:\n\nevent: ping\ndata: {}\n\nid: b.1/9~0\n\nretry: soon\nretry: 7x\nretry: 007\n\nid: a\0b\n\nid: cut off";
  for (const size of [1, 2, 5, 1000]) {
    assert.deepEqual(read(utf8(text), [size]), {
      blocks: [
        { id: "b.1/4~0", type: "message", data: undefined },
        { id: undefined, type: "ping", data: "{}" },
        { id: "b.1/9~0", type: "message", data: undefined },
      ],
      retries: [2000, 7],
    });
  }
});

scene("a line that comes in ten thousand pieces is read once", () => {
  const bytes = utf8(`data: ${"x".repeat(1 << 20)}\n\n`);
  const began = performance.now();
  const { blocks } = read(bytes, [100]);
  assert.equal(blocks[0].data.length, 1 << 20);
  assert.ok(performance.now() - began < 5000, `${performance.now() - began} ms`);
});
