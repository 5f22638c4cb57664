// Many tabs of one origin: one connection serves them all.
import { assert, becomes, insert, open, scene, sql, stage, until } from "./stage.mjs";
import { blank, got, reload, watch } from "./watch.mjs";

async function clients() {
  const text = await (await fetch(stage.admin + "metrics")).text();
  return [...text.matchAll(/^rowcast_clients\{.*\} (\d+)/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
}

const numbers = (n) => Array.from({ length: n }, (_, i) => `player ${i}`);

async function tabs(context, n) {
  const pages = [];
  for (let i = 0; i < n; i++) pages.push(await watch(await blank(context)));
  return pages;
}

scene("seven tabs share one connection; the one that has it is closed amid a burst", async () => {
  const context = await open();
  const pages = await tabs(context, 7);
  await becomes("one connection", 1, clients);
  const all = numbers(600);
  for (let n = 0; n < 600; n += 20) {
    await insert(...all.slice(n, n + 20));
    if (n === 200) await pages[0].close(); // it came first, so that it leads
    if (n === 400) await pages[1].close();
  }
  for (const page of pages.slice(2)) {
    await becomes("each change once, in order", all, () => got(page));
    assert.equal(new Set(await got(page, "ids")).size, 600);
    assert.deepEqual(page.wrong, []);
  }
  await becomes("one connection", 1, clients);
  const late = await watch(await blank(context));
  await insert("for all");
  await becomes("from now on", ["for all"], () => got(late));
  for (const page of pages.slice(2)) await watch(await reload(page));
  await insert("after reloads");
  for (const page of pages.slice(2)) await becomes("what came since", ["after reloads"], () => got(page));
});

scene("a tab that comes back from an older place catches up by itself", async () => {
  const context = await open();
  const [leads, away] = await tabs(context, 2);
  await reload(away, () => insert("one", "two"));
  await becomes("all", ["one", "two"], () => got(leads));
  await watch(away);
  await becomes("what it missed", ["one", "two"], () => got(away));
  await insert("three");
  for (const page of [leads, away]) await becomes("all", ["one", "two", "three"], () => got(page));
});

scene("resets reach every tab, once", async () => {
  const pages = await tabs(await open(), 3);
  await insert("before");
  await sql("TRUNCATE draft.picks");
  await insert("after");
  for (const page of pages) {
    await becomes("both", ["before", "after"], () => got(page));
    await becomes("the reset", ["schema"], () => got(page, "resets"));
  }
});

scene("a tab that hangs while it leads is replaced", async () => {
  const context = await open();
  const [hangs, awake] = await tabs(context, 2);
  const spell = 15000;
  const over = hangs.evaluate((spell) => {
    for (const end = Date.now() + spell; Date.now() < end; );
  }, spell);
  const began = Date.now();
  const late = await watch(await blank(context));
  await insert("while it hangs");
  for (const page of [awake, late]) await becomes("the change", ["while it hangs"], () => got(page));
  assert.ok(Date.now() - began < spell, "it came before the first tab was back");
  await over;
  await insert("all awake");
  for (const page of [hangs, awake]) await becomes("both", ["while it hangs", "all awake"], () => got(page));
  await becomes("one connection", 1, clients);
});

scene("six tabs with a connection each fill HTTP/1.1; a shared one needs no seventh", async () => {
  const context = await open();
  const shared = await tabs(context, 1);
  const plain = [];
  for (let i = 0; i < 5; i++) {
    const page = await blank(context);
    await page.evaluate(() => {
      window.got = { players: [] };
      window.source = new EventSource("/events/picks");
      source.onmessage = (e) => got.players.push(JSON.parse(e.data).row.player);
      return new Promise((done) => (source.onopen = done));
    });
    plain.push(page);
  }
  await becomes("six connections", 6, clients);
  // Nothing more can be fetched from this host now, so the seventh has its module already.
  await shared[0].evaluate(async () => {
    const { subscribe } = await import("/rowcast.js");
    window.seventh = [];
    subscribe("picks", { onChange: (c) => seventh.push(c.row.player) });
  });
  await until("the seventh to listen", async () => {
    await insert("x");
    return shared[0].evaluate(() => seventh.length > 0);
  });
  await insert("for all seven");
  for (const page of [...shared, ...plain]) await until("the change", async () => (await got(page)).at(-1) === "for all seven");
  await becomes("the seventh's", "for all seven", () => shared[0].evaluate(() => seventh.at(-1)));
});
