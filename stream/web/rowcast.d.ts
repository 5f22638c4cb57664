// Types of rowcast.js.

/** A value as JSON has it; see "Values" in rowcast's documentation. */
export type Value = string | number | boolean | null | Value[] | { [name: string]: Value };
export type Row = Record<string, any>;

interface AnyChange<R extends Row> {
  /** schema.table */
  table: string;
  /** The primary key, if the table has one and all of it may be sent. */
  key?: Partial<R>;
  /** When it was committed, in milliseconds since 1970 UTC. */
  ts: number;
}

export interface Insert<R extends Row = Row> extends AnyChange<R> {
  op: "insert";
  row: R;
}

export interface Update<R extends Row = Row> extends AnyChange<R> {
  op: "update";
  /** The row after the change. Columns that the binlog does not hold are left out (`binlog_row_image` other than `FULL`). */
  row: R;
  /** The key before an update that changed it. */
  old_key?: Partial<R>;
  /** The row before, with `before = true`. */
  before?: R;
}

export interface Delete<R extends Row = Row> extends AnyChange<R> {
  op: "delete";
  row?: undefined;
  /** The row before, with `before = true`. */
  before?: R;
}

/** One row that was inserted, updated or deleted, as streams with `data = "change"` (the default) send it. */
export type Change<R extends Row = Row> = Insert<R> | Update<R> | Delete<R>;

/** What came over the wire. */
export interface WireEvent {
  /** "message", unless the config gives the stream an `event`. */
  type: string;
  /** Where the change is in the binlog. */
  id: string;
  data: string;
}

/** Changes were lost, or may have been: what the page shows has to be fetched again. */
export interface Reset {
  reason: "purged" | "foreign" | "invalid" | "ahead" | "schema" | "slow";
  /** The id that can't be resumed from. */
  lastEventId: string;
  /** Why, and what to do, for people. */
  message: string;
}

/** The server refused for good. */
export interface RefusedError extends Error {
  /** The HTTP status: 401, 404 and the like. */
  status: number;
  /** What was asked for. */
  url: string;
}

/**
 * - `connecting`: for the first time, or `load` is running
 * - `open`: changes arrive as they are committed
 * - `reconnecting`: the connection was lost; what is missed will come
 * - `stale`: the server has sent nothing for more than two heartbeats; a new connection is being made
 * - `reset`: changes arrive, but some were lost. Ends with the promise of `load` or `onReset`, else with the next change
 * - `closed`: for good, by close() or because the server refused; the detail says why
 */
export type State = "connecting" | "open" | "reconnecting" | "stale" | "reset" | "closed";

interface Common<C> {
  /** Values for the parameters of the streams' `where`. */
  params?: Record<string, string | number>;
  /**
   * The address to ask, instead of names of streams: one that a proxy passes on
   * to a stream, as "/picks". Relative to the page.
   */
  url?: string;
  /** Where rowcast is, as "https://events.example.com/". Default: where rowcast.js came from. */
  base?: string;
  /**
   * Headers to send, or a function that returns them and is called before each
   * connection. Another origin has to allow them.
   */
  headers?: Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>);
  /** Send cookies to a rowcast of another origin. */
  withCredentials?: boolean;
  /** Resume after this id. Default: what `resume` kept, else from now on. */
  after?: string;
  /** One connection for all tabs of this origin that ask for the same. Needs HTTPS or localhost. Default: true, unless there are `headers`. */
  share?: boolean;
  /** Use long polls from the start. Otherwise they are used where streams do not get through. */
  poll?: boolean;
  onChange?(change: C, event: WireEvent): void;
  /** Changes wait for the promise, if it returns one. */
  onReset?(reset: Reset, event: WireEvent): void | Promise<unknown>;
  /** The detail says in words why a subscription was closed. */
  onState?(state: State, detail: string): void;
  /** The server refused, and the subscription is closed. Without it, the console says so. */
  onError?(error: RefusedError): void;
}

/** The console warns of options that are not among these. */
export interface Options<C = Change> extends Common<C> {
  /**
   * Fetches what the page begins with. It is called as soon as it is known from
   * where on changes come, and after each reset; changes wait until its promise
   * resolves. If it fails, it is called again after a pause, longer each time.
   * The signal aborts when the answer is no longer wanted.
   */
  load?(reset: Reset | undefined, how: { signal: AbortSignal }): Promise<unknown>;
  /**
   * Keep the last id in sessionStorage, so that a page that is reloaded gets
   * what it missed. Default: true, unless there is a `load`, which fetches that
   * as well. Subscriptions of one page to the same streams are told apart by
   * the order in which they are made.
   */
  resume?: boolean;
  /** For streams with `data = "text"`: onChange gets each text as a string, even one that looks like JSON. */
  text?: boolean;
}

export interface Subscription {
  /** Ends it; if this tab had the connection, another one takes over. */
  close(): void;
  readonly state: State;
  /** Everything up to here was handed over. */
  readonly lastEventId: string;
}

/** Subscribes to one stream or several, by their public names. */
export function subscribe<C = Change>(streams: string | string[], options?: Options<C> & { url?: undefined }): Subscription;
/** Subscribes to the stream at a URL. */
export function subscribe<C = Change>(options: Options<C> & { url: string }): Subscription;

/** The console warns of options that are not among these. */
export interface CollectionOptions<R extends Row = Row> extends Common<Change<R>> {
  /**
   * The column or columns of the primary key, or a function of the row. Default:
   * the change's key; "id" for loaded rows. A change without one is reported and
   * left out; a load that brings a row without one has failed.
   */
  key?: string | string[] | ((row: R) => unknown);
  /**
   * Fetches all rows, at the start and after each reset. Without it they come from
   * rowcast, if the config gives the stream `rows`; else the collection begins empty.
   * The signal aborts when the answer is no longer wanted.
   */
  load?(reset: Reset | undefined, how: { signal: AbortSignal }): Promise<Iterable<R>>;
}

export interface CollectionChange<R extends Row = Row> {
  /** `load`: the whole content is new. */
  op: "insert" | "update" | "delete" | "load";
  key?: unknown;
  /** Where an update changed the key. */
  oldKey?: unknown;
  row?: R;
  old?: R;
}

/**
 * The rows of one stream (not of several) with `data = "change"`, by primary key. Add "delete" to its `on`.
 *
 * Keys are the value of the primary key, or a JSON array of values if it has
 * several columns. Texts that are how JavaScript writes a number count as that
 * number, so that "7" of an API and 7 of a change are one row; get and has take
 * either, and several values as an array.
 */
export class Collection<R extends Row = Row> implements ReadonlyMap<unknown, R> {
  constructor(stream: string | string[], options?: CollectionOptions<R> & { url?: undefined });
  constructor(options: CollectionOptions<R> & { url: string });
  /** "change" events say what happened, after it happened. */
  addEventListener(type: "change", listener: (event: CustomEvent<CollectionChange<R>>) => void): void;
  removeEventListener(type: "change", listener: (event: CustomEvent<CollectionChange<R>>) => void): void;
  close(): void;
  readonly state: State;
  readonly lastEventId: string;

  readonly size: number;
  get(key: unknown): R | undefined;
  has(key: unknown): boolean;
  forEach(f: (row: R, key: unknown, rows: ReadonlyMap<unknown, R>) => void): void;
  entries(): MapIterator<[unknown, R]>;
  keys(): MapIterator<unknown>;
  values(): MapIterator<R>;
  [Symbol.iterator](): MapIterator<[unknown, R]>;
}

/** A live Map of a stream's rows. */
export function collection<R extends Row = Row>(stream: string | string[], options?: CollectionOptions<R> & { url?: undefined }): Collection<R>;
export function collection<R extends Row = Row>(options: CollectionOptions<R> & { url: string }): Collection<R>;

/** Tells whether event id a comes after event id b in the binlog. */
export function isAfter(a: string, b: string): boolean;
