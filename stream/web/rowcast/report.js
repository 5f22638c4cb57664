// What goes wrong in the page's own code.

/** Reports an error as one that nobody caught; nothing of rowcast ends by it. */
export const report = (error) => (globalThis.reportError ?? console.error)(error);

/** Calls a function of the page; what it throws is reported. */
export function call(f, ...args) {
  try {
    return f?.(...args);
  } catch (error) {
    report(error);
  }
}
