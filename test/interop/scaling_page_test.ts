// What docs/guides/scaling.md shows of several processes, as a reader would do it.

import { assert, assertEquals } from "@std/assert";
import { connect } from "@sansocket/ws";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { takeBlocks } from "../support/code_blocks.ts";
import { type Child, root, runtimeNames, start } from "../support/process.ts";
import { freePort, redisSkip, startRedis } from "../support/redis_server.ts";
import { runtime, test } from "../support/test.ts";

const [rooms = "", joinedRooms = "", client = "", sharedPort = ""] = takeBlocks(
  "docs/guides/scaling.md",
  "ts server",
);

/** Runs `body` with a folder in the project, and ends what it has started there. */
async function withPrograms(
  body: (write: (name: string, text: string) => string, running: Child[]) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(root, "examples", ".scaling-"));
  const running: Child[] = [];
  try {
    await body((name, text) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    }, running);
  } finally {
    for (const child of running) await child.stop("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

/** Waits until it listens, and returns the port. */
async function port(server: Child): Promise<string> {
  return (await server.waitFor(/^Listening on http:\/\/127\.0\.0\.1:(\d+)\//m))[1] ?? "";
}

/** Runs the client of the page against two ports, and compares what it prints. */
async function runClient(file: string, first: string, second: string): Promise<void> {
  writeFileSync(file, client.replace("8001", first).replace("8002", second));
  const child = start(runtime, file);
  const code = await child.exit;
  const expected = [...client.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, text]) => text);
  assertEquals([code, child.output()], [0, expected.join("\n") + "\n"]);
}

test("docs/guides/scaling.md's second program is the first with three lines more and a word", () => {
  const lines = joinedRooms.split("\n");
  assertEquals(lines.filter((line) => line.endsWith("// new")).length, 3);
  assertEquals(lines.filter((line) => line.endsWith("// changed")).length, 1);
  const without = lines.filter((line) => !line.endsWith("// new")).join("\n");
  assertEquals(without.replace("createTopics, ", "").replace(" // changed", ""), rooms);
});

test("docs/guides/scaling.md's first program serves its client", () =>
  withPrograms(async (write, running) => {
    const server = start(runtime, write("server.ts", rooms), ["0"]);
    running.push(server);
    await runClient(write("client.ts", ""), await port(server), await port(server));
  }));

test("docs/guides/scaling.md's second program serves its client from two processes", async () => {
  await using redis = await startRedis();
  await withPrograms(async (write, running) => {
    const code = joinedRooms.replace("createClient()", `createClient({ url: "${redis.url}" })`);
    const file = write("server.ts", code);
    // The other process runs on another runtime.
    const other = runtimeNames[(runtimeNames.indexOf(runtime) + 1) % runtimeNames.length]!;
    running.push(start(runtime, file, ["0"]), start(other, file, ["0"]));
    const [first = "", second = ""] = await Promise.all(running.map(port));
    const clientFile = write("client.ts", "");
    await runClient(clientFile, first, second);
    await runClient(clientFile, second, first);
  });
}, { skip: redisSkip, timeout: 120_000 });

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const canShare = runtime !== "node" || major > 22 || (major === 22 && minor >= 12);

test(
  "docs/guides/scaling.md's reusePort spreads connections over two processes",
  () =>
    withPrograms(async (write, running) => {
      const file = write("server.ts", sharedPort);
      const free = `${await freePort()}`;
      running.push(start(runtime, file, [free]), start(runtime, file, [free]));
      await Promise.all(running.map(port));
      const seen = new Set<unknown>();
      // The system chooses by the client's port, which is another each time.
      for (let attempt = 0; attempt < 200 && seen.size < 2; attempt++) {
        const ws = await connect(`ws://127.0.0.1:${free}/`);
        seen.add(await ws.receive());
        await ws.close();
      }
      assertEquals(seen.size, 2);
    }),
  {
    skip: process.platform !== "linux"
      ? "only Linux spreads connections evenly"
      : !canShare && "reusePort needs Node 22.12",
    timeout: 120_000,
  },
);

test("docs/guides/scaling.md has the samples that are run here", () => {
  for (const sample of [rooms, joinedRooms, client, sharedPort]) assert(sample !== "");
});
