// What a page in TypeScript does with the client module, and what its types refuse.
import { subscribe, collection, isAfter, Collection } from "../../../stream/web/rowcast.js";
import type { Change, Reset, State, Subscription } from "../../../stream/web/rowcast.js";

interface Pick { id: number; team: string; player: string | null }

const plain: Subscription = subscribe("picks");
plain.close();

const states: State[] = [];
const subscription = subscribe<Change<Pick>>(["picks", "teams"], {
  params: { round: 3, team: "Oilers" },
  after: plain.lastEventId,
  load: (reset?: Reset) => fetch(`/picks?${reset?.reason ?? ""}`),
  onChange(change, event) {
    if (change.op !== "delete") change.row?.team.toUpperCase();
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
