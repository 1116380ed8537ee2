// What a runtime's `listen()` and `dial()` do, on loopback, with and without TLS; and the stream suite over them.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLessOrEqual,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { decodeHex } from "@std/encoding";
import net from "node:net";
import tls from "node:tls";
import { createDevelopmentCertificate } from "../../src/transport/certificate.ts";
import type { TlsCertificate } from "../../src/transport/tls.ts";
import type {
  Address,
  DialOptions,
  Listener,
  ListenOptions,
  Runtime,
  Transport,
} from "../../src/transport/transport.ts";
import { test } from "../support/test.ts";
import { type Pair, Peer, turns } from "./peer.ts";
import { streamSuite } from "./stream_suite.ts";

/** What carries the bytes of a suite. */
export interface Wire {
  /** What to listen with. */
  readonly listen: ListenOptions;
  /** What to dial with. */
  readonly dial: DialOptions;
  /** The certificate of a wire with TLS. */
  readonly certificate?: TlsCertificate;
  /** Whether a layer on top of the sockets learns later what has left. */
  readonly layered?: boolean;
}

/** TCP on a port of the system's choice. */
export const tcp: Wire = {
  listen: { hostname: "127.0.0.1", port: 0 },
  dial: { signal: undefined },
};

/** TLS on a port of the system's choice, with a certificate of its own. */
export async function tlsWire(): Promise<Wire> {
  const certificate = await createDevelopmentCertificate();
  return {
    listen: { ...tcp.listen, tls: certificate },
    dial: { ...tcp.dial, tls: { ca: certificate.cert } },
    certificate,
  };
}

/** A listener and the transports it has accepted, in order. */
export class Host {
  readonly listener: Listener;
  readonly #accepted: Transport[];
  readonly #waiting: ((transport: Transport) => void)[];

  constructor(
    listener: Listener,
    accepted: Transport[],
    waiting: ((transport: Transport) => void)[],
  ) {
    this.listener = listener;
    this.#accepted = accepted;
    this.#waiting = waiting;
  }

  static async start(runtime: Runtime, wire: Wire): Promise<Host> {
    const accepted: Transport[] = [];
    const waiting: ((transport: Transport) => void)[] = [];
    const listener = await runtime.listen(wire.listen, (transport) => {
      const resolve = waiting.shift();
      if (resolve) resolve(transport);
      else accepted.push(transport);
    });
    return new Host(listener, accepted, waiting);
  }

  next(): Promise<Transport> {
    const transport = this.#accepted.shift();
    if (transport) return Promise.resolve(transport);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Stops listening and gets rid of what nobody asked for, such as an attempt that was given up. */
  async close(): Promise<void> {
    await this.listener.close();
    for (const transport of this.#accepted) transport.destroy();
  }
}

/** Opens a connection over a wire; `finish()` stops its listener as well. */
export async function connectPair(
  runtime: Runtime,
  wire: Wire,
): Promise<Pair & { listener: Listener }> {
  const host = await Host.start(runtime, wire);
  const [dialled, accepted] = await Promise.all([
    runtime.dial(host.listener.address, wire.dial),
    host.next(),
  ]);
  const a = new Peer(dialled);
  const b = new Peer(accepted);
  const finish = async () => {
    await Promise.all([a.finish(), b.finish()]);
    await host.close();
  };
  return { a, b, finish, listener: host.listener };
}

async function refusedAddress(runtime: Runtime): Promise<Address> {
  const listener = await runtime.listen(tcp.listen, () => {});
  await listener.close();
  return listener.address;
}

/**
 * Registers the tests of one runtime's listen and dial.
 *
 * @param name The name of the runtime object.
 * @param runtime The runtime object.
 * @param skip Why it cannot run here.
 * @param wire What carries the bytes.
 */
export function networkSuite(
  name: string,
  runtime: Runtime,
  skip: string | undefined,
  wire: Wire = tcp,
): void {
  streamSuite(name, () => connectPair(runtime, wire), skip);

  const check = (criterion: string, body: () => Promise<void>) =>
    test(`${name} ${criterion}`, body, { skip });

  check("listen() on port 0 reports the port, and both ends their addresses", async () => {
    const { a, b, listener, finish } = await connectPair(runtime, wire);
    assertEquals(listener.address.hostname, "127.0.0.1");
    assert(listener.address.port > 0);
    assertEquals(a.transport.remoteAddress, listener.address);
    assertEquals(b.transport.localAddress, listener.address);
    assertEquals(b.transport.remoteAddress?.hostname, "127.0.0.1");
    assertEquals(a.transport.localAddress, b.transport.remoteAddress);
    await finish();
    assertEquals(a.transport.remoteAddress, listener.address);
  });

  check("listen() on a busy port rejects with the address and the cause", async () => {
    const listener = await runtime.listen(wire.listen, () => {});
    const { port } = listener.address;
    const error = await assertRejects(
      () => runtime.listen({ ...wire.listen, ...listener.address }, () => {}),
      Error,
      `Could not listen on 127.0.0.1:${port}: `,
    );
    assertInstanceOf(error.cause, Error);
    await listener.close();
  });

  check("close() of a listener stops accepting; connections live on", async () => {
    const { a, b, listener, finish } = await connectPair(runtime, wire);
    await listener.close();
    await listener.close();
    await assertRejects(() => runtime.dial(listener.address, wire.dial), Error);
    a.resume();
    b.resume();
    await turns(a, b, 3);
    await turns(b, a, 3);
    assertEquals([a.received, b.received], [3, 3]);
    await finish();
  });

  check("dial() refused rejects with the address and the cause", async () => {
    const address = await refusedAddress(runtime);
    const error = await assertRejects(
      () => runtime.dial(address, wire.dial),
      Error,
      `Could not connect to 127.0.0.1:${address.port}: `,
    );
    assertInstanceOf(error.cause, Error);
  });

  check("dial() with a signal that has fired rejects with its reason", async () => {
    const reason = new Error("Changed my mind");
    const signal = AbortSignal.abort(reason);
    const address = await refusedAddress(runtime);
    const error = await assertRejects(() => runtime.dial(address, { ...wire.dial, signal }), Error);
    assertStrictEquals(error, reason);
  });

  check("dial() rejects with the reason of a signal that fires meanwhile", async () => {
    const host = await Host.start(runtime, wire);
    const reason = new Error("Changed my mind");
    const controller = new AbortController();
    const dialling = runtime.dial(host.listener.address, {
      ...wire.dial,
      signal: controller.signal,
    });
    controller.abort(reason);
    const error = await assertRejects(() => dialling, Error);
    assertStrictEquals(error, reason);
    await host.close();
  });

  check("dial() forgets its signal once it has connected", async () => {
    const host = await Host.start(runtime, wire);
    const controller = new AbortController();
    const [dialled, accepted] = await Promise.all([
      runtime.dial(host.listener.address, {
        ...wire.dial,
        signal: controller.signal,
      }),
      host.next(),
    ]);
    const [a, b] = [new Peer(dialled), new Peer(accepted)];
    controller.abort();
    a.resume();
    b.resume();
    await turns(a, b, 2);
    await turns(b, a, 2);
    assertEquals([a.closed, b.closed], [false, false]);
    await Promise.all([a.finish(), b.finish()]);
    await host.close();
  });

  check("bufferedAmount falls while one large write is under way", async () => {
    const { a, b, finish } = await connectPair(runtime, wire);
    // Half of it is far more than the kernel holds, so that the write cannot be done when the reader stops.
    const length = 32 * 1_048_576;
    a.write(new Uint8Array(length));
    b.onData = () => {
      if (b.received > length / 4) b.pause();
    };
    b.resume();
    while (a.bufferedAmount > length * 7 / 8) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert(a.bufferedAmount > 0);
    b.onData = undefined;
    b.resume();
    await Promise.all([b.until(() => b.received === length), a.until(() => a.drains > 0)]);
    assertEquals(a.bufferedAmount, 0);
    await finish();
  });

  check("end() leaves after all of a large write", async () => {
    const { a, b, finish } = await connectPair(runtime, wire);
    const length = 16 * 1_048_576;
    a.write(new Uint8Array(length));
    a.end();
    b.resume();
    await b.until(() => b.ended);
    assertEquals(b.received, length);
    await finish();
  });

  check("a reset by the peer is closed() with an error, once and last", async () => {
    const host = await Host.start(runtime, wire);
    const raw = net.connect({ host: "127.0.0.1", port: host.listener.address.port });
    raw.on("error", () => {});
    const secure = wire.certificate &&
      tls.connect({ socket: raw, ca: wire.certificate.cert, host: "127.0.0.1" });
    secure?.on("error", () => {});
    const closed = new Promise((resolve) => raw.once("close", resolve));
    const peer = new Peer(await host.next());
    peer.resume();
    (secure ?? raw).write(decodeHex("8100"));
    await peer.until(() => peer.received === 2);
    raw.resetAndDestroy();
    await peer.until(() => peer.closed);
    assertInstanceOf(peer.error, Error);
    assertEquals(peer.ended, false);
    await closed;
    await peer.finish();
    await host.close();
  });

  for (const ours of ["and this end has ended too", "and this end has not"]) {
    check(`a reset behind the peer's end tells of no drain() (${ours})`, async () => {
      const { a, b, finish } = await connectPair(runtime, wire);
      a.write(new Uint8Array(16 * 1_048_576));
      a.write(decodeHex("880203e8"));
      if (ours === "and this end has ended too") a.end();
      b.write(decodeHex("880203e8"));
      b.end();
      a.resume();
      await a.until(() => a.ended);
      assert(a.bufferedAmount > 0);
      // A system that drops what was not read resets the connection.
      b.destroy();
      await a.until(() => a.closed);
      assertEquals(a.drains, 0);
      await finish();
    });
  }

  check("writing to a peer that is gone is closed() with an error", async () => {
    const { a, b, finish } = await connectPair(runtime, wire);
    a.resume();
    b.destroy();
    await a.until(() => a.ended);
    // The kernel answers the first bytes with a reset; a socket at its end learns of that by writing more.
    let written = 0;
    while (!a.closed) {
      a.write(decodeHex("8100"));
      written += 2;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    assertInstanceOf(a.error, Error);
    // What the reset was told by has not left; what came before it has, as far as the system tells.
    assertLessOrEqual(a.bufferedAmount, wire.layered ? written : written - 2);
    await finish();
  });
}
