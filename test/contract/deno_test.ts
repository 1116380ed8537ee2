import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { spawnSync } from "node:child_process";
import { lookup } from "node:dns/promises";
import { join } from "node:path";
import { denoRuntime } from "../../runtimes/deno/runtime.ts";
import { DenoTransport } from "../../runtimes/deno/transport.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { type Child, root, run } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";
import { networkSuite, tlsWire } from "./network_suite.ts";
import { unixSuite } from "./unix_suite.ts";

const skip = runtime === "deno" ? undefined : "needs Deno";
networkSuite("denoRuntime", denoRuntime, skip);
networkSuite("denoRuntime with TLS", denoRuntime, skip, await tlsWire());
unixSuite("denoRuntime", denoRuntime, skip);

test("DenoTransport lets others have their turn while reads find bytes at once", async () => {
  for (const most of [20, Infinity]) {
    // As it comes, or each time after a pause, as for a consumer that takes a while.
    for (const pauses of [false, true]) {
      let reads = 0;
      let ended = false;
      const loopback = { hostname: "127.0.0.1", port: 1 };
      const transport = new DenoTransport({
        localAddr: loopback,
        remoteAddr: loopback,
        read: ({ length }) => Promise.resolve(++reads > 10_000 ? null : Math.min(length, most)),
        write: ({ length }) => Promise.resolve(length),
        closeWrite: () => Promise.resolve(),
        unref: () => {},
        close: () => {},
      });
      const data = (): boolean => {
        if (pauses) {
          transport.pause();
          queueMicrotask(() => transport.resume());
        }
        return true;
      };
      transport.sink = { data, end: () => ended = true, drain() {}, closed() {} };
      transport.resume();
      // One of the others: it is due in the next turn of the event loop.
      await new Promise((resolve) => setTimeout(resolve, 0));
      assert(reads > 2 && !ended, `${reads} reads before the others`);
      transport.destroy();
    }
  }
});

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

test(
  "denoRuntime reads into more memory while much comes, and into little again afterwards",
  async () => {
    const address = { hostname: "127.0.0.1", port: 0 };
    let accepted!: (transport: Transport) => void;
    const whenAccepted = new Promise<Transport>((resolve) => accepted = resolve);
    const listener = await denoRuntime.listen(address, accepted);
    const a = await denoRuntime.dial(listener.address, { signal: undefined });
    const b = await whenAccepted;
    let size = 0;
    let received = 0;
    let wake = (): void => {};
    b.sink = {
      borrows: true,
      data(chunk) {
        size = chunk.buffer.byteLength;
        received += chunk.length;
        wake();
        return true;
      },
      end() {},
      drain() {},
      closed() {},
    };
    const until = async (total: number): Promise<void> => {
      while (received < total) await new Promise<void>((resolve) => wake = resolve);
    };
    a.write(new Uint8Array(1 << 22));
    b.resume();
    await until(1 << 22);
    assert(size > 8_192, `${size} octets for 4 MiB`);
    for (let i = 1; i <= 200; i++) {
      a.write(new Uint8Array(1));
      await until((1 << 22) + i);
    }
    assertLessOrEqual(size, 512);
    a.destroy();
    b.destroy();
    await listener.close();
  },
  { skip },
);

test(
  "denoRuntime reads into what a closed connection has left, and never into what other code keeps",
  async () => {
    const address = { hostname: "127.0.0.1", port: 0 };
    let accepted!: (transport: Transport) => void;
    const listener = await denoRuntime.listen(address, (transport) => accepted(transport));
    /** Opens a connection that reads one octet, and closes it; the chunk that it was in. */
    const read = async (octet: number, keeps: boolean): Promise<Uint8Array> => {
      const whenAccepted = new Promise<Transport>((resolve) => accepted = resolve);
      const a = await denoRuntime.dial(listener.address, { signal: undefined });
      const b = await whenAccepted;
      const chunk = await new Promise<Uint8Array>((resolve) => {
        b.sink = {
          borrows: true,
          data(chunk) {
            resolve(chunk);
            return !keeps;
          },
          end() {},
          drain() {},
          closed() {},
        };
        b.resume();
        a.write(Uint8Array.of(octet));
      });
      const closed = new Promise<void>((resolve) => {
        b.sink = { data() {}, end: () => b.destroy(), drain() {}, closed: () => resolve() };
      });
      a.destroy();
      await closed;
      return chunk;
    };
    const left = await read(1, false);
    const kept = await read(2, true);
    const next = await read(3, false);
    assert(kept.buffer === left.buffer, "what nobody kept is read into again");
    assert(next.buffer !== kept.buffer);
    assertEquals([...kept, ...next], [2, 3]);
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

test("serve() and connect() reject where Deno does not permit them, in every way", async () => {
  const listener = await denoRuntime.listen({ hostname: "127.0.0.1", port: 0 }, () => {});
  const { port } = listener.address;
  await listener.close();
  // By a shell, for Deno gives a Deno that it starts itself all that it may do.
  const deno = (flags: string): Child => {
    const binary = join(root, "node_modules/deno/deno");
    const program = `test/support/without_permission.ts ${port}`;
    return run(["sh", "-c", `exec '${binary}' run --no-prompt --quiet ${flags} ${program}`]);
  };
  const denied = (attempt: string, host: string, needed: string): string =>
    `ERR_ACCESS_DENIED Could not ${attempt} ${host}:${port}: Requires net access to "${needed}", ` +
    "run again with the --allow-net flag (ERR_ACCESS_DENIED)";
  const nothing = deno("");
  assertEquals(await nothing.exit, 0, nothing.output());
  assertEquals(nothing.output().trimEnd().split("\n"), [
    denied("listen on", "127.0.0.1", `127.0.0.1:${port}`),
    denied("listen on", "127.0.0.1", `127.0.0.1:${port}`),
    denied("listen on", "127.0.0.1", `127.0.0.1:${port}`),
    denied("listen on", "localhost", `localhost:${port}`),
    denied("listen on", "localhost", "localhost"),
    denied("listen on", "localhost", "localhost"),
    denied("connect to", "127.0.0.1", `127.0.0.1:${port}`),
    denied("connect to", "localhost", `localhost:${port}`),
    denied("connect to", "127.0.0.1", `127.0.0.1:${port}`),
    denied("connect to", "localhost", `localhost:${port}`),
    'ERR_ACCESS_DENIED Requires env access to "http_proxy", run again with the --allow-env flag, ' +
    'or give the URL of the proxy in place of "environment" (errors.md#err_access_denied)',
  ]);
  // It is the address that is listened on.
  const name = deno("--allow-net=localhost");
  assertEquals(await name.exit, 0, name.output());
  const { address } = await lookup("localhost");
  const bound = `${address.includes(":") ? `[${address}]` : address}:${port}`;
  assertEquals(name.output().split("\n").slice(3, 6), [
    "permitted",
    denied("listen on", "localhost", bound),
    denied("listen on", "localhost", bound),
  ]);
}, { skip });
