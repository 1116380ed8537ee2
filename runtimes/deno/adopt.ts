// WebSocket connections on a `Deno.serve()` that a framework owns, over Deno's own engine.
//
// 1. Deno's WebSocket is the browser's: no Ping, no drain, no way to drop a connection. Deno sends
//    Pings by itself; while octets wait to be sent, our code looks now and then how many are left.
// 2. It may open after a while, or never: then the decision to upgrade is given up.

import type { WebSocketConnection } from "../../src/connection/connection.ts";
import type {
  Publishable,
  PublishOptions,
  PublishResult,
} from "../../src/connection/publishing.ts";
import type { ServerStats } from "../../src/guard/stats.ts";
import type { WebSocketHandler } from "../../src/connection/handler.ts";
import { checkOptions } from "../../src/util/check_options.ts";
import { type Admitted, Adoption } from "../../src/server/adopt.ts";
import { ANSWER_UNKNOWN, type NativeTransport } from "../../src/server/engine_transport.ts";
import { ADOPTION_OPTIONS, type AdoptionOptions } from "../../src/server/options.ts";
import type { AsyncDisposal } from "../../src/util/platform.ts";
import type { ServerCloseOptions } from "../../src/server/shutdown.ts";
import type { Address } from "../../src/transport/transport.ts";
import type { Upgrade, UpgradeOptions } from "../../src/server/upgrade.ts";
import type { Topics } from "../../src/topics/hub_topics.ts";

/** Octets that may wait in the engine before a sender is made to wait. */
const HIGH_WATER_MARK = 65_536;
/** Milliseconds between two looks at how much still waits. */
const LOOK_INTERVAL = 10;

/** What stands for a Close frame without a code (RFC 6455 section 7.1.5). */
const NO_STATUS = 1005;

/** The part of `Deno.ServeHandlerInfo` that is used. */
export interface DenoServeInfo {
  /** The client's address. */
  readonly remoteAddr: object;
}

/** What {@linkcode adopt} returns. */
export interface Adopted extends AsyncDisposal {
  /** The open WebSocket connections. */
  readonly connections: ReadonlySet<WebSocketConnection>;
  /**
   * Makes a WebSocket connection of a request: takes the request and the info that `Deno.serve()`
   * gave its handler, then our handler and the options. Return its Response from the handler of
   * `Deno.serve()`.
   */
  readonly upgrade: Upgrade<[request: Request, info: DenoServeInfo]>;
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
 * Serves WebSocket connections on a `Deno.serve()` that exists already, or that a framework makes.
 * It judges handshakes and calls handlers as `serve()` does. Deno's engine reads and writes the
 * frames, and cannot be made to wait for a slow handler.
 *
 * @param options Limits, origins and the other options.
 * @returns The function that upgrades, and the connections.
 * @throws {TypeError} When an option is unknown or of the wrong kind.
 * @throws {RangeError} When a number is out of its range.
 *
 * @example
 * ```ts
 * import { adopt, connect, type DenoServeInfo } from "@sansocket/ws/deno";
 *
 * type Handler = (request: Request, info: DenoServeInfo) => Response;
 * const { Deno } = globalThis as unknown as {
 *   Deno: {
 *     serve(options: { port: number; onListen(): void }, handler: Handler): {
 *       readonly addr: { readonly port: number };
 *       shutdown(): Promise<void>;
 *     };
 *   };
 * };
 * const sockets = adopt();
 * const server = Deno.serve(
 *   { port: 0, onListen() {} },
 *   (request, info) =>
 *     sockets.upgrade(request, info, { message: (ws, data) => ws.send(data) }),
 * );
 * const ws = await connect(`ws://127.0.0.1:${server.addr.port}/`);
 * await ws.send("hello");
 * console.log(await ws.receive()); // hello
 * await ws.close();
 * await sockets.close();
 * await server.shutdown();
 * ```
 */
export function adopt(options: AdoptionOptions = {}): Adopted {
  checkOptions("adopt()", options, ADOPTION_OPTIONS);
  const adoption = new Adoption(options);
  const close = (options?: ServerCloseOptions): Promise<void> => adoption.close(options);
  return {
    connections: adoption.connections,
    upgrade: (
      request: Request,
      info: DenoServeInfo,
      handler: WebSocketHandler<never>,
      options?: UpgradeOptions<unknown>,
    ) => upgrade(adoption, request, info, handler, options),
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
  info: DenoServeInfo,
  handler: WebSocketHandler<never>,
  options?: UpgradeOptions<unknown>,
): Response {
  if (typeof info?.remoteAddr !== "object") {
    throw new TypeError(
      "Expected upgrade(request, info, handler, options) with what Deno.serve() gave its handler",
    );
  }
  const admitted = adoption.decide(request, addressOf(info), handler, options);
  if (!("open" in admitted)) return admitted;
  const { protocol, headers } = admitted;
  let upgraded: { readonly socket: WebSocket; readonly response: Response };
  try {
    upgraded = engine().upgradeWebSocket(request, {
      idleTimeout: idleSeconds(adoption.limits),
      ...(protocol === undefined ? {} : { protocol }),
    });
  } catch (error) {
    admitted.cancel();
    throw error;
  }
  for (const [name, value] of headers) upgraded.response.headers.append(name, value);
  drive(upgraded.socket, admitted);
  return upgraded.response;
}

/** Leads from the events of a socket to the connection. */
function drive(socket: WebSocket, admitted: Admitted): void {
  let transport: NativeTransport | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let error: Error | undefined;
  /**
   * Octets that waited when our end closed: Deno says 0 from then on, even while they still wait.
   */
  let held: number | undefined;
  const look = (): void => {
    timer = undefined;
    if (socket.bufferedAmount === 0) transport?.drained();
    else timer = setTimeout(look, LOOK_INTERVAL);
  };
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    transport = admitted.open({
      send(data) {
        if (socket.readyState !== socket.OPEN) return true;
        socket.send(data);
        if (socket.bufferedAmount < HIGH_WATER_MARK) return true;
        timer ??= setTimeout(look, LOOK_INTERVAL);
        return false;
      },
      // Unlike a browser's, this one takes every code that may be sent.
      close(code, reason) {
        held = socket.bufferedAmount;
        clearTimeout(timer);
        if (code === undefined) socket.close();
        else socket.close(code, reason);
      },
      terminate: () => socket.close(),
      get bufferedAmount() {
        return held ?? socket.bufferedAmount;
      },
    });
  };
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) =>
    transport?.message(typeof data === "string" ? data : new Uint8Array(data));
  socket.onerror = (event) => {
    const { message } = event as Event & { message?: string };
    error = new Error(message || "The connection failed");
  };
  socket.onclose = ({ code, reason }) => {
    clearTimeout(timer);
    if (transport === undefined) admitted.cancel();
    else if (held !== undefined && code === NO_STATUS) {
      // So it is too when the peer just ends TCP, or resets it.
      transport.closed(0, "", error ?? new Error(ANSWER_UNKNOWN));
    } else {
      // The peer's answer comes behind all that was sent.
      if (error === undefined) held = 0;
      transport.closed(code, reason, error);
    }
  };
}

/**
 * The time after which Deno gives a silent peer up, in seconds; 0 means never. Deno sends a Ping
 * after half of it.
 */
function idleSeconds({ heartbeat }: Adoption["limits"]): number {
  const seconds = Math.ceil((heartbeat.interval + heartbeat.timeout) / 1000);
  return seconds === Infinity ? 0 : seconds;
}

function addressOf({ remoteAddr }: DenoServeInfo): Address | undefined {
  return "hostname" in remoteAddr && "port" in remoteAddr
    ? { hostname: String(remoteAddr.hostname), port: Number(remoteAddr.port) }
    : undefined;
}

interface Engine {
  upgradeWebSocket(
    request: Request,
    options: { idleTimeout: number; protocol?: string },
  ): { readonly socket: WebSocket; readonly response: Response };
}

function engine(): Engine {
  const { Deno } = globalThis as unknown as { Deno?: Engine };
  if (Deno === undefined) throw new Error("Deno's adopt() needs the Deno runtime");
  return Deno;
}
