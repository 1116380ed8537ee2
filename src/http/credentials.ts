// Reads what a request says about its sender, and does not judge it: only the application knows
// whether a password, a token or a session is right.

/** The name and password that a client gives (RFC 7617), or its token (RFC 6750). */
export type Credentials =
  | { readonly scheme: "basic"; readonly username: string; readonly password: string }
  | { readonly scheme: "bearer"; readonly token: string };

/**
 * Reads `Authorization`: `Basic` with a name and a password in UTF-8, or `Bearer` with a token.
 * With a WebSocket a browser sends only the credentials that it has asked for on a page of the same
 * host.
 *
 * @param request The request.
 * @returns The credentials; undefined when the request has none, or none that are well-formed and
 * of these two schemes.
 *
 * @example
 * ```ts
 * import { readCredentials } from "@sansocket/ws";
 *
 * const headers = { authorization: "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" };
 * readCredentials(new Request("http://a/", { headers }));
 * // { scheme: "basic", username: "Aladdin", password: "open sesame" }
 * ```
 */
export function readCredentials(request: Request): Credentials | undefined {
  const value = request.headers.get("authorization") ?? "";
  // RFC 9110 section 11.4: the scheme is case-insensitive; what follows is a token68.
  const [, scheme = "", data = ""] = /^(basic|bearer) +([\w.~+/-]+=*)$/i.exec(value) ?? [];
  if (scheme.toLowerCase() === "bearer") return { scheme: "bearer", token: data };
  if (scheme === "") return undefined;
  try {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const pair = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const colon = pair.indexOf(":");
    if (colon < 0) return undefined;
    return { scheme: "basic", username: pair.slice(0, colon), password: pair.slice(colon + 1) };
  } catch {
    return undefined;
  }
}

/**
 * Reads `Cookie` (RFC 6265 section 5.4).
 *
 * @param request The request.
 * @returns Each cookie's value by its name, as it was sent. Of two cookies with one name it is the
 * first: browsers put the one with the longer path first.
 *
 * @example
 * ```ts
 * import { readCookies } from "@sansocket/ws";
 *
 * const headers = { cookie: 'session=31d4; theme="dark"' };
 * readCookies(new Request("http://a/", { headers })).get("session"); // "31d4"
 * ```
 */
export function readCookies(request: Request): Map<string, string> {
  const cookies = new Map<string, string>();
  for (const pair of (request.headers.get("cookie") ?? "").split(";")) {
    const index = pair.indexOf("=");
    const name = pair.slice(0, Math.max(index, 0)).trim();
    if (name === "" || cookies.has(name)) continue;
    cookies.set(name, pair.slice(index + 1).trim().replace(/^"(.*)"$/, "$1"));
  }
  return cookies;
}
