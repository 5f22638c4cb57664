// Where the browser refuses what the client module would like to use: Web Locks,
// channels between tabs, storage. It does without, and the page lives on.
import { assert, becomes, insert, open, order, ready, scene, stage, until } from "./stage.mjs";
import { blank, got, subscribe, watch } from "./watch.mjs";

scene("a sandboxed frame: timers go on ticking, and changes arrive, also after a restart", async () => {
  const page = await (await open()).newPage();
  await page.goto(stage.control + "cross.html");
  await page.evaluate((rowcast) => {
    window.told = [];
    window.onmessage = (e) => told.push(e.data);
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts";
    frame.src = "sandboxed.html#" + rowcast;
    document.body.append(frame);
  }, stage.rowcast);
  const told = (what) => page.evaluate((what) => told.filter((t) => (what ? t === what : t !== "tick")), what);
  await becomes("the connection", ["connecting", "open"], () => told());
  const ticks = (await told("tick")).length;
  await insert("Into The Sandbox");
  await becomes("the change", ["Into The Sandbox"], () => told("Into The Sandbox"));
  await until("twenty ticks more", async () => (await told("tick")).length > ticks + 20);
  await order("kill");
  await insert("While It Was Dead");
  await order("start");
  await ready();
  await becomes("what was missed", ["While It Was Dead"], () => told("While It Was Dead"));
});

const refusals = {
  "Web Locks are refused": () => {
    navigator.locks.request = () => Promise.reject(new DOMException("not here", "SecurityError"));
  },
  "there are no Web Locks": () => Object.defineProperty(Navigator.prototype, "locks", { get: () => undefined }),
  "Web Locks throw": () => Object.defineProperty(Navigator.prototype, "locks", { get() { throw new DOMException("not here", "SecurityError"); } }),
  "channels throw": () => {
    window.BroadcastChannel = class { constructor() { throw new DOMException("not here", "SecurityError"); } };
  },
  "there are no channels": () => delete window.BroadcastChannel,
  "sessionStorage throws": () => Object.defineProperty(window, "sessionStorage", { get() { throw new DOMException("not here", "SecurityError"); } }),
};

for (const [what, refuse] of Object.entries(refusals)) {
  scene(what, async () => {
    const context = await open();
    await context.addInitScript(refuse);
    const page = await blank(context);
    await page.evaluate(() => {
      window.ticks = 0;
      setInterval(() => ticks++, 50);
    });
    await watch(page);
    await insert("a", "b");
    await becomes("the changes", ["a", "b"], () => got(page));
    const ticks = await page.evaluate(() => ticks);
    await until("ten ticks more", () => page.evaluate((ticks) => window.ticks > ticks + 10, ticks));
    await page.evaluate(() => sub.close());
    await becomes("the states", ["connecting", "open", "closed"], () => got(page, "states"));
    assert.deepEqual(page.wrong, []);
  });
}

scene("a lock that is refused later on: the tab leads for itself", async () => {
  const context = await open();
  const first = await watch(await blank(context));
  await context.addInitScript(() => {
    const request = navigator.locks.request.bind(navigator.locks);
    let asked = 0;
    navigator.locks.request = (...args) => (asked++ ? request(...args) : Promise.reject(new DOMException("not here", "InvalidStateError")));
  });
  const second = await subscribe(await blank(context));
  await until("its connection", () => second.evaluate(() => sub.state === "open"));
  await first.close();
  await insert("Alone");
  await becomes("the change", ["Alone"], () => got(second));
  assert.deepEqual(second.wrong, []);
});
