// What a page in TypeScript does with the client module, and what its types refuse.
import { subscribe, collection, isAfter, Collection } from "../../../stream/web/rowcast.js";
import type { Change, RefusedError, Reset, State, Subscription } from "../../../stream/web/rowcast.js";

interface Pick { id: number; team: string; player: string | null }

const plain: Subscription = subscribe("picks");
plain.close();

const states: State[] = [];
const subscription = subscribe<Change<Pick>>(["picks", "teams"], {
  params: { round: 3, team: "Oilers" },
  after: plain.lastEventId,
  load: (reset, { signal }) => fetch(`/picks?${reset?.reason ?? ""}`, { signal }),
  onChange(change, event) {
    if (change.op !== "delete") change.row.team.toUpperCase();
    if (change.op === "update") change.old_key?.id?.toFixed();
    // @ts-expect-error: a delete has no row
    if (change.op === "delete") change.row.team;
    // @ts-expect-error: nothing was there before an insert
    if (change.op === "insert") change.before;
    isAfter(event.id, subscription.lastEventId);
    // @ts-expect-error: no such operation
    change.op === "truncate";
    // @ts-expect-error: no such column
    change.row?.round;
  },
  onReset: async (reset) => { reset.message.trim(); },
  onState: (state, detail) => { states.push(state); detail.trim(); },
});
// @ts-expect-error: it says, it is not told
subscription.state = "open";
// @ts-expect-error: no such option
subscribe("picks", { onchange() {} });

const picks: Collection<Pick> = collection<Pick>("picks", {
  key: (row) => row.id,
  load: async () => (await fetch("/picks")).json(),
});
picks.addEventListener("change", ({ detail }) => detail.old?.player?.trim());
for (const [, row] of picks) row.team.trim();
// @ts-expect-error: load of a collection gives rows
collection<Pick>("picks", { load: async () => 7 });

// By URL instead of names; not by both, nor by neither.
subscribe({ url: "/picks", onError: (error: RefusedError) => { if (error.status === 401) error.url.trim(); } });
subscribe<string>({ url: "/lines", text: true, headers: async () => ({ Authorization: "Bearer x" }), onChange: (line) => { line.trim(); } });
const made: Collection<Pick> = new Collection<Pick>({ url: "/picks", key: ["team", "id"], onChange(change, event) { change.ts.toFixed(); event.id.trim(); } });
new Collection("picks", {});
made.get(["Oilers", 7])?.team.trim();
new Map(made).set(7, { id: 7, team: "Jets", player: null });
// @ts-expect-error: a collection is of something
new Collection();
// @ts-expect-error: nor is this enough
subscribe({ text: true });
// @ts-expect-error: both
subscribe("picks", { url: "/picks" });
// @ts-expect-error: rows come from the database alone
made.set(7, { id: 7, team: "Jets", player: null });
// @ts-expect-error: the rows of a collection are gone with the page
collection("picks", { resume: true });
