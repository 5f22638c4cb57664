// phpMyAdmin in one window, rowcast's page in another.
import { assert, becomes, open, scene, stage, until, visit } from "./stage.mjs";

/** The form field of a column, on phpMyAdmin's pages that insert and edit. */
const field = (page, column) =>
  page.locator(`tr:has(input[name^="fields_name[multi_edit][0]"][value="${column}"]) :is(input, textarea)[name^="fields[multi_edit][0]"]`).first();

/** Opens one of phpMyAdmin's pages. */
async function go(page, route) {
  await page.goto(`${stage.pma}index.php?route=${route}`);
  await page.waitForLoadState("networkidle");
}

/**
 * Fills in what open leads to and sends it, until the change number n has come:
 * phpMyAdmin's scripts put a form in order after it is shown, and what somebody
 * was too quick with is lost.
 */
async function save(page, changes, n, open, values) {
  await until(`phpMyAdmin to save ${JSON.stringify(values)}`, async () => {
    await open();
    for (const [column, value] of Object.entries(values)) await field(page, column).fill(value);
    await page.locator("#buttonYes").first().click();
    await changes.nth(n - 1).waitFor({ timeout: 10000 });
    return true;
  });
  await page.waitForLoadState("networkidle");
}

scene("a row inserted, then edited, through phpMyAdmin's own forms appears without a reload", async () => {
  const page = await visit(await open(), stage.rowcast);
  await becomes("the page to be connected", "open", () => page.locator("#state").textContent());
  await page.evaluate(() => (window.neverReloaded = true));
  const list = page.locator("#changes li");

  const admin = await (await open()).newPage();
  admin.setDefaultTimeout(15000);
  await save(admin, list, 1, () => go(admin, "/table/change&db=draft&table=picks"), { round: "2", team: "Oilers", player: "Jori Lahtinen" });
  assert.match(await list.first().textContent(), /insert.*round 2.*Oilers.*Jori Lahtinen/s);

  await save(admin, list, 2, async () => {
    await go(admin, "/sql&db=draft&table=picks&pos=0");
    await admin.locator(".edit_row_anchor a").first().click();
    await becomes("the form to edit it", "Jori Lahtinen", () => field(admin, "player").inputValue());
    await admin.waitForLoadState("networkidle");
  }, { player: "Jori Lähtinen <b>" });
  assert.match(await list.first().textContent(), /update.*Jori Lähtinen <b>/s);
  assert.equal(await list.count(), 2);
  assert.equal(await page.evaluate(() => window.neverReloaded), true);
  assert.deepEqual(page.wrong, []);
});
