// Listening and dialling with `Deno.listen` and `Deno.connect`.
//
// `accept()` rejects for good when the listener is closed, and for a moment when the process is out of
// file descriptors (EMFILE): then it is tried again, after a short wait so as not to spin.

import type { Address, Listener, Runtime, Transport } from "../../src/transport.ts";
import { failure } from "../failure.ts";
import { zlibBackend } from "../zlib.ts";
import { deno } from "./namespace.ts";
import type { DenoConn, DenoListener } from "./namespace.ts";
import { DenoTransport } from "./transport.ts";

const acceptRetryDelay = 20;

/**
 * TCP through `Deno.listen` and `Deno.connect`.
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
export const denoRuntime: Runtime = { listen, dial, deflate: zlibBackend };

// deno-lint-ignore require-await -- what `Deno.listen` throws becomes a rejection
async function listen(
  address: Address,
  accept: (transport: Transport) => void,
): Promise<Listener> {
  const { hostname, port } = address;
  let socket: DenoListener;
  try {
    socket = deno().listen({ hostname, port });
  } catch (error) {
    throw failure("listen on", address, error);
  }
  let open = true;
  const accepting = acceptAll(socket, accept, () => open);
  return {
    address: { hostname: socket.addr.hostname, port: socket.addr.port },
    close(): Promise<void> {
      if (open) {
        open = false;
        socket.close();
      }
      return accepting;
    },
  };
}

async function acceptAll(
  socket: DenoListener,
  accept: (transport: Transport) => void,
  open: () => boolean,
): Promise<void> {
  while (open()) {
    let conn: DenoConn;
    try {
      conn = await socket.accept();
      conn.setNoDelay(true);
    } catch {
      if (open()) await new Promise((resolve) => setTimeout(resolve, acceptRetryDelay));
      continue;
    }
    accept(new DenoTransport(conn));
  }
}

function dial(
  address: Address,
  { signal }: { signal: AbortSignal | undefined },
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const { hostname, port } = address;
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    // An older Deno ignores the signal here: the promise rejects all the same, and the connection is closed.
    deno().connect({ hostname, port, ...(signal && { signal }) }).then((conn) => {
      if (signal?.aborted) return conn.close();
      conn.setNoDelay(true);
      resolve(new DenoTransport(conn));
    }).catch((error) => reject(failure("connect to", address, error)))
      .finally(() => signal?.removeEventListener("abort", onAbort));
  });
}
