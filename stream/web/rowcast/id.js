// Event ids: positions in the binlog.

/** The numbers of an id, and which history of the server they belong to; null if it has another form. */
function parse(id) {
  const m = /(\d+)\/(\d+)(?:\/(\d+)\.(\d+))?(?:~(\w+))?(?:\.(\d+))?$/.exec(id);
  return m && { at: [m[1], m[2], m[3] ?? -1, m[4] ?? -1, m[6] ?? 0].map(Number), lineage: m[5] };
}

/** Tells whether id a comes after id b in the binlog. If the two can't be compared: yes, so that the server decides. */
export function isAfter(a, b) {
  const x = parse(a), y = parse(b);
  if (!x || !y || (x.at[0] === y.at[0] && x.lineage !== y.lineage)) return a !== b;
  const i = x.at.findIndex((n, k) => n !== y.at[k]);
  return i >= 0 && x.at[i] > y.at[i];
}
