// Listening and dialling with `Deno.listen` and `Deno.connect`; TLS is shared/node_tls.ts.
//
// 1. `accept()` rejects for good when the listener is closed, and for a moment when the process is
//    out of file descriptors (EMFILE): then it is tried again, after a short wait so as not to
//    spin. It also rejects for a peer that has reset its connection before, since it asks for the
//    address of that peer. Then nothing is wrong, and the next connection is accepted.
// 2. `Deno.listen()` ends the process over `reusePort` without `--unstable-net`; Deno's `node:net`
//    does without that flag.

import { onAbort } from "../../src/util/abort.ts";
import { systemClock } from "../../src/util/clock.ts";
import type {
  Address,
  DialOptions,
  Listener,
  ListenOptions,
  Runtime,
  Transport,
} from "../../src/transport/transport.ts";
import type { DialTarget } from "../../src/transport/happy_eyeballs.ts";
import { DIALLING, LISTENING } from "../../src/transport/network_error.ts";
import { failure } from "../shared/system_error.ts";
import { dialWith } from "../shared/dial.ts";
import { systemLookup } from "../shared/lookup.ts";
import { zlibBackend } from "../shared/zlib.ts";
import { environment } from "./environment.ts";
import { deno } from "./namespace.ts";
import type { DenoConn, DenoListener, DenoTarget } from "./namespace.ts";
import { DenoTransport } from "./transport.ts";

const ACCEPT_RETRY_DELAY = 20;

// Apart, so that a bundler can leave out the half that a program does not use.

/** What `serve()` takes of the runtime. */
export const listening: Omit<Runtime, "dial"> = { listen, deflate: zlibBackend };

/** What `connect()` takes of it. */
export const dialling: Omit<Runtime, "listen"> = {
  dial: dialWith(
    dialTcp,
    // Deno takes its time to load modules of Node.
    async (address, options) =>
      await (await import("../shared/node_tls.ts")).dialTls(address, options),
    async (options) => await isLookedUp(options) ? undefined : systemLookup,
  ),
  secure: async (transport, address, options) =>
    await (await import("../shared/secure.ts")).secure(transport, address, options),
  streams: async () => (await import("../shared/stream_transport.ts")).streamTransport,
  environment,
  deflate: zlibBackend,
};

/**
 * TCP and unix sockets through `Deno.listen` and `Deno.connect`, TLS through `node:tls`.
 *
 * @example
 * ```ts
 * import { denoRuntime } from "@sansocket/ws/deno";
 *
 * const listener = await denoRuntime.listen({ hostname: "127.0.0.1", port: 0 }, (transport) => {
 *   transport.destroy();
 * });
 * await listener.close();
 * ```
 */
export const denoRuntime: Runtime = { ...listening, ...dialling };

async function listen(
  options: ListenOptions,
  accept: (transport: Transport) => void,
): Promise<Listener> {
  const { tls, hostname, port } = options;
  if (tls !== undefined) {
    await (await import("./permission.ts")).permitListening(options);
    const { listenTls } = await import("../shared/node_tls.ts");
    return await listenTls({ ...options, tls }, accept);
  }
  if (options.reusePort) {
    await (await import("./permission.ts")).permitListening(options);
    return await (await import("../shared/node_net.ts")).listenNet(options, accept);
  }
  let socket: DenoListener;
  try {
    socket = deno().listen(targetOf(options, options.path));
  } catch (error) {
    throw failure(LISTENING, options, error);
  }
  let open = true;
  const accepting = acceptAll(socket, accept, () => open, options.failed);
  return {
    address: socket.addr.path === undefined
      ? { hostname: socket.addr.hostname, port: socket.addr.port }
      : { hostname, port },
    close(): Promise<void> {
      if (open) {
        open = false;
        socket.close();
      }
      return accepting;
    },
    unref: () => socket.unref(),
  };
}

async function acceptAll(
  socket: DenoListener,
  accept: (transport: Transport) => void,
  open: () => boolean,
  failed: ListenOptions["failed"],
): Promise<void> {
  while (open()) {
    let conn: DenoConn | undefined;
    try {
      conn = await socket.accept();
      conn.setNoDelay?.(true);
    } catch (error) {
      conn?.close();
      if (!open()) return;
      if (isGone(error)) continue;
      failed?.(error);
      await new Promise((resolve) => setTimeout(resolve, ACCEPT_RETRY_DELAY));
      continue;
    }
    accept(new DenoTransport(conn));
  }
}

function isGone(error: unknown): boolean {
  const { name } = error as Error;
  return name === "NotConnected" || name === "ConnectionReset" || name === "ConnectionAborted";
}

function targetOf({ hostname, port }: Address, path: string | undefined): DenoTarget {
  return path === undefined ? { hostname, port } : { transport: "unix", path };
}

/**
 * Whether the runtime is to look up the addresses of a host. `Deno.connect()` goes through them by
 * RFC 8305 too. And a program that may connect to a name may not connect to its addresses.
 */
async function isLookedUp({ tls, family, localAddress }: DialOptions): Promise<boolean> {
  if (family !== undefined || localAddress !== undefined) return false;
  return tls === undefined || (await deno().permissions.query({ name: "net" })).state !== "granted";
}

function dialTcp(target: DialTarget, options: DialOptions): Promise<Transport> {
  if (options.localAddress === undefined) return dialNative(target, options);
  return import("../shared/node_net.ts").then(({ dialNet }) => dialNet(target, options));
}

/**
 * Milliseconds until Deno gives up an attempt that is not wanted any more. It loses a connection
 * that comes about in the turn of the signal, and leaves its socket open: 2 of 200 on loopback.
 * One that comes within this time is closed here.
 */
const GIVE_UP_AFTER = 100;

function dialNative(
  { hostname, port, ip = hostname }: DialTarget,
  { signal, path }: DialOptions,
): Promise<Transport> {
  const address = { hostname: ip, port };
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const given = new AbortController();
    let timer: unknown;
    const stopWaiting = signal && onAbort(signal, () => {
      reject(signal.reason);
      timer = systemClock.setTimer(() => given.abort(), GIVE_UP_AFTER, "a connection to be closed");
    });
    // An older Deno ignores the signal here: the promise rejects all the same, and the connection
    // is closed.
    deno().connect({ ...targetOf(address, path), signal: given.signal }).then((conn) => {
      if (signal?.aborted) return conn.close();
      conn.setNoDelay?.(true);
      resolve(new DenoTransport(conn));
    }).catch((error) => reject(failure(DIALLING, { hostname, port, path }, error)))
      .finally(() => {
        stopWaiting?.();
        systemClock.clearTimer(timer);
      });
  });
}
