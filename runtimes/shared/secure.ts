// TLS on top of any byte stream, by `node:tls`: behind a proxy, over a stream of the program's own,
// and TLS within TLS.
//
// 1. The runtimes lose an error of the stream below, so it is passed on by hand.
// 2. Deno's and Bun's TLSSocket do not stop the stream below when they are paused, and Bun's does
//    not wait for it either: 16 MiB for a peer that does not read were all in memory.

import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { onAbort } from "../../src/util/abort.ts";
import { DIALLING } from "../../src/transport/network_error.ts";
import type { Address, SecureOptions, Transport } from "../../src/transport/transport.ts";
import { byteDuplex } from "./byte_duplex.ts";
import { failure } from "./system_error.ts";
import { gated, GatedTransport } from "./node_tls.ts";
import { NodeTransport } from "./node_transport.ts";
import { clientSettings, judgeTls, load, tls } from "./tls_settings.ts";

/**
 * Runs TLS over a transport, as the client.
 *
 * @param transport The byte stream below, which belongs to TLS from now on.
 * @param address Whom the server's certificate has to name.
 * @param options The signal, the certificates, and what has been read already.
 * @returns The transport, once the handshake is complete; rejects with what went wrong first, and
 * then the stream below is closed.
 */
export async function secure(
  transport: Transport,
  address: Address,
  options: SecureOptions,
): Promise<Transport> {
  const below = byteDuplex(transport);
  if (options.rest.length > 0) below.push(options.rest);
  try {
    judgeTls(options.tls);
    await load();
    options.signal?.throwIfAborted();
    return await ready(
      () => {
        const all: ConnectionOptions & { readonly allowHalfOpen: boolean } = {
          ...clientSettings(options.tls, address.hostname),
          socket: below,
          allowHalfOpen: true,
        };
        return tls.connect(all);
      },
      below,
      address,
      options.signal,
    );
  } catch (error) {
    below.on("error", () => {}).destroy();
    throw error;
  }
}

/** Waits until the handshake is complete. */
function ready(
  connect: () => TLSSocket,
  below: Duplex,
  address: Address,
  signal: AbortSignal | undefined,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const failureOf = (cause: unknown) => failure(DIALLING, { ...address, secure: true }, cause);
    let socket: TLSSocket;
    try {
      socket = connect();
    } catch (error) {
      return reject(failureOf(error));
    }
    socket.pause();
    below.on("error", (error) => socket.destroy(error)).on("close", () => socket.destroy());
    const stopWaiting = signal && onAbort(signal, () => fail(signal.reason));
    // What follows a failure is its echo; without a listener an error would end the process.
    const fail = (reason: unknown) => {
      stopWaiting?.();
      socket.destroy();
      reject(reason);
    };
    const onError = (cause: unknown) => fail(failureOf(cause));
    const onClose = () => {
      onError(Object.assign(new Error("The connection was closed"), { code: "ECONNRESET" }));
    };
    socket.on("error", onError).on("close", onClose);
    socket.once("secureConnect", () => {
      stopWaiting?.();
      socket.off("error", onError).off("close", onClose);
      resolve(transportOf(socket, below));
    });
  });
}

function transportOf(socket: TLSSocket, below: Duplex): Transport {
  const carrier = below as unknown as Socket;
  if (gated) return new GatedTransport(socket, carrier, below);
  return new NodeTransport("Bun" in globalThis ? pace(socket, below) : socket, carrier, true);
}

/** A TLSSocket of Bun's, in step with the stream below. */
function pace(socket: TLSSocket, below: Duplex): Socket {
  const stream = new Duplex({
    read() {
      socket.resume();
      below.resume();
    },
    write(chunk: Uint8Array, _encoding, done) {
      socket.write(chunk, () => {
        if (below.writableNeedDrain) below.once("drain", done);
        else done();
      });
    },
    final: (done) => void socket.end(done),
    destroy(error, done) {
      socket.destroy();
      below.destroy();
      done(error);
    },
  });
  socket.on("data", (chunk) => {
    if (stream.push(chunk)) return;
    socket.pause();
    below.pause();
  });
  socket.on("end", () => stream.push(null));
  socket.on("error", (error) => stream.destroy(error)).on("close", () => stream.destroy());
  return Object.assign(stream, {
    encrypted: true,
    servername: socket.servername,
    alpnProtocol: socket.alpnProtocol,
    getProtocol: () => socket.getProtocol(),
    getPeerCertificate: () => socket.getPeerCertificate(),
  }) as unknown as Socket;
}
