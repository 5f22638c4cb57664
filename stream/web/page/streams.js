// The list of streams: which there are, which are followed, and how to use them.

const $ = (id) => document.getElementById(id);

/** The event names that a stream may send; {placeholders} filled in as far as that can be known. */
function eventNames({ name, table, ops, event }) {
  if (!event) return ["message"];
  const [schema, base] = table.split(".");
  const fixed = event.replaceAll("{stream}", name).replaceAll("{schema}", schema).replaceAll("{table}", base ?? "");
  return ops.map((op) => fixed.replaceAll("{op}", op));
}

let chosenNames; // by somebody at this page; undefined: nobody has chosen yet

/** The streams that the address names after its #; it may hold anything. */
function fromAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1)).split(",");
  } catch {
    return []; // a % that stands for nothing
  }
}

/** Shows the streams, again after a reload of the config; calls follow with the choice, now and whenever it changes. */
export function listStreams(streams, follow) {
  const cards = streams.map(card);
  $("streams").replaceChildren(...cards.map((c) => c.element));
  const wanted = (chosenNames ?? fromAddress()).filter(Boolean);
  const named = cards.filter((c) => wanted.includes(c.stream.name));
  for (const c of named.length ? named : goTogether(cards)) c.box.checked = true;

  const choose = () => {
    const chosen = cards.filter((c) => c.box.checked);
    const params = Object.assign({}, ...chosen.map((c) => c.params()));
    const names = chosen.map((c) => c.stream.name);
    follow({ names, params });
  };
  $("streams").onchange = (e) => {
    if (e.target.matches("select")) return;
    chosenNames = cards.filter((c) => c.box.checked).map((c) => c.stream.name);
    history.replaceState(null, "", "#" + encodeURIComponent(chosenNames.join(",")));
    choose();
  };
  choose();
}

/** Streams that can be followed at once: of one table a connection takes one stream. */
function goTogether(cards) {
  const tables = new Set();
  return cards.filter(({ stream }) => {
    if (stream.params?.some((p) => p.required) || (stream.table.includes("*") && tables.size) || tables.has("*") || tables.has(stream.table)) return false;
    tables.add(stream.table.includes("*") ? "*" : stream.table);
    return true;
  });
}

function card(stream) {
  const element = $("stream").content.cloneNode(true).firstElementChild;
  const $$ = (selector) => element.querySelector(selector);
  $$(".name b").textContent = stream.name;
  $$(".name code").textContent = stream.table === stream.name ? "" : stream.table;
  for (const op of stream.ops) {
    const span = document.createElement("span");
    span.className = `op ${op}`;
    span.textContent = op;
    $$(".ops").append(span);
  }
  $$(".cols").textContent = stream.columns?.join(", ") ?? "all columns";
  const inputs = (stream.params ?? []).map((param) => {
    const label = document.createElement("label"), input = document.createElement("input");
    input.value = param.default ?? "";
    input.required = param.required;
    input.placeholder = param.required ? "required" : "";
    label.append(param.name, input);
    $$(".params").append(label);
    return [param, input];
  });
  const params = () => Object.fromEntries(inputs.filter(([p, i]) => p.required || i.value !== (p.default ?? "")).map(([p, i]) => [p.name, i.value]));
  const kind = $$("select"), text = $$("pre"), copy = $$("button");
  const show = () => (text.textContent = snippet(kind.value, stream, params()));
  kind.onchange = show;
  element.addEventListener("input", show);
  $$(".of").textContent = ` the snippet of ${stream.name}`;
  text.setAttribute("aria-label", `Snippet of ${stream.name}`);
  copy.onclick = () => copyText(text, $$(".copy"), $$(".copied"));
  show();
  return { stream, element, box: $$(".name input"), params };
}

function snippet(kind, stream, params) {
  const base = new URL("..", import.meta.url).href;
  const query = new URLSearchParams(params).toString();
  const url = `${base}events/${encodeURIComponent(stream.name)}${query && "?" + query}`;
  const names = eventNames(stream), plain = names[0] === "message";
  const lines = query && `    params: ${JSON.stringify(params)},\n`;
  switch (kind) {
    case "html":
      return `<ul id="list"></ul>
<script>
  const source = new EventSource(${JSON.stringify(url)});
${names.map((n) => `  source.${plain ? "onmessage = " : `addEventListener(${JSON.stringify(n)}, `}(e) => {
    const item = document.createElement("li");
    item.textContent = e.data;
    document.getElementById("list").append(item);
  }${plain ? "" : ")"};`).join("\n")}
</script>`;
    case "module":
      return `<script type="module">
  import { subscribe } from "${base}rowcast.js";
  subscribe(${JSON.stringify(stream.name)}, {
${lines}    onChange: (change) => console.log(change.op, change.key, change.row),
    onReset: (reset) => console.warn(reset.message), // fetch the data again
    onState: (state, detail) => console.log(state, detail),
  });
</script>`;
    case "collection":
      return `<script type="module">
  import { collection } from "${base}rowcast.js";
  const rows = collection(${JSON.stringify(stream.name)}, {
${lines}${stream.rows ? "" : `    load: async () => (await fetch("/your/rows.json")).json(), // the rows as they are now
`}  });
  rows.addEventListener("change", () => console.log([...rows.values()]));
</script>`;
  }
  return `curl -N '${url}'`;
}

async function copyText(from, label, status) {
  try {
    await navigator.clipboard.writeText(from.textContent);
  } catch {
    getSelection().selectAllChildren(from); // no clipboard outside HTTPS and localhost
    document.execCommand("copy");
  }
  label.textContent = status.textContent = "Copied";
  setTimeout(() => ([label.textContent, status.textContent] = ["Copy", ""]), 1500);
}
