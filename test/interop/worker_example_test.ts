// examples/worker/: the client over sockets as Cloudflare Workers have them. On each runtime over sockets of
// the same shape, and under workerd, the runtime of Workers.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectionClosed, serve, type ServerOptions } from "@sansocket/ws";
import { spawnSync } from "node:child_process";
import { connect as dial } from "node:net";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createWorkerConnect, type OpenSocket } from "../../examples/worker/client.ts";
import { root, run } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

/** A socket of `node:net` as a pair of web streams. */
const openSocket: OpenSocket = ({ hostname, port }) => {
  const socket = dial({ host: hostname, port });
  return {
    readable: new ReadableStream({
      start(controller) {
        socket.on("data", (chunk) => controller.enqueue(new Uint8Array(chunk)));
        socket.on("end", () => controller.close());
        socket.on("error", (error) => controller.error(error));
      },
      cancel: () => void socket.destroy(),
    }),
    writable: new WritableStream({
      write: (chunk) =>
        new Promise((resolve, reject) =>
          socket.write(chunk, (error) => error ? reject(error) : resolve())
        ),
      close: () => new Promise((resolve) => socket.end(() => resolve())),
      abort: () => void socket.destroy(),
    }),
  };
};

const connect = createWorkerConnect(openSocket);

/** A server that echoes to those with the token. */
function start(seen: (string | null)[], options: ServerOptions = {}) {
  return serve({
    ...options,
    port: 0,
    compression: { windowBits: 15, threshold: 0, contextTakeover: true },
    fetch: (request, { upgrade }) => {
      seen.push(request.headers.get("authorization"));
      return upgrade({ message: (ws, data) => ws.send(data === "bomb" ? BOMB : data) });
    },
  });
}

const BOMB = "0".repeat(10_000_000);

test("worker example sends headers and Pings, and compresses by pako", async () => {
  const seen: (string | null)[] = [];
  await using server = await start(seen);
  for (const contextTakeover of [true, false]) {
    for (const windowBits of [15, 9]) {
      const ws = await connect(server.url, {
        headers: { authorization: "Bearer secret" },
        compression: { windowBits, contextTakeover, threshold: 0 },
      });
      assert(ws.extensions.includes("permessage-deflate"), ws.extensions);
      assert(await ws.ping() >= 0);
      const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * i) >>> 3);
      for (const message of ["hello", "hello", "", "hello ".repeat(10_000), bytes, "a"]) {
        await ws.send(message);
        assertEquals(await ws.receive(), message);
      }
      assertEquals((await ws.close()).wasClean, true);
    }
  }
  assertEquals(seen, Array(4).fill("Bearer secret"));
});

test("worker example stops to inflate at maxMessageSize", async () => {
  await using server = await start([]);
  const ws = await connect(server.url, {
    maxMessageSize: 100_000,
    compression: { windowBits: 15 },
  });
  await ws.send("bomb");
  await assertRejects(() => ws.receive(), ConnectionClosed);
  assertEquals((await ws.closed).code, 1009);
});

test("worker example takes no octets for DEFLATE that are none", async () => {
  const { pakoBackend } = await import("../../examples/worker/client.ts");
  assertEquals(pakoBackend.inflate(Uint8Array.of(0xff, 0xff), undefined, 100), "invalid");
});

/** Its package is a part of each installation, except on systems that it has no binary for. */
const workerd = join(root, "node_modules/workerd/bin/workerd");
const starts = runtime === "node" && spawnSync(workerd, ["--version"]).status === 0;

/** A port that is free. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

test("worker example runs under workerd", async () => {
  const seen: (string | null)[] = [];
  await using server = await start(seen);
  const folder = await mkdtemp(join(tmpdir(), "sansocket-worker-"));
  const { build } = await import("esbuild");
  await build({
    entryPoints: [join(root, "examples/worker/worker.ts")],
    outfile: join(folder, "worker.js"),
    bundle: true,
    format: "esm",
    conditions: ["workerd"],
    external: ["cloudflare:*"],
    tsconfig: join(root, "tsconfig.json"),
    logLevel: "silent",
  });
  const port = await freePort();
  await writeFile(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2025-01-01",
    )),
    (name = "internet", network = (allow = ["private", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`,
  );
  assert((await readFile(join(folder, "worker.js"), "utf8")).length > 0);
  const child = run([workerd, "serve", "--verbose", join(folder, "config.capnp")]);
  try {
    // It says nothing when it listens.
    const ask = async (): Promise<Response> => {
      try {
        return await fetch(`http://127.0.0.1:${port}/?server=${encodeURIComponent(server.url)}`);
      } catch (error) {
        if (child.output().includes("rror")) throw new Error(child.output(), { cause: error });
        await new Promise((resolve) => setTimeout(resolve, 20));
        return await ask();
      }
    };
    const response = await ask();
    const text = await response.text();
    assert(text.startsWith("{"), text + child.output());
    const { extensions, length } = JSON.parse(text);
    assertEquals([extensions.includes("permessage-deflate"), length], [true, 6_000]);
    assertEquals(seen, ["Bearer secret"]);
  } finally {
    await child.stop("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
}, {
  skip: runtime !== "node"
    ? "one run of workerd is enough"
    : !starts && "workerd does not start on this system",
});
