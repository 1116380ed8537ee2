// The URL of a server, as a page gives it. React Native's URL knows little of URLs, so an absolute
// one goes to the native class as it is, which parses it.

/**
 * Makes the URL for the native class.
 *
 * @param url Absolute, with `ws:`, `wss:`, `http:` or `https:`; or relative where the program has a
 * location, as a page has.
 * @returns A URL with `ws:` or `wss:`.
 * @throws {SyntaxError} When it cannot be that of a WebSocket, or has a fragment.
 */
export function toSocketUrl(url: string | URL): string {
  let text = String(url);
  const { location } = globalThis as { location?: { readonly href: string } };
  if (location && !/^[a-z]+:/i.test(text)) {
    try {
      text = new URL(text, location.href).href;
    } catch {
      // The error says what was given.
    }
  }
  if (!/^(?:ws|http)s?:[^#]*$/i.test(text)) {
    throw new SyntaxError(`Expected a URL with ws: or wss:, without a fragment, got ${text}`);
  }
  // Older browsers take no http: here.
  return text.replace(/^http/i, "ws");
}
