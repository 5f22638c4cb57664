// The rows of a stream as a live Map.
import { asked, ofCollections } from "./options.js";
import { call } from "./report.js";
import { current, Subscription } from "./subscription.js";

/**
 * One value of a key. Databases, APIs and JSON disagree about whether 7 is a
 * number or a text; here it is a number, so that a row is one row.
 */
function normal(value) {
  if (typeof value !== "string") return value;
  const number = Number(value);
  return Number.isFinite(number) && String(number) === value ? number : value;
}

/** What the Map has for one value, or for several in an array. */
function keyOf(values) {
  if (!Array.isArray(values)) return normal(values);
  return values.length === 1 ? normal(values[0]) : JSON.stringify(values.map(normal));
}

export class Collection extends Map {
  #key; #load; #events = new EventTarget(); #subscription;

  constructor(streams, options) {
    const [names, { key, load, ...rest }] = asked(streams, options, ofCollections);
    if (names.length > 1) throw new TypeError("rowcast: a collection holds the rows of one stream; make one for each of " + names.join(", "));
    super();
    this.#key = key;
    this.#load = load
      ? async (...how) => [...((await load(...how)) ?? [])].map((row) => ({ row }))
      : async (_, { signal }) => (await current(names, rest, signal)).map((r) => (r.op === "row" && r.table ? r : { row: r }));
    this.#subscription = new Subscription(names, {
      ...rest,
      resume: false, // the rows are gone with the page; the load below begins afresh
      load: (reset, how) => this.#fill(reset, how),
      onChange: (change, event) => {
        this.#apply(change);
        call(rest.onChange, change, event);
      },
    });
  }

  get state() { return this.#subscription.state; }
  get lastEventId() { return this.#subscription.lastEventId; }
  close() { this.#subscription.close(); }
  addEventListener(...args) { this.#events.addEventListener(...args); }
  removeEventListener(...args) { this.#events.removeEventListener(...args); }
  get(key) { return super.get(keyOf(key)); }
  has(key) { return super.has(keyOf(key)); }

  #tell(detail) {
    this.#events.dispatchEvent(new CustomEvent("change", { detail }));
  }

  async #fill(reset, how) {
    const rows = (await this.#load(reset, how)).map(({ row, key }) => [this.#keyOf(row, key), row]);
    if (how.signal.aborted) return; // closed, or out of date
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
    return keyOf(values);
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
