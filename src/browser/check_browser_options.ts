// How options are checked in a browser: as on the other runtimes, in fewer words. Their checker
// would be a sixth of what `connect()` adds to a page.

/**
 * What an option may be, behind "Expected … to be", and whether a value is that. Without the latter
 * a browser has no such option, and the text says why, and what to do instead.
 */
export type BrowserRule = readonly [text: string, test?: (value: unknown) => boolean];

/** A rule for each option of a type. */
export type BrowserRules<Options> = { readonly [Name in keyof Options]-?: BrowserRule };

/** True or false. */
export const FLAG: BrowserRule = ["true or false", (value) => typeof value === "boolean"];
/** A number of anything, or Infinity for no limit. */
export const COUNT: BrowserRule = [
  "a whole number, 1 or more",
  (value) => (value as number) >= 1 && (Number.isInteger(value) || value === Infinity),
];
/** Milliseconds that are waited. */
export const TIME: BrowserRule = [
  "milliseconds, 1 or more",
  (value) => typeof value === "number" && value >= 1,
];
/** An AbortSignal, of any realm. */
export const SIGNAL: BrowserRule = [
  "an AbortSignal",
  (value) => typeof (value as AbortSignal | null)?.aborted === "boolean",
];

/**
 * Checks the options of a call. `undefined` counts as absent.
 *
 * @param owner What takes them, such as "connect()".
 * @param options What was given.
 * @param rules The options that there are.
 * @throws {TypeError} When an option is unknown, of the wrong kind, or not for a browser.
 * @throws {RangeError} When a number is out of its range.
 */
export function checkBrowserOptions<Options extends object>(
  owner: string,
  options: Options | undefined,
  rules: BrowserRules<Options>,
): void {
  for (const [name, value] of Object.entries(options ?? {})) {
    if (value === undefined) continue;
    const [text, test] = Object.hasOwn(rules, name) ? rules[name as keyof Options] : [];
    if (test?.(value)) continue;
    const message = test
      ? `Expected ${name} to be ${text}, got ${String(value)}`
      : text
      ? `Expected no ${name} in a browser: ${text}`
      : `Expected an option of ${owner}, got ${name}: there are ${known(rules)}`;
    throw new (typeof value === "number" ? RangeError : TypeError)(message);
  }
}

function known(rules: Readonly<Record<string, BrowserRule>>): string {
  return Object.keys(rules).filter((name) => rules[name]![1]).join(", ");
}
