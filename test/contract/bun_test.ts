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
networkSuite("bunRuntime with TLS", bunRuntime, skip, await tlsWire());
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
