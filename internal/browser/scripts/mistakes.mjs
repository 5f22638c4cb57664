// What the author of a page gets wrong, and what the console says.
import { assert, becomes, insert, open, scene, until } from "./stage.mjs";
import { blank, got, subscribe, watch } from "./watch.mjs";

const refusal = /^rowcast: closed: there is no stream "piks"; did you mean "picks"\?/;

const closed = (page) => until("its end", () => page.evaluate(() => sub.state === "closed"));

scene("a stream that is not there: the console says why, once", async () => {
  // From now on; from an id; by long poll; by a connection of its own.
  for (const options of [{}, { after: "binlog.000001/4~00000000" }, { poll: true }, { share: false }]) {
    const page = await subscribe(await blank(await open()), "piks", options);
    await closed(page);
    assert.equal(page.wrong.length, 1, page.wrong.join("\n"));
    assert.match(page.wrong[0], refusal);
    assert.equal("rowcast: closed: " + (await got(page, "details")).at(-1), page.wrong[0]);
  }
});

scene("a parameter that is missing", async () => {
  const page = await subscribe(await blank(await open()), "round");
  await closed(page);
  assert.deepEqual(page.wrong, ["rowcast: closed: stream round needs the parameter round, as in ?round=…"]);
});

scene("each tab that shares a connection is told", async () => {
  const context = await open();
  let asked = 0, answer;
  const all = new Promise((done) => (answer = done));
  await context.route("**/events/**", async (route) => (asked++, await all, route.continue()));
  const pages = [];
  for (let i = 0; i < 3; i++) pages.push(await subscribe(await blank(context), "piks"));
  await until("a question", () => asked > 0);
  assert.equal(asked, 1, "one of them asks for all");
  answer();
  for (const page of pages) {
    await closed(page);
    assert.equal(page.wrong.length, 1, page.wrong.join("\n"));
    assert.match(page.wrong[0], refusal);
  }
});

scene("what the page closes itself is no mistake", async () => {
  const page = await watch(await blank(await open()));
  await page.evaluate(() => sub.close());
  await becomes("the state", "closed", async () => (await got(page, "states")).at(-1));
  assert.deepEqual(page.wrong, []);
});

scene("an option that there is not: the console says which there are", async () => {
  const page = await blank(await open());
  const warned = [];
  page.on("console", (m) => m.type() === "warning" && warned.push(m.text()));
  const types = await page.evaluate(async () => {
    const { subscribe, collection } = await import("/rowcast.js");
    subscribe("picks", { onchange() {} }).close();
    subscribe("picks", { key: "id" }).close();
    collection("picks", { Key: "id" }).close();
    collection("picks", { keys: "id" }).close();
    return (await fetch("/rowcast.d.ts")).text();
  });
  const names = (kind) => [...types.match(new RegExp(`interface ${kind}<.*?\n}`, "s"))[0].matchAll(/^  (\w+)\?/gm)].map((m) => m[1]);
  const all = (kind) => [...names(kind), ...names("Common")].join(", ");
  assert.ok(names("Common").includes("onChange"), all("Options"));
  assert.deepEqual(warned, [
    "rowcast: there is no option onchange; did you mean onChange?",
    `rowcast: there is no option key; there are ${all("Options")}`,
    "rowcast: there is no option Key; did you mean key?",
    `rowcast: there is no option keys; there are ${all("CollectionOptions")}`,
  ]);
  assert.deepEqual(page.wrong, []);
});

scene("a collection holds one stream: two tables' rows would overwrite each other", async () => {
  const page = await blank(await open());
  const said = await page.evaluate(async () => {
    const { collection } = await import("/rowcast.js");
    const made = (streams) => {
      try {
        return collection(streams).close();
      } catch (error) {
        return String(error);
      }
    };
    return [made(["picks", "teams"]), made(["picks"]) ?? "made"];
  });
  assert.deepEqual(said, ["TypeError: rowcast: a collection holds the rows of one stream; make one for each of picks, teams", "made"]);
});

/** A collection, kept as window.rows, whose load brings window.loaded, if there is any; key is a column. */
async function collect(stream, { loaded, key } = {}) {
  const page = await blank(await open());
  await page.evaluate(async ([stream, loaded, key]) => {
    const { collection } = await import("/rowcast.js");
    window.loaded = loaded;
    window.rows = collection(stream, {
      ...(loaded && { load: async () => window.loaded }),
      ...(key && { key: (row) => row[key] }),
    });
  }, [stream, loaded, key]);
  return page;
}

const kept = (page) => page.evaluate(() => [[...rows.keys()], rows.state]);
const keyless = (why) => `TypeError: rowcast: a row without a key: ${why}; name the columns of the primary key in the collection's option key`;

scene("a change without a key is reported, and left out", async () => {
  const plain = await collect("keyless"), wrong = await collect("keyless", { key: "Player" }), right = await collect("keyless", { key: "player" });
  for (const page of [plain, wrong, right]) await becomes("the state", [[], "open"], () => kept(page));
  await insert("Anna");
  await becomes("the key", [["Anna"], "open"], () => kept(right));
  await becomes("the report", [keyless("no id in {team, player}")], () => plain.wrong);
  await becomes("the report", [keyless("the function key gives none for {team, player}")], () => wrong.wrong);
  for (const page of [plain, wrong]) assert.deepEqual(await kept(page), [[], "open"]);
  assert.deepEqual(right.wrong, []);
});

scene("a load that brings a row without a key has failed", async () => {
  const page = await collect("picks", { loaded: [{ id: 1, player: "Anna" }, { ID: 2, player: "Bert" }] });
  await until("the report", () => page.wrong.length > 0);
  assert.equal(page.wrong[0], keyless("no id in {ID, player}"));
  assert.deepEqual(await kept(page), [[], "connecting"]);
  await page.evaluate(() => (loaded[1].id = 2));
  await becomes("both", [[1, 2], "open"], () => kept(page));
});
