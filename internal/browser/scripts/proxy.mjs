// Behind nginx with its buffering left on; and over HTTP/2.
import { assert, becomes, insert, open, order, ready, scene, stage, until, visit } from "./stage.mjs";

const isOpen = (page) => becomes("the page to be connected", "open", () => page.locator("#state").textContent());
const list = (page) => page.locator("#changes li").allTextContents();

for (const path of ["", "under/"]) {
  scene(`the page through nginx at /${path}: at once, and across a restart`, async () => {
    const page = await visit(await open(), stage.proxy + path);
    await isOpen(page);
    const began = Date.now();
    await insert("Prompt");
    await until("the change", async () => (await list(page)).join().includes("Prompt"));
    assert.ok(Date.now() - began < 5000, "it was not held back in a buffer");
    await order("kill"); // nginx answers 502, for which EventSource alone gives up for good
    await until("the state", async () => (await page.locator("#state").textContent()) === "reconnecting");
    await insert("While It Was Dead");
    await order("start");
    await ready();
    await until("the change", async () => (await list(page)).join().includes("While It Was Dead"));
    assert.equal((await list(page)).length, 2);
    await page.goto(`${stage.proxy}${path}examples`);
    assert.equal(page.url(), `${stage.proxy}${path}examples/`);
    assert.deepEqual(page.wrong, []);
  });
}

scene("HTTP/2: twenty connections of one page, and a restart", async () => {
  const page = await visit(await open(), stage.secure);
  await isOpen(page);
  assert.equal(await page.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol), "h2");
  await page.evaluate(() => {
    window.got = [];
    return Promise.all(Array.from({ length: 20 }, (_, i) => new Promise((done) => {
      const source = new EventSource("/events/picks");
      got[i] = [];
      source.onmessage = (e) => got[i].push(JSON.parse(e.data).row.player);
      source.onopen = done;
    })));
  });
  await insert("Many");
  await becomes("twenty times the change", 20, () => page.evaluate(() => got.filter((g) => g.join() === "Many").length));
  await until("the change on the page", async () => (await list(page)).join().includes("Many"));
  await order("kill");
  await insert("Over");
  await order("start");
  await until("the change", async () => (await list(page)).join().includes("Over"));
  assert.equal((await list(page)).length, 2);
});
