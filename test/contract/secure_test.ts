// TLS over a transport that is there already: all that TLS over TCP does, and TLS within TLS.

import type { Address, Runtime, Transport } from "../../src/transport/transport.ts";
import { EMPTY } from "../../src/util/bytes.ts";
import { nodeRuntime } from "../../runtimes/node/runtime.ts";
import { assertEquals } from "@std/assert";
import { runtime, test } from "../support/test.ts";
import { turns } from "./peer.ts";
import { connectPair, networkSuite, tlsWire } from "./network_suite.ts";
import { streamSuite } from "./stream_suite.ts";

const own: Runtime = runtime === "deno"
  ? (await import("../../runtimes/deno/runtime.ts")).denoRuntime
  : runtime === "bun"
  ? (await import("../../runtimes/bun/runtime.ts")).bunRuntime
  : nodeRuntime;

const wire = await tlsWire();

/** A runtime whose `dial()` puts TLS on top of what another has dialled. */
function layered(dial: Runtime["dial"]): Runtime {
  return {
    ...own,
    async dial(address, options) {
      const { signal, tls } = options;
      const below = await dial(address, { ...options, tls: undefined });
      return await own.secure!(below, address, { signal, tls: tls!, rest: EMPTY });
    },
  };
}

networkSuite("secure()", layered(own.dial), undefined, { ...wire, layered: true });

/** Leads the bytes of one transport to the other. */
function join(from: Transport, to: Transport): void {
  from.sink = {
    data: (chunk) => {
      if (!to.write(chunk)) from.pause();
    },
    end: () => to.end(),
    drain: () => to.resume(),
    closed: () => to.destroy(),
  };
}

streamSuite("secure() within TLS", async () => {
  // Ends the outer TLS, and leads to the listener.
  let inner: Address | undefined;
  const relay = await own.listen({ ...wire.listen }, async (from) => {
    const to = await own.dial(inner!, { signal: undefined });
    join(from, to);
    join(to, from);
    from.resume();
    to.resume();
  });
  const runtime = layered((address, options) => {
    inner = address;
    return own.dial(relay.address, { ...options, tls: wire.dial.tls });
  });
  const pair = await connectPair(runtime, wire);
  return {
    ...pair,
    async finish() {
      await pair.finish();
      await relay.close();
    },
  };
}, undefined);

test("secure() writes nothing behind a message that has left", async () => {
  const written: number[] = [];
  const runtime = layered(async (address, options) => {
    const below = await own.dial(address, options);
    const write = below.write.bind(below);
    below.write = (chunk) => {
      written.push(chunk.length);
      return write(chunk);
    };
    return below;
  });
  const { a, b, finish } = await connectPair(runtime, wire);
  a.resume();
  b.resume();
  await turns(b, a, 1);
  written.length = 0;
  await turns(a, b, 10);
  assertEquals([written.length, written.filter((length) => length === 0)], [10, []]);
  await finish();
});
