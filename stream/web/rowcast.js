// rowcast: a small client for rowcast's event streams. ES module, no dependencies.

const key = url => "rowcast:" + url;

/**
 * Subscribes to one stream or several.
 * @param {string|string[]} streams public names
 * @param {{params?: Object<string,string>, base?: string,
 *          onChange?: (change: any, event: MessageEvent) => void,
 *          onReset?: (reset: {reason: string, lastEventId: string, message: string}) => void,
 *          onState?: (state: "connecting"|"open"|"reconnecting"|"closed") => void}} options
 * @returns {{close(): void, readonly lastEventId: string}}
 */
export function subscribe(streams, { params = {}, base = "", onChange, onReset, onState } = {}) {
  const query = new URLSearchParams(params);
  for (const name of [streams].flat()) query.append("table", name);
  const url = `${base}/events?${query}`;
  let last = sessionStorage.getItem(key(url)) ?? "";
  const state = s => onState?.(s);

  // A page that is reloaded goes on where it was: EventSource itself forgets the id.
  const source = new EventSource(last ? `${url}&lastEventId=${encodeURIComponent(last)}` : url);
  const seen = event => {
    if (event.lastEventId) sessionStorage.setItem(key(url), (last = event.lastEventId));
  };
  state("connecting");
  source.onopen = () => state("open");
  source.onerror = () => state(source.readyState === EventSource.CLOSED ? "closed" : "reconnecting");
  source.onmessage = event => {
    seen(event);
    onChange?.(JSON.parse(event.data), event);
  };
  source.addEventListener("reset", event => {
    seen(event);
    onReset?.(JSON.parse(event.data));
  });
  return {
    close() {
      source.close();
      state("closed");
    },
    get lastEventId() {
      return last;
    },
  };
}
