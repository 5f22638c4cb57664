// Pages of other origins: those that are listed, with and without credentials, and those that are not.
import { assert, becomes, insert, open, scene, stage, until } from "./stage.mjs";

/** A page of the origin, and what it heard: by EventSource itself, and by rowcast.js from the other host. */
async function listen(origin, withCredentials) {
  const context = await open();
  const page = await context.newPage();
  page.sent = [];
  page.on("request", (r) => page.sent.push(r));
  await context.addCookies([{ name: "session", value: "1", url: stage.rowcast }]);
  await page.goto(`${origin}cross.html`);
  await page.evaluate(async ([rowcast, withCredentials]) => {
    window.heard = [];
    window.source = new EventSource(`${rowcast}events/picks`, { withCredentials });
    source.onopen = () => heard.push("open");
    source.onerror = () => heard.push(source.readyState === EventSource.CLOSED ? "refused" : "again");
    source.onmessage = (e) => heard.push(JSON.parse(e.data).row.player);
    window.module = [];
    try {
      const { subscribe } = await import(`${rowcast}rowcast.js`);
      window.sub = subscribe("picks", { withCredentials, onChange: (c) => module.push(c.row.player) });
    } catch {
      module.push("refused");
    }
  }, [stage.rowcast, withCredentials]);
  return page;
}

for (const withCredentials of [false, true]) {
  scene(`an origin that is listed, ${withCredentials ? "with" : "without"} credentials`, async () => {
    const page = await listen(stage.control, withCredentials);
    await becomes("the connection", ["open"], () => page.evaluate(() => heard));
    await until("the module's", () => page.evaluate(() => sub.state === "open"));
    await insert("Across");
    await becomes("the change", ["open", "Across"], () => page.evaluate(() => heard));
    await becomes("the change, through the module", ["Across"], () => page.evaluate(() => module));
    const headers = await page.sent.find((r) => r.url().includes("/events/picks")).allHeaders();
    assert.equal(headers.origin, new URL(stage.control).origin);
    assert.equal("cookie" in headers, withCredentials);
  });
}

scene("the same machine by another name or port is another origin", async () => {
  const byName = stage.control.replace("127.0.0.1", "localhost");
  const page = await listen(byName, false);
  await becomes("the refusal", ["refused"], () => page.evaluate(() => heard));
  await becomes("the module's", ["refused"], () => page.evaluate(() => module));
});

scene("a page without an origin", async () => {
  const page = await (await open()).newPage();
  await page.goto(`data:text/html,<title>null</title>`);
  const heard = await page.evaluate((rowcast) => new Promise((done) => {
    const source = new EventSource(`${rowcast}events/picks`);
    source.onopen = () => done("open");
    source.onerror = () => done("refused");
  }), stage.rowcast);
  assert.equal(heard, "refused");
});
