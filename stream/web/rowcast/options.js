// What a page asks for: streams, and options.

const common = ["params", "url", "base", "headers", "withCredentials", "after", "share", "poll", "onChange", "onReset", "onState", "onError"];
export const ofSubscriptions = ["load", "resume", "text", ...common];
export const ofCollections = ["key", "load", ...common];

/** Says in the console which options there are: a page with onchange would wait in vain. */
function check(options, names) {
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const near = names.find((n) => n.toLowerCase() === name.toLowerCase());
    console.warn(`rowcast: there is no option ${name}; ` + (near ? `did you mean ${near}?` : "there are " + names.join(", ")));
  }
}

/** The names of streams, none where the option url takes their place, and the options, which then may come first. */
export function asked(streams, options, names) {
  if (typeof streams === "object" && streams !== null && !Array.isArray(streams)) [streams, options] = [[], streams];
  const all = [streams ?? []].flat();
  options ??= {};
  if ((all.length > 0) === (options.url !== undefined)) throw new TypeError("rowcast: name streams, or give the option url");
  check(options, names);
  return [all, options];
}
