// A site with sessions, by the proxy and the page of docs/operating.md.
import { assert, becomes, open, order, ready, scene, sql, stage, until } from "./stage.mjs";

const buy = (customer, player) => sql(`INSERT INTO draft.picks (round, team, player) VALUES (${customer}, 'Jets', '${player}')`);

/** A window of the site; what its page logs is gathered, and what it asks for. */
async function visit(customer) {
  const context = await open();
  if (customer) await context.addCookies([{ name: "customer", value: String(customer), url: stage.proxy }]);
  const page = await context.newPage();
  [page.logged, page.asked] = [[], []];
  page.on("console", async (m) => page.logged.push((await Promise.all(m.args().map((a) => a.jsonValue().catch(() => "")))).map((v) => v?.player ?? v).join(" ")));
  page.on("request", (r) => page.asked.push(new URL(r.url()).pathname));
  await page.goto(stage.proxy);
  return page;
}

scene("a stranger is sent to sign in", async () => {
  const page = await visit();
  await becomes("the page", "Sign in", () => page.title());
});

scene("everybody gets the picks, and their own orders: live, after a restart, after a reload", async () => {
  const [one, other] = [await visit(42), await visit(43)];
  for (const page of [one, other]) await until("the rows", () => page.logged.includes("load  1"));
  await until("the orders' connections", async () => {
    await buy(42, "first");
    await buy(43, "of another");
    return one.logged.includes("insert first") && other.logged.includes("insert of another");
  });
  await order("kill");
  await buy(42, "while it was dead");
  await order("start");
  await ready();
  for (const page of [one, other]) await until("the pick", () => page.logged.some((l) => /^insert \d+ \d+$/.test(l)));
  await until("the order", () => one.logged.includes("insert while it was dead"));
  await one.goto("about:blank");
  await buy(42, "while it was away");
  one.logged.length = 0;
  await one.goto(stage.proxy);
  await until("the order", () => one.logged.includes("insert while it was away"));
  assert.equal(one.logged.filter((l) => /^insert [^0-9]/.test(l)).join(), "insert while it was away");
  for (const page of [one, other]) {
    const wrong = page === one ? "of another" : "first";
    assert.deepEqual(page.logged.filter((l) => l === "insert " + wrong), []);
    assert.deepEqual(page.asked.filter((path) => path.startsWith("/events")), []);
  }
});
