import { assertEquals, assertInstanceOf } from "@std/assert";
import { bunRuntime } from "../../runtimes/bun/runtime.ts";
import { BunTransport } from "../../runtimes/bun/transport.ts";
import { runtime, test } from "../support/test.ts";
import { withResolvers } from "../support/connections.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { networkSuite, tlsWire } from "./network_suite.ts";
import { unixSuite } from "./unix_suite.ts";

const skip = runtime === "bun" ? undefined : "needs Bun";
networkSuite("bunRuntime", bunRuntime, skip);
const wire = await tlsWire();
networkSuite("bunRuntime with TLS", bunRuntime, skip, wire);
// What `Bun.listen` cannot do.
const byNode = { ...wire.listen, tls: { ...wire.certificate!, sni: () => undefined } };
networkSuite("bunRuntime with TLS and sni", bunRuntime, skip, { ...wire, listen: byNode });
unixSuite("bunRuntime", bunRuntime, skip);

test("bunRuntime dials what it listens with: a socket of Bun's own", async () => {
  const address = { hostname: "127.0.0.1", port: 0 };
  const { promise: accepted, resolve } = withResolvers<Transport>();
  const listener = await bunRuntime.listen(address, resolve);
  const dialled = await bunRuntime.dial(listener.address, { signal: undefined });
  for (const transport of [dialled, await accepted]) {
    assertInstanceOf(transport, BunTransport);
    transport.destroy();
  }
  await listener.close();
  assertEquals(listener.address.hostname, "127.0.0.1");
}, { skip });

test("bunRuntime listens for TLS with sockets of Bun's own, with node:tls for sni", async () => {
  for (
    const [options, expected] of [[wire.listen, "BunTransport"], [byNode, "NodeTransport"]] as const
  ) {
    const { promise: accepted, resolve } = withResolvers<Transport>();
    const listener = await bunRuntime.listen(options, resolve);
    const dialled = await bunRuntime.dial(listener.address, wire.dial);
    const transport = await accepted;
    assertEquals([transport.constructor.name, transport.tls?.version], [expected, "TLSv1.3"]);
    dialled.destroy();
    transport.destroy();
    await listener.close();
  }
}, { skip });
