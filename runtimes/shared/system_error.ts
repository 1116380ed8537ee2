// What the runtimes throw and report, in the words of src/transport/network_error.ts: the one place
// where that is translated.

import { asError } from "../../src/util/as_error.ts";
import { type Attempt, failed, lost, type Place } from "../../src/transport/network_error.ts";

/** TLS that got an answer which is not TLS: most often the server has none. */
const NO_TLS = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_TOO_LARGE|HTTP_REQUEST/;

/** Alerts that the runtimes name differently, and what this end says where it finds the same. */
const ALERTS: readonly (readonly [RegExp, string])[] = [
  [/ALERT_CERTIFICATE_REQUIRED/, "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"],
  [/^ERR_SSL_(?:UNSUPPORTED_PROTOCOL|WRONG_SSL_VERSION)$/, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"],
];

/**
 * The error of a failed listen or dial, the same on every runtime.
 *
 * @param attempt What was tried.
 * @param place The address as it was asked for, or the path.
 * @param cause What the runtime threw.
 * @returns An error that names the address, has a code and keeps the cause.
 */
export function failure(attempt: Attempt, place: Place, cause: unknown): Error {
  let said = saying(cause);
  if (isLookupDenied(said)) {
    said =
      `Requires net access to "${place.hostname}:${place.port}", run again with the --allow-net flag`;
  }
  const code = codeOf(cause) ?? (isUnknownName(attempt, place, said) ? "ENOTFOUND" : undefined);
  return failed(attempt, place, { code, said, cause });
}

/**
 * The error that ended a stream, the same on every runtime.
 *
 * @param thrown What the runtime threw or reported, if it did.
 * @returns An error with a code that keeps the cause.
 */
export function brokenBy(thrown: unknown): Error | undefined {
  if (thrown === undefined) return undefined;
  const code = codeOf(thrown);
  return code === undefined ? asError(thrown) : lost({ code, said: saying(thrown), cause: thrown });
}

function codeOf(cause: unknown): string | undefined {
  const { code, name, message } = asError(cause) as Error & { code?: unknown };
  // Node's own permission model calls it so. Deno has a class for it, except for a name that it may
  // not look up.
  if (name === "NotCapable" || isLookupDenied(message)) return "ERR_ACCESS_DENIED";
  // A name that is too long, or has an empty label.
  if (/^getaddrinfo (?:EINVAL|ENAMETOOLONG)|^invalid host /.test(message)) return "ENOTFOUND";
  if (typeof code !== "string") {
    if (!/^failed to lookup address/.test(message)) return undefined;
    return /temporary/i.test(message) ? "EAI_AGAIN" : "ENOTFOUND";
  }
  if (NO_TLS.test(code)) return "EPROTO";
  return ALERTS.find(([pattern]) => pattern.test(code))?.[1] ?? code;
}

function isLookupDenied(message: string): boolean {
  return message.startsWith("getaddrinfo EPERM");
}

/** `Bun.listen()` does not say why it cannot listen on a name. */
function isUnknownName(attempt: Attempt, { hostname, path }: Place, said: string): boolean {
  return attempt.verb === "listen on" && path === undefined &&
    said === `Failed to listen at ${hostname}`;
}

/** Node's AggregateError of several refused addresses has a code but an empty message. */
function saying(cause: unknown): string {
  const error = asError(cause) as Error & { code?: string };
  return (error.message || error.code || error.name).trim();
}
