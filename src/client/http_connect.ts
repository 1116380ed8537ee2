// A tunnel through a proxy that speaks HTTP: CONNECT (RFC 9110 section 9.3.6).
//
// 1. A 2xx opens the tunnel with the empty line behind its head: its fields say nothing of a body
//    (RFC 9112 section 6.3). What came behind it belongs to the server.
// 2. Any other answer has a body, which the error keeps.

import { formatBasic } from "../handshake/client.ts";
import { printable } from "../handshake/printable.ts";
import { checkNotReserved } from "../handshake/reserved_fields.ts";
import { toFields } from "../http/fields.ts";
import { formatRequestHead } from "../http/format.ts";
import type { TransportReader } from "../transport/pull_reader.ts";
import type { Address } from "../transport/transport.ts";
import { nameOf, type Proxy } from "./proxy.ts";
import { ProxyError } from "./proxy_error.ts";
import { type Answerer, readAnswer, readRefusal } from "./read_response.ts";

/**
 * Has a proxy open a tunnel.
 *
 * @param reader The byte stream to the proxy; what the server has sent already is put back.
 * @param proxy The proxy.
 * @param address Where the tunnel leads.
 * @param timeout Milliseconds to wait for each chunk.
 * @throws {ProxyError} When the proxy refuses, or does not speak HTTP.
 * @throws {TypeError} When a header field for the proxy is malformed or reserved.
 */
export async function connectByHttp(
  reader: TransportReader,
  proxy: Proxy,
  { hostname, port }: Address,
  timeout: number,
): Promise<void> {
  const { username, password, protocol } = proxy.url;
  const name = nameOf(proxy.url);
  const authority = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  const fields = toFields(proxy.headers);
  const names = fields.map(([name]) => checkNotReserved(name));
  const head: (readonly [string, string])[] = [];
  if (!names.includes("host")) head.push(["Host", authority]);
  const authorized = names.includes("proxy-authorization") || username !== "" || password !== "";
  if (authorized && !names.includes("proxy-authorization")) {
    head.push(["Proxy-Authorization", formatBasic(username, password)]);
  }
  await reader.write(formatRequestHead("CONNECT", authority, [...head, ...fields]), timeout);

  const answerer: Answerer = {
    name,
    useTls: "give its URL with https: in place of http:",
    silent: "EPROXY",
    ended: "EPROXY",
    malformed: "EPROXY",
    error: ProxyError,
  };
  const secure = protocol === "https:";
  const answer = await readAnswer(reader, timeout, secure, answerer);
  const { status, statusText } = answer;
  if (status >= 200 && status < 300) return;
  const advice = status !== 407 && status !== 401
    ? "check the address, and what the proxy permits"
    : authorized
    ? "it does not take these credentials; check them"
    : "it wants credentials; put a user name and a password into its URL";
  const refusal = `The ${name} refused a tunnel to ${authority} with ${status}`;
  const reason = `${refusal} ${printable(statusText)}`.trimEnd() + `: ${advice}`;
  throw await readRefusal({ reason }, answer, reader, timeout, secure, answerer);
}
