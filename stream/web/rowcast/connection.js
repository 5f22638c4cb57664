// A connection to rowcast that is made again whenever it is lost: a stream, or
// long polls where streams do not get through.
import { call } from "./report.js";
import { EventStream } from "./sse.js";

const firstByte = 15000; // ms: a stream begins with a block at once, unless something on the way collects it
const pollWait = 25; // s
const pollSpell = 300000; // ms after which streaming is tried again

/** The server said no for good. The message is its own, where it gave one. */
export class Refused extends Error {
  constructor(message, status, url) {
    super(message);
    Object.assign(this, { name: "Refused", status, url });
  }
}

/** Nothing came for too long. The browser reports no error for a connection that is dead. */
class Silent extends Error {}

/** Waits, but no longer than until the signal aborts, or the browser is online again. */
export function pause(ms, signal) {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      globalThis.removeEventListener?.("online", end);
      done();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    globalThis.addEventListener?.("online", end);
    if (signal.aborted) end();
  });
}

/**
 * Calls late once nothing was heard for about ms. It counts ticks rather than
 * time: a machine that was asleep then has time to read what came meanwhile.
 */
function watch(ms, late) {
  let silent = 0;
  const timer = setInterval(() => ++silent > 3 && late(), ms / 3);
  return { heard: () => (silent = 0), stop: () => clearInterval(timer) };
}

export class Connection {
  #to; #sink;
  #state = ""; #retry = 2000; #failures = 0; #pollUntil = 0;

  /**
   * to says what is asked for: url, withCredentials, headers (an object, or a
   * function that returns one or a promise of one) and poll.
   *
   * sink takes what comes. last() is the id to resume after, "" for none;
   * event({type, id, data}) and mark(id) come in the order of the wire, and
   * state(name) after what made it so: open, stale, reconnecting.
   */
  constructor(to, sink) {
    this.#to = to;
    this.#sink = sink;
    if (to.poll || !globalThis.ReadableStream || !("body" in Response.prototype)) this.#pollUntil = Infinity;
  }

  /** Keeps the connection until the signal aborts. Throws Refused. */
  async run(signal) {
    while (!signal.aborted) {
      try {
        if (Date.now() < this.#pollUntil) await this.#polls(signal);
        else await this.#stream(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refused) throw error;
        if (error instanceof Silent && this.#state === "open") {
          this.#say("stale");
          continue;
        }
        this.#failures++;
      }
      if (signal.aborted) return;
      this.#say("reconnecting");
      await pause(this.#delay(), signal);
    }
  }

  /** As long as the server asks for, and longer with each failure; never as long as another client, so that a server that comes back is not overrun. */
  #delay() {
    const more = this.#failures ? Math.min(1000 * 2 ** (this.#failures - 1), 20000) : 0;
    return (this.#retry + more) * (1 + Math.random() / 2);
  }

  #say(state) {
    if (state === this.#state || (state === "reconnecting" && this.#state === "stale")) return;
    this.#sink.state((this.#state = state));
  }

  #opened() {
    this.#failures = 0;
    this.#say("open");
  }

  async #stream(signal) {
    let dog, begun = false, late = false;
    const over = new AbortController(); // of this response
    const end = () => over.abort();
    const bark = () => ((late = true), end());
    signal.addEventListener("abort", end);
    try {
      dog = watch(firstByte, bark);
      const answer = await this.#fetch("text/event-stream", "", over.signal);
      const heartbeat = Number(answer.headers.get("Rowcast-Heartbeat")); // ms
      const stream = new EventStream({ retry: (ms) => (this.#retry = ms), block: (block) => this.#take(block) });
      for (const reader = answer.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) return void (this.#failures = 0); // the server's retry says when to come back
        if (!begun) {
          begun = true;
          dog.stop();
          dog = heartbeat && watch(2.5 * Math.max(heartbeat, 1000), bark);
        }
        if (dog) dog.heard();
        stream.push(value);
      }
    } catch (error) {
      if (!late || signal.aborted) throw error;
      if (!begun) this.#pollUntil = Date.now() + pollSpell;
      throw new Silent();
    } finally {
      signal.removeEventListener("abort", end);
      if (dog) dog.stop();
      end();
    }
  }

  /** A block without an id of its own is a ping: changes and resets have one. */
  #take({ id, type, data }) {
    if (id === undefined) return;
    if (data === undefined) this.#sink.mark(id);
    else this.#sink.event({ type, id, data });
    this.#opened();
  }

  /** One long poll after the other. The first is short, to learn where the stream stands. */
  async #polls(signal) {
    let wait = 1;
    do {
      const { events, lastEventId, retry } = await this.#poll(wait, signal);
      for (const { id, event, data } of events) this.#sink.event({ type: event || "message", id, data });
      this.#sink.mark(lastEventId);
      if (retry) return void (this.#retry = retry);
      this.#opened();
      wait = pollWait;
    } while (!signal.aborted && Date.now() < this.#pollUntil);
  }

  async #poll(wait, signal) {
    const over = new AbortController();
    const end = () => over.abort();
    signal.addEventListener("abort", end);
    const dog = watch(wait * 1000 + firstByte, end);
    try {
      return await (await this.#fetch("application/json", `wait=${wait}s`, over.signal)).json();
    } finally {
      signal.removeEventListener("abort", end);
      dog.stop();
      end();
    }
  }

  async #fetch(accept, query, signal) {
    const { url, withCredentials, headers } = this.#to;
    const all = new Headers(typeof headers === "function" ? await call(headers) : headers);
    all.set("Accept", accept);
    const id = this.#sink.last(), parts = query ? [query] : [];
    // To another origin the id goes into the URL: fetch, unlike EventSource, may
    // not send Last-Event-ID there without a preflight, which costs a round trip
    // and which many a proxy refuses.
    if (id && new URL(url).origin === globalThis.origin && /^[\x21-\x7e]+$/.test(id)) all.set("Last-Event-ID", id);
    else if (id) parts.push("lastEventId=" + encodeURIComponent(id));
    const answer = await fetch(parts.length ? url + (url.includes("?") ? "&" : "?") + parts.join("&") : url, {
      headers: all, cache: "no-store", signal,
      credentials: withCredentials ? "include" : "same-origin",
    });
    await judge(answer, accept, url);
    return answer;
  }
}

/** Throws unless the answer is what was asked for: Refused where asking again would not help. */
async function judge(answer, accept, url) {
  const { status, statusText } = answer;
  const type = answer.headers.get("Content-Type") ?? "nothing";
  if (status === 200 && type.startsWith(accept)) return;
  const says = `${url} answers ${status} ${statusText}`.trim();
  if (status >= 500 || status === 408 || status === 429) throw new Error(says);
  const problem = type.includes("json") ? await answer.json().catch(() => null) : null;
  throw new Refused(problem?.detail ?? (status === 200 ? `${url} answers with ${type}, not ${accept}` : says), status, url);
}
