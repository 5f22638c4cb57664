// Each example, opened and seen to work; and collections.
import { assert, becomes, insert, open, order, ready, scene, sql, stage, until, visit } from "./stage.mjs";
import { blank } from "./watch.mjs";

const example = async (name) => visit(await open(), `${stage.rowcast}examples/${name}`);
const count = (page, selector) => () => page.locator(selector).count();

/** Changes until the first of them is seen: a plain EventSource does not tell when it begins. */
async function changing(page, selector) {
  await until("a first change", async () => {
    await insert("first");
    return (await page.locator(selector).count()) > 0;
  });
}

scene("ten lines of HTML", async () => {
  const page = await example("plain.html");
  await changing(page, "#picks li");
  await insert("Ten Lines");
  await until("the row", async () => (await page.locator("#picks li").last().textContent()).includes("Ten Lines"));
  assert.deepEqual(page.wrong, []);
});

scene("the index leads to all of them", async () => {
  const page = await visit(await open(), `${stage.rowcast}examples`); // as people type it
  assert.equal(page.url(), `${stage.rowcast}examples/`);
  const links = await page.locator("li a").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
  assert.deepEqual(links, ["plain.html", "list.html", "badge.html", "table.html"]);
  for (const link of links) assert.equal((await page.request.get(`${stage.rowcast}examples/${link}`)).status(), 200);
  for (const path of ["", "examples/", ...links.map((link) => `examples/${link}`)]) { // else browsers ask for /favicon.ico, in vain
    await page.goto(stage.rowcast + path);
    assert.match(await page.locator("head link[rel=icon]").getAttribute("href"), /^data:/, path);
  }
  assert.deepEqual(page.wrong, []);
});

scene("the live list: disconnect, connect, states", async () => {
  const page = await example("list.html");
  const state = () => page.locator("#state").textContent();
  await becomes("the state", "connected", state);
  await changing(page, "#list li");
  await page.getByRole("button", { name: "Disconnect" }).click();
  await becomes("the state", "disconnected", state);
  await insert("unseen");
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await becomes("the state", "connected", state);
  await order("kill");
  await becomes("the state", "reconnecting", state);
  await insert("While It Was Dead");
  await order("start");
  await ready();
  await until("the row", async () => (await page.locator("#list li").first().textContent()).includes("While It Was Dead"));
  assert.deepEqual(page.wrong, []);
});

scene("the badge counts, also across a reload", async () => {
  const page = await example("badge.html");
  await until("a place to go on from", () => page.evaluate(() => Object.keys(sessionStorage).some((k) => k.startsWith("rowcast:"))));
  await insert("One", "Two");
  await becomes("the badge", "2", () => page.locator("#badge").textContent());
  await page.goto("about:blank");
  await insert("Three");
  await page.goto(`${stage.rowcast}examples/badge.html`);
  await becomes("the badge", "3", () => page.locator("#badge").textContent());
  assert.equal(await page.title(), "(3) Notifications");
  await page.getByRole("button").click();
  await becomes("no badge", "", () => page.locator("#badge").textContent());
  assert.deepEqual(page.wrong, []);
});

scene("the live table follows inserts, updates, deletes and keys", async () => {
  const page = await example("table.html");
  await becomes("the state", "open", () => page.locator("#state").textContent());
  await sql("TRUNCATE draft.picks");
  await insert("Ann", "Bob", "Cleo");
  await becomes("three rows", 3, count(page, "#rows tr"));
  await sql("UPDATE draft.picks SET player = 'Bobby' WHERE id = 2", "UPDATE draft.picks SET id = 10 WHERE id = 3", "DELETE FROM draft.picks WHERE id = 1");
  await becomes("the table", ["21OilersBobby", "101OilersCleo"], () => page.locator("#rows tr").allTextContents());
  await sql("TRUNCATE draft.picks");
  await becomes("an empty table", 0, count(page, "#rows tr"));
  assert.deepEqual(page.wrong, []);
});

scene("a collection loads, holds changes meanwhile, and loads again after a reset", async () => {
  await sql("TRUNCATE draft.picks");
  await insert("Old");
  const page = await blank(await open());
  await page.evaluate(async () => {
    const { collection } = await import("/rowcast.js");
    window.rows = [{ id: 1, round: 1, team: "Oilers", player: "Old" }];
    window.loads = 0;
    window.ops = [];
    window.picks = collection("picks", {
      async load() {
        if (++loads === 1) throw new Error("the first load fails");
        await new Promise((done) => (window.loaded = done));
        return rows;
      },
    });
    picks.addEventListener("change", ({ detail }) => ops.push(detail.op));
  }).catch(() => {});
  await until("the second load", () => page.evaluate(() => loads === 2 && !!window.loaded));
  await insert("While It Loads");
  assert.deepEqual(await page.evaluate(() => [picks.size, picks.state]), [0, "connecting"]);
  await page.evaluate(() => loaded());
  await becomes("both rows", ["Old", "While It Loads"], () => page.evaluate(() => [...picks.values()].map((r) => r.player)));
  await sql("UPDATE draft.picks SET player = 'New' WHERE id = 1");
  await becomes("the update", "New", () => page.evaluate(() => picks.get(1).player));
  assert.deepEqual(await page.evaluate(() => ops), ["load", "insert", "update"]);
  await page.evaluate(() => (window.rows = []));
  await sql("TRUNCATE draft.picks");
  await until("the third load", () => page.evaluate(() => loads === 3));
  assert.equal(await page.evaluate(() => picks.state), "reset");
  await page.evaluate(() => loaded());
  await becomes("nothing", [0, "open"], () => page.evaluate(() => [picks.size, picks.state]));
  await page.evaluate(() => picks.close());
  assert.equal(page.wrong.filter((w) => !w.includes("the first load fails")).length, 0);
});

scene("collections by key, by column and by function, where changes leave columns out", async () => {
  await sql("TRUNCATE draft.picks", "INSERT INTO draft.picks (id, team, player) VALUES (1, 'Oilers', 'Old')");
  const page = await blank(await open());
  await page.evaluate(async () => {
    const { collection } = await import("/rowcast.js");
    const load = async () => [{ id: 1, round: 1, team: "Oilers", player: "Old" }];
    window.all = [undefined, "id", (row) => row.id].map((key) => collection("picks", { key, load }));
  });
  const rows = () => page.evaluate(() => all.map((c) => [...c].map(([key, { team, player }]) => [key, team, player].join(" "))));
  const each = (...lines) => [lines, lines, lines];
  await until("the connections", () => page.evaluate(() => all.every((c) => c.state === "open")));
  await sql("SET SESSION binlog_row_image = MINIMAL", "UPDATE draft.picks SET player = 'New' WHERE id = 1", "UPDATE draft.picks SET id = 2 WHERE id = 1");
  await becomes("the row", each("2 Oilers New"), rows);
  await sql("DELETE FROM draft.picks WHERE id = 2", "SET SESSION binlog_row_image = FULL");
  await becomes("nothing", each(), rows);
  assert.deepEqual(page.wrong, []);
});

scene("numbers as texts: one row is one row, whoever wrote its key how", async () => {
  await sql("TRUNCATE draft.picks", "INSERT INTO draft.picks (id, team, player) VALUES (7, 'Oilers', 'Old')");
  const page = await blank(await open());
  await page.evaluate(async () => {
    const { collection } = await import("/rowcast.js");
    const load = async () => [{ id: "7", round: "1", team: "Oilers", player: "Old" }];
    window.given = [];
    window.all = [undefined, "id", ["id"], ["team", "id"], (row) => String(row.id)].map((key, i) =>
      collection("picks", { key, load, onChange: (change, event) => given.push([i, event.type, event.id]) }));
  });
  await until("the connections", () => page.evaluate(() => all.every((c) => c.state === "open")));
  await sql("UPDATE draft.picks SET player = 'New' WHERE id = 7");
  const rows = () => page.evaluate(() => all.map((c) => [...c].map(([key, { player }]) => `${key} ${player}`).join()));
  const several = '["Oilers",7]';
  await becomes("one row each", ["7 New", "7 New", "7 New", `${several} New`, "7 New"], rows);
  assert.deepEqual(await page.evaluate(() => [all[0].get("7").player, all[0].get(7).player, all[1].has("7"), all[0].has("07"), all[2].has([7]), all[3].has(["Oilers", "7"])]),
    ["New", "New", true, false, true, true]);
  assert.deepEqual((await page.evaluate(() => given)).map(([i, type, id]) => [i, type, /^binlog/.test(id)]).sort(), [0, 1, 2, 3, 4].map((i) => [i, "message", true]));
  assert.deepEqual(page.wrong, []);
});

scene("a load is told when its answer is no longer wanted", async () => {
  await sql("TRUNCATE draft.picks");
  const page = await blank(await open());
  await page.evaluate(async () => {
    const { collection } = await import("/rowcast.js");
    window.ends = [];
    let n = 0;
    window.picks = collection("picks", {
      load: (reset, { signal }) => new Promise((done) => {
        const mine = ++n;
        if (mine === 2) done([{ id: 2, player: reset.reason }]);
        signal.addEventListener("abort", () => (ends.push(mine), done([{ id: mine, player: "out of date" }])));
      }),
    });
  });
  await until("the connection", () => page.evaluate(() => picks.lastEventId));
  await sql("TRUNCATE draft.picks");
  await becomes("the second load's rows", ["schema"], () => page.evaluate(() => [...picks.values()].map((r) => r.player)));
  assert.deepEqual(await page.evaluate(() => ends), [1]);
  await page.evaluate(() => picks.close());
  assert.deepEqual(await page.evaluate(() => ends), [1]);
});
