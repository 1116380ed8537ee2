import { assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import { denoRuntime } from "../../runtimes/deno/runtime.ts";
import { runtime, test } from "../support/test.ts";
import { networkSuite, tlsWire } from "./network_suite.ts";
import { unixSuite } from "./unix_suite.ts";

const skip = runtime === "deno" ? undefined : "needs Deno";
networkSuite("denoRuntime", denoRuntime, skip);
networkSuite("denoRuntime with TLS", denoRuntime, skip, await tlsWire());
unixSuite("denoRuntime", denoRuntime, skip);

test(
  "denoRuntime passes over connections that were reset before it could accept them",
  async () => {
    const failures: unknown[] = [];
    let accepted!: () => void;
    const whenAccepted = new Promise<void>((resolve) => accepted = resolve);
    const address = { hostname: "127.0.0.1", port: 0 };
    const listener = await denoRuntime.listen(
      { ...address, failed: (error) => failures.push(error) },
      (transport) => {
        transport.destroy();
        accepted();
      },
    );
    // While this waits nothing is accepted here: the system has made the connections, and unmade them again.
    const { status } = spawnSync("node", ["-e", RESETTING, String(listener.address.port)]);
    assertEquals(status, 0);
    const dialled = await denoRuntime.dial(listener.address, { signal: undefined });
    await whenAccepted;
    assertEquals(failures, []);
    dialled.destroy();
    await listener.close();
  },
  { skip },
);

const RESETTING = `
  const { connect } = require("node:net");
  for (let i = 0; i < 5; i++) {
    const socket = connect(Number(process.argv[1]), "127.0.0.1");
    socket.on("connect", () => socket.resetAndDestroy());
  }
`;
