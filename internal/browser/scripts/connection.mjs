// How the client module asks, what it makes of answers, and when it asks again.
import { assert, becomes, insert, open, order, ready, scene, sql, stage, until } from "./stage.mjs";
import { blank, got, watch } from "./watch.mjs";

/** The requests for events that a page makes. */
function requests(page) {
  const all = [];
  page.on("request", (r) => r.url().includes("/events") && all.push(r));
  return all;
}

/** Answers the page's next requests for events with the given answers, then lets them through. */
async function answer(page, ...answers) {
  const times = [];
  await page.route("**/events/**", (route) => {
    times.push(Date.now());
    const next = answers.shift();
    return next === "hang" ? undefined : next ? route.fulfill(next) : route.continue();
  });
  return times;
}

/** Subscribes with an error handler; window.errors holds what it got. */
const handled = (page, options = {}) => page.evaluate(async (options) => {
  const { subscribe } = await import("/rowcast.js");
  window.errors = [];
  window.got = { players: [], states: [] };
  window.sub = subscribe("picks", {
    ...options,
    onChange: (c) => got.players.push(c.row?.player ?? c),
    onState: (state) => got.states.push(state),
    onError: (e) => errors.push([e instanceof Error, e.message, e.status, e.url]),
  });
}, options);

scene("one stream is asked for by its path, several by their names", async () => {
  const page = await blank(await open());
  const asked = requests(page);
  for (const streams of ["picks", ["picks"], ["picks", "teams"], "50%", "a/b", ".."]) {
    await page.evaluate(async (streams) => (await import("/rowcast.js")).subscribe(streams, { params: { x: "1 2" }, share: false, resume: false, onError() {} }), streams);
  }
  await until("the requests", () => asked.length === 6);
  assert.deepEqual(asked.map((r) => r.url().slice(stage.rowcast.length)), ["events/picks?x=1+2&rows=0", "events/picks?x=1+2&rows=0", "events?x=1+2&table=picks&table=teams&rows=0",
    "events?x=1+2&table=50%25&rows=0", "events?x=1+2&table=a%2Fb&rows=0", "events?x=1+2&table=..&rows=0"]);
});

scene("base needs no slash at its end; a url is relative to the page, and keeps its query", async () => {
  const page = await blank(await open());
  const asked = requests(page);
  await page.evaluate(async () => {
    const { subscribe, collection } = await import("/rowcast.js");
    const no = { share: false, onError() {} };
    subscribe("picks", { ...no, base: location.origin + "/under/events" });
    subscribe({ ...no, url: "/events/picks?a=b#c", params: { d: "e" } });
    collection({ ...no, url: "events/picks" });
  });
  await until("the requests", () => asked.length === 3);
  assert.deepEqual(asked.map((r) => r.url().slice(stage.rowcast.length)), ["under/events/events/picks?rows=0", "events/picks?a=b&d=e&rows=0", "events/picks?rows=0"]);
  const said = await page.evaluate(async () => {
    const { subscribe, collection } = await import("/rowcast.js");
    const fails = (f, ...args) => { try { return f(...args).close(); } catch (error) { return String(error); } };
    return [fails(subscribe), fails(subscribe, []), fails(subscribe, {}), fails(subscribe, "picks", { url: "/x" }), fails(collection), fails(collection, {})];
  });
  assert.deepEqual(said, Array(6).fill("TypeError: rowcast: name streams, or give the option url"));
});

scene("the id goes into a header of the same origin, and into the URL of another; neither costs a preflight", async () => {
  const page = await blank(await open());
  const asked = requests(page);
  await watch(page);
  const id = await page.evaluate(() => sub.lastEventId);
  await order("kill");
  await order("start");
  await until("it to be back", () => page.evaluate(() => got.states.at(-1) === "open" && got.states.includes("reconnecting")));
  assert.equal(asked[0].headers()["last-event-id"], undefined);
  assert.equal((await asked.at(-1).allHeaders())["last-event-id"], id);
  assert.equal(asked.at(-1).url(), `${stage.rowcast}events/picks?rows=0`);
  // A page of another origin: the devtools protocol shows what preflights there were.
  const other = await (await open()).newPage();
  await other.goto(stage.control + "cross.html");
  const sent = [];
  const wire = await other.context().newCDPSession(other);
  await wire.send("Network.enable");
  wire.on("Network.requestWillBeSent", (e) => e.request.url.includes("/events/") && sent.push([e.type, e.request.url, e.request.headers["Last-Event-ID"]]));
  await other.evaluate(async ([rowcast, after]) => {
    const { subscribe } = await import(`${rowcast}rowcast.js`);
    window.heard = [];
    window.sub = subscribe("picks", { after, onChange: (c) => heard.push(c.row.player) });
  }, [stage.rowcast, id]);
  await insert("Across");
  await becomes("the change", ["Across"], () => other.evaluate(() => heard));
  assert.deepEqual(sent, [["Fetch", `${stage.rowcast}events/picks?rows=0&lastEventId=${encodeURIComponent(id)}`, undefined]]);
});

const plain = (status, body = "") => ({ status, contentType: "text/html", body });

scene("what a server may get over is asked again, later each time", async () => {
  const page = await blank(await open());
  const times = await answer(page, plain(502), plain(503), plain(429), plain(408));
  await watch(page);
  assert.equal(times.length, 5);
  const waits = times.slice(1).map((t, i) => t - times[i]);
  // The page knows no retry yet: 2 s, then more by 1, 2, 4 and 8 s, all with up to a half of jitter.
  waits.forEach((wait, i) => assert.ok(wait > 2900 + 1000 * (2 ** i - 1) && wait < 6000 + 1500 * 2 ** i, waits.join()));
  assert.deepEqual(await got(page, "states"), ["connecting", "reconnecting", "open"]);
  assert.deepEqual(page.wrong, []);
});

for (const [what, given, message] of [
  ["a problem's detail", { status: 403, contentType: "application/problem+json", body: '{"detail":"not for you"}' }, "not for you"],
  ["a page of a proxy", plain(401, "<h1>401</h1>"), "URL answers 401 Unauthorized"],
  ["JSON of something else", { status: 404, contentType: "application/json", body: "null" }, "URL answers 404 Not Found"],
  ["a page instead of a stream", plain(200, "<h1>Welcome</h1>"), "URL answers with text/html, not text/event-stream"],
  ["nothing for good", { status: 204 }, "URL answers 204 No Content"],
]) {
  scene(`what is refused is final, and the page's handler has the reason: ${what}`, async () => {
    const page = await blank(await open());
    const times = await answer(page, given);
    await handled(page);
    await becomes("the states", ["connecting", "closed"], () => got(page, "states"));
    const url = `${stage.rowcast}events/picks?rows=0`;
    assert.deepEqual(await page.evaluate(() => errors), [[true, message.replace("URL", url), given.status, url]]);
    await new Promise((done) => setTimeout(done, 3000)); // nothing is to be seen in it
    assert.equal(times.length, 1);
    assert.deepEqual(page.wrong, []);
  });
}

scene("the browser is online again: at once", async () => {
  const context = await open();
  const page = await blank(context);
  await watch(page, "picks", { share: false });
  await context.setOffline(true);
  await order("kill"); // what is open stays open when a browser goes offline
  await until("failures", async () => (await got(page, "states")).includes("reconnecting"));
  await order("start");
  await ready();
  await new Promise((done) => setTimeout(done, 8000)); // the pauses grow to 8 s and more
  await insert("Offline");
  const began = Date.now();
  await context.setOffline(false);
  await becomes("the change", ["Offline"], () => got(page));
  assert.ok(Date.now() - began < 2500, `${Date.now() - began} ms`);
});

scene("headers of the page's own, asked for each time", async () => {
  const page = await blank(await open());
  const asked = requests(page);
  await page.evaluate(async () => {
    const { subscribe } = await import("/rowcast.js");
    let n = 0;
    window.sub = subscribe("picks", { headers: async () => ({ Authorization: `Bearer ${++n}` }) });
    subscribe("teams", { headers: { "X-Fixed": "1" } });
  });
  await until("the connection", () => page.evaluate(() => sub.state === "open"));
  await order("kill");
  await order("start");
  await until("another", () => asked.filter((r) => r.url().includes("picks")).length > 1);
  const of = (name, header) => asked.filter((r) => r.url().includes(name)).map((r) => r.headers()[header]);
  assert.deepEqual(of("picks", "authorization").slice(0, 2), ["Bearer 1", "Bearer 2"]);
  assert.equal(of("teams", "x-fixed")[0], "1");
  assert.deepEqual(await page.evaluate(async () => (await navigator.locks.query()).held), [], "pages with headers of their own share no connection");
});

scene("every event name is heard without being asked for; pings are not changes", async () => {
  const page = await blank(await open());
  await page.evaluate(async () => {
    const { subscribe } = await import("/rowcast.js");
    window.heard = [];
    window.sub = subscribe("round", { params: { round: 7 }, onChange: (c, e) => heard.push([e.type, c.row.player]) });
  });
  await until("the connection", () => page.evaluate(() => sub.state === "open"));
  await sql("INSERT INTO draft.picks (round, team, player) VALUES (7, 'Jets', 'Seven')", "UPDATE draft.picks SET player = 'Sieben' WHERE round = 7");
  await becomes("both", [["insert", "Seven"], ["update", "Sieben"]], () => page.evaluate(() => heard));
  await new Promise((done) => setTimeout(done, 2500)); // two pings
  assert.equal(await page.evaluate(() => heard.length), 2);
});

scene("texts stay texts, whatever they look like", async () => {
  const page = await blank(await open());
  await page.evaluate(async () => {
    const { subscribe } = await import("/rowcast.js");
    window.heard = [];
    window.sub = [{}, { text: true }].map((options, i) => subscribe("text", { ...options, share: false, onChange: (text) => heard.push([i, typeof text, JSON.stringify(text)]) }));
  });
  await until("the connections", () => page.evaluate(() => sub.every((s) => s.state === "open")));
  const texts = ["42", "true", "null", "[1]", '"x"', "plain", "{a}", '{"json":1}'];
  await insert(...texts);
  await until("all", () => page.evaluate((n) => heard.length === n, 2 * texts.length));
  const heard = (i) => page.evaluate((i) => heard.filter((h) => h[0] === i).map((h) => h.slice(1)), i);
  assert.deepEqual(await heard(1), texts.map((text) => ["string", JSON.stringify(text)]));
  assert.deepEqual(await heard(0), [...texts.slice(0, -1).map((text) => ["string", JSON.stringify(text)]), ["object", '{"json":1}']]);
});

scene("through a proxy that collects whole answers: by long polls, by itself", async () => {
  const page = await (await open()).newPage();
  await page.goto(stage.control + "cross.html");
  const asked = requests(page);
  await page.evaluate(async () => {
    const { subscribe } = await import("/buffered/rowcast.js");
    window.got = { players: [] };
    window.sub = subscribe("picks", { onChange: (c) => got.players.push(c.row.player) });
  });
  await until("the connection", () => page.evaluate(() => sub.state === "open"));
  await insert("a", "b");
  await becomes("both", ["a", "b"], () => got(page));
  await order("kill");
  await insert("c");
  await order("start");
  await becomes("all", ["a", "b", "c"], () => got(page));
  assert.equal(asked[0].headers().accept, "text/event-stream");
  assert.equal(asked.at(-1).headers().accept, "application/json");
});

scene("a pause leaves nothing on the signal that may end it", async () => {
  const page = await blank(await open());
  const left = await page.evaluate(async () => {
    const { pause } = await import("/rowcast/connection.js");
    const { signal } = new AbortController();
    let listeners = 0;
    const [add, remove] = [signal.addEventListener, signal.removeEventListener];
    signal.addEventListener = (...args) => (listeners++, add.apply(signal, args));
    signal.removeEventListener = (...args) => (listeners--, remove.apply(signal, args));
    for (let i = 0; i < 5; i++) await pause(1, signal);
    return listeners;
  });
  assert.equal(left, 0);
});
