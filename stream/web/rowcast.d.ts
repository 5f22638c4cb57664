// Types of rowcast.js.

/** A value as JSON shows it; see "Values" in rowcast's documentation. */
export type Value = string | number | boolean | null | Value[] | { [name: string]: Value };
export type Row = Record<string, any>;

/** One row that was inserted, updated or deleted, as streams with `data = "change"` (the default) send it. */
export interface Change<R extends Row = Row> {
  op: "insert" | "update" | "delete";
  /** schema.table */
  table: string;
  /** The primary key, where the table has one that may be sent. */
  key?: Partial<R>;
  /** The key before an update that changed it. */
  old_key?: Partial<R>;
  /** The row after the change; left out for deletes. */
  row?: R;
  /** The row before, with `before = true`. */
  before?: R;
  /** When it was committed, in milliseconds since 1970 UTC. */
  ts: number;
}

/** What came over the wire. */
export interface WireEvent {
  type: string;
  /** Where the change stands in the binlog. */
  id: string;
  data: string;
}

/** Exactness was lost: what the page shows must be fetched anew. */
export interface Reset {
  reason: "purged" | "foreign" | "invalid" | "ahead" | "schema" | "slow";
  /** The id that can't be resumed from. */
  lastEventId: string;
  /** Why, and what to do, for people. */
  message: string;
}

/**
 * - `connecting`: for the first time, or `load` is under way
 * - `open`: changes arrive as they are committed
 * - `reconnecting`: the connection was lost; what is missed will come
 * - `stale`: connected, but the server's pings stay away; connects anew (needs `ping` in rowcast's config)
 * - `reset`: changes arrive, but some were lost. Ends with the promise of `load` or `onReset`, else with the next change
 * - `closed`: for good, by close() or since the server refused; the detail says why, and so does the console
 */
export type State = "connecting" | "open" | "reconnecting" | "stale" | "reset" | "closed";

/** Names that are not among these are told in the console. */
export interface Options<C = Change> {
  /** Bind values of the streams' `where`. */
  params?: Record<string, string | number>;
  /** Where rowcast is, as "https://events.example.com/". Default: where rowcast.js came from. */
  base?: string;
  /** Go on behind this id. Default: what sessionStorage holds, else from now on. */
  after?: string;
  /** Keep the last id in sessionStorage, so that a reloaded page gets what it missed. Default: true. */
  resume?: boolean;
  /** One connection for all tabs of this origin that ask for the same. Needs HTTPS or localhost. Default: true. */
  share?: boolean;
  /** Send cookies to a rowcast of another origin. */
  withCredentials?: boolean;
  /** Event names, where the config has `event = "…"`. Default: ["message"]. */
  events?: string[];
  /** Event name of pings, as in the config. Default: "ping". */
  ping?: string;
  /** Long poll even where there is an EventSource. */
  poll?: boolean;
  /**
   * Fetches what the page begins with. It is called once it is settled from where
   * changes come, and after each reset; changes wait until its promise resolves.
   * One that fails is called again, later each time.
   */
  load?(reset?: Reset): Promise<unknown>;
  onChange?(change: C, event: WireEvent): void;
  /** Changes wait for the promise, if it returns one. */
  onReset?(reset: Reset, event: WireEvent): void | Promise<unknown>;
  /** The detail says in words why a subscription was closed. */
  onState?(state: State, detail: string): void;
}

export interface Subscription {
  /** Ends it; another tab takes the connection over, if it was this one's. */
  close(): void;
  readonly state: State;
  /** Up to here everything was handed over. */
  readonly lastEventId: string;
}

/** Subscribes to one stream or several, by their public names. */
export function subscribe<C = Change>(streams: string | string[], options?: Options<C>): Subscription;

export interface CollectionOptions<R extends Row> extends Omit<Options<Change<R>>, "load"> {
  /**
   * The column or columns of the primary key, or a function of the row. Default:
   * the change's key; "id" for loaded rows. A change without one is reported and
   * left out, a load that brings a row without one has failed.
   */
  key?: string | string[] | ((row: R) => unknown);
  /** Fetches all rows, at the start and after each reset. Without it the collection begins empty. */
  load?(): Promise<R[]>;
}

export interface CollectionChange<R extends Row> {
  /** `load`: the whole content is new. */
  op: "insert" | "update" | "delete" | "load";
  key?: unknown;
  /** Where an update changed the key. */
  oldKey?: unknown;
  row?: R;
  old?: R;
}

/** The rows of one stream (not of several) with `data = "change"`, by primary key. Add "delete" to its `on`. */
export class Collection<R extends Row = Row> extends Map<unknown, R> {
  addEventListener(type: "change", listener: (event: CustomEvent<CollectionChange<R>>) => void): void;
  removeEventListener(type: "change", listener: (event: CustomEvent<CollectionChange<R>>) => void): void;
  close(): void;
  readonly state: State;
  readonly lastEventId: string;
}

/**
 * A live Map: keys are the primary key's value, or a JSON array of values where
 * it has several columns. "change" events tell what happened, after it happened.
 */
export function collection<R extends Row = Row>(stream: string, options?: CollectionOptions<R>): Collection<R>;

/** Tells whether event id a stands behind id b in the binlog. */
export function isAfter(a: string, b: string): boolean;
