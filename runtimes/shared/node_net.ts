// Listening and dialling with `node:net`, for Node and for what the other runtimes do with it.
//
// 1. `allowHalfOpen`, or Node would end our side as soon as the peer ends its own.
// 2. `pauseOnConnect`, or Node would read from a socket before its transport is resumed.
// 3. An error of the server after it listens is a failed accept (EMFILE, ECONNABORTED): it goes on
//    listening.

import { existsSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { dirname } from "node:path";
import { onAbort } from "../../src/util/abort.ts";
import type {
  DialOptions,
  Listener,
  ListenOptions,
  Transport,
} from "../../src/transport/transport.ts";
import type { DialTarget } from "../../src/transport/happy_eyeballs.ts";
import { DIALLING, LISTENING } from "../../src/transport/network_error.ts";
import { failure } from "./system_error.ts";
import { NodeTransport } from "./node_transport.ts";

/**
 * Listens with `node:net`.
 *
 * @param options Where.
 * @param accept Called with each connection, paused.
 * @returns The listener.
 */
export function listenNet(
  options: ListenOptions,
  accept: (transport: Transport) => void,
): Promise<Listener> {
  const server = createServer(
    { allowHalfOpen: true, noDelay: true, pauseOnConnect: true },
    (socket) => accept(new NodeTransport(socket, socket, true)),
  );
  return bind(server, options);
}

/**
 * Has a server listen.
 *
 * @param server The server, which has its listeners.
 * @param options Where.
 * @returns The listener.
 */
export function bind(server: Server, options: ListenOptions): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const { path, hostname, port, reusePort = false } = options;
    const refuse = (error: unknown) => {
      const known = error as { code?: string };
      // libuv reports EACCES for ENOENT.
      const isMissing = path !== undefined && known.code === "EACCES" && !existsSync(dirname(path));
      if (isMissing) known.code = "ENOENT";
      reject(failure(LISTENING, options, error));
    };
    server.once("error", refuse);
    // Node's own types know `reusePort` from version 22 on.
    const where = path === undefined ? { host: hostname, port, reusePort } : { path };
    const listening = () => {
      server.off("error", refuse);
      server.on("error", (error) => options.failed?.(error));
      resolve(listener(server, options));
    };
    try {
      server.listen(where, listening);
    } catch (error) {
      // A port out of range; on Deno, what the program may not do.
      refuse(error);
    }
  });
}

function listener(server: Server, { hostname, port }: ListenOptions): Listener {
  const bound = server.address();
  const address = bound === null || typeof bound === "string"
    ? { hostname, port }
    : { hostname: bound.address, port: bound.port };
  return {
    address,
    // The port is free at once; Node's callback would wait for the connections, which live on.
    close(): Promise<void> {
      server.close();
      return Promise.resolve();
    },
    unref: () => void server.unref(),
  };
}

/**
 * Connects with `node:net`.
 *
 * @param address Where to.
 * @param options The signal, and perhaps a unix socket.
 * @returns The transport.
 */
export function dialNet(address: DialTarget, options: DialOptions): Promise<Transport> {
  return open(address, options, (socket) => ({
    event: "connect",
    stream: socket,
    connected: () => new NodeTransport(socket, socket, true),
  }));
}

/** What is to be made of a socket that is connecting. */
export interface Opening {
  /** The event that says that it is ready. */
  readonly event: "connect" | "secureConnect";
  /** What emits it: the socket itself, or the TLS on top of it. */
  readonly stream: Socket;
  /** Makes the transport. */
  readonly connected: () => Transport | Promise<Transport>;
}

/**
 * Opens a socket and waits until it is ready.
 *
 * @param address Where to.
 * @param options The signal, and perhaps a unix socket.
 * @param prepare What to make of the socket.
 * @returns The transport; rejects with what went wrong first, and then leaves nothing behind.
 */
export function open(
  address: DialTarget,
  { signal, path, tls, localAddress }: DialOptions,
  prepare: (socket: Socket) => Opening,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const { hostname, port, ip = hostname, connected: onTcp } = address;
    const from = localAddress === undefined ? {} : { localAddress };
    const where = path === undefined ? { host: ip, port, ...from } : { path };
    const failureOf = (cause: unknown) => {
      const known = cause as { code?: string };
      // Deno's word for it.
      if (localAddress !== undefined && known.code === "EINVAL") known.code = "EADDRNOTAVAIL";
      return failure(DIALLING, { hostname, port, path, secure: tls !== undefined }, cause);
    };
    let socket: Socket | undefined;
    let opening: Opening;
    try {
      socket = connect({ ...where, allowHalfOpen: true, noDelay: true });
      socket.pause();
      if (onTcp !== undefined) socket.once("connect", onTcp);
      opening = prepare(socket);
    } catch (error) {
      socket?.on("error", () => {}).destroy();
      return reject(failureOf(error));
    }
    const { event, stream, connected } = opening;
    const both = new Set([socket, stream]);
    const stopWaiting = signal && onAbort(signal, () => giveUp(signal.reason));
    const settle = () => {
      stopWaiting?.();
      stream.off(event, onReady);
      for (const one of both) one.off("error", onError).off("close", onClose);
    };
    const onReady = () => {
      settle();
      resolve(connected());
    };
    const giveUp = (reason: unknown) => {
      settle();
      for (const one of both) one.on("error", () => {}).destroy();
      reject(reason);
    };
    const onError = (error: Error) => giveUp(failureOf(error));
    const onClose = () => onError(new Error("The connection was closed"));
    stream.on(event, onReady);
    for (const one of both) one.on("error", onError).on("close", onClose);
  });
}
