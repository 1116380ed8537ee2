// A tunnel through a SOCKS5 proxy (RFC 1928), with a user name and a password (RFC 1929).
//
// 1. The proxy looks names up, with either scheme, as browsers have it: what only it can resolve is
//    reached, and this end's name server learns nothing.
// 2. What came behind the last reply belongs to the server.

import { percentDecode } from "../handshake/client.ts";
import type { TransportReader } from "../transport/pull_reader.ts";
import type { Address } from "../transport/transport.ts";
import { type Bytes, concat, EMPTY } from "../util/bytes.ts";
import { parseIpAddress } from "../util/ip_address.ts";
import { nameOf, type Proxy } from "./proxy.ts";
import { ProxyError } from "./proxy_error.ts";

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const USERNAME_PASSWORD = 2;
const NOT_ACCEPTABLE = 0xff;
/** The version of RFC 1929. */
const SUBNEGOTIATION = 1;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;

/** What a reply says, by its number (RFC 1928 section 6). */
const REPLIES: readonly string[] = [
  "general failure",
  "its rules do not allow it",
  "the network cannot be reached",
  "the host cannot be reached; check the address",
  "nothing listens there; check the address",
  "the time to live has expired",
  "it does not know CONNECT",
  "it does not know this kind of address",
];

/**
 * Has a proxy open a tunnel.
 *
 * @param reader The byte stream to the proxy; what the server has sent already is put back.
 * @param proxy The proxy.
 * @param address Where the tunnel leads.
 * @param timeout Milliseconds to wait for each chunk.
 * @throws {ProxyError} When the proxy refuses, or does not speak SOCKS5.
 * @throws {SyntaxError} When the host, the user name or the password is too long for SOCKS5.
 */
export async function connectBySocks(
  reader: TransportReader,
  { url }: Proxy,
  { hostname, port }: Address,
  timeout: number,
): Promise<void> {
  const name = nameOf(url);
  const take = async (count: number): Promise<Bytes> => {
    let taken = EMPTY;
    while (taken.length < count) {
      const chunk = await reader.read(timeout);
      if (typeof chunk === "string") {
        const { error: cause } = reader;
        const what = cause?.message ?? "The connection ended";
        throw new ProxyError(`${what} before the ${name}'s answer was complete`, { cause });
      }
      taken = taken.length === 0 ? chunk : concat([taken, chunk]);
    }
    reader.unread(taken.subarray(count));
    return taken.subarray(0, count);
  };
  const expect = (what: string, expected: number, got = NaN): void => {
    if (got === expected) return;
    throw new ProxyError(`The ${name} did not answer with SOCKS5: expected ${what}, got ${got}`);
  };
  const refuse = (why: string): never => {
    throw new ProxyError(`The ${name} ${why}`, { code: "EPROXYAUTH" });
  };

  const { username, password } = url;
  const credentials = username === "" && password === ""
    ? undefined
    : [SUBNEGOTIATION, ...text("user name", username), ...text("password", password)];
  const octets = parseIpAddress(hostname);
  const host = octets === undefined
    ? [NAME, ...text("host", hostname)]
    : [octets.length === 4 ? IPV4 : IPV6, ...octets];

  const methods = [NO_AUTHENTICATION, ...(credentials ? [USERNAME_PASSWORD] : [])];
  await reader.write(Uint8Array.of(VERSION, methods.length, ...methods), timeout);
  const [version, method] = await take(2);
  expect("version 5", VERSION, version);
  if (method === NOT_ACCEPTABLE) {
    refuse(
      credentials
        ? "takes no user name and password"
        : "wants credentials; put a user name and a password into its URL",
    );
  }
  if (method === USERNAME_PASSWORD && credentials) {
    await reader.write(Uint8Array.from(credentials), timeout);
    const [, status] = await take(2);
    if (status !== 0) refuse("does not take these credentials; check them");
  } else expect("a method that was offered", NO_AUTHENTICATION, method);

  const request = [VERSION, CONNECT, 0, ...host, port >> 8, port & 0xff];
  await reader.write(Uint8Array.from(request), timeout);
  // The first octet of the address says how long the rest is.
  const [again, reply = 0, , kind, length = 0] = await take(5);
  expect("version 5", VERSION, again);
  if (reply !== 0) {
    const why = REPLIES[reply - 1] ?? `reply ${reply}`;
    throw new ProxyError(`The ${name} refused a tunnel to ${hostname}:${port}: ${why}`);
  }
  if (kind === NAME) await take(length + 2);
  else if (kind === IPV6) await take(17);
  else {
    expect("a kind of address", IPV4, kind);
    await take(5);
  }
}

/** A part of a URL, with its length. */
function text(what: string, part: string): number[] {
  const octets = Array.from(percentDecode(part), (character) => character.charCodeAt(0));
  if (octets.length <= 255) return [octets.length, ...octets];
  throw new SyntaxError(`Expected a ${what} of at most 255 octets with SOCKS5`);
}
