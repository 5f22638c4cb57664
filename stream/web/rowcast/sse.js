// The grammar of event streams, as the HTML standard defines it. EventSource
// has it as well, but tells the page nothing of a block without data, and so
// hides the checkpoints that an idle stream consists of.

const lineEnd = /\r\n|\r|\n/g;

/** Reads one response: its bytes, split anywhere, become blocks. */
export class EventStream {
  #decoder = new TextDecoder(); // drops a byte order mark
  #line = ""; // what no line end has followed so far
  #cr = false; // a CR came last: a LF that follows it ends no other line
  #id; #type = ""; #data = [];
  #block; #retry;

  /**
   * block gets {id, type, data}: id is undefined where the block has none of its
   * own, data where it has none. retry gets milliseconds.
   */
  constructor({ block, retry }) {
    this.#block = block;
    this.#retry = retry;
  }

  /** Takes the next bytes. A block that no blank line ends is never handed over. */
  push(bytes) {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (!text) return;
    if (this.#cr && text[0] === "\n") text = text.slice(1);
    this.#cr = text.endsWith("\r");
    let from = 0;
    for (const end of text.matchAll(lineEnd)) {
      const line = this.#line + text.slice(from, end.index);
      this.#line = "";
      from = end.index + end[0].length;
      this.#take(line);
    }
    this.#line += text.slice(from);
  }

  #take(line) {
    if (!line) return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon); // a comment's is ""
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    switch (field) {
      case "data":
        this.#data.push(value);
        break;
      case "event":
        this.#type = value;
        break;
      case "id":
        if (!value.includes("\0")) this.#id = value;
        break;
      case "retry":
        if (/^[0-9]+$/.test(value)) this.#retry(Number(value));
    }
  }

  #dispatch() {
    const block = { id: this.#id, type: this.#type || "message", data: this.#data.length ? this.#data.join("\n") : undefined };
    [this.#id, this.#type, this.#data] = [undefined, "", []];
    if (block.id !== undefined || block.data !== undefined) this.#block(block);
  }
}
