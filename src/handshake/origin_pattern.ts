// Origins that a server lists (RFC 6455 section 10.2), as browsers and other clients send them,
// some of them as patterns.
//
// 1. An entry is `scheme://host:port`, or less: without a scheme it is for http and https, without
//    a port for the default one; `scheme:` alone is for all origins of that scheme. Case, a default
//    port and a slash at the end make no difference.
// 2. `*.` stands for one or more labels in front of a domain, `.` for none, one or more, `*` for
//    any host; `:*` stands for any port. A path is compared as it is; browsers send none, some
//    other clients do.
// 3. An entry that no origin could match is a mistake that would show only in production, so it is
//    refused.

import { describe } from "../util/check_options.ts";

/** An entry of the list, parsed. */
export interface OriginPattern {
  /** Undefined for http, https, and a host without a scheme. */
  readonly scheme: string | undefined;
  /** Whether any host of the scheme is meant. */
  readonly anyHost: boolean;
  /** The host, in lower case. */
  readonly host: string;
  /** What may stand in front of the host: nothing, labels, or either. */
  readonly labels: "" | "*." | ".";
  /** The port; "*" for any, undefined for the default one of the scheme. */
  readonly port: string | undefined;
  /** The path; empty for none. */
  readonly path: string;
}

/** What a client sent as its origin, parsed; in lower case, and without a slash at the end. */
export interface SentOrigin {
  /** The scheme; some clients send none. */
  readonly scheme: string | undefined;
  /** The host; empty for "file://". */
  readonly host: string;
  /** The port, where one was sent. */
  readonly port: string | undefined;
  /** The path; empty for none. */
  readonly path: string;
}

const SCHEME = "[a-z][a-z\\d+.-]*";
const HOST = "[a-z\\d._~-]+|\\[[\\da-f:.]+\\]";
const WHOLE_SCHEME = /^([a-z][a-z\d+-]*):(?:\/\/\*:\*)?$/i;
const ENTRY = new RegExp(
  `^(?:(${SCHEME})://)?(\\*?\\.(?=[a-z\\d_~-]))?(\\*|${HOST})?(?::(\\d+|\\*))?(/[^?#\\s\\\\]*)?$`,
  "i",
);
const SENT = new RegExp(`^(?:(${SCHEME})://)?(${HOST})?(?::(\\d+))?(/[^?#\\s\\\\]*)?$`, "i");

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: "80", https: "443" };

/**
 * Reads an entry.
 *
 * @param entry An origin or a pattern; not `"*"` or `"null"`, which need no reading.
 * @returns What it stands for.
 * @throws {TypeError} When no origin could match it.
 */
export function parseOriginPattern(entry: string): OriginPattern {
  const [, whole] = WHOLE_SCHEME.exec(entry) ?? [];
  if (whole !== undefined) {
    const scheme = whole.toLowerCase();
    return { scheme, anyHost: true, host: "", labels: "", port: "*", path: "" };
  }
  const match = ENTRY.exec(entry);
  const [, scheme, labels = "", host = "", port, path = ""] = match ?? [];
  // Only a scheme of an application's own has origins such as "file://" and "app://.".
  const isWeb = scheme === undefined || /^(?:http|ws)s?$/i.test(scheme);
  const isValid = match !== null && !(host === "*" && (labels !== "" || scheme === undefined)) &&
    !(host === "" && (isWeb || labels !== "" || port !== undefined)) &&
    !(isWeb && /^\.|\.\./.test(host));
  if (!isValid) {
    throw new TypeError(
      `Expected an origin such as "https://example.org", "https://*.example.org" (its subdomains), ` +
        `"https://.example.org" (both), "http://localhost:*" or "moz-extension:", got ${
          describe(entry)
        }`,
    );
  }
  return {
    scheme: scheme?.toLowerCase(),
    anyHost: host === "*",
    host: host.toLowerCase(),
    labels: labels as OriginPattern["labels"],
    port,
    path: path === "/" ? "" : path,
  };
}

/**
 * Reads what a client sent as its origin.
 *
 * @param origin The field value.
 * @returns Its parts. Undefined when it is not an origin, or is opaque: "null" (RFC 6454 section
 * 6.1) is not the name of a host.
 */
export function parseOrigin(origin: string): SentOrigin | undefined {
  const match = SENT.exec(origin);
  if (match === null || origin === "null") return undefined;
  const [, scheme, host = "", port, path = ""] = match;
  return {
    scheme: scheme?.toLowerCase(),
    host: host.toLowerCase(),
    port,
    path: path === "/" ? "" : path,
  };
}

/**
 * Says whether an origin is one of those that an entry stands for.
 *
 * @param pattern The entry.
 * @param sent What the client sent.
 * @param secure Whether the connection is known to be TLS: then an entry without a scheme is not
 * for `http:`, since an attacker who can change a page that came by http must not use the cookies
 * of https.
 */
export function matchesOrigin(pattern: OriginPattern, sent: SentOrigin, secure = false): boolean {
  const { scheme } = sent;
  const isScheme = pattern.scheme === undefined
    ? scheme === undefined || scheme === "https" || (scheme === "http" && !secure)
    : pattern.scheme === scheme;
  if (!isScheme) return false;
  const preset = DEFAULT_PORTS[scheme ?? ""];
  const isPort = pattern.port === "*" || (pattern.port ?? preset) === (sent.port ?? preset);
  return isPort && pattern.path === sent.path &&
    (pattern.anyHost || matchesHost(pattern, sent.host));
}

/** Whether a host is that of a pattern; both are in lower case. */
export function matchesHost(
  { host, labels }: Pick<OriginPattern, "host" | "labels">,
  sent: string,
): boolean {
  if (sent === host) return labels !== "*.";
  return labels !== "" && sent.endsWith(`.${host}`) && sent.length > host.length + 1;
}
