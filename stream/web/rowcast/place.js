// Where a subscription is, kept in sessionStorage so that a page that is
// reloaded gets what it missed.

const taken = new Set(); // keys of this page's subscriptions
const often = 1000; // ms between writes: at thousands of events a second, writing each id would be most of the work

/** The place of one subscription. Those of one name are told apart by their order. */
export class Place {
  #key; #id; #timer;
  #flush = () => this.#write();

  constructor(name) {
    for (let n = 1; !this.#key || taken.has(this.#key); n++) this.#key = `rowcast:${name}` + (n > 1 ? ` ${n}` : "");
    taken.add(this.#key);
    globalThis.addEventListener?.("pagehide", this.#flush);
  }

  /** The id that the page held before it was reloaded; "" if there is none. */
  read() {
    try {
      return sessionStorage.getItem(this.#key) ?? "";
    } catch {
      return ""; // storage is switched off, or the frame is sandboxed
    }
  }

  keep(id) {
    this.#id = id;
    if (this.#timer) return;
    this.#write();
    this.#timer = setTimeout(() => ((this.#timer = 0), this.#write()), often);
  }

  /**
   * Ends it. What is mounted later in this page begins afresh, unless it is at
   * once: frameworks unmount and mount again. forget = false leaves the place to
   * the next one: a page that was refused goes on there once its user signed in.
   */
  end(forget) {
    clearTimeout(this.#timer);
    this.#write();
    globalThis.removeEventListener?.("pagehide", this.#flush);
    taken.delete(this.#key);
    if (forget) setTimeout(() => taken.has(this.#key) || this.#remove(), often);
  }

  #write() {
    if (this.#id === undefined) return;
    try {
      sessionStorage.setItem(this.#key, this.#id);
      this.#id = undefined;
    } catch { /* full, or switched off */ }
  }

  #remove() {
    try {
      sessionStorage.removeItem(this.#key);
    } catch { /* switched off */ }
  }
}
