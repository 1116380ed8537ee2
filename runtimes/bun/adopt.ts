// WebSocket connections on a `Bun.serve()` that a framework owns, over Bun's own engine.
//
// 1. Bun has one set of hooks for all sockets of a server: `websocket`. `socket.data` leads to a
//    connection.
// 2. `server.upgrade()` calls the `open` hook before it returns, and answers the request.
// 3. By default Bun answers with the first subprotocol that is offered, so the offer is taken out.
// 4. Where our own limits and heartbeat apply, those of the engine are switched off: the two would
//    work against each other.

import type { WebSocketConnection } from "../../src/connection/connection.ts";
import type {
  Publishable,
  PublishOptions,
  PublishResult,
} from "../../src/connection/publishing.ts";
import type { ServerStats } from "../../src/guard/stats.ts";
import type { WebSocketHandler } from "../../src/connection/handler.ts";
import { checkOptions, flag, type OptionTable } from "../../src/util/check_options.ts";
import { type Admitted, Adoption } from "../../src/server/adopt.ts";
import { ANSWER_UNKNOWN, type NativeTransport } from "../../src/server/engine_transport.ts";
import { ADOPTION_OPTIONS, type AdoptionOptions } from "../../src/server/options.ts";
import type { AsyncDisposal } from "../../src/util/platform.ts";
import type { ServerCloseOptions } from "../../src/server/shutdown.ts";
import type { Upgrade, UpgradeOptions } from "../../src/server/upgrade.ts";
import type { Topics } from "../../src/topics/hub_topics.ts";

/** The part of a `Bun.Server` that is used. */
export interface BunServer {
  /** Answers a request with 101. */
  upgrade(request: Request, options: { headers: Headers; data: object }): boolean;
  /** The client's address. */
  requestIP(request: Request): { readonly address: string; readonly port: number } | null;
}

/** The part of a `ServerWebSocket` that is used. */
export interface BunWebSocket {
  /** The `data` of the upgrade. */
  readonly data: object;
  /** Sends; returns the number of octets, -1 when they wait, 0 when they are lost. */
  send(data: string | Uint8Array): number;
  /** Sends a Ping. */
  ping(data: Uint8Array): number;
  /** Sends a Pong. */
  pong(data: Uint8Array): number;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Drops the connection. */
  terminate(): void;
  /** Octets that wait. */
  getBufferedAmount(): number;
}

/** What leads from a socket of Bun's to a connection. */
interface SocketData {
  readonly admitted: Admitted;
  transport?: NativeTransport;
  /** Octets that waited when this was looked at last: Bun forgets them when it closes. */
  waiting?: number;
  /** Closes the socket; set while that waits for what was sent before. */
  closeLater?: (() => void) | undefined;
  /** Whether our end has closed. */
  closing?: boolean;
  /** Whether the socket is gone. */
  gone?: boolean;
}

/** Bun's hooks: the `websocket` of `Bun.serve()`. */
export interface BunWebSocketHooks {
  /** The largest message that the engine puts together. */
  readonly maxPayloadLength: number;
  /** Octets that the engine keeps; our own limit comes first. */
  readonly backpressureLimit: number;
  /** Off: the heartbeat is ours. */
  readonly idleTimeout: number;
  /** Off: the heartbeat is ours. */
  readonly sendPings: boolean;
  /** Whether to compress. */
  readonly perMessageDeflate: boolean;
  /** Bun's hook. */
  open(socket: BunWebSocket): void;
  /** Bun's hook. */
  message(socket: BunWebSocket, data: string | Uint8Array): void;
  /** Bun's hook. */
  ping(socket: BunWebSocket, data: Uint8Array): void;
  /** Bun's hook. */
  pong(socket: BunWebSocket, data: Uint8Array): void;
  /** Bun's hook. */
  drain(socket: BunWebSocket): void;
  /** Bun's hook. */
  close(socket: BunWebSocket, code: number, reason: string): void;
}

/** The options of {@linkcode adopt}. */
export interface AdoptOptions extends AdoptionOptions {
  /** Whether Bun compresses messages where the client can, each by itself. Default: false. */
  readonly compression?: boolean;
}

/** What each of them may be. */
export const ADOPT_OPTIONS: OptionTable<AdoptOptions> = { ...ADOPTION_OPTIONS, compression: flag };

/** What {@linkcode adopt} returns. */
export interface Adopted extends AsyncDisposal {
  /** The `websocket` for `Bun.serve()`. */
  readonly websocket: BunWebSocketHooks;
  /** The open WebSocket connections. */
  readonly connections: ReadonlySet<WebSocketConnection>;
  /**
   * Makes a WebSocket connection of a request: takes the request and the server that Bun's `fetch`
   * was given, then the handler and the options. Return its Response from `fetch`.
   */
  readonly upgrade: Upgrade<[request: Request, server: BunServer]>;
  /** The topics of its connections; see `Server.topics`. */
  readonly topics: Topics;
  /** Publishes to all subscribers of a topic; see `Server.publish()`. */
  publish(topic: string, data: Publishable, options?: PublishOptions): PublishResult;
  /**
   * What has happened so far; see `Server.stats()`. Octets are those of frames that are not
   * compressed, although the engine may compress them.
   */
  stats(): ServerStats;
  /**
   * Refuses new connections with 503, closes each open one, and waits for them, as `Server.close()`
   * does.
   */
  close(options?: ServerCloseOptions): Promise<void>;
}

/**
 * Serves WebSocket connections on a `Bun.serve()` that exists already, or that a framework makes.
 * It judges handshakes and calls handlers as `serve()` does. Bun's engine reads and writes the
 * frames, and cannot be made to wait for a slow handler.
 *
 * @param options Limits, origins and the other options.
 * @returns The hooks for `Bun.serve()`, and the function that upgrades.
 * @throws {TypeError} When an option is unknown or of the wrong kind.
 * @throws {RangeError} When a number is out of its range.
 *
 * @example
 * ```ts
 * import { adopt, type BunServer, connect } from "@sansocket/ws/bun";
 *
 * const { Bun } = globalThis as unknown as {
 *   Bun: { serve(options: unknown): { readonly port: number; stop(): Promise<void> } };
 * };
 * const sockets = adopt();
 * const server = Bun.serve({
 *   port: 0,
 *   fetch: (request: Request, server: BunServer) =>
 *     sockets.upgrade(request, server, { message: (ws, data) => ws.send(data) }),
 *   websocket: sockets.websocket,
 * });
 * const ws = await connect(`ws://127.0.0.1:${server.port}/`);
 * await ws.send("hello");
 * console.log(await ws.receive()); // hello
 * await ws.close();
 * await sockets.close();
 * await server.stop();
 * ```
 */
export function adopt(options: AdoptOptions = {}): Adopted {
  checkOptions("adopt()", options, ADOPT_OPTIONS);
  const adoption = new Adoption(options);
  const close = (options?: ServerCloseOptions): Promise<void> => adoption.close(options);
  return {
    connections: adoption.connections,
    websocket: createHooks(adoption.limits.maxMessageSize, options.compression ?? false),
    upgrade: (
      request: Request,
      server: BunServer,
      handler: WebSocketHandler<never>,
      options?: UpgradeOptions<unknown>,
    ) => upgrade(adoption, request, server, handler, options),
    topics: adoption.topics,
    publish: (...message: Parameters<Adopted["publish"]>) => adoption.publish(...message),
    stats: () => adoption.stats(),
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

function upgrade(
  adoption: Adoption,
  request: Request,
  server: BunServer,
  handler: WebSocketHandler<never>,
  options?: UpgradeOptions<unknown>,
): Response {
  if (typeof server?.requestIP !== "function" || typeof server.upgrade !== "function") {
    throw new TypeError(
      "Expected upgrade(request, server, handler, options) with what fetch of Bun.serve() was given",
    );
  }
  const peer = server.requestIP(request);
  const address = peer === null ? undefined : { hostname: peer.address, port: peer.port };
  const admitted = adoption.decide(request, address, handler, options);
  if (!("open" in admitted)) return admitted;
  const headers = new Headers(admitted.headers as [string, string][]);
  request.headers.delete("sec-websocket-protocol");
  if (admitted.protocol !== undefined) headers.set("sec-websocket-protocol", admitted.protocol);
  if (server.upgrade(request, { headers, data: { admitted } })) {
    // Bun has answered, and drops this.
    return new Response(null, { status: 204 });
  }
  admitted.cancel(400);
  return new Response("Bun could not upgrade the request", { status: 400 });
}

/** Bun answers the peer's Close frame behind what waits, and then lets go of both. */
const CLOSE_LOST = "The connection was lost before its Close frame had left";

function createHooks(maxPayloadLength: number, perMessageDeflate: boolean): BunWebSocketHooks {
  return {
    maxPayloadLength,
    backpressureLimit: 2 ** 31 - 1,
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate,
    open(socket) {
      const data = dataOf(socket);
      data.transport = data.admitted.open({
        // 0 is a socket that is gone; `close` follows.
        send(message) {
          const left = socket.send(message) !== -1;
          data.waiting = left ? 0 : socket.getBufferedAmount();
          return left;
        },
        ping: (payload) => void socket.ping(payload),
        pong: (payload) => void socket.pong(payload),
        close(code, reason) {
          const close = (): void => {
            data.closing = true;
            socket.close(code, reason);
          };
          if (socket.getBufferedAmount() === 0) close();
          else data.closeLater = close;
        },
        terminate: () => socket.terminate(),
        get bufferedAmount() {
          return data.gone ? data.waiting ?? 0 : socket.getBufferedAmount();
        },
      });
    },
    message: (socket, data) => dataOf(socket).transport?.message(data),
    ping: (socket, data) => dataOf(socket).transport?.pinged(data),
    pong: (socket, data) => dataOf(socket).transport?.ponged(data),
    drain(socket) {
      const data = dataOf(socket);
      data.waiting = socket.getBufferedAmount();
      if (data.waiting > 0) return;
      data.transport?.drained();
      data.closeLater?.();
    },
    close(socket, code, reason) {
      const data = dataOf(socket);
      data.gone = true;
      // Bun calls this within its own `close()`, with the arguments of that, and never reports the
      // peer's answer.
      if (data.closing) data.transport?.closed(0, "", new Error(ANSWER_UNKNOWN));
      else data.transport?.closed(code, reason, data.waiting ? new Error(CLOSE_LOST) : undefined);
    },
  };
}

/** Only what `adopt()` upgraded comes to its hooks. */
function dataOf(socket: BunWebSocket): SocketData {
  return socket.data as SocketData;
}
