// A network in memory with the library on it: servers, clients, and what goes wrong between them.

import { type Connect, type ConnectOptions, createConnect } from "../client/connect.ts";
import { dispatcherOf, WebSocketConnection } from "../connection/connection.ts";
import { createReconnect, type Reconnect } from "../reconnect/reconnect.ts";
import { createServe, type Serve } from "../server/serve.ts";
import type { Listener, Transport } from "../transport/transport.ts";
import {
  callback,
  checkOptions,
  describe,
  isObject,
  number,
  type OptionTable,
  text,
  unjudged,
  withMethods,
} from "../util/check_options.ts";
import { type ChaosOptions, type ChaosReport, runChaos } from "./chaos.ts";
import type { DeflateBackend } from "../deflate/backend.ts";
import type { TestClock } from "./clock.ts";
import type { Link } from "./link.ts";
import {
  CLIENT_END,
  type ClientEnd,
  LOCAL,
  MemoryRuntime,
  type RefusalKind,
} from "./memory_runtime.ts";
import { dialRaw, listenRaw, type RawOptions } from "./raw_handshake.ts";
import type { RawServer, RawServerOptions } from "./raw_handshake.ts";
import type { RawPeer } from "./raw_peer.ts";

/** The options of `createNetwork()` and `pair()`. */
export interface NetworkOptions {
  /**
   * Drives everything that waits on the network; see {@linkcode createClock}. Default: the system's
   * clock.
   */
  readonly clock?: TestClock;
}

/** The options of `connect()` of a {@linkcode Network}. */
export interface NetworkConnectOptions extends ConnectOptions, ClientEnd {}

/** How attempts to connect fail; see {@linkcode Network.refuse}. */
export interface RefuseOptions {
  /** How many of the next attempts, Infinity for all. 0 ends it. Default: 1. */
  readonly times?: number;
  /**
   * How: the status of the answer, "reset" for a connection that cannot be made, or "timeout" for
   * no answer. Default: "reset".
   */
  readonly with?: RefusalKind;
}

/** Where to listen; see {@linkcode Network.listen}. */
export interface ListenAddress {
  /** The port; 0 for a free one. */
  readonly port: number;
  /** The host. Default: "127.0.0.1". */
  readonly hostname?: string;
}

/** A network in memory; see `createNetwork()`. */
export interface Network {
  /** Starts a server that only this network's `connect()` reaches; see `serve()`. */
  readonly serve: Serve;
  /**
   * Opens a connection to a server of this network; see `connect()`. It takes options besides for
   * what a server learns of its client.
   */
  readonly connect: (
    url: string | URL,
    options?: NetworkConnectOptions,
  ) => Promise<WebSocketConnection<undefined>>;
  /**
   * Opens a connection to a server of this network that comes back; see `reconnect()`. Its waits go
   * by the clock.
   */
  readonly reconnect: Reconnect;
  /**
   * Connects to a server of this network as a client that sends and expects octets and frames by
   * hand.
   *
   * @param url The server.
   * @param options The opening handshake: a valid one, none, or one by hand.
   * @returns The client's end. Rejects with an {@linkcode AssertionError} when the server does not
   * accept the valid handshake, or does not answer in time.
   *
   * @example
   * ```ts
   * import { createNetwork } from "@sansocket/ws/testing";
   *
   * const network = createNetwork();
   * const server = await network.serve({ websocket: {} });
   * const peer = await network.raw(server.url);
   * peer.sendFrame({ payload: "hi", rsv2: true });
   * await peer.expectClose({ code: 1002 });
   * await peer.expectEnd();
   * await server.close();
   * ```
   */
  raw(url: string | URL, options?: RawOptions): Promise<RawPeer>;
  /**
   * Starts a server that only this network reaches, whose connections a test answers by hand.
   *
   * @param options Where it listens.
   * @returns The server.
   *
   * @example
   * ```ts
   * import { createNetwork, expectClose } from "@sansocket/ws/testing";
   *
   * const network = createNetwork();
   * const server = await network.rawServer();
   * const [ws, peer] = await Promise.all([network.connect(server.url), server.accept()]);
   * peer.sendFrame({ payload: "a server must not mask", mask: true });
   * await peer.expectClose({ code: 1002 });
   * peer.end();
   * await expectClose(ws, { code: 1002 });
   * await server.close();
   * ```
   */
  rawServer(options?: RawServerOptions): Promise<RawServer>;
  /**
   * Takes connections without a server of the library, as byte streams; see `createDuplex()` of
   * `@sansocket/ws/node`.
   *
   * @param where The port, 0 for a free one, and the host. Default host: "127.0.0.1".
   * @param accept Called with each connection, paused.
   * @returns The listener, once it listens. Rejects when the port is in use.
   */
  listen(where: ListenAddress, accept: (transport: Transport) => void): Promise<Listener>;
  /** The connections that are open, in the order in which they were made. */
  readonly links: readonly Link[];
  /**
   * What lies between both ends of a connection.
   *
   * @param ws Either end.
   * @returns The link, for faults on demand.
   * @throws {TypeError} When it is no connection of this network.
   * @throws {Error} When it has ended.
   */
  link(ws: WebSocketConnection): Link;
  /**
   * Lets the next attempts to connect fail, to any server.
   *
   * @param options How many, and how.
   * @throws {RangeError} When `times` is no whole number from 0 on, or the status is none.
   * @throws {TypeError} When `with` is of another kind.
   */
  refuse(options?: RefuseOptions): void;
  /**
   * Separates two hosts: nothing arrives any more between them, and neither end is told. New
   * connections wait, like their handshakes.
   *
   * @param one The host of a server or a client.
   * @param other Another one.
   */
  partition(one: string, other: string): void;
  /**
   * Lets hosts reach each other again, and what was held back arrive.
   *
   * @param one The host of a server or a client.
   * @param other Another one.
   * @throws {TypeError} When there is one host only.
   */
  heal(one: string, other: string): void;
  /** Lets all hosts reach each other again. */
  heal(): void;
  /**
   * Does what goes wrong in networks, by chance, until the program under test is where it has to
   * come: it cuts, holds back, delays, slows and divides what connections send, refuses new ones,
   * separates hosts, and restores all of it now and then. Each round does one of these and advances
   * the clock by 1 ms to 10 s. The seed repeats the schedule; what the program itself draws by
   * `Math.random()` is not part of it.
   *
   * @param options The seed, the goal, and bounds.
   * @returns What was done. Rejects with an Error that has the seed, what waits and the faults of
   * each connection, when the goal is not reached within the bounds; with a TypeError when the
   * network has no clock.
   */
  chaos(options: ChaosOptions): Promise<ChaosReport>;
}

const NETWORK_OPTIONS: OptionTable<NetworkOptions> = { clock: withMethods("advance", "sleep") };

const REFUSE_OPTIONS: OptionTable<RefuseOptions> = {
  times: number("attempts", { least: 0 }),
  with: unjudged("how"),
};

const LISTEN: OptionTable<ListenAddress & { accept: unknown }> = {
  hostname: text,
  port: number("a port", { least: 0, most: 65_535 }),
  accept: callback,
};

function checkHosts(call: string, ...hosts: readonly unknown[]): void {
  const wrong = hosts.find((host) => typeof host !== "string");
  if (hosts.every((host) => typeof host === "string")) return;
  throw new TypeError(`${call} expected the names of two hosts, got ${describe(wrong)}`);
}

/** Makes a network; see `createNetwork()`. With `deflate` its connections can compress. */
export function networkWith(
  deflate: DeflateBackend | undefined,
  options: NetworkOptions = {},
): Network {
  checkOptions("createNetwork()", options, NETWORK_OPTIONS);
  return new MemoryNetwork(new MemoryRuntime(options.clock?.source, deflate), options.clock);
}

class MemoryNetwork implements Network {
  readonly serve: Serve;
  readonly #runtime: MemoryRuntime;
  readonly #clock: TestClock | undefined;

  constructor(runtime: MemoryRuntime, clock: TestClock | undefined) {
    this.#runtime = runtime;
    this.#clock = clock;
    this.serve = createServe(runtime);
  }

  /** It needs no `this`, like the `connect()` of a runtime. */
  readonly connect = (
    url: string | URL,
    options?: NetworkConnectOptions,
  ): ReturnType<Connect> => {
    const runtime = this.#runtime;
    // What are no options is judged by `connect()`.
    if (!isObject(options)) return createConnect(runtime)(url, options);
    const { from, remoteAddress, tlsInfo, ...rest } = options as NetworkConnectOptions;
    checkOptions("connect()", { from, remoteAddress, tlsInfo }, CLIENT_END);
    const dial: MemoryRuntime["dial"] = (address, options) =>
      runtime.dial(address, { ...options, from, remoteAddress, tlsInfo });
    return createConnect({ clock: runtime.clock, deflate: runtime.deflate, dial })(url, rest);
  };

  readonly reconnect: Reconnect = (url, options) =>
    createReconnect(this.connect, this.#runtime.clock)(url, options);

  raw(url: string | URL, options?: RawOptions): Promise<RawPeer> {
    return dialRaw(this.#runtime, url, options);
  }

  rawServer(options?: RawServerOptions): Promise<RawServer> {
    return listenRaw(this.#runtime, options);
  }

  async listen(
    where: ListenAddress,
    accept: (transport: Transport) => void,
  ): Promise<Listener> {
    checkOptions("listen()", { ...where, accept }, LISTEN);
    const { hostname = LOCAL, port } = where;
    return await this.#runtime.listen({ hostname, port }, accept);
  }

  get links(): Link[] {
    return this.#runtime.openLinks;
  }

  link(ws: WebSocketConnection): Link {
    const transport = ws instanceof WebSocketConnection
      ? dispatcherOf(ws).endpoint.transport
      : undefined;
    const link = transport && this.#runtime.links.get(transport);
    if (link?.open) return link;
    if (transport?.clock === this.#runtime.clock && ws.state === "closed") {
      throw new Error("link() expected an open connection, and this one has ended");
    }
    throw new TypeError(
      `link() expected a connection of this network, got ${
        transport === undefined ? describe(ws) : "one of another"
      }`,
    );
  }

  refuse(options: RefuseOptions = {}): void {
    checkOptions("refuse()", options, REFUSE_OPTIONS);
    const { times = 1, with: kind = "reset" } = options;
    if (typeof kind === "number" && !(Number.isInteger(kind) && kind >= 300 && kind <= 599)) {
      throw new RangeError(`refuse() expected a status from 300 to 599, got ${kind}`);
    }
    if (typeof kind !== "number" && kind !== "reset" && kind !== "timeout") {
      throw new TypeError(
        `refuse() expected a status, "reset" or "timeout", got ${describe(kind)}`,
      );
    }
    const { refusals } = this.#runtime;
    if (times === 0) refusals.length = 0;
    else refusals.push({ times, kind });
  }

  chaos(options: ChaosOptions): Promise<ChaosReport> {
    return runChaos(this.#runtime, this.#clock, options);
  }

  partition(one: string, other: string): void {
    checkHosts("partition()", one, other);
    this.#runtime.part(one, other, true);
  }

  heal(one?: string, other?: string): void {
    if (one === undefined && other === undefined) return this.#runtime.join();
    checkHosts("heal()", one, other);
    this.#runtime.part(one as string, other as string, false);
  }
}

/** Two ends of one connection; see `pair()`. */
export interface ConnectionPair {
  /** The client's end. */
  readonly client: WebSocketConnection<undefined>;
  /** The server's end. */
  readonly server: WebSocketConnection;
  /** What lies between them, for faults on demand. */
  readonly link: Link;
}

/** Opens one connection on a network of its own; see `pair()`. */
export async function pairOn(network: Network): Promise<ConnectionPair> {
  let accept!: (connection: WebSocketConnection) => void;
  const accepted = new Promise<WebSocketConnection>((resolve) => accept = resolve);
  const listening = await network.serve({
    websocket: (ws) => {
      accept(ws);
      return ws.closed;
    },
  });
  const client = await network.connect(listening.url);
  const server = await accepted;
  Promise.all([client.closed, server.closed]).then(() => listening.close());
  return { client, server, link: network.link(client) };
}
