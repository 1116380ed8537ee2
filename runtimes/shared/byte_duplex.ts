// A byte stream as a stream of Node's.

import { Duplex } from "node:stream";
import type { Transport } from "../../src/transport/transport.ts";

/**
 * Makes a `Duplex` of a transport that has no owner yet.
 *
 * @param transport The byte stream; it belongs to the `Duplex` from now on.
 * @returns The stream, with the addresses that a socket has.
 */
export function byteDuplex(transport: Transport): Duplex {
  let written: (() => void) | undefined;
  const { remoteAddress, localAddress } = transport;
  const stream = new Duplex({
    read: () => transport.resume(),
    write(chunk: Uint8Array, _encoding, done) {
      // The transport owns what it is given, and a Buffer may lie in memory that Node shares out.
      if (transport.write(new Uint8Array(chunk))) done();
      else written = done;
    },
    final(done) {
      transport.end();
      done();
    },
    destroy(error, done) {
      transport.destroy();
      done(error);
    },
  });
  transport.sink = {
    data: (chunk) => {
      if (!stream.push(chunk)) transport.pause();
    },
    end: () => void stream.push(null),
    drain: () => {
      const done = written;
      written = undefined;
      done?.();
    },
    closed: (error) => void stream.destroy(error),
  };
  return Object.assign(stream, {
    remoteAddress: remoteAddress?.hostname,
    remotePort: remoteAddress?.port,
    localAddress: localAddress?.hostname,
    localPort: localAddress?.port,
    unref: () => transport.unref?.(),
  });
}
