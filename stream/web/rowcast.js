// rowcast: a client for rowcast's event streams. An ES module without
// dependencies; its types are in rowcast.d.ts.
//
//   subscribe("picks", { onChange: (c) => console.log(c.op, c.row) });
//   const picks = collection("picks", { load: async () => (await fetch("/api/picks")).json() });
//
// Every event is handed over once and in order: across reconnects, reloads of
// the page (the last id is kept in sessionStorage), and changes of the tab that
// holds the connection for all tabs of this origin.

/** Positions of an id as numbers; null where it has another form. */
function parse(id) {
  const m = /(\d+)\/(\d+)(?:\/(\d+)\.(\d+))?(?:~(\w+))?$/.exec(id);
  return m && { at: [m[1], m[2], m[3] ?? -1, m[4] ?? -1].map(Number), lineage: m[5] };
}

/** Tells whether id a stands behind id b in the binlog. Two that can't be compared: yes, let the server judge. */
export function isAfter(a, b) {
  const x = parse(a), y = parse(b);
  if (!x || !y || (x.at[0] === y.at[0] && x.lineage !== y.lineage)) return a !== b;
  const i = x.at.findIndex((n, k) => n !== y.at[k]);
  return i >= 0 && x.at[i] > y.at[i];
}

/** The server said no for good; its message says what to do. */
class Refused extends Error {}

const sleep = (ms, signal) =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });

/** Waits longer each time, and never as long as another tab: a server that comes back is not overrun. */
const backoff = (tries) => Math.min(1000 * 2 ** tries, 20000) * (0.5 + Math.random());

const patience = 3000; // ms in which the tab that leads must answer, even in the background

class Subscription {
  #options; #url; #names;
  #last; // id up to which events were taken off the wire
  #seen; // id up to which they were handed over
  #wire = "connecting"; #detail = ""; #phase = ""; #shown = "";
  #waiting = null; // events that wait for a load; null: none is under way
  #loads = Promise.resolve(); #turn = 0;
  #begun = false;
  #closing = new AbortController();
  #leading = null; // AbortController of this tab's own connection
  #channel = null; #heard = false;
  #held = null; // what the leader said while this tab catches up

  constructor(streams, options) {
    this.#options = options;
    const query = new URLSearchParams(options.params);
    for (const name of [streams].flat()) query.append("table", name);
    this.#url = new URL(`events?${query}`, new URL(options.base ?? ".", options.base ? globalThis.location?.href : import.meta.url)).href;
    this.#names = new Set(options.events ?? ["message"]);
    this.#last = this.#seen = options.after ?? this.#stored() ?? "";
    queueMicrotask(() => this.#show());
    if (this.#last) this.#begin();
    if (options.share !== false && globalThis.navigator?.locks && globalThis.BroadcastChannel) this.#share();
    else this.#lead();
  }

  get state() { return this.#shown; }
  get lastEventId() { return this.#seen; }

  close(detail = "") {
    if (this.#wire === "closed") return;
    [this.#wire, this.#detail] = ["closed", detail];
    this.#closing.abort();
    this.#leading?.abort();
    this.#channel?.close();
    this.#show();
  }

  // --- what the page hears

  /** Ends for good. The console says why as well: a page with a mistyped name seldom looks at details. */
  #refuse(detail) {
    if (this.#wire === "closed") return;
    console.error("rowcast: closed: " + detail);
    this.close(detail);
  }

  #show() {
    const state = this.#wire !== "open" ? this.#wire : this.#phase || "open";
    if (state !== this.#shown) this.#call(this.#options.onState, (this.#shown = state), this.#detail);
  }

  #call(f, ...args) {
    try {
      return f?.(...args);
    } catch (error) {
      (globalThis.reportError ?? console.error)(error); // the page's own mistake must not end the stream
    }
  }

  #begin() {
    this.#begun = true;
    if (this.#options.load) this.#load("connecting", () => this.#options.load());
  }

  /** Holds events back until the page has its data. */
  #load(phase, f) {
    this.#phase = phase;
    this.#waiting ??= [];
    this.#show();
    const turn = ++this.#turn;
    const run = async () => {
      const { signal } = this.#closing;
      for (let tries = 0; turn === this.#turn && !signal.aborted; await sleep(backoff(tries++), signal)) {
        try {
          await f();
          break;
        } catch (error) {
          (globalThis.reportError ?? console.error)(error);
        }
      }
      if (turn !== this.#turn || signal.aborted) return; // a later reset loads again
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
      if (this.#waiting) this.#waiting.length = 0; // what the coming load holds as well
      this.#phase = "reset";
      this.#show();
      const reset = JSON.parse(event.data);
      const told = this.#call(this.#options.onReset, reset, event);
      const { load } = this.#options;
      if (load) this.#load("reset", () => load(reset));
      else if (typeof told?.then === "function") this.#load("reset", () => told);
    } else if (this.#names.has(event.type)) {
      this.#phase = "";
      let change = event.data;
      try { change = JSON.parse(change); } catch { /* a stream of text */ }
      this.#call(this.#options.onChange, change, event);
      this.#show();
    }
    this.#store((this.#seen = event.id));
  }

  #stored() {
    if (this.#options.resume === false) return;
    try { return sessionStorage.getItem("rowcast:" + this.#url); } catch { /* storage is switched off */ }
  }

  #store(id) {
    if (this.#options.resume === false) return;
    try { sessionStorage.setItem("rowcast:" + this.#url, id); } catch { /* full, or switched off */ }
  }

  /** Moves on to id, where nothing is to be handed over. */
  #mark(id) {
    if (!id || (this.#last && !isAfter(id, this.#last))) return;
    this.#last = id;
    if (!this.#waiting?.length) this.#store((this.#seen = id));
    if (!this.#begun) this.#begin();
  }

  /** Takes an event off the wire, unless it was taken before. */
  #take(event) {
    if (event.type !== "reset" && this.#last && !isAfter(event.id, this.#last)) return;
    this.#last = event.id;
    if (!this.#begun) this.#begin();
    this.#hand(event);
  }

  // --- the connection, in the tab that leads

  /** Keeps a connection until the subscription ends or another tab takes over. */
  async #lead() {
    const { signal } = (this.#leading = new AbortController());
    const native = globalThis.EventSource && !this.#options.poll;
    let probe = !native || !this.#last;
    for (let tries = 0; !signal.aborted; ) {
      const began = Date.now();
      try {
        // EventSource tells neither where it begins nor why it was refused; a
        // long poll that waits for nothing tells both.
        if (probe) await this.#poll("0s", signal);
        if (!native) for (this.#set("open"); ; ) await this.#poll("25s", signal);
        if (!(probe = await this.#listen(signal))) continue;
      } catch (error) {
        if (error instanceof Refused) {
          this.#tell({ refused: error.message });
          return this.#refuse(error.message);
        }
        probe = true;
      }
      if (signal.aborted) return;
      if (Date.now() - began > 10000) tries = 0;
      this.#set("reconnecting");
      await sleep(backoff(tries++), signal);
    }
  }

  /** Listens until the browser gives up (true) or nothing comes any more (false). */
  #listen(signal) {
    return new Promise((resolve) => {
      const source = new EventSource(this.#from(), { withCredentials: !!this.#options.withCredentials });
      const ping = this.#options.ping ?? "ping";
      let heard = Date.now(), beat = 0, timer;
      const end = (gaveUp) => (source.close(), clearTimeout(timer), resolve(gaveUp));
      signal.addEventListener("abort", () => end(true), { once: true });
      source.onopen = () => ((heard = Date.now()), this.#set("open"));
      source.onerror = () => (source.readyState === EventSource.CLOSED ? end(true) : this.#set("reconnecting"));
      const hear = (e) => {
        const gap = Date.now() - heard;
        if (e.type === ping) beat = beat ? Math.min(Math.max(gap, beat / 2), beat * 2) : gap; // a tab that slept may measure anything
        heard += gap;
        const event = { type: e.type, id: e.lastEventId, data: e.data };
        this.#tell(event.type === ping ? { mark: event.id } : { event });
        if (event.type === ping) this.#mark(event.id);
        else this.#take(event);
      };
      for (const name of new Set([...this.#names, "reset", ping])) source.addEventListener(name, hear);
      // Where the server pings, silence means that the connection is dead, which no error tells.
      const watch = () => {
        const silent = Date.now() - heard;
        if (beat && silent > 2.5 * beat + 500 && source.readyState === EventSource.OPEN) {
          this.#set("stale");
          return end(false);
        }
        timer = setTimeout(watch, Math.max(beat / 2, 500));
      };
      watch();
    });
  }

  #from() {
    return this.#last ? `${this.#url}&lastEventId=${encodeURIComponent(this.#last)}` : this.#url;
  }

  /** One long poll; tells how many events came. */
  async #poll(wait, signal) {
    const answer = await fetch(`${this.#from()}&wait=${wait}`, {
      headers: { Accept: "application/json" }, cache: "no-store", signal,
      credentials: this.#options.withCredentials ? "include" : "same-origin",
    });
    if (answer.status >= 400 && answer.status < 500 && answer.status !== 408 && answer.status !== 429) {
      const problem = await answer.json().catch(() => ({}));
      throw new Refused(problem.detail ?? `the server answers ${answer.status} ${answer.statusText}`);
    }
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const { events, lastEventId, retry } = await answer.json();
    for (const { id, event, data } of events) {
      const taken = { type: event || "message", id, data };
      this.#tell({ event: taken });
      this.#take(taken);
    }
    this.#tell({ mark: lastEventId });
    this.#mark(lastEventId);
    if (retry) throw new Error("the server asks to come back later");
    return events.length;
  }

  #set(wire) {
    if (this.#wire === "closed") return;
    if (this.#wire !== wire && !(this.#wire === "stale" && wire === "reconnecting")) this.#wire = wire;
    this.#tell({ state: this.#wire });
    this.#show();
  }

  // --- one connection for all tabs
  //
  // The tab that has the Web Lock leads: it has the connection and repeats what
  // comes to the others. Each message says behind which id it stands (prev), so
  // that a tab sees at once when it lacks something, and fetches that itself.

  #share() {
    const name = "rowcast:" + JSON.stringify([this.#url, [...this.#names], !!this.#options.withCredentials]);
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#listenTo(data);
    const { signal } = this.#closing;
    const lead = async (how) => {
      try {
        await navigator.locks.request(name, how, () => this.#lead());
      } catch {
        // Another tab took the lock since this one did not answer, or this one is closed.
      }
      this.#leading?.abort();
      this.#leading = null;
    };
    const queue = async () => {
      while (!signal.aborted) await lead({ signal });
    };
    queue();
    // Browsers put tabs in the background to sleep, be they the one that leads.
    const check = async () => {
      if (this.#leading) return;
      this.#heard = false;
      this.#channel.postMessage({ hello: true });
      await sleep(patience, signal);
      const asleep = !this.#heard && !this.#leading && globalThis.document?.visibilityState !== "hidden";
      if (asleep && !signal.aborted) lead({ steal: true });
    };
    check();
    const timer = setInterval(check, 20000);
    signal.addEventListener("abort", () => clearInterval(timer));
    globalThis.document?.addEventListener("visibilitychange", check, { signal });
  }

  #tell(message) {
    if (this.#leading && !this.#closing.signal.aborted) this.#channel?.postMessage({ prev: this.#last, ...message });
  }

  #listenTo(message) {
    if (message.hello) return this.#tell({ state: this.#wire });
    this.#heard = true;
    if (this.#leading) return; // what the leader before still said: this tab's own connection brings it
    if (message.refused) return this.#refuse(message.refused);
    if (message.state) {
      this.#wire = message.state;
      this.#show();
    }
    if (this.#held) return void this.#held.push(message);
    const { prev, event, mark } = message;
    if (!this.#last) this.#mark(prev);
    // A reset is about the leader's own id: the server says what becomes of this tab's.
    if (event?.type === "reset") return void this.#catchUp(event.id);
    if (prev && isAfter(prev, this.#last)) return void this.#catchUp(prev, message);
    if (event) this.#take(event);
    this.#mark(mark);
  }

  /** Fetches what this tab lacks up to the id target, then goes on with what came meanwhile. */
  async #catchUp(target, message) {
    this.#held = message ? [message] : [];
    const { signal } = this.#closing;
    let events = 0, tries = 0;
    do {
      try {
        events = await this.#poll(events ? "0s" : "1s", signal);
        tries = 0;
      } catch (error) {
        if (error instanceof Refused) return this.#refuse(error.message);
        events = 0;
        await sleep(backoff(tries++), signal);
      }
    } while (!signal.aborted && (tries || isAfter(target, this.#last)));
    const held = this.#held;
    this.#held = null;
    for (const m of held) this.#listenTo({ ...m, state: undefined });
  }
}

const known = ["params", "base", "after", "resume", "share", "withCredentials", "events", "ping", "poll",
  "load", "onChange", "onReset", "onState"];

/** Says in the console which options there are: onchange would be waited for in vain. */
function check(options, names) {
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const near = names.find((n) => n.toLowerCase() === name.toLowerCase());
    console.warn(`rowcast: there is no option ${name}; ` + (near ? `did you mean ${near}?` : "there are " + names.join(", ")));
  }
}

/** Subscribes to one stream or several; see rowcast.d.ts. */
export function subscribe(streams, options = {}) {
  check(options, known);
  return new Subscription(streams, options);
}

/** The rows of a stream, by primary key, kept up to date. */
export class Collection extends Map {
  #key; #load; #events = new EventTarget(); #subscription;

  constructor(stream, { key, load, ...options } = {}) {
    super();
    if ([stream].flat().length !== 1) throw new TypeError("rowcast: a collection holds the rows of one stream; make one for each of " + [stream].flat().join(", "));
    check(options, ["key", ...known]);
    this.#key = key;
    this.#load = load;
    this.#subscription = new Subscription(stream, {
      resume: false, // the rows are gone with the page; the load below starts afresh
      ...options,
      load: () => this.#fill(),
      onChange: (change) => {
        this.#apply(change);
        options.onChange?.(change);
      },
    });
  }

  get state() { return this.#subscription.state; }
  get lastEventId() { return this.#subscription.lastEventId; }
  close() { this.#subscription.close(); }
  addEventListener(...args) { this.#events.addEventListener(...args); }
  removeEventListener(...args) { this.#events.removeEventListener(...args); }

  #tell(detail) {
    this.#events.dispatchEvent(new CustomEvent("change", { detail }));
  }

  async #fill() {
    const rows = [...((await this.#load?.()) ?? [])].map((row) => [this.#keyOf(row), row]);
    this.clear();
    for (const [key, row] of rows) this.set(key, row);
    this.#tell({ op: "load" });
  }

  #keyOf(row, key) {
    const all = key ? { ...row, ...key } : row ?? {}; // binlog_row_image = MINIMAL leaves the key out of rows
    const by = this.#key ?? Object.keys(key ?? { id: 0 });
    const values = typeof by === "function" ? [by(all)] : [by].flat().map((name) => all[name]);
    if (!values.length || values.some((value) => value == null)) {
      const none = typeof by === "function" ? "the function key gives none for" : `no ${[by].flat().join(", ")} in`;
      throw new TypeError(`rowcast: a row without a key: ${none} {${Object.keys(all).join(", ")}}; name the columns of the primary key in the collection's option key`);
    }
    return values.length === 1 ? values[0] : JSON.stringify(values);
  }

  #apply({ op = "update", key, old_key, row }) {
    const at = this.#keyOf(row ?? key, key);
    const before = old_key ? this.#keyOf(old_key, old_key) : at;
    const old = this.get(before);
    if (op === "delete") {
      if (this.delete(at)) this.#tell({ op, key: at, old });
      return;
    }
    if (before !== at) this.delete(before);
    row = { ...old, ...row }; // a change may leave columns out (binlog_row_image = MINIMAL)
    this.set(at, row);
    this.#tell({ op: old ? "update" : "insert", key: at, row, old, ...(before !== at && { oldKey: before }) });
  }
}

/** A live Map of a stream's rows; see rowcast.d.ts. */
export function collection(stream, options) {
  return new Collection(stream, options);
}
