// rowcast: a client for rowcast's event streams. An ES module that needs the
// files in rowcast/ and nothing else; its types are in rowcast.d.ts.
//
//   subscribe("picks", { onChange: (c) => console.log(c.op, c.row) });
//   const picks = collection("picks"); // rows = "all" in the config, or with { load }
//
// Every event is handed over once and in order: across reconnects, reloads of
// the page (the last id is kept in sessionStorage), and changes of the tab that
// holds the connection for all tabs of this origin.
import { Collection } from "./rowcast/collection.js";
import { asked, ofSubscriptions } from "./rowcast/options.js";
import { Subscription } from "./rowcast/subscription.js";

export { Collection };
export { isAfter } from "./rowcast/id.js";

/** Subscribes to one stream or several; see rowcast.d.ts. */
export function subscribe(streams, options) {
  return new Subscription(...asked(streams, options, ofSubscriptions));
}

/** A live Map of a stream's rows; see rowcast.d.ts. */
export function collection(streams, options) {
  return new Collection(streams, options);
}
