// A bare page of rowcast's own origin with one subscription, whose every word is kept.
import { stage, until, visit } from "./stage.mjs";

const at = stage.rowcast + "watch.html";

export async function blank(context) {
  await context.route(at, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>watch</title>" }));
  return visit(context, at);
}

/** Subscribes in the page; window.got holds what came. */
export async function subscribe(page, streams = "picks", options = {}) {
  await page.evaluate(async ([streams, options]) => {
    const { subscribe } = await import("/rowcast.js");
    const got = (window.got = { players: [], ids: [], resets: [], states: [], details: [] });
    window.sub = subscribe(streams, {
      ...options,
      onChange(change, event) {
        got.players.push(change.row?.player ?? change.op);
        got.ids.push(event.id);
      },
      onReset: (reset) => void got.resets.push(reset.reason),
      onState(state, detail) {
        got.states.push(state);
        got.details.push(detail);
      },
    });
  }, [streams, options]);
  return page;
}

/** Subscribes, and waits until changes come. */
export async function watch(page, ...rest) {
  await subscribe(page, ...rest);
  await until("an open subscription", () => page.evaluate(() => sub.state === "open" && sub.lastEventId));
  return page;
}

export const got = (page, what = "players") => page.evaluate((what) => window.got[what], what);

/** Leaves, stays away while f runs, and comes back. */
export async function reload(page, f = () => {}) {
  await page.goto("about:blank");
  await f();
  await page.goto(at);
  return page;
}
