// The draft board that `rowcast demo` opens on.
import { assert, becomes, open, scene, stage, until, visit } from "./stage.mjs";

const cell = (page, team, round) => page.locator(`tr:has(th:text-is("${team}")) td`).nth(round - 1);

scene("the board fills as picks come in, in every window", async () => {
  const [one, two] = [await visit(await open(), stage.demo), await visit(await open({ viewport: { width: 390, height: 800 } }), stage.demo)];
  for (const page of [one, two]) {
    await becomes("the state", "open", () => page.locator("#state").textContent());
    await becomes("teams", 16, () => page.locator("#teams tr").count());
    await until("the first pick", async () => (await cell(page, "Oilers", 1).textContent()).includes("Noah Tremblay"));
    assert.equal(await cell(page, "Jets", 1).textContent(), "on the clock");
  }
  assert.equal(await one.locator("#team").inputValue(), "Jets");
  await one.getByLabel("Player").fill("O'Hara \\ Müller");
  await one.getByRole("button", { name: "Pick" }).click();
  for (const page of [one, two]) {
    await becomes("the pick", "O'Hara \\ Müller", () => cell(page, "Jets", 1).textContent());
    await becomes("who is next", "on the clock", () => cell(page, "Kraken", 1).textContent());
  }
  // The row may arrive before the answer to the request that inserted it.
  await becomes("the statement", "INSERT INTO picks (round, team, player) VALUES (1, 'Jets', 'O\\'Hara \\\\ Müller');", () => one.locator("#said").textContent());
  await becomes("the team that is proposed", "Kraken", () => one.locator("#team").inputValue());
  assert.equal(await two.evaluate(() => document.documentElement.scrollWidth), 390);
  assert.deepEqual([...one.wrong, ...two.wrong], []);
  // The page and the examples are there as well.
  const page = await visit(await open(), new URL("..", stage.demo).href);
  await becomes("the state", "open", () => page.locator("#state").textContent());
});

scene("other sites can neither pick nor look", async () => {
  const pick = { method: "POST", body: '{"round":1,"team":"Kings","player":"x"}', headers: { Origin: "http://elsewhere.example" } };
  assert.equal((await fetch(new URL("picks", stage.demo), pick)).status, 403);
  assert.equal((await fetch(new URL("picks", stage.demo), { method: "POST", body: "{}" })).status, 400);
  assert.equal((await fetch(new URL("rows/mysql", stage.demo))).status, 404);
});
