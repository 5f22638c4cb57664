// A subscription: what comes from the connection, handed to the page once and in
// order, with the page's own loading of data in between.
import { Connection, Refused, pause } from "./connection.js";
import { isAfter } from "./id.js";
import { Place } from "./place.js";
import { call, report } from "./report.js";
import { Tabs } from "./tabs.js";

/** Where to ask: the URL as given, relative to the page; or that of the streams, below base. */
function locate(streams, { url, base, params }) {
  const page = globalThis.location?.href;
  const query = new URLSearchParams(params);
  if (url === undefined) {
    const root = new URL(base ?? "..", base ? page : import.meta.url);
    if (!root.pathname.endsWith("/")) root.pathname += "/";
    // One stream is asked for by its path, which a proxy can tell from others; what a path may not carry unharmed goes into the query.
    const one = streams.length === 1 && /^(?!\.+$)[^/\\%]+$/.test(streams[0]);
    if (!one) for (const name of streams) query.append("table", name);
    url = new URL(one ? `events/${encodeURIComponent(streams[0])}` : "events", root);
  }
  const to = new URL(url, page);
  to.hash = "";
  // Rows come with ids that stand still, and this module's order of ids knows changes
  // only; a collection asks for rows by itself.
  if (!to.searchParams.has("rows")) query.append("rows", "0");
  if (String(query)) to.search += (to.search ? "&" : "") + query;
  return to.href;
}

/** What a stream with rows holds now, as its events have it: page after page of /rows. Nothing of a stream without. */
export async function current(streams, options, signal) {
  const { withCredentials, headers } = options;
  const events = new URL(locate(streams, options));
  const [, root, name] = /^(.*\/)events(?:\/([^/]+))?$/.exec(events.pathname) ?? [];
  if (!root) return [];
  const get = async (path, query) => {
    const answer = await fetch(new URL(path + (query ? "?" + query : ""), events.origin + root), {
      headers: typeof headers === "function" ? await headers() : headers, signal, credentials: withCredentials ? "include" : "same-origin",
    });
    if (!answer.ok) throw new Error(`${answer.url} answers ${answer.status}`);
    return answer.json();
  };
  const stream = name === undefined ? events.searchParams.get("table") : decodeURIComponent(name);
  if (!(await get("streams")).streams.some((s) => s.name === stream && s.rows)) return [];
  const query = events.searchParams, rows = [];
  for (const own of ["table", "rows", "lastEventId", "wait"]) query.delete(own);
  for (let next = ""; next !== undefined; query.set("key", next)) {
    const page = await get("rows/" + encodeURIComponent(stream), query);
    rows.push(...page.rows);
    next = page.next;
  }
  return rows;
}

export class Subscription {
  #options; #to;
  #last; // id up to which events were taken off the wire
  #seen; // id up to which they were handed over
  #place = null;
  #wire = "connecting"; #detail = ""; #phase = ""; #shown = "";
  #waiting = null; // events that wait for a load; null: none is under way
  #loads = Promise.resolve(); #turn = null;
  #begun = false;
  #closing = new AbortController();
  #tabs;
  #held = null; // the leading tab's messages, which wait while this tab catches up

  constructor(streams, options) {
    const { withCredentials = false, headers, poll } = options;
    this.#options = options;
    const url = locate(streams, options);
    this.#to = { url, withCredentials, headers, poll };
    if (options.resume ?? !options.load) this.#place = new Place(url);
    this.#last = this.#seen = options.after ?? this.#place?.read() ?? "";
    queueMicrotask(() => this.#show());
    if (this.#last) this.#begin();
    // Tabs with headers of their own may be of different users.
    const shared = options.share ?? !headers;
    this.#tabs = new Tabs(shared ? "rowcast:" + JSON.stringify([url, withCredentials]) : "", {
      lead: (signal) => this.#lead(signal),
      hear: (message) => this.#hear(message),
      hello: () => this.#tell({ state: this.#wire }),
    }, this.#closing.signal);
  }

  get state() { return this.#shown; }
  get lastEventId() { return this.#seen; }

  close() { this.#close("", true); }

  #close(detail, forget) {
    if (this.#wire === "closed") return;
    [this.#wire, this.#detail] = ["closed", detail];
    this.#closing.abort();
    this.#place?.end(forget);
    this.#show();
  }

  // --- what the page hears

  /** Ends for good, and tells why: the page where it listens, else the console. */
  #refuse(error) {
    if (this.#wire === "closed") return;
    const { onError } = this.#options;
    if (onError) call(onError, error);
    else console.error("rowcast: closed: " + error.message);
    this.#close(error.message, false);
  }

  #show() {
    const state = this.#wire !== "open" ? this.#wire : this.#phase || "open";
    if (state !== this.#shown) call(this.#options.onState, (this.#shown = state), this.#detail);
  }

  #begin() {
    this.#begun = true;
    if (this.#options.load) this.#load("connecting", (how) => this.#options.load(undefined, how));
  }

  /** Holds events back until the page has its data. */
  #load(phase, f) {
    this.#phase = phase;
    this.#waiting ??= [];
    this.#show();
    this.#turn?.abort(); // what it loads is out of date already
    const turn = (this.#turn = new AbortController());
    const { signal } = turn, stop = () => turn.abort();
    this.#closing.signal.addEventListener("abort", stop);
    const run = async () => {
      for (let tries = 0; !signal.aborted; await pause(Math.min(1000 * 2 ** tries++, 20000) * (0.5 + Math.random()), signal)) {
        try {
          await f({ signal });
          break;
        } catch (error) {
          if (!signal.aborted) report(error);
        }
      }
      this.#closing.signal.removeEventListener("abort", stop);
      if (signal.aborted) return; // closed, or a later reset loads again
      const events = this.#waiting;
      [this.#waiting, this.#phase] = [null, ""];
      this.#show();
      for (const event of events) this.#hand(event);
    };
    this.#loads = this.#loads.then(run); // one after the other: an older answer never overwrites a newer one
  }

  #hand(event) {
    if (this.#closing.signal.aborted) return;
    if (this.#waiting && event.type !== "reset") return void this.#waiting.push(event);
    if (event.type === "reset") {
      if (this.#waiting) this.#waiting.length = 0; // the coming load holds them as well
      this.#phase = "reset";
      this.#show();
      const reset = JSON.parse(event.data);
      const done = call(this.#options.onReset, reset, event);
      const { load } = this.#options;
      if (load) this.#load("reset", (how) => load(reset, how));
      else if (typeof done?.then === "function") this.#load("reset", () => done);
    } else {
      this.#phase = "";
      call(this.#options.onChange, this.#read(event.data), event);
      this.#show();
    }
    this.#keep(event.id);
  }

  /** A change or a row is a JSON object; what else there is are texts, and they may look like anything. */
  #read(data) {
    if (this.#options.text || data[0] !== "{") return data;
    try {
      return JSON.parse(data);
    } catch {
      return data;
    }
  }

  #keep(id) {
    this.#seen = id;
    this.#place?.keep(id);
  }

  /** Moves on to id, where nothing is to be handed over. */
  #mark(id) {
    if (!id || (this.#last && !isAfter(id, this.#last))) return;
    this.#last = id;
    if (!this.#waiting?.length) this.#keep(id);
    if (!this.#begun) this.#begin();
  }

  /** Takes an event off the wire, unless it was taken before. */
  #take(event) {
    if (event.type !== "reset" && this.#last && !isAfter(event.id, this.#last)) return;
    this.#last = event.id;
    if (!this.#begun) this.#begin();
    this.#hand(event);
  }

  #set(wire) {
    if (this.#wire === "closed") return;
    this.#wire = wire;
    this.#show();
  }

  // --- the connection, in the tab that leads

  async #lead(signal) {
    const connection = new Connection(this.#to, {
      last: () => this.#last,
      event: (event) => (this.#tell({ event }), this.#take(event)),
      mark: (id) => (this.#tell({ mark: id }), this.#mark(id)),
      state: (state) => (this.#tell({ state }), this.#set(state)),
    });
    try {
      await connection.run(signal);
    } catch (error) {
      const { message, status, url } = error;
      this.#tell({ refused: { message, status, url } });
      this.#refuse(error);
    }
  }

  /** Tells the other tabs. prev is the id that comes before what is told: a tab that has not got that far lacks something, and fetches it itself. */
  #tell(message) {
    this.#tabs?.tell({ prev: this.#last, ...message });
  }

  // --- what comes from the leading tab

  #hear(message) {
    const { prev, state, event, mark, refused } = message;
    if (refused) return this.#refuse(new Refused(refused.message, refused.status, refused.url));
    if (state) this.#set(state);
    if (this.#held) return void this.#held.push(message);
    if (!this.#last) this.#mark(prev);
    // A reset is about the id of the tab that leads: the server says what becomes of this one's.
    if (event?.type === "reset") return void this.#catchUp(event.id);
    if (prev && isAfter(prev, this.#last)) return void this.#catchUp(prev, message);
    if (event) this.#take(event);
    this.#mark(mark);
  }

  /** Fetches what this tab lacks up to the id target, by a connection of its own; then goes on with the messages that came meanwhile. */
  async #catchUp(target, message) {
    this.#held = message ? [message] : [];
    const caughtUp = new AbortController();
    const stop = () => caughtUp.abort();
    const look = () => isAfter(target, this.#last) || stop();
    const { signal } = this.#closing;
    signal.addEventListener("abort", stop, { signal: caughtUp.signal });
    try {
      await new Connection(this.#to, {
        last: () => this.#last,
        event: (event) => (this.#take(event), look()),
        mark: (id) => (this.#mark(id), look()),
        state() {},
      }).run(caughtUp.signal);
    } catch (error) {
      return this.#refuse(error);
    }
    const held = this.#held;
    this.#held = null;
    for (const m of held) if (!this.#tabs.leads && !signal.aborted) this.#hear({ ...m, state: undefined });
  }
}
