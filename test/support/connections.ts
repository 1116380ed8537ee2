// Both ends of one connection, over memory or TCP, and the small tools that tests of them share.

import { connect, serve } from "@sansocket/ws";
import type { ConnectOptions, ServerOptions, WebSocketConnection } from "@sansocket/ws";
import { createNetwork, type Network as TestNetwork } from "@sansocket/ws/testing";

/** Where to serve and connect. */
export type Network = Pick<TestNetwork, "serve" | "connect">;

/** The network in memory, and that of this machine. */
export const networks: Readonly<Record<"memory" | "tcp", () => Network>> = {
  memory: createNetwork,
  tcp: () => ({ serve, connect }),
};

/** Both ends of one connection. */
export interface OpenPair extends AsyncDisposable {
  /** The client's end. */
  readonly client: WebSocketConnection;
  /** The server's end. */
  readonly server: WebSocketConnection;
}

/** Opens a connection on a server of its own. */
export async function open(
  network: Network,
  serverOptions: ServerOptions = {},
  clientOptions: ConnectOptions = {},
): Promise<OpenPair> {
  const accepted = withResolvers<WebSocketConnection>();
  const listening = await network.serve({
    ...serverOptions,
    port: 0,
    websocket: (ws) => {
      accepted.resolve(ws);
      return ws.closed;
    },
  });
  const client = await network.connect(listening.url, clientOptions);
  const server = await accepted.promise;
  return {
    client,
    server,
    [Symbol.asyncDispose]: async () => {
      client.terminate();
      server.terminate();
      await Promise.all([client.closed, server.closed, listening.close()]);
    },
  };
}

/** A promise and how to settle it: `Promise.withResolvers()`, which Node 20 has not. */
export function withResolvers<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/**
 * Resolves when all microtasks have run: whatever goes on in memory alone has then come to its end, since
 * nothing there waits for a timer. Not a sleep: how long it takes decides nothing.
 */
export function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Whether a promise has settled once all microtasks have run. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  const note = (): void => void (pending = false);
  promise.then(note, note);
  await settled();
  return pending;
}
