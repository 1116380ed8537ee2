// One vocabulary for what the system refuses: the codes of Node, and one wording for each of them
// on all runtimes. Each wording says what to do.

import { addressOf, withoutRow } from "../util/error_row.ts";
import type { Address } from "./transport.ts";

/** What was tried. A program that only does the other need not have the texts. */
export interface Attempt {
  /** The words for it. */
  readonly verb: "listen on" | "connect to";
  /** The least port. */
  readonly leastPort: number;
  /** What the codes of the system mean. */
  readonly texts: (place: Place) => Texts;
}

/** Where it was tried: an address, or the path of a unix socket. */
export interface Place extends Address {
  /** The unix socket, in place of the address. */
  readonly path?: string | undefined;
  /** Whether it was tried with TLS. */
  readonly secure?: boolean;
}

type Texts = Readonly<Record<string, string>>;

const ANYWHERE: Texts = {
  EACCES: "permission is denied",
  EAI_AGAIN: "the name server does not answer; check the network",
  EMFILE: "the process has too many open files; raise its limit",
  ENFILE: "the system has too many open files; raise its limit",
  ENOTFOUND: "the host name is not known; check how it is spelt",
};

const LISTEN: Texts = {
  ...ANYWHERE,
  EACCES: "permission is denied; ports below 1024 need more rights, take one from 1024 on",
  EADDRINUSE: "the port is in use; stop the program that uses it, or take another port",
  EADDRNOTAVAIL: "this machine does not have the address; take one that it has, or 0.0.0.0 for all",
};

const LISTEN_PATH: Texts = {
  ...ANYWHERE,
  EACCES: "permission is denied; take a folder that the program may write to",
  EADDRINUSE: "the file exists; remove it, unless another server uses it",
  ENOENT: "the folder does not exist; create it",
};

/** Listening. */
export const LISTENING: Attempt = {
  verb: "listen on",
  leastPort: 0,
  texts: ({ path }) => path === undefined ? LISTEN : LISTEN_PATH,
};

const NOT_TRUSTED = "the server's certificate is not trusted; name its authority in tls.ca";

const CONNECT: Texts = {
  ...ANYWHERE,
  EADDRNOTAVAIL: "this machine does not have the address; take one that it has as localAddress",
  ECONNREFUSED: "nothing listens there; start the server, or check the address",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "there is no way to the host; check the address and the network",
  ENETUNREACH: "there is no way to the network; check the address and the network",
  ETIMEDOUT: "the host does not answer; check the address and the network",
};

const CONNECT_TLS: Texts = {
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet",
  CERT_REVOKED: "the server's certificate has been revoked",
  CRL_HAS_EXPIRED: "tls.crl has expired; fetch the newest",
  DEPTH_ZERO_SELF_SIGNED_CERT: NOT_TRUSTED,
  ECONNRESET:
    "it ended in the TLS handshake; if the server does not speak TLS there, connect with ws: in place of wss:",
  EPROTO: "the server does not speak TLS there; connect with ws: in place of wss:",
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
    "the server speaks none of tls.alpnProtocols; name one that it speaks",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION:
    "the server speaks none of these versions of TLS; check tls.minVersion and tls.maxVersion",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the server's certificate is for another name; connect by its name, or set tls.servername",
  SELF_SIGNED_CERT_IN_CHAIN: NOT_TRUSTED,
  UNABLE_TO_GET_CRL: "tls.crl has no list of an authority of the server's certificate; add it",
  UNABLE_TO_GET_ISSUER_CERT: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NOT_TRUSTED,
  // Deno says this of one that has expired.
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `${NOT_TRUSTED}, or renew it if it has expired`,
};

const CONNECT_PATH: Texts = {
  ...CONNECT,
  ECONNREFUSED: "nothing listens there; start the server, or check the path",
  ENOENT: "there is no such file; start the server, or check the path",
};

/** Dialling. */
export const DIALLING: Attempt = {
  verb: "connect to",
  leastPort: 1,
  texts({ path, secure }) {
    const texts = path === undefined ? CONNECT : CONNECT_PATH;
    return secure ? { ...texts, ...CONNECT_TLS } : texts;
  },
};

const LOST: Texts = {
  ECONNABORTED: "The connection was aborted",
  ECONNRESET: "The peer reset the connection",
  EHOSTUNREACH: "The peer cannot be reached any more",
  ENETUNREACH: "The peer cannot be reached any more",
  EPIPE: "The peer has closed the connection",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "The server requires tls.cert and tls.key, or tls.pfx",
  ETIMEDOUT: "The peer does not answer any more",
};

/** What the system or the runtime says went wrong. */
export interface Reason {
  /** The code, if there is one. */
  readonly code: string | undefined;
  /** The words of the system or the runtime, for a code that has none here. */
  readonly said: string;
  /** What it threw, if it did. */
  readonly cause?: unknown;
}

/**
 * The error of a failed listen or dial.
 *
 * @param attempt What was tried.
 * @param place The address as it was asked for, or the path.
 * @param reason What went wrong.
 * @returns The error, with its code; for a port that cannot exist, a RangeError with `ERANGE`.
 */
export function failed(attempt: Attempt, place: Place, reason: Reason): Error {
  const { hostname, port, path } = place;
  const { verb, leastPort } = attempt;
  if (path === undefined && !(Number.isInteger(port) && port >= leastPort && port <= 65_535)) {
    const message = `Expected port to be a whole number from ${leastPort} to 65535, got ${port}`;
    return mark(new RangeError(message, optionsOf(reason)), "ERANGE");
  }
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const start = `Could not ${verb} ${path ?? `${host}:${port}`}: `;
  return describe(start, attempt.texts(place), reason);
}

/**
 * The error that ends an open stream.
 *
 * @param reason What went wrong.
 * @returns The error, with its code.
 */
export function lost(reason: Reason): Error {
  return describe("", LOST, reason);
}

function describe(start: string, texts: Texts, reason: Reason): Error {
  const { code, said } = reason;
  if (code === undefined) return new Error(start + said, optionsOf(reason));
  // The page has those codes that have words of ours: from the texts here, or with an address.
  const text = texts[code] ?? withoutRow(said);
  const row = text === said ? "" : `, ${addressOf(code)}`;
  return mark(new Error(`${start}${text} (${code}${row})`, optionsOf(reason)), code);
}

function optionsOf({ cause }: Reason): ErrorOptions | undefined {
  return cause === undefined ? undefined : { cause };
}

function mark(error: Error, code: string): Error {
  return Object.assign(error, { code });
}
