// The Date of a message (RFC 9110 section 6.6.1).

/** The second that was written last, and its text: to write one takes 0.4 to 1 µs. */
let second = NaN;
let text = "";

/** The time of day as a field value (RFC 9110 section 5.6.7). */
export function httpDate(): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    text = new Date(now * 1000).toUTCString();
  }
  return text;
}
