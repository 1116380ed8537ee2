const MAX_LENGTH = 80;

/**
 * Makes text from the peer safe to repeat in a reason. It is printable ASCII and bounded, so that
 * it can neither break a terminal or a log line nor make a refusal large.
 *
 * @param text What the peer sent.
 * @returns At most 80 of its characters, each outside of printable ASCII replaced by `?`, followed
 * by `...` when some were left off.
 */
export function printable(text: string): string {
  // "errors.md#" begins the address of a row, and only this end may name one.
  const result = text.slice(0, MAX_LENGTH).replace(/[^ -~]|errors\.md#/g, "?");
  return text.length > MAX_LENGTH ? result + "..." : result;
}
