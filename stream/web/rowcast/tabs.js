// One connection for all tabs of an origin that ask for the same. The tab that
// holds a Web Lock leads: it has the connection, and repeats to the others what
// comes. A tab that can't have locks or channels leads for itself alone.
import { pause } from "./connection.js";

const patience = 3000; // ms in which the tab that leads must answer, even in the background
const checks = 20000; // ms between questions whether it still does
const between = 1000; // ms before a tab that lost the lock asks for it again

export class Tabs {
  #name; #signal; #lead; #hear; #hello;
  #channel = null;
  #term = null; // AbortController of this tab's time as the one that leads
  #heard = false;

  /**
   * name says what the tabs have in common; "" shares nothing. lead(signal)
   * keeps the connection, hear(message) gets what the tab that leads tells, and
   * hello() is called in that tab when another asks for a sign of life.
   */
  constructor(name, { lead, hear, hello }, signal) {
    [this.#name, this.#signal, this.#lead, this.#hear, this.#hello] = [name, signal, lead, hear, hello];
    signal.addEventListener("abort", () => this.#channel?.close());
    try {
      if (!name || !globalThis.navigator?.locks) return void this.#leadAlone();
      this.#channel = new BroadcastChannel(name);
    } catch {
      return void this.#leadAlone();
    }
    this.#channel.onmessage = ({ data }) => this.#take(data);
    this.#queue();
    const check = () => this.#check();
    check();
    const timer = setInterval(check, checks);
    signal.addEventListener("abort", () => clearInterval(timer));
    globalThis.document?.addEventListener("visibilitychange", check, { signal });
  }

  get leads() { return this.#term !== null; }

  /** Tells the other tabs, if this one leads. */
  tell(message) {
    if (this.#term && !this.#signal.aborted) this.#channel?.postMessage(message);
  }

  #take(message) {
    if (message.hello) return void (this.#term && this.#hello());
    this.#heard = true;
    if (!this.#term) this.#hear(message); // else the tab that led before still talks
  }

  #leadAlone() {
    this.#channel?.close();
    this.#channel = null;
    this.#term?.abort();
    this.#term = new AbortController();
    this.#lead(this.#signal);
  }

  /** Waits for the lock, again and again. */
  async #queue() {
    while (!this.#signal.aborted) {
      const refused = await this.#hold({ signal: this.#signal });
      if (refused && this.#channel) return this.#leadAlone();
      await pause(between, this.#signal);
    }
  }

  /** Leads while it has the lock. Tells whether the browser gives no locks here: sandboxed frames, cookies that are blocked. */
  async #hold(how) {
    const term = new AbortController();
    try {
      await navigator.locks.request(this.#name, how, () => {
        this.#term?.abort();
        this.#term = term;
        return this.#lead(term.signal);
      });
    } catch (error) {
      return error.name !== "AbortError"; // that is: another tab took the lock since this one did not answer, or this one is closed
    } finally {
      term.abort();
      if (this.#term === term) this.#term = null;
    }
  }

  /** Takes the lock from a tab that leads and does not answer: browsers put tabs in the background to sleep, whatever they hold. */
  async #check() {
    if (this.#term) return;
    this.#heard = false;
    this.#channel?.postMessage({ hello: true });
    await pause(patience, this.#signal);
    const asleep = !this.#heard && !this.#term && globalThis.document?.visibilityState !== "hidden";
    if (asleep && !this.#signal.aborted) await this.#hold({ steal: true });
  }
}
