// How raw peers begin: a client that dials, and a server whose connections a test answers by hand.

import { addressOf } from "../client/address.ts";
import { createRequest, judgeResponse, parseUrl } from "../handshake/client.ts";
import { formatAcceptance, judgeRequest } from "../handshake/server.ts";
import { createRequestParser, createResponseParser } from "../http/head.ts";
import type { Transport } from "../transport/transport.ts";
import type { BinaryData } from "../util/bytes.ts";
import {
  anything,
  checkOptions,
  kind,
  number,
  type OptionTable,
  text,
  texts,
} from "../util/check_options.ts";
import { isBytes } from "../util/brands.ts";
import type { AsyncDisposal, HeadersSource } from "../util/platform.ts";
import { AssertionError } from "./assertion.ts";
import { CLIENT_END, type ClientEnd, LOCAL, type MemoryRuntime } from "./memory_runtime.ts";
import type { Side } from "./link.ts";
import { toFields } from "../http/fields.ts";
import { createRawPeer, type RawPeer, toOctets } from "./raw_peer.ts";
import { startTimeout, WAIT_OPTIONS, type WaitOptions } from "./timeout.ts";

/** The options of `raw()` of a network. */
export interface RawOptions extends WaitOptions, ClientEnd {
  /**
   * How it begins: true for a valid opening handshake, false for none, or the octets of a request
   * (a text has one octet for each character), whose answer may be any and is in `head`. Default:
   * true.
   */
  readonly handshake?: boolean | string | BinaryData | undefined;
  /** The subprotocols that the valid handshake offers. Default: none. */
  readonly protocols?: readonly string[] | undefined;
  /** More header fields of the valid handshake. Default: none. */
  readonly headers?: HeadersSource | undefined;
}

/** The options of `rawServer()` of a network. */
export interface RawServerOptions {
  /** The address that it listens on. Default: "127.0.0.1". */
  readonly hostname?: string | undefined;
  /** The port; 0 chooses a free one. Default: 0. */
  readonly port?: number | undefined;
}

/** The options of `accept()` of a {@linkcode RawServer}. */
export interface RawAcceptOptions extends WaitOptions {
  /**
   * How it answers the opening handshake: true validly, false not at all and without reading it, or
   * these octets (a text has one octet for each character) to any request. Default: true.
   */
  readonly handshake?: boolean | string | BinaryData | undefined;
  /** The subprotocol of the valid answer, one of those that are offered. Default: none. */
  readonly protocol?: string | undefined;
  /** More header fields of the valid answer. Default: none. */
  readonly headers?: HeadersSource | undefined;
}

const HANDSHAKE = kind(
  "true, false, a text or bytes",
  (value) => typeof value === "boolean" || typeof value === "string" || isBytes(value),
);
const RAW_OPTIONS: OptionTable<RawOptions> = {
  ...WAIT_OPTIONS,
  ...CLIENT_END,
  handshake: HANDSHAKE,
  protocols: texts,
  headers: anything,
};

const SERVER_OPTIONS: OptionTable<RawServerOptions> = {
  hostname: text,
  port: number("", { least: 0, most: 65_535 }),
};

const ACCEPT_OPTIONS: OptionTable<RawAcceptOptions> = {
  ...WAIT_OPTIONS,
  handshake: HANDSHAKE,
  protocol: text,
  headers: anything,
};

/** Connects as a raw peer; see `raw()` of a network. */
export async function dialRaw(
  runtime: MemoryRuntime,
  target: string | URL,
  options: RawOptions = {},
): Promise<RawPeer> {
  checkOptions("raw()", options, RAW_OPTIONS);
  const { timeout, handshake = true, protocols = [], headers, ...ends } = options;
  const url = parseUrl(target);
  const secure = url.protocol === "wss:";
  const waiting = { timeout };
  const wait = startTimeout("raw()", waiting, runtime.clock);
  const giveUp = new AbortController();
  wait.late.then((late) => {
    const message = `Expected a connection to ${url.host}, got nothing ${late}`;
    giveUp.abort(new AssertionError(message, undefined, undefined));
  });
  const { signal } = giveUp;
  const tls = secure ? {} : undefined;
  const transport = await runtime.dial(addressOf(url), { ...ends, signal, tls }).finally(() =>
    wait.stop()
  );
  const peer = peerOn(runtime, transport, "client");
  await orDrop(peer, async () => {
    if (handshake === false) return;
    if (handshake !== true) {
      peer.send(handshake);
      peer.head = await peer.receiveHead(waiting);
      return;
    }
    const { key, bytes } = createRequest(url, { protocols, headers: toFields(headers) });
    peer.send(bytes);
    peer.head = await peer.receiveHead(waiting);
    const parsed = createResponseParser().push(toOctets(peer.head));
    const result = parsed !== undefined && "head" in parsed
      ? judgeResponse(parsed.head, key, { protocols })
      : { reason: parsed?.fault.reason ?? "" };
    if ("reason" in result) throw wrongHead("a valid answer", peer.head, result.reason);
  });
  return peer;
}

/** Resets the connection when its opening handshake fails: the test has no peer to end it by. */
async function orDrop(peer: RawPeer, open: () => Promise<void>): Promise<void> {
  try {
    await open();
  } catch (error) {
    peer.reset();
    throw error;
  }
}

/** A server in memory whose connections a test answers by hand; see `rawServer()` of a network. */
export interface RawServer extends AsyncDisposal {
  /** Where a client finds it. */
  readonly url: string;
  /** The port that it listens on. */
  readonly port: number;
  /**
   * Takes the next connection, and answers its opening handshake.
   *
   * @param options How to answer, and how long to wait.
   * @returns The server's end. Rejects with an {@linkcode AssertionError} when no connection comes
   * in time, or the request is not valid and a valid answer was asked for.
   */
  accept(options?: RawAcceptOptions): Promise<RawPeer>;
  /** Stops listening; connections live on. */
  close(): Promise<void>;
}

/** Listens for raw peers; see `rawServer()` of a network. */
export async function listenRaw(
  runtime: MemoryRuntime,
  options: RawServerOptions = {},
): Promise<RawServer> {
  checkOptions("rawServer()", options, SERVER_OPTIONS);
  const { hostname = LOCAL, port = 0 } = options;
  const arrived: Transport[] = [];
  const wake: (() => void)[] = [];
  const listener = await runtime.listen({ hostname, port }, (transport) => {
    arrived.push(transport);
    for (const call of wake.splice(0)) call();
  });
  const { address } = listener;
  const close = (): Promise<void> => listener.close();
  const server = {
    url: `ws://${hostname.includes(":") ? `[${hostname}]` : hostname}:${address.port}/`,
    port: address.port,
    close,
    accept: async (options: RawAcceptOptions = {}): Promise<RawPeer> => {
      checkOptions("accept()", options, ACCEPT_OPTIONS);
      const { timeout, ...how } = options;
      const waiting = { timeout };
      const wait = startTimeout("accept()", waiting, runtime.clock);
      let late: string | undefined;
      while (arrived.length === 0 && late === undefined) {
        const come = new Promise<undefined>((resolve) => wake.push(() => resolve(undefined)));
        late = await Promise.race([come, wait.late]);
      }
      wait.stop();
      const transport = arrived.shift();
      if (transport === undefined) {
        const message = `Expected a connection to port ${address.port}, got nothing ${late}`;
        throw new AssertionError(message, undefined, undefined);
      }
      const peer = peerOn(runtime, transport, "server");
      await orDrop(peer, () => answer(peer, how, waiting));
      return peer;
    },
    [Symbol.asyncDispose]: close,
  };
  return server as RawServer;
}

/** Answers the opening handshake. */
async function answer(
  peer: RawPeer,
  { handshake = true, protocol, headers }: RawAcceptOptions,
  waiting: WaitOptions,
): Promise<void> {
  if (handshake === false) return;
  peer.head = await peer.receiveHead(waiting);
  if (handshake !== true) return peer.send(handshake);
  const parsed = createRequestParser().push(toOctets(peer.head));
  const result = parsed !== undefined && "head" in parsed
    ? judgeRequest(parsed.head)
    : { reason: parsed?.fault.reason ?? "" };
  if ("reason" in result) throw wrongHead("an opening handshake", peer.head, result.reason);
  peer.send(formatAcceptance(result, { protocol, headers: toFields(headers) }));
}

function wrongHead(expected: string, head: string, reason: string): AssertionError {
  const [startLine] = head.split("\r\n", 1);
  return new AssertionError(
    `Expected ${expected}, got ${JSON.stringify(startLine)}: ${reason}`,
    head,
    undefined,
  );
}

function peerOn(runtime: MemoryRuntime, transport: Transport, side: Side): RawPeer {
  return createRawPeer(transport, side, () => {
    const link = runtime.links.get(transport);
    if (link?.open) link.cut();
  });
}
