// What the pages of well-known articles on Server-Sent Events do, from the first EventSource to the button that
// disconnects: pages of our own that do the same, with rowcast where the articles have a script of PHP.
import { assert, becomes, open, order, ready, scene, sql, stage, until } from "./stage.mjs";

/** The page, at its own origin, with a stream of rowcast's. */
async function article(name, stream) {
  const page = await (await open()).newPage();
  page.wrong = [];
  page.on("pageerror", (error) => page.wrong.push(String(error)));
  const begun = page.waitForResponse((r) => r.url().includes("/events"));
  await page.goto(`${stage.control}articles/${name}?url=${encodeURIComponent(stage.rowcast + "events" + stream)}`);
  const answer = await begun;
  assert.equal(answer.status(), 200);
  assert.equal(answer.headers()["content-type"], "text/event-stream");
  return page;
}

const texts = (page, selector) => () => page.locator(selector).allTextContents();

/** Changes until the first of them is seen: a plain EventSource does not tell when it begins. */
async function changing(page, selector, statement) {
  await until("a first change", async () => {
    await sql(statement);
    return (await page.locator(selector).count()) > 0;
  });
}

scene("a list of records: one text for each row, none lost over a restart, none twice", async () => {
  const page = await article("record.html", "/records");
  const insert = "INSERT INTO draft.messages () VALUES ()";
  await changing(page, "li", insert);
  const before = await page.locator("li").count();
  await sql(insert, "INSERT INTO draft.messages (timestamp) VALUES ('2014-03-09 08:07:06')");
  await becomes("the next two", before + 2, () => page.locator("li").count());
  await order("kill");
  await sql(insert, insert);
  await order("start");
  await ready();
  await becomes("what came meanwhile", before + 4, () => page.locator("li").count());
  for (const text of await texts(page, "li")()) assert.match(text, /^A record was recorded at: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  assert.equal((await texts(page, "li")())[before + 1], "A record was recorded at: 2014-03-09 08:07:06");
  const ids = await page.locator("li").evaluateAll((all) => all.map((li) => li.dataset.id));
  assert.equal(new Set(ids).size, ids.length);
  // Another page goes on after one of them: what the articles' scripts take as a parameter.
  const later = await article("record.html", `/records?lastEventId=${encodeURIComponent(ids[before - 1])}`);
  await becomes("what came since", ids.slice(before), () => later.locator("li").evaluateAll((all) => all.map((li) => li.dataset.id)));
  assert.deepEqual([...page.wrong, ...later.wrong], []);
});

scene("a page that comes later begins with the newest record", async () => {
  await sql("INSERT INTO draft.messages (timestamp) VALUES ('2015-03-09 08:07:06')", "INSERT INTO draft.messages (timestamp) VALUES ('2016-03-09 08:07:06')");
  const page = await article("record.html", "/latest");
  await becomes("the newest", ["A record was recorded at: 2016-03-09 08:07:06"], texts(page, "li"));
  await sql("INSERT INTO draft.messages (timestamp) VALUES ('2017-03-09 08:07:06')");
  await order("kill");
  await order("start");
  await ready();
  await sql("INSERT INTO draft.messages (timestamp) VALUES ('2018-03-09 08:07:06')");
  await becomes("each once", ["2016", "2017", "2018"], async () => (await texts(page, "li")()).map((t) => /: (\d+)/.exec(t)[1]));
  assert.deepEqual(page.wrong, []);
});

scene("the server's time every second: from a table that the database's own scheduler writes to", async () => {
  const page = await article("record.html", "/clock");
  await sql("SET GLOBAL event_scheduler = ON", "CREATE EVENT draft.tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO draft.clock () VALUES ()");
  await until("three ticks", async () => (await page.locator("li").count()) >= 3);
  await sql("DROP EVENT draft.tick");
  for (const text of await texts(page, "li")()) {
    assert.match(text, /^The server time is: (Sun|Mon|Tue|Wed|Thu|Fri|Sat), \d\d \w{3} \d{4} \d\d:\d\d:\d\d -0[45]00$/);
    assert.ok(Math.abs(Date.now() - Date.parse(text.replace("The server time is: ", ""))) < 60000, text);
  }
  assert.deepEqual(page.wrong, []);
});

scene("listeners, names, JSON, several lines, and an end", async () => {
  const page = await article("match.html", "?table=match&table=game");
  const state = () => page.locator("#state").textContent();
  await becomes("the state", "open", state);
  const joke = (n) => `INSERT INTO draft.news (generator, message, value) VALUES ('server', 'Simple Message ${n}', '{"id": ${n}, "joke": "joke ${n}"}')`;
  await changing(page, "#feed p", joke(0));
  await sql(joke(1), joke(2),
    "INSERT INTO draft.news (kind, message) VALUES ('score', 'Some score'), ('other', 'Some other game'), ('none', 'Nobody sees this')",
    "INSERT INTO draft.news (kind, message) VALUES ('score', 'first line\nsecond line\r\nthird line')");
  await becomes("the score, joined", "first line · second line · third line", () => page.locator("#score").textContent());
  assert.deepEqual(await texts(page, "#news li")(), ["Some other game"]);
  assert.equal(await page.locator("#newest").textContent(), "server: Simple Message 2");
  assert.deepEqual((await texts(page, "#feed p")()).slice(0, 2), ["joke 2", "joke 1"]);
  await order("kill");
  await becomes("the state", "lost", state);
  await sql("INSERT INTO draft.news (kind, message) VALUES ('other', 'while it was away')");
  await order("start");
  await becomes("the state", "open", state);
  await becomes("what came meanwhile", ["Some other game", "while it was away"], texts(page, "#news li"));
  await page.getByRole("button", { name: "Stop" }).click();
  await sql("INSERT INTO draft.news (kind, message) VALUES ('other', 'after the end')");
  const other = await article("match.html", "/game");
  await changing(other, "#news li", "INSERT INTO draft.news (kind, message) VALUES ('other', 'later')");
  assert.deepEqual(await texts(page, "#news li")(), ["Some other game", "while it was away"]);
  assert.equal(await state(), "closed");
  assert.deepEqual([...page.wrong, ...other.wrong], []);
});

scene("pings with the time and messages, across origins, with credentials", async () => {
  const page = await article("ping.html", "/records");
  await until("two pings", async () => (await texts(page, "li")()).filter((t) => t.startsWith("ping at ")).length >= 2);
  await sql("INSERT INTO draft.messages () VALUES ()");
  await until("a message", async () => (await texts(page, "li")()).some((t) => /^message: A record was recorded at: /.test(t)));
  for (const text of await texts(page, "li")()) {
    if (text.startsWith("ping")) assert.ok(Math.abs(Date.now() - Date.parse(text.slice("ping at ".length))) < 60000, text);
  }
  await order("kill");
  await until("that it reconnects", async () => (await page.locator("#log").textContent()).startsWith("opened\nreconnecting\n"));
  await order("start");
  await until("that it is back", async () => (await page.locator("#log").textContent()).endsWith("opened\n"));
  assert.deepEqual(page.wrong, []);
});

scene("events by name, JSON or text", async () => {
  const page = await article("names.html", "/marks");
  const mark = "INSERT INTO draft.marks (kind) VALUES ('a')";
  await changing(page, "li", mark);
  await sql("INSERT INTO draft.marks (kind) VALUES ('b'), ('c'), ('a')");
  await until("an event of each name", async () => {
    const all = await texts(page, "li")();
    return all.at(-2) === "event_b: object kind,now" && all.at(-1) === "event_a: object kind,now";
  });
  const plain = await article("names.html", "/marks-as-text");
  await changing(plain, "li", mark);
  assert.match(await plain.locator("li").first().textContent(), /^event_a: string \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
  await page.locator("#close").click();
  const [closed, before] = [await page.locator("li").count(), await plain.locator("li").count()];
  await changing(plain, `li:nth-child(${before + 1})`, mark);
  assert.equal(await page.locator("li").count(), closed);
  assert.deepEqual([...page.wrong, ...plain.wrong], []);
});

scene("objects, and the button that disconnects", async () => {
  const page = await article("people.html", "/people");
  const state = () => page.locator("#state").textContent();
  await becomes("the state", "connected. ", state);
  await changing(page, "li", "INSERT INTO draft.people (name, date) VALUES ('Mr. First', '2020-01-02 03:04:05')");
  await sql("INSERT INTO draft.people (name, date) VALUES ('Ms. <b>Second</b>', '2021-01-02 03:04:05')");
  await until("the second", async () => (await page.locator("li").last().textContent()) === "Ms. <b>Second</b>, 2021-01-02T03:04:05");
  const count = await page.locator("li").count();
  await page.getByRole("button").click();
  await becomes("the state", "connected. disconnected. ", state);
  const other = await article("people.html", "/people");
  await changing(other, "li", "INSERT INTO draft.people (name, date) VALUES ('Mr. Third', '2022-01-02 03:04:05')");
  assert.equal(await page.locator("li").count(), count);
  await order("kill"); // this page ends with the first error, as it chose to
  await becomes("the end", "connected. connection error. disconnected. ", () => other.locator("#state").textContent());
  await order("start");
  await ready();
  assert.deepEqual([...page.wrong, ...other.wrong], []);
});
