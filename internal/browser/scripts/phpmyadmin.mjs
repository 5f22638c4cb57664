// phpMyAdmin in one window, rowcast's page in another.
import { assert, becomes, open, scene, stage, until, visit } from "./stage.mjs";

/** The form field of a column, on phpMyAdmin's pages that insert and edit. */
const field = (page, column) =>
  page.locator(`tr:has(input[name^="fields_name[multi_edit][0]"][value="${column}"]) :is(input, textarea)[name^="fields[multi_edit][0]"]`).first();

/** Opens one of phpMyAdmin's pages; its forms work once its scripts, which are many, have come to rest. */
async function go(page, route) {
  await page.goto(`${stage.pma}index.php?route=${route}`);
  await page.waitForLoadState("networkidle");
}

/** Sends the form until its change has come: a click that phpMyAdmin's scripts are not ready for is lost. */
async function save(page, changes, n) {
  await until("phpMyAdmin to save it", async () => {
    await page.locator("#buttonYes").first().click({ timeout: 2000 });
    await changes.nth(n - 1).waitFor({ timeout: 15000 });
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
  await go(admin, "/table/change&db=draft&table=picks");
  await field(admin, "round").fill("2");
  await field(admin, "team").fill("Oilers");
  await field(admin, "player").fill("Jori Lahtinen");
  await save(admin, list, 1);
  await becomes("the new row", 1, () => list.count());
  assert.match(await list.first().textContent(), /insert.*round 2.*Oilers.*Jori Lahtinen/s);

  await go(admin, "/sql&db=draft&table=picks&pos=0");
  await admin.locator("td.edit_row_anchor a, .edit_row_anchor a").first().click();
  await becomes("the form to edit it", "Jori Lahtinen", () => field(admin, "player").inputValue());
  await admin.waitForLoadState("networkidle");
  await field(admin, "player").fill("Jori Lähtinen <b>");
  await save(admin, list, 2);
  await becomes("the edited row", 2, () => list.count());
  assert.match(await list.first().textContent(), /update.*Jori Lähtinen <b>/s);
  assert.equal(await page.evaluate(() => window.neverReloaded), true);
  assert.deepEqual(page.wrong, []);
});
