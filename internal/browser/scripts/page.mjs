// The page at /.
import { assert, becomes, insert, open, order, ready, scene, sql, stage, until, visit } from "./stage.mjs";

const texts = (page, selector) => page.locator(selector).allTextContents();
const state = (page) => page.locator("#state").textContent();
const isOpen = (page) => becomes("the page to be connected", "open", () => state(page));

scene("changes appear without a reload, newest first", async () => {
  const page = await visit(await open(), stage.rowcast);
  await isOpen(page);
  assert.deepEqual(await texts(page, ".stream .name b"), ["picks", "round", "teams"]);
  await insert("Jori Lahtinen", "Emil Roy");
  await becomes("both players", 2, () => page.locator("#changes li").count());
  const [first] = await texts(page, "#changes li");
  assert.match(first, /insert.*picks 2.*Emil Roy.*ago.*binlog\.\d+\/\d+\/0\.0~/s);
  await sql("UPDATE draft.picks SET team = 'Flames' WHERE id = 2", "DELETE FROM draft.picks WHERE id = 1");
  await becomes("their ops", ["delete", "update", "insert", "insert"], () => texts(page, "#changes .op"));
  await sql("INSERT INTO draft.teams VALUES (1, 'Jets')", "UPDATE draft.teams SET name = 'Wild' WHERE id = 1");
  await becomes("what was before", "Jets", () => page.locator("#changes li .changed del").first().textContent());
  assert.match(await page.locator("#position").textContent(), /^binlog\.\d+\/\d+/);
  await until("the lag", async () => /\d/.test(await page.locator("#lag").textContent()));
  assert.deepEqual(page.wrong, []);
});

scene("values from the database are text, whatever they hold", async () => {
  const page = await visit(await open(), stage.rowcast);
  await isOpen(page);
  const evil = `<img src=x onerror="document.title=1"><script>document.title=2</script>`;
  await insert(evil, "line\r\nid: x\r\n\r\ndata: y");
  await becomes("both", 2, () => page.locator("#changes li").count());
  assert.ok((await texts(page, "#changes li"))[1].includes(evil));
  assert.equal(await page.locator("#changes img, #changes script").count(), 0);
  assert.equal(await page.title(), "rowcast");
  assert.deepEqual(page.wrong, []);
});

scene("filter, pause and clear; by keyboard", async () => {
  const page = await visit(await open(), stage.rowcast);
  await isOpen(page);
  await insert("Anna", "Bert", "Carl");
  await becomes("three", 3, () => page.locator("#changes li").count());
  await page.keyboard.type("p/BERT"); // keys mean something to what has the focus, and to nothing else
  assert.equal(await page.locator("#pause").getAttribute("aria-pressed"), "false");
  assert.equal(await page.locator("#filter").inputValue(), "");
  await page.locator(".skip").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "filter");
  await page.keyboard.type("BERT");
  await becomes("one", 1, () => page.locator("#changes li").count());
  await page.locator("#filter").fill("");
  await page.locator("#filter").press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "pause");
  await page.keyboard.press("Space");
  assert.equal(await page.locator("#pause").getAttribute("aria-pressed"), "true");
  await insert("Dora");
  await until("the count of what came", async () => (await page.locator("#count").textContent()).includes("paused, 1 more came"));
  assert.equal(await page.locator("#changes li").count(), 3);
  await page.keyboard.press("Space");
  await becomes("all", 4, () => page.locator("#changes li").count());
  await page.locator("#clear").click();
  await becomes("none", 0, () => page.locator("#changes li").count());
  assert.match(await page.locator("#empty").textContent(), /Waiting for changes of picks, teams/);
});

scene("ids are compared by their numbers", async () => {
  const page = await visit(await open(), stage.rowcast);
  const ordered = ["binlog.000009/4~67a1f3b2", "binlog.000009/4/0.0~67a1f3b2", "binlog.000009/4/0.0~67a1f3b2.1", "binlog.000009/4/0.0~67a1f3b2.10",
    "binlog.000009/4/0.1~67a1f3b2", "binlog.000009/4/0.10~67a1f3b2", "binlog.000010/4~00000001"];
  const after = await page.evaluate(async (ids) => {
    const { isAfter } = await import("/rowcast.js");
    return ids.map((a) => ids.map((b) => isAfter(a, b)));
  }, ordered);
  assert.deepEqual(after, ordered.map((_, i) => ordered.map((_, k) => i > k)));
});

scene("streams are chosen; parameters and snippets", async () => {
  const page = await visit(await open({ permissions: ["clipboard-read", "clipboard-write"] }), stage.rowcast);
  await isOpen(page);
  const box = (n) => page.locator(".stream").nth(n).getByRole("checkbox");
  await box(2).uncheck();
  await box(1).check();
  await until("the missing parameter", async () => (await page.locator("#trouble").textContent()).includes("round"));
  await page.getByLabel("round", { exact: true }).last().fill("7");
  await page.keyboard.press("Tab");
  await isOpen(page);
  await sql("INSERT INTO draft.picks (round, team, player) VALUES (6, 'Jets', 'Three'), (7, 'Jets', 'Four')");
  await becomes("two streams of one table", 3, () => page.locator("#changes li").count());
  assert.match((await texts(page, "#changes li"))[0], /Four.*0\.1~\w+\.1/s);
  await page.locator("#clear").click();
  await box(0).uncheck();
  await isOpen(page);
  await sql("INSERT INTO draft.picks (round, team, player) VALUES (6, 'Jets', 'Six'), (7, 'Jets', 'Seven')");
  await becomes("round seven alone", 1, () => page.locator("#changes li").count());
  assert.match((await texts(page, "#changes li"))[0], /Seven/);
  const card = page.locator(".stream").nth(1);
  await card.getByText("Columns and snippet").click();
  await card.getByRole("combobox").selectOption("curl");
  await card.getByRole("button").click();
  await becomes("what the button says, seen and heard", ["Copied the snippet of round", "Copied"], () =>
    Promise.all([card.getByRole("button").textContent(), card.getByRole("status").textContent()]));
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `curl -N '${stage.rowcast}events/round?round=7'`);
  await becomes("the button", 1, () => card.getByRole("button", { name: "Copy the snippet of round", exact: true }).count());
  for (const kind of ["html", "module", "collection"]) {
    await card.getByRole("combobox").selectOption(kind);
    assert.match(await card.locator("pre").textContent(), /round/);
  }
});

scene("an address with anything after its #", async () => {
  for (const [hash, names] of [["#%", "picks, teams"], ["#teams", "teams"], ["#%E0%A4%A", "picks, teams"], ["#nothing", "picks, teams"]]) {
    const page = await visit(await open(), stage.rowcast + hash);
    await isOpen(page);
    assert.deepEqual([await page.locator("#followed").textContent(), await page.locator("#trouble").textContent()], [names, ""], hash);
    assert.deepEqual(page.wrong, []);
  }
});

scene("while all is well the page leaves the server alone, and what it has is not sent again", async () => {
  const context = await open();
  const page = await visit(context, stage.rowcast);
  await isOpen(page);
  const asked = [];
  page.on("request", (r) => asked.push(r.url()));
  await insert("One", "Two", "Three");
  await becomes("three", 3, () => page.locator("#changes li").count());
  await new Promise((done) => setTimeout(done, 12000)); // nothing is to be seen in it
  assert.deepEqual(asked, []);
  const files = [];
  page.on("response", (r) => /[/]$|[.](js|css)$/.test(r.url()) && files.push(r.request()));
  await page.reload();
  await isOpen(page);
  assert.ok(files.length > 10, `${files.length} files`);
  for (const file of files) assert.equal((await file.sizes()).responseBodySize, 0, file.url());
});

scene("a stream that a reload of the config adds is listed, and no change is lost", async () => {
  const page = await visit(await open(), stage.rowcast);
  await isOpen(page);
  await insert("Before");
  await order("config", '\n[[table]]\nname = "draft.teams"\nas = "names"\ncolumns = ["name"]\n');
  await becomes("the streams", ["picks", "round", "teams", "names"], () => texts(page, ".stream .name b"));
  await insert("After");
  await until("both", async () => /After.*Before/s.test((await texts(page, "#changes li")).join()));
  assert.equal(await page.locator("#changes li").count(), 2);
});

scene("every control has a name, and nothing overflows a phone", async () => {
  for (const colorScheme of ["dark", "light"]) {
    const page = await visit(await open({ viewport: { width: 360, height: 740 }, colorScheme }), stage.rowcast);
    await isOpen(page);
    await insert("x".repeat(190));
    await becomes("one", 1, () => page.locator("#changes li").count());
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    const unnamed = await page.evaluate(() => [...document.querySelectorAll("button, input, select")]
      .filter((e) => !e.labels?.[0]?.textContent.trim() && !e.textContent.trim() && !e.ariaLabel).map((e) => e.outerHTML));
    assert.deepEqual(unnamed, []);
    // What is focused has a name and a role; lists without markers are lists in Safari only if they say so.
    const silent = await page.evaluate(() => [...document.querySelectorAll("[tabindex='0']")].filter((e) => !e.role || !e.ariaLabel).map((e) => e.outerHTML));
    assert.deepEqual(silent, []);
    const lists = await page.evaluate(() => [...document.querySelectorAll("ul, ol")].filter((e) => getComputedStyle(e).listStyleType === "none" && e.role !== "list").map((e) => e.id));
    assert.deepEqual(lists, []);
  }
});

scene("the database goes away: the reason in words, and everything after", async () => {
  const page = await visit(await open(), stage.rowcast);
  await isOpen(page);
  await order("db-kill");
  await until("the reason", async () => (await page.locator("#trouble").textContent()).includes("binlog is not connected"));
  await order("db-start");
  await insert("Back Again");
  await until("the change", async () => (await texts(page, "#changes li")).join().includes("Back Again"));
  await becomes("no reason any more", "", () => page.locator("#trouble").textContent());
  await order("kill");
  await until("the reason", async () => (await page.locator("#trouble").textContent()).includes("rowcast does not answer"));
  assert.equal(await state(page), "reconnecting");
  await insert("While It Was Dead");
  await order("start");
  await ready();
  await until("the change", async () => (await texts(page, "#changes li")).join().includes("While It Was Dead"));
  await becomes("no reason any more", "", () => page.locator("#trouble").textContent());
  await isOpen(page);
  assert.deepEqual(page.wrong, []);
});
