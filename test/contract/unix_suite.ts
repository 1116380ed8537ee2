// What a runtime's `listen()` and `dial()` do on a unix socket; and the stream suite over them.

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Runtime } from "../../src/transport/transport.ts";
import { test } from "../support/test.ts";
import type { Pair } from "./peer.ts";
import { connectPair, type Wire } from "./network_suite.ts";
import { streamSuite } from "./stream_suite.ts";

const address = { hostname: "localhost", port: 0 };

/** A unix socket in a folder of its own, which goes with `remove()`. */
export function unixWire(): Wire & { readonly path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "sansocket-"));
  const path = join(folder, "socket");
  return {
    path,
    listen: { ...address, path },
    dial: { signal: undefined, path },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

async function connectUnix(runtime: Runtime): Promise<Pair> {
  const wire = unixWire();
  const { a, b, finish } = await connectPair(runtime, wire);
  return {
    a,
    b,
    finish: async () => {
      await finish();
      wire.remove();
    },
  };
}

/**
 * Registers the tests of one runtime's unix sockets.
 *
 * @param name The name of the runtime object.
 * @param runtime The runtime object.
 * @param unfit Why it cannot run here.
 */
export function unixSuite(name: string, runtime: Runtime, unfit: string | undefined): void {
  const skip = unfit ?? (process.platform === "win32" ? "needs unix sockets" : undefined);
  streamSuite(`${name} on a unix socket`, () => connectUnix(runtime), skip);

  test(`${name} on a unix socket has no addresses, and removes the file at the end`, async () => {
    const wire = unixWire();
    const { a, b, listener, finish } = await connectPair(runtime, wire);
    assertEquals(existsSync(wire.path), true);
    assertEquals(listener.address, address);
    assertEquals([a.transport.remoteAddress, b.transport.remoteAddress], [undefined, undefined]);
    await finish();
    assertEquals(existsSync(wire.path), false);
    wire.remove();
  }, { skip });

  test(`${name} listen() on a taken unix socket rejects with its path`, async () => {
    const wire = unixWire();
    const listener = await runtime.listen(wire.listen, () => {});
    const error = await assertRejects(
      () => runtime.listen(wire.listen, () => {}),
      Error,
      `Could not listen on ${wire.path}: `,
    );
    assertInstanceOf(error.cause, Error);
    await listener.close();
    wire.remove();
  }, { skip });

  test(`${name} dial() of a unix socket that is not there rejects with its path`, async () => {
    const wire = unixWire();
    const error = await assertRejects(
      () => runtime.dial(address, wire.dial),
      Error,
      `Could not connect to ${wire.path}: `,
    );
    assertInstanceOf(error.cause, Error);
    wire.remove();
  }, { skip });
}
