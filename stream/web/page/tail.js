// The live changes: the newest on top, filtered, paused, never more than a page
// can show. Everything from the database becomes text, never markup.

const $ = (id) => document.getElementById(id);
const kept = 1000; // changes in memory, for the filter
const shown = 200; // changes on the page
const longest = 240; // characters of a value

/** A span of time in words: "340 ms", "12 s", "3 min". */
export function since(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60000) return `${Math.floor(ms / 1000)} s`;
  if (ms < 3600000) return `${Math.floor(ms / 60000)} min`;
  if (ms < 86400000) return `${Math.floor(ms / 3600000)} h`;
  return `${Math.floor(ms / 86400000)} d`;
}

function element(name, className, text) {
  const e = document.createElement(name);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function cut(text) {
  return text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text;
}

export class Tail {
  #all = []; #fresh = []; #frame = 0; #paused = false; #missed = 0; #needle = ""; #total = 0; #unread = 0; #names = [];

  constructor() {
    $("pause").onclick = () => this.#pause(!this.#paused);
    $("clear").onclick = () => {
      this.#all = [];
      this.#fresh = [];
      this.#missed = this.#total = 0;
      this.#redraw();
    };
    $("filter").oninput = () => {
      this.#needle = $("filter").value.trim().toLowerCase();
      this.#redraw();
    };
  }

  /** Says what is awaited. */
  waitFor(names) {
    this.#names = names;
    this.#labels();
  }

  add(change, { id }) {
    const entry = { change, id, at: change?.ts ?? Date.now() };
    entry.text = [change?.op, change?.table, plain(change?.key ?? ""), plain(change?.row ?? change), id].join(" ").toLowerCase();
    this.#all.push(entry);
    if (this.#all.length > kept * 1.2) this.#all = this.#all.slice(-kept);
    this.#total++;
    this.#unread++;
    if (this.#paused) this.#missed++;
    else this.#fresh.push(entry);
    // However fast they come, they are drawn once a frame, and no more than fit.
    if (!this.#frame) this.#frame = document.hidden ? setTimeout(() => this.#draw(), 500) : requestAnimationFrame(() => this.#draw());
  }

  #pause(on) {
    this.#paused = on;
    $("pause").setAttribute("aria-pressed", on);
    $("pause").textContent = on ? "Resume" : "Pause";
    if (!on) {
      this.#missed = 0;
      this.#redraw();
    }
    this.#labels();
  }

  #matches(entry) {
    return !this.#needle || entry.text.includes(this.#needle);
  }

  #draw() {
    this.#frame = 0;
    const fresh = this.#fresh.filter((e) => this.#matches(e)).slice(-shown);
    this.#fresh = [];
    const items = fresh.reverse().map((e) => this.#item(e));
    for (const item of items) item.classList.add("new");
    $("changes").prepend(...items);
    while ($("changes").children.length > shown) $("changes").lastElementChild.remove();
    this.#labels();
  }

  #redraw() {
    const upTo = this.#paused ? this.#all.slice(0, this.#all.length - this.#missed) : this.#all;
    this.#fresh = [];
    $("changes").replaceChildren(...upTo.filter((e) => this.#matches(e)).slice(-shown).reverse().map((e) => this.#item(e)));
    this.#labels();
  }

  #labels() {
    const any = $("changes").children.length > 0;
    const parts = [];
    if (this.#total) parts.push(`${this.#total} ${this.#total === 1 ? "event" : "events"}`);
    if (this.#needle) parts.push(`filter “${this.#needle}”`);
    if (this.#paused) parts.push(this.#missed ? `paused, ${this.#missed} more came` : "paused");
    $("count").textContent = parts.join(" · ");
    $("empty").textContent = any ? "" : this.#needle && this.#all.length ? "Nothing matches the filter."
      : this.#names.length ? `Waiting for changes of ${this.#names.join(", ")}. Insert a row with any SQL client, or phpMyAdmin.`
      : $("streams").children.length ? "Choose a stream." : "No stream is configured: add a [[table]] to config.toml.";
  }

  /** Once a second: ages grow, and screen readers hear how many came. */
  tick() {
    if (document.hidden) return;
    const now = Date.now();
    for (const item of $("changes").children) {
      const text = `${since(now - item.at)} ago`;
      if (item.ago.textContent !== text) item.ago.textContent = text;
    }
    if (this.#unread && !this.#paused && now - (this.spoke ?? 0) > 10000) {
      $("news").textContent = `${this.#unread} new ${this.#unread === 1 ? "event" : "events"}`;
      this.#unread = 0;
      this.spoke = now;
    }
  }

  #item({ change, id, at }) {
    const op = change?.op ?? "row";
    const item = element("li", op);
    item.at = at;
    item.ago = element("time", "ago", `${since(Date.now() - at)} ago`);
    item.ago.dateTime = new Date(at).toISOString();
    item.ago.title = new Date(at).toLocaleString();
    const row = op === "reset" ? element("span", "row", `${change.reset.reason}: ${change.reset.message}`) : rowOf(change);
    const parts = [element("span", `op ${op}`, op), keyOf(change), row, item.ago, element("span", "id", id)];
    item.append(...parts.flatMap((part) => [part, " "]));
    return item;
  }
}

function keyOf(change) {
  const key = element("span", "key");
  const values = change?.key ? Object.values(change.key).map(plain).join(", ") : "";
  key.textContent = [change?.table?.split(".").pop(), values].filter(Boolean).join(" ");
  if (change?.table) key.title = change.table;
  return key;
}

function rowOf(change) {
  const line = element("span", "row");
  const row = change?.op ? change.row ?? change.before : change;
  if (row === null || typeof row !== "object") {
    line.textContent = row === undefined ? "" : cut(plain(row));
    return line;
  }
  for (const [name, value] of Object.entries(row)) {
    const cell = element("span");
    const old = change.row && change.before && name in change.before ? plain(change.before[name]) : undefined;
    cell.append(element("i", "", name), " "); // spaces, for copying the line and for screen readers
    if (old !== undefined && old !== plain(value)) {
      cell.className = "changed";
      cell.append(element("del", "", cut(old)), " ");
    }
    cell.append(element("span", value === null ? "null" : "", cut(plain(value))));
    line.append(cell, " ");
  }
  return line;
}
