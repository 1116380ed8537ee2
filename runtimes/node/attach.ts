// WebSocket connections on a server of `node:http` or `node:https`, and through it on Express,
// Fastify, Koa and others.
//
// 1. One 'upgrade' listener for each server, for all attachments of all copies of this package:
//    only that one can see that no attachment takes a request.
// 2. An upgrade that no attachment takes is answered by the application, as on a server without
//    'upgrade' listeners; if there are other listeners it is theirs and not touched.
// 3. A request that the application is to decide on gets a ServerResponse of its own on its socket,
//    since Node has none for an upgrade. Nothing is read meanwhile: frames behind the handshake
//    wait in `head` and the kernel.

import { type IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "node:http";
import type { Server as SecureServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { WebSocketConnection } from "../../src/connection/connection.ts";
import type {
  Publishable,
  PublishOptions,
  PublishResult,
} from "../../src/connection/publishing.ts";
import type { ServerStats } from "../../src/guard/stats.ts";
import type { WebSocketHandler } from "../../src/connection/handler.ts";
import { handler as handlerRule } from "../../src/connection/check_handler.ts";
import { callback, checkOptions, type OptionTable, text } from "../../src/util/check_options.ts";
import { asksForWebSocket, Attachment } from "../../src/server/attach.ts";
import type { ForeignHead } from "../../src/server/late_request.ts";
import type { FetchHandler } from "../../src/server/context.ts";
import { ATTACHMENT_OPTIONS, type AttachmentOptions } from "../../src/server/options.ts";
import { isStandIn, mergeForUpgrade, toResponse } from "../../src/server/stand_in.ts";
import type { AsyncDisposal } from "../../src/util/platform.ts";
import type { ServerCloseOptions } from "../../src/server/shutdown.ts";
import { checkUpgrade, type Upgrade, type UpgradeOptions } from "../../src/server/upgrade.ts";
import type { Topics } from "../../src/topics/hub_topics.ts";
import { ForeignStream } from "../shared/foreign_stream.ts";
import { isPlain } from "../shared/plain_socket.ts";
import { zlibBackend } from "../shared/zlib.ts";
import { addressOf, NodeTransport } from "../shared/node_transport.ts";

/**
 * The options of {@linkcode attach}. With `websocket`, each request is upgraded for that handler;
 * with `fetch`, that function decides; with neither, the application does, by
 * {@linkcode Attached.upgrade}, behind all its middleware.
 */
export interface AttachOptions extends AttachmentOptions {
  /** Only requests for this path, to the letter and without the query. Default: every path. */
  readonly path?: string;
  /**
   * Only requests for which this returns true; one that throws is reported, and counts as false.
   * Default: all.
   */
  readonly filter?: (request: IncomingMessage) => boolean;
  /** What to do with each connection. Default: the application decides. */
  readonly websocket?: WebSocketHandler;
  /**
   * Decides on each upgrade, as `fetch` of `serve()` does: returns `upgrade(…)` or a Response that
   * refuses. Default: the application decides.
   */
  readonly fetch?: FetchHandler;
}

/** What each of them may be. */
export const ATTACH_OPTIONS: OptionTable<AttachOptions> = {
  ...ATTACHMENT_OPTIONS,
  path: text,
  filter: callback,
  websocket: handlerRule,
  fetch: callback,
};

/** What {@linkcode attach} returns. */
export interface Attached extends AsyncDisposal {
  /** The open WebSocket connections. */
  readonly connections: ReadonlySet<WebSocketConnection>;
  /**
   * Makes a WebSocket connection of the request that a route of the application has at hand: takes
   * the request and the response of `node:http`, then the handler and the options. The header
   * fields that middleware set on the response go with the 101. The Response that it returns has
   * been answered with: answer nothing yourself after this call. It throws a TypeError when the
   * response has been sent, or belongs to another request, and for a second call with one request.
   */
  readonly upgrade: Upgrade<[request: IncomingMessage, response: ServerResponse]>;
  /** The topics of its connections; see `Server.topics`. */
  readonly topics: Topics;
  /** Publishes to all subscribers of a topic; see `Server.publish()`. */
  publish(topic: string, data: Publishable, options?: PublishOptions): PublishResult;
  /** What has happened so far; see `Server.stats()`. */
  stats(): ServerStats;
  /**
   * Detaches: refuses new connections with 503 and closes each open one, as `Server.close()` does.
   * Does not close the server, whose own `close()` waits for all sockets: call this first.
   *
   * @param options With which code, how long, and how far apart.
   * @returns A promise that resolves when all have ended and every handler is done, or after
   * `timeout`; see `Server.close()`.
   */
  close(options?: ServerCloseOptions): Promise<void>;
}

/** An upgrade that the application decides on. */
interface Pending {
  readonly socket: Socket;
  readonly head: Uint8Array;
  readonly finished: () => void;
  /** Whether `upgrade()` has answered it. */
  decided: boolean;
}

type AnyServer = Server | SecureServer;

/** What is attached to one server. */
interface AttachedTo {
  doors: Pick<Door, "matches" | "take">[];
  /** Of the copy that attached first. */
  readonly listener: typeof onUpgrade;
}

interface Attachments {
  readonly servers: WeakMap<AnyServer, AttachedTo>;
  readonly pending: WeakMap<IncomingMessage, Pending>;
}

/**
 * For all copies of this package in the process, which `import` and `require()` may make two: each
 * by itself would leave a request to the other's listener, and it would get no answer. The number
 * changes with what is kept.
 */
const ATTACHMENTS = Symbol.for("@sansocket/ws/attachments/1");
const common = (globalThis as { [ATTACHMENTS]?: Attachments })[ATTACHMENTS] ??= {
  servers: new WeakMap(),
  pending: new WeakMap(),
};

/**
 * Serves WebSocket connections on a server of `node:http` or `node:https` that exists already.
 * Judgement, limits and handlers are those of `serve()`. Other 'upgrade' listeners keep working: a
 * request that `path` and `filter` do not match is left to them.
 *
 * @param server The server; it may listen already.
 * @param options Which requests, what to do with them, and within which limits.
 * @returns The connections, and how to end them.
 * @throws {TypeError} When both `websocket` and `fetch` are given, or an option is unknown or of
 * the wrong kind.
 * @throws {RangeError} When a number is out of its range.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { attach, connect } from "@sansocket/ws/node";
 *
 * const server = createServer((_request, response) => response.end("a page"));
 * const sockets = attach(server, {
 *   path: "/echo",
 *   websocket: { message: (ws, data) => ws.send(data) },
 * });
 * await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
 *
 * const { port } = server.address() as { port: number };
 * const ws = await connect(`ws://127.0.0.1:${port}/echo`);
 * await ws.send("hello");
 * console.log(await ws.receive()); // hello
 * await ws.close();
 * await sockets.close();
 * server.close();
 * ```
 */
export function attach(server: Server | SecureServer, options: AttachOptions = {}): Attached {
  checkOptions("attach()", options, ATTACH_OPTIONS);
  if (options.websocket !== undefined && options.fetch !== undefined) {
    throw new TypeError(
      "Expected either websocket or fetch, got both: let fetch return upgrade(handler) for what it accepts",
    );
  }
  const door = new Door(server, options);
  const attached = common.servers.get(server);
  if (attached !== undefined) attached.doors.push(door);
  else {
    common.servers.set(server, { doors: [door], listener: onUpgrade });
    server.on("upgrade", onUpgrade);
  }
  return door;
}

class Door implements Attached {
  readonly #server: AnyServer;
  readonly #options: AttachOptions;
  readonly #attachment: Attachment;

  constructor(server: AnyServer, options: AttachOptions) {
    this.#server = server;
    this.#options = options;
    this.#attachment = new Attachment(options, zlibBackend, options.websocket);
  }

  get connections(): ReadonlySet<WebSocketConnection> {
    return this.#attachment.connections;
  }

  get topics(): Topics {
    return this.#attachment.topics;
  }

  publish(topic: string, data: Publishable, options?: PublishOptions): PublishResult {
    return this.#attachment.publish(topic, data, options);
  }

  stats(): ServerStats {
    return this.#attachment.stats();
  }

  matches(request: IncomingMessage): boolean {
    const { path, filter } = this.#options;
    if (path !== undefined && request.url?.split("?", 1)[0] !== path) return false;
    try {
      return filter === undefined || filter(request);
    } catch (error) {
      this.#attachment.error(error);
      return false;
    }
  }

  take(request: IncomingMessage, socket: Socket, head: Uint8Array): void {
    const { websocket, fetch } = this.#options;
    if (websocket === undefined && fetch === undefined) {
      askApplication(this.#server, request, socket, head, (error) => this.#attachment.error(error));
    } else {
      this.#take(request, socket, head, fetch);
    }
  }

  readonly upgrade = (
    request: IncomingMessage,
    response: ServerResponse,
    // What the interface promises is checked there: the handler takes what `options.data` is.
    handler: WebSocketHandler<never>,
    options: UpgradeOptions<unknown> = {},
  ): Response => {
    if (response?.req !== request || !Array.isArray(request?.rawHeaders)) {
      throw new TypeError(
        "Expected upgrade(request, response, handler, options) with a request of node:http and its response, such as " +
          "request.raw and reply.raw of Fastify",
      );
    }
    checkUpgrade(handler, options);
    if (response.headersSent) throw new TypeError("Expected a response that has not been sent");
    const asked = common.pending.get(request);
    if (asked === undefined) {
      const { remoteAddress, remotePort } = request.socket;
      this.#attachment.refused(headOf(request), addressOf(remoteAddress, remotePort), NO_HANDSHAKE);
      return refuseUpgrade(request, response);
    }
    if (asked.decided) {
      throw new TypeError(
        "Expected one call of upgrade() for each request, got a second: the first one has answered it",
      );
    }
    asked.decided = true;
    const { socket, head, finished } = asked;
    response.off("finish", finished);
    response.detachSocket(socket);
    const { data } = options;
    const headers = mergeForUpgrade(fieldsOf(response), options.headers);
    let answer: Response | undefined;
    const refusal = this.#take(
      request,
      socket,
      head,
      (_request, { upgrade }) => {
        const own = upgrade(handler as WebSocketHandler, { ...options, data, headers });
        // The body of a refusal is sent.
        answer = isStandIn(own) ? own : own.clone();
        return own;
      },
    );
    return answer ?? toResponse({ headers: [], status: 500, reason: "", ...refusal });
  };

  async close(options?: ServerCloseOptions): Promise<void> {
    await this.#attachment.close(options);
    const attached = common.servers.get(this.#server);
    if (attached === undefined) return;
    attached.doors = attached.doors.filter((door) => door !== this);
    if (attached.doors.length > 0) return;
    common.servers.delete(this.#server);
    this.#server.off("upgrade", attached.listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(request: IncomingMessage, socket: Socket, rest: Uint8Array, fetch?: FetchHandler) {
    const stream = isPlain(socket)
      ? socket
      : ForeignStream.guard(socket, (error) => this.#attachment.error(error));
    // What the server set for its requests is not meant for a connection that lives on.
    stream.setTimeout(0);
    stream.setNoDelay(true);
    // A server of `node:https` answers the peer's half-close with its own.
    stream.allowHalfOpen = true;
    const copy = new Uint8Array(rest);
    return this.#attachment.take(new NodeTransport(stream), headOf(request), copy, fetch);
  }
}

function headOf({ method = "GET", url = "/", rawHeaders }: IncomingMessage): ForeignHead {
  return { method, target: url, fields: rawHeaders };
}

function onUpgrade(
  this: AnyServer,
  request: IncomingMessage,
  duplex: Duplex,
  head: Uint8Array,
): void {
  // Node's type is that of what its own parser can be given; what it gives is the socket it listens
  // on.
  const socket = duplex as Socket;
  const door = asksForWebSocket(request.headers.upgrade)
    ? common.servers.get(this)?.doors.find((door) => door.matches(request))
    : undefined;
  if (door !== undefined) door.take(request, socket, head);
  else if (this.listenerCount("upgrade") === 1) askApplication(this, request, socket, head);
}

/**
 * Has an upgrade answered as a request like any other, by the listeners of 'request'. `report` is
 * called with what a stream that is not the runtime's own throws meanwhile; it is destroyed then.
 */
function askApplication(
  server: AnyServer,
  request: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
  report: (error: unknown) => void = () => {},
): void {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  const attempt = (action: () => void): boolean => {
    try {
      action();
      return true;
    } catch (error) {
      destroy(socket);
      report(error);
      return false;
    }
  };
  const finished = () =>
    void attempt(() => {
      response.detachSocket(socket);
      if ("destroySoon" in socket) socket.destroySoon();
      else (socket as Duplex).end();
    });
  const assigned = attempt(() => {
    // The server watches the socket no longer, and an 'error' without a listener ends the process.
    socket.on("error", () => {});
    response.assignSocket(socket);
  });
  if (!assigned) return;
  response.on("finish", finished);
  common.pending.set(request, { socket, head, finished, decided: false });
  if (server.emit("request", request, response)) return;
  response.statusCode = 404;
  attempt(() => response.end());
}

/** Destroys a stream whose own code has failed, and may fail again. */
function destroy(stream: Duplex): void {
  try {
    stream.destroy();
  } catch {
    // What it threw first says why.
  }
}

const NO_HANDSHAKE = "Expected a WebSocket opening handshake";

function refuseUpgrade(request: IncomingMessage, response: ServerResponse): Response {
  response.writeHead(426, {
    upgrade: "websocket",
    // An Upgrade without its Connection is a plain request, but a proxy may see it otherwise.
    connection: request.headers.upgrade === undefined ? "Upgrade" : "Upgrade, close",
    "content-type": "text/plain; charset=utf-8",
  });
  response.end(NO_HANDSHAKE);
  return new Response(NO_HANDSHAKE, { status: 426, headers: { upgrade: "websocket" } });
}

/** The header fields that middleware has set. */
function* fieldsOf(response: ServerResponse): Generator<[string, string]> {
  for (const [name, value] of Object.entries(response.getHeaders())) {
    for (const one of Array.isArray(value) ? value : [value]) yield [name, String(one)];
  }
}
