// Where a page goes on: checkpoints of a quiet stream, reloads, components that
// come and go. This rowcast sends no pings, and holds 64 KiB of history.
import { assert, becomes, insert, open, order, ready, scene, sql, stage, until } from "./stage.mjs";
import { blank, got, reload, watch } from "./watch.mjs";

/** How many clients began from the binlog rather than from history. */
async function replays() {
  const text = await (await fetch(stage.admin + "metrics")).text();
  return Number(/^rowcast_resumes_total\{reason="",source="binlog"\} (\d+)/m.exec(text)?.[1] ?? 0);
}

const stored = (page) => page.evaluate(() => Object.entries({ ...sessionStorage }).filter(([k]) => k.startsWith("rowcast:")).map(([, id]) => id));

/** Subscribes in the page as window[name]; window.heard[name] holds what came. */
const listen = (page, name, options = {}) => page.evaluate(async ([name, options]) => {
  const { subscribe } = await import("/rowcast.js");
  const heard = ((window.heard ??= {})[name] = []);
  window[name] = subscribe("picks", { ...options, onChange: (c) => heard.push(c.row.player) });
}, [name, options]);
const isOpen = (page, name) => until("the connection of " + name, () => page.evaluate((name) => window[name].state === "open" && window[name].lastEventId, name));
const heard = (page) => page.evaluate(() => window.heard);

scene("a stream without changes follows the binlog: in this tab, in others, and across a reload", async () => {
  const context = await open();
  const quiet = ["round", { params: { round: 99 } }];
  const leads = await watch(await blank(context), ...quiet), follows = await watch(await blank(context), ...quiet);
  const id = await leads.evaluate(() => sub.lastEventId);
  const all = (n) => `INSERT INTO draft.picks (team, player) VALUES ${Array(100).fill(`('Jets', '${"x".repeat(180)}${n}')`).join()}`;
  for (let n = 0; n < 10; n++) await sql(all(n)); // beyond what history holds
  await insert("last");
  let now;
  await until("rowcast to have read that", async () => {
    const then = now;
    await new Promise((done) => setTimeout(done, 500));
    now = (await (await fetch(stage.rowcast + "readyz")).json()).position;
    return now === then && now !== id;
  });
  for (const page of [leads, follows]) await becomes("the checkpoint", now, () => page.evaluate(() => sub.lastEventId));
  for (const page of [leads, follows]) await becomes("the place", [now], () => stored(page));
  const before = await replays();
  await leads.close();
  const asked = [];
  follows.on("request", (r) => r.url().includes("/events/") && asked.push(r));
  await watch(await reload(follows), ...quiet);
  assert.equal((await asked[0].allHeaders())["last-event-id"], now);
  assert.equal(await replays(), before, "the page did not go on from its checkpoint");
  await sql("INSERT INTO draft.picks (round, team, player) VALUES (99, 'Jets', 'At Last')");
  await becomes("the change", ["At Last"], () => got(follows));
  assert.deepEqual(await got(follows, "resets"), []);
});

scene("a page that loads its data begins with that after a reload, not with old changes", async () => {
  const page = await blank(await open());
  const loading = () => page.evaluate(async () => {
    const { subscribe } = await import("/rowcast.js");
    window.log = [];
    window.sub = subscribe("picks", { load: async (reset, { signal }) => void log.push(`load ${reset} ${signal.aborted}`), onChange: (c) => log.push(c.row.player) });
  });
  await loading();
  await until("the connection", () => page.evaluate(() => sub.state === "open"));
  await insert("before");
  await becomes("the change", ["load undefined false", "before"], () => page.evaluate(() => log));
  await reload(page, () => insert("is in what is loaded"));
  await loading();
  await until("the connection", () => page.evaluate(() => sub.state === "open"));
  await insert("after");
  await becomes("the change", ["load undefined false", "after"], () => page.evaluate(() => log));
});

scene("a component that is mounted later in the same page begins from then", async () => {
  const page = await blank(await open());
  await listen(page, "first");
  await isOpen(page, "first");
  await insert("one");
  await becomes("the change", { first: ["one"] }, () => heard(page));
  await page.evaluate(() => first.close());
  await becomes("no place", [], () => stored(page));
  await insert("while it was not there");
  await listen(page, "second");
  await isOpen(page, "second");
  await insert("two");
  await becomes("what came since", { first: ["one"], second: ["two"] }, () => heard(page));
});

scene("one that is mounted again at once misses nothing, also just after a reload", async () => {
  const page = await blank(await open());
  await listen(page, "first");
  await isOpen(page, "first");
  await reload(page, () => insert("away"));
  await page.evaluate(async () => { // at once: nothing can arrive in between
    const { subscribe } = await import("/rowcast.js");
    window.heard = { mounted: [], again: [] };
    const mount = (name) => subscribe("picks", { onChange: (c) => heard[name].push(c.row.player) });
    mount("mounted").close();
    mount("again");
  });
  await becomes("what was missed", { mounted: [], again: ["away"] }, () => heard(page));
  await new Promise((done) => setTimeout(done, 1500)); // its place is not forgotten after all
  assert.equal((await stored(page)).length, 1);
});

scene("two subscriptions of one stream have a place each", async () => {
  const page = await blank(await open());
  const both = async () => {
    for (const name of ["ahead", "lags"]) await listen(page, name, { share: false });
    for (const name of ["ahead", "lags"]) await isOpen(page, name);
  };
  await both();
  // The second is mounted again where nothing reaches it, while the first goes on.
  await page.evaluate(() => lags.close());
  await page.route("**/events/**", (route) => route.abort());
  await listen(page, "lags", { share: false, after: await page.evaluate(() => lags.lastEventId) });
  await insert("one", "two");
  await becomes("the first", ["one", "two"], async () => (await heard(page)).ahead);
  await reload(page);
  await page.unroute("**/events/**");
  await both();
  await becomes("each what it lacks", { ahead: [], lags: ["one", "two"] }, () => heard(page));
});

scene("a thousand events a second are not a thousand writes", async () => {
  const page = await blank(await open());
  await page.evaluate(() => {
    window.writes = 0;
    const set = Storage.prototype.setItem;
    Storage.prototype.setItem = function (...args) {
      writes++;
      set.apply(this, args);
    };
  });
  await watch(page);
  const began = Date.now();
  await sql(`INSERT INTO draft.picks (team, player) VALUES ${Array(1000).fill("('Jets', 'x')").join()}`);
  await until("all", async () => (await got(page)).length === 1000);
  const writes = await page.evaluate(() => window.writes);
  assert.ok(writes <= 2 + (Date.now() - began + 5000) / 1000, `${writes} writes`);
  const id = await page.evaluate(() => sub.lastEventId);
  await reload(page); // the last of them is written when the page goes
  await watch(page);
  assert.equal((await got(page)).length, 0);
  assert.ok((await stored(page))[0], id);
});

scene("what was refused leaves its place to the next", async () => {
  const page = await blank(await open());
  await listen(page, "first");
  await isOpen(page, "first");
  await page.route("**/events/**", (route) => route.fulfill({ status: 401, contentType: "text/html" }));
  await order("kill");
  await order("start");
  await ready();
  await until("the refusal", () => page.evaluate(() => first.state === "closed"));
  await insert("meanwhile");
  await page.unroute("**/events/**");
  await listen(page, "second");
  await becomes("what came meanwhile", { first: [], second: ["meanwhile"] }, () => heard(page));
});
