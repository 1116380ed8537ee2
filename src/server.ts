// serve(), for whichever runtime brings the listener.

import { CloseCode } from "./close.ts";
import type { WebSocketConnection } from "./connection.ts";
import { createCompression } from "./deflate/compression.ts";
import type { DeflateBackend } from "./deflate/backend.ts";
import type { CompressionOptions } from "./deflate/options.ts";
import type { WebSocketHandler } from "./handler.ts";
import { type ConnectionLimits, positive, resolveLimits } from "./limits.ts";
import type { FetchHandler, ServerContext } from "./server/context.ts";
import { HttpSession } from "./server/session.ts";
import type { Address, Listener, Runtime } from "./transport.ts";

/** What every server can be told. */
export interface ServerOptions extends ConnectionLimits {
  /**
   * Whether to compress messages where the client can (permessage-deflate, RFC 7692), and how. False unless told:
   * it costs time for each message, and memory for each connection: see {@linkcode CompressionOptions}.
   */
  readonly compression?: boolean | CompressionOptions;
  /** The TCP port; 0 lets the system choose one. 8000 unless told. */
  readonly port?: number;
  /** The address to listen on: "0.0.0.0" or "::" for all of the machine's. "127.0.0.1" unless told. */
  readonly hostname?: string;
  /**
   * Origins whose pages may open a WebSocket, as browsers write them ("https://example.org"), or "*" for any.
   * Without it: pages of the same host and port, whatever is no browser, and loopback pages on a loopback server
   * (RFC 6455 section 10.2).
   */
  readonly origins?: readonly string[];
  /** The most octets of a request's head; a larger one is answered with 431. 16,384 unless told. */
  readonly maxHeadSize?: number;
  /** The most octets of a request's body; a larger one is answered with 413. 1,048,576 unless told. */
  readonly maxBodySize?: number;
  /** Told once what `fetch` or a handler without an `error` hook throws. `console.error` unless told. */
  readonly error?: (error: unknown) => void;
}

/** The options of a server that answers requests and upgrades some of them. */
export interface FetchServerOptions extends ServerOptions {
  /** Answers a request with a Response: one that it makes, or the one that `upgrade()` returns. */
  readonly fetch: FetchHandler;
  /** Not together with `fetch`. */
  readonly websocket?: never;
}

/** The options of a server that only upgrades; whatever is no WebSocket handshake gets 426. */
export interface WebSocketServerOptions extends ServerOptions {
  /** What to do with each connection. */
  readonly websocket: WebSocketHandler;
  /** Not together with `websocket`. */
  readonly fetch?: never;
}

/** The options of `serve()`. */
export type ServeOptions = FetchServerOptions | WebSocketServerOptions;

/** A server that listens. */
export interface Server extends AsyncDisposable {
  /** The port that it listens on. */
  readonly port: number;
  /** The address that it listens on. */
  readonly hostname: string;
  /** Where a client on this machine finds it: "http://127.0.0.1:8000/". `connect()` takes it as it is. */
  readonly url: string;
  /** The open WebSocket connections. */
  readonly connections: ReadonlySet<WebSocketConnection>;
  /**
   * Stops: accepts no more, closes each WebSocket connection with 1001, lets requests in progress finish for at
   * most `closeTimeout`, and resolves when all has ended and every handler is done, or after twice `closeTimeout`.
   * Called again, it returns the same promise.
   */
  close(): Promise<void>;
}

/** `serve()` as each runtime has it. */
export type Serve = (options: ServeOptions) => Promise<Server>;

/** Makes the `serve()` of a runtime. */
export function createServe(runtime: Runtime): Serve {
  return async (options) => {
    const server = new RunningServer(options, runtime.deflate);
    await server.listen(runtime, {
      hostname: options.hostname ?? "127.0.0.1",
      port: options.port ?? 8000,
    });
    return server;
  };
}

class RunningServer implements Server {
  readonly connections = new Set<WebSocketConnection>();
  readonly #context: ServerContext;
  readonly #sessions = new Map<HttpSession, Promise<void>>();
  #listener!: Listener;
  #closed: Promise<void> | undefined;

  constructor(options: ServeOptions, deflate: DeflateBackend | undefined) {
    if ((options.fetch === undefined) === (options.websocket === undefined)) {
      throw new TypeError("Expected either fetch or websocket");
    }
    const report = options.error ?? ((error) => console.error(error));
    this.#context = {
      ...resolveLimits(options),
      fetch: options.fetch,
      websocket: options.websocket,
      compression: createCompression(options.compression ?? false, deflate),
      origins: options.origins ?? [],
      maxHeadSize: positive("maxHeadSize", options.maxHeadSize, 16_384),
      maxBodySize: positive("maxBodySize", options.maxBodySize, 1_048_576),
      closing: false,
      connections: this.connections,
      report: (error) => {
        try {
          report(error);
        } catch (second) {
          // A reporter that throws must not take down what it reports on.
          console.error(second);
        }
      },
    };
  }

  async listen(runtime: Runtime, address: Address): Promise<void> {
    this.#listener = await runtime.listen(address, (transport) => {
      if (this.#context.closing) return transport.destroy();
      const session = new HttpSession(transport, this.#context);
      this.#sessions.set(session, session.run().then(() => void this.#sessions.delete(session)));
    });
  }

  get port(): number {
    return this.#listener.address.port;
  }

  get hostname(): string {
    return this.#listener.address.hostname;
  }

  get url(): string {
    const { hostname, port } = this;
    const host = hostname === "0.0.0.0"
      ? "127.0.0.1"
      : hostname === "::"
      ? "[::1]"
      : hostname.includes(":")
      ? `[${hostname}]`
      : hostname;
    return `http://${host}:${port}/`;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#context.closing = true;
    const closed = this.#listener.close();
    for (const session of this.#sessions.keys()) {
      // One that waits for a request has nothing to finish.
      if (session.connection !== undefined) session.connection.close(CloseCode.goingAway);
      else if (!session.answering) session.destroy();
    }
    const { closeTimeout } = this.#context;
    const cut = setTimeout(() => {
      for (const session of this.#sessions.keys()) {
        if (session.connection === undefined) session.destroy();
      }
    }, closeTimeout);
    // By then every connection is gone; what may be left is a handler that never returns.
    let giveUp: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => giveUp = setTimeout(resolve, 2 * closeTimeout));
    await Promise.race([Promise.all([closed, ...this.#sessions.values()]), late]);
    clearTimeout(cut);
    clearTimeout(giveUp);
  }
}
