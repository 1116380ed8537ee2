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
  const end = Math.min(text.length, MAX_LENGTH);
  let result = "";
  for (let i = 0; i < end; i++) {
    const code = text.charCodeAt(i);
    result += code >= 0x20 && code <= 0x7e ? text.charAt(i) : "?";
  }
  return end < text.length ? result + "..." : result;
}
