// What every script uses: the stage that Go has set, and a browser on it.
import { after, test } from "node:test";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

export { assert };
export const stage = JSON.parse(process.env.STAGE);

// The Go test holds the other end: this process never outlives it.
process.stdin.on("end", () => process.exit(1)).resume().unref?.();

export async function order(what, body = "") {
  const answer = await fetch(stage.control + what, { method: "POST", body });
  if (!answer.ok) throw new Error(`${what}: ${await answer.text()}`);
}

export const sql = (...statements) => order("sql", JSON.stringify(statements));

export const insert = (...players) =>
  sql(...players.map((p) => `INSERT INTO draft.picks (team, player) VALUES ('Oilers', '${p}')`));

const patience = 60000;

/** Waits until f returns something true, and returns it. */
export async function until(what, f) {
  for (const limit = Date.now() + patience; ; ) {
    let got, why = "";
    try {
      got = await f();
    } catch (error) {
      why = `: ${error.message}`;
    }
    if (got) return got;
    if (Date.now() > limit) throw new Error(`waited ${patience} ms for ${what}${why}`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

/** Waits until f returns what equals want. */
export async function becomes(what, want, f) {
  let got;
  try {
    await until(what, async () => JSON.stringify((got = await f())) === JSON.stringify(want));
  } catch (error) {
    assert.deepEqual(got, want, error.message);
  }
}

export const ready = () => until("rowcast to be ready", async () => (await fetch(stage.rowcast + "readyz")).ok);

export const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

let browser;
const windows = []; // of the scene that plays
export async function launch() {
  return (browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM, args: flags }));
}
after(() => browser?.close());

/** A window of its own: cookies and storage apart from all others. What goes wrong in it fails the test. */
export async function open(options = {}) {
  const context = await (await launch()).newContext({ ignoreHTTPSErrors: true, ...options });
  context.setDefaultTimeout(patience);
  windows.push(context);
  return context;
}

/** A page whose errors, and requests to hosts other than its own, are gathered. */
export async function visit(context, url) {
  const page = await context.newPage();
  page.wrong = [];
  page.on("pageerror", (error) => page.wrong.push(String(error)));
  page.on("console", (m) => m.type() === "error" && !/net::ERR|Failed to load resource/.test(m.text()) && page.wrong.push(m.text()));
  const own = new URL(url).host;
  page.on("request", (r) => /^https?:/.test(r.url()) && new URL(r.url()).host !== own && page.wrong.push("request to " + r.url()));
  await page.goto(url);
  return page;
}

export function scene(name, f) {
  test(name, { timeout: 4 * patience }, async () => {
    try {
      await f();
    } finally {
      await Promise.all(windows.splice(0).map((w) => w.close()));
    }
  });
}
