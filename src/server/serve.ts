// serve(), for any runtime that brings the listener.

import type { WebSocketConnection } from "../connection/connection.ts";
import type { WebSocketHandler } from "../connection/handler.ts";
import {
  type Publishable,
  type PublishOptions,
  type PublishResult,
} from "../connection/publishing.ts";
import type { ServerStats } from "../guard/stats.ts";
import type { Address, Listener, Runtime } from "../transport/transport.ts";
import { checkOptions } from "../util/check_options.ts";
import type { AsyncDisposal } from "../util/platform.ts";
import type { Topics } from "../topics/hub_topics.ts";
import { createContext, type FindSocket, type ServerContext } from "./context.ts";
import { listeningUrl, resolveListening } from "./listening.ts";
import { type ListeningOptions, SERVE_OPTIONS, type ServeOptions } from "./options.ts";
import { createRouter } from "./routes.ts";
import { ConnectionAcceptor } from "./connection_acceptor.ts";
import { type ServerCloseOptions, Shutdown } from "./shutdown.ts";

/** A server that listens. */
export interface Server extends AsyncDisposal {
  /** The port that it listens on; 0 on a unix socket. */
  readonly port: number;
  /** The address that it listens on; "localhost" on a unix socket. */
  readonly hostname: string;
  /**
   * Where a client on this machine finds it: "http://127.0.0.1:8000/", with TLS
   * "https://127.0.0.1:8000/", on a unix socket "ws+unix:/path:/". `connect()` takes it as it is.
   */
  readonly url: string;
  /** The open WebSocket connections. */
  readonly connections: ReadonlySet<WebSocketConnection>;
  /**
   * What the server has counted since it began to listen: connections, messages, octets, refusals
   * and how connections ended.
   *
   * @returns The figures of this moment.
   */
  stats(): ServerStats;
  /** The topics of its connections: the option `topics`, or its own. */
  readonly topics: Topics;
  /** Publishes to all subscribers of a topic: the same as `topics.publish()`. */
  publish(topic: string, data: Publishable, options?: PublishOptions): PublishResult;
  /**
   * Lets the process end though the server listens, as `unref()` of `node:net` does; connections
   * still keep it alive. For a server that is to run only as long as the rest of the program, such
   * as one for debugging.
   */
  unref(): void;
  /**
   * Stops: answers new handshakes with 503, closes each WebSocket connection once what was sent to
   * it has left, lets requests in progress finish, and cuts what is not done after `timeout`.
   *
   * @param options The close code, the reason, and times.
   * @returns A promise that resolves when all has ended and every handler is done, or after
   * `timeout`, when all has been cut and the `close` hooks have been called; `close()` does not
   * wait for a handler that is still at work then. A second call returns the same promise. Rejects,
   * and does nothing, with a RangeError when the code or the reason cannot be sent or a time is not
   * in its range, and with a TypeError when an option is unknown or of the wrong kind.
   */
  close(options?: ServerCloseOptions): Promise<void>;
}

/** `serve()` as each runtime has it. */
export type Serve = <Table>(options: ServeOptions<Table>) => Promise<Server>;

/** Makes the `serve()` of a runtime. */
export function createServe(runtime: Omit<Runtime, "dial">): Serve {
  return async (options) => {
    const server = new RunningServer(options, runtime);
    await server.listen(runtime);
    return server;
  };
}

/** Throws for a mixture of the three that is not allowed, and says what to write instead. */
function checkHandlers({ routes, fetch, websocket }: ServeOptions): void {
  if (websocket === undefined) {
    if (routes !== undefined || fetch !== undefined) return;
    throw new TypeError("Expected websocket, fetch or routes, got none of them");
  }
  if (routes !== undefined) {
    throw new TypeError(
      'Expected either websocket or routes, got both: write routes: { …, "/*": { websocket } }',
    );
  }
  if (fetch !== undefined) {
    throw new TypeError(
      'Expected either websocket or fetch, got both: write routes: { "/*": { websocket, fetch } }, or let fetch return ' +
        "upgrade(handler) for what asks for a WebSocket",
    );
  }
}

/**
 * Finds a socket by the target of a request alone; undefined where the server must know more first.
 */
function findSocketOf(
  { trustProxy }: ServerContext,
  find: FindSocket | undefined,
  websocket: WebSocketHandler | undefined,
): FindSocket | undefined {
  const choice = websocket && { handler: websocket, options: {} };
  if (choice !== undefined) return () => choice;
  // Behind a proxy the request is judged once it is known who asks, and a route may have an answer
  // to what is no handshake: `fetch` of the router decides.
  return trustProxy === undefined ? find : undefined;
}

class RunningServer implements Server {
  readonly connections = new Set<WebSocketConnection>();
  readonly #context: ServerContext;
  readonly #listening: ListeningOptions;
  readonly #shutdown: Shutdown;
  readonly #acceptor: ConnectionAcceptor;
  #listener!: Listener;

  constructor(options: ServeOptions<unknown>, runtime: Omit<Runtime, "dial">) {
    checkOptions("serve()", options, SERVE_OPTIONS);
    const { routes, fetch, websocket } = options as ServeOptions;
    checkHandlers(options as ServeOptions);
    if (options.proxyProtocol && options.tls !== undefined) {
      throw new TypeError("Expected proxyProtocol or tls, got both: the header comes before TLS");
    }
    this.#listening = options;
    const context = createContext(options, runtime, this.connections);
    const router = routes && createRouter(routes, fetch);
    this.#context = {
      ...context,
      fetch: router?.fetch ?? fetch,
      websocket,
      findSocket: findSocketOf(context, router?.findSocket, websocket),
      findPage: router?.findPage,
    };
    this.#shutdown = new Shutdown(this.#context);
    this.#acceptor = new ConnectionAcceptor(this.#context, this.#shutdown);
  }

  async listen(runtime: Omit<Runtime, "dial">): Promise<void> {
    const { handshakeTimeout, error, clock } = this.#context;
    const acceptor = this.#acceptor;
    const where = {
      ...resolveListening(this.#listening, handshakeTimeout, error, clock),
      arrive: (address: Address | undefined) => acceptor.arrive(address),
    };
    this.#listener = await runtime.listen(where, (transport) => acceptor.take(transport));
  }

  stats(): ServerStats {
    return this.#context.guard.counters.snapshot();
  }

  get topics(): Topics {
    return this.#context.topics;
  }

  publish(topic: string, data: Publishable, options?: PublishOptions): PublishResult {
    return this.#context.topics.publish(topic, data, options);
  }

  get port(): number {
    return this.#listener.address.port;
  }

  get hostname(): string {
    return this.#listener.address.hostname;
  }

  get url(): string {
    return listeningUrl(this.#listener.address, this.#listening);
  }

  unref(): void {
    this.#listener.unref?.();
  }

  close(options?: ServerCloseOptions): Promise<void> {
    return this.#shutdown.close(options, () => {
      this.#acceptor.stopped = true;
      return this.#listener.close();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
