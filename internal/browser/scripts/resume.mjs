// Nothing lost, nothing twice: kills, reloads, resets.
import { assert, becomes, insert, open, order, ready, scene, sql, stage, until, visit } from "./stage.mjs";
import { blank, got, reload, subscribe, watch } from "./watch.mjs";

const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => `player ${from + i}`);

scene("rowcast is killed and restarted, again and again", async () => {
  const page = await watch(await blank(await open()));
  const plain = await blank(await open());
  await plain.evaluate(() => {
    window.got = [];
    const source = new EventSource("/events/picks");
    source.onmessage = (e) => window.got.push(JSON.parse(e.data).row.player);
    return new Promise((done) => (source.onopen = done));
  });
  for (let n = 0; n < 30; n += 10) {
    await insert(...numbers(n, n + 4));
    await Promise.all([order("kill"), insert(...numbers(n + 4, n + 8))]);
    await insert(...numbers(n + 8, n + 10));
    await order("start");
    await ready();
  }
  await becomes("each player once", numbers(0, 30), () => got(page));
  await becomes("each player once, by EventSource alone", numbers(0, 30), () => plain.evaluate(() => window.got));
  const ids = await got(page, "ids");
  assert.equal(new Set(ids).size, 30);
  assert.deepEqual(await got(page, "resets"), []);
  assert.ok((await got(page, "states")).includes("reconnecting"));
  assert.deepEqual(page.wrong, []);
});

scene("a page that is reloaded goes on where it was", async () => {
  const page = await watch(await blank(await open()));
  await watch(await reload(page, () => insert("before the first event")));
  await becomes("what came meanwhile", ["before the first event"], () => got(page));
  await watch(await reload(page, () => insert("one", "two")));
  await becomes("what came meanwhile, and nothing else", ["one", "two"], () => got(page));
  await insert("three");
  await becomes("what comes now", ["one", "two", "three"], () => got(page));
});

scene("a reset is told: purged, and a table that was emptied", async () => {
  const page = await watch(await blank(await open()));
  const human = await visit(await open(), stage.rowcast);
  await until("its connection", async () => (await human.locator("#state").textContent()) === "open");
  // Not watch: it would wait for "open", which the reset may end at once.
  await subscribe(await reload(page, async () => {
    await order("kill");
    await insert("never to be seen");
    await order("purge");
    await order("start");
    await ready();
  }));
  await becomes("the reset", ["purged"], () => got(page, "resets"));
  await insert("after");
  await becomes("what came after", ["after"], () => got(page));
  // It was there before, too. Back only after the TRUNCATE, it would not hear of that.
  const resets = human.locator("#changes li.reset");
  await until("the page's own reset", async () => (await resets.count()) > 0);
  await sql("TRUNCATE draft.picks");
  await becomes("the second reset", ["purged", "schema"], () => got(page, "resets"));
  assert.equal(await page.evaluate(() => sub.state), "reset");
  await insert("after that");
  await becomes("what came after", ["after", "after that"], () => got(page));
  assert.equal(await page.evaluate(() => sub.state), "open");
  await until("the second reset on the page", async () => /schema: TRUNCATE/.test(await resets.first().textContent()));
  assert.match(await human.locator("#changes li.reset .id").first().textContent(), /^binlog\.\d+\/\d+~/); // a checkpoint of its own
});

scene("changes wait while a page fetches its data again", async () => {
  const page = await blank(await open());
  await page.evaluate(async () => {
    const { subscribe } = await import("/rowcast.js");
    window.log = [];
    window.sub = subscribe("picks", {
      onChange: (c) => log.push(c.row.player),
      onReset: () => (log.push("reset"), new Promise((done) => (window.fetched = () => (log.push("fetched"), done())))),
    });
  });
  await until("the connection", () => page.evaluate(() => sub.state === "open"));
  await sql("TRUNCATE draft.picks");
  await becomes("the reset", ["reset"], () => page.evaluate(() => log));
  const id = await page.evaluate(() => sub.lastEventId);
  await insert("held back");
  await sql("INSERT INTO draft.teams VALUES (5, 'Kings')");
  await new Promise((done) => setTimeout(done, 300)); // there is nothing to see in it: it must not come
  assert.deepEqual(await page.evaluate(() => [log, sub.state, sub.lastEventId]), [["reset"], "reset", id]);
  await page.evaluate(() => fetched());
  await becomes("the rest", ["reset", "fetched", "held back"], () => page.evaluate(() => log));
  assert.equal(await page.evaluate(() => sub.state), "open");
});

scene("silence is noticed: the server hangs", async () => {
  const page = await watch(await blank(await open()));
  await order("freeze");
  await until("the state", async () => (await got(page, "states")).includes("stale"));
  await insert("while it hung");
  await order("thaw");
  await until("the connection", () => page.evaluate(() => sub.state === "open"));
  await becomes("what came meanwhile", ["while it hung"], () => got(page));
});

scene("what is refused is closed, with the reason", async () => {
  const page = await subscribe(await blank(await open()), "piks");
  await becomes("the state", ["connecting", "closed"], () => got(page, "states"));
  assert.match((await got(page, "details")).at(-1), /picks/);
});

scene("close is for good, and the database may be away at the start", async () => {
  const page = await watch(await blank(await open()));
  await page.evaluate(() => sub.close());
  await insert("unseen");
  assert.deepEqual(await got(page), []);
  assert.deepEqual((await got(page, "states")).at(-1), "closed");
  await order("kill");
  await order("db-kill");
  await order("start");
  await until("rowcast to answer", async () => (await fetch(stage.rowcast + "healthz")).ok);
  const late = await subscribe(await blank(await open()));
  await until("its state", async () => (await got(late, "states")).includes("reconnecting"));
  await order("db-start");
  await until("an open subscription", () => late.evaluate(() => sub.state === "open"));
  await insert("seen");
  await becomes("the change", ["seen"], () => got(late));
});

scene("by long polls", async () => {
  const page = await blank(await open());
  const asked = [];
  page.on("request", (r) => r.url().includes("/events/") && asked.push(r.headers().accept));
  const poll = { poll: true };
  await watch(page, "picks", poll);
  await insert("a", "b");
  await becomes("both", ["a", "b"], () => got(page));
  await order("kill");
  await insert("c");
  await order("start");
  await becomes("all", ["a", "b", "c"], () => got(page));
  await sql("TRUNCATE draft.picks");
  await becomes("the reset", ["schema"], () => got(page, "resets"));
  await watch(await reload(page, () => insert("d")), "picks", poll);
  await becomes("the rest", ["d"], () => got(page));
  assert.deepEqual([...new Set(asked)], ["application/json"]);
});
