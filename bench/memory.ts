// What an idle connection costs a server with each kind of compression, for docs/guides/compression.md:
//   node --import tsx bench/memory.ts
//   node --import tsx bench/memory.ts deno bun
//
// A process of its own for each figure. Clients come in three waves, exchange messages of 1 KiB of JSON and stay; the
// growth of the server's resident memory in a wave, after garbage collection, is shared out among its clients.
// 1. The first wave sends many messages: code is compiled and the heap grows. Its memory is not counted.
// 2. With the second there are 512 connections, and each of them keeps a context of what it sent. Its growth is that
//    of a connection with a context; what it is without compression is taken off.
// 3. The third takes these contexts over, so its growth is that of connections without one.

import process from "node:process";
import { type CompressionOptions, connect, type WebSocketConnection } from "@sansocket/ws";
import { Child } from "./child.ts";
import { type Bundle, bundle, commandOf, ownNode } from "./runtimes.ts";
import type { RuntimeName } from "./servers.ts";

/** How many clients come, and how many messages each of them exchanges. */
const WAVES = [[128, 60], [384, 12], [768, 12]] as const;

const presets: readonly (boolean | CompressionOptions)[] = [
  false,
  { contextTakeover: false },
  true,
  { windowBits: 15, memoryLevel: 8 },
];

const messages = Array.from({ length: 997 }, (_, index) => {
  const entries = Array.from({ length: 18 }, (_, i) => {
    const id = index * 104_729 + i * 31;
    return { id, name: `user ${id % 997}`, active: id % 3 === 0, score: id % 1009 / 8 };
  });
  return JSON.stringify(entries).slice(0, 1024);
});

async function exchange(ws: WebSocketConnection, index: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await ws.send(messages[(index * 31 + i) % messages.length]!);
    await ws.receive();
  }
}

async function openAll(url: string, count: number, each: number): Promise<void> {
  for (let index = 0; index < count;) {
    const batch = Array.from({ length: Math.min(32, count - index) }, async () => {
      const own = index++;
      await exchange(await connect(url, { compression: { threshold: 0 } }), own, each);
    });
    await Promise.all(batch);
  }
}

/** What is left of a message on average, in percent, of 20 that one connection gets. */
async function shareLeft(url: string): Promise<number> {
  const shares: number[] = [];
  const ws = await connect(url, {
    compression: { threshold: 0 },
    trace: (event) => {
      if (event.type !== "frame" || event.direction === "out" || event.opcode !== 1) return;
      shares.push(100 * event.size / 1024);
    },
  });
  await exchange(ws, 1, 20);
  await ws.close();
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** Percent left, and KiB of a connection in the second and the third wave. */
async function measure(
  runtime: RuntimeName,
  preset: boolean | CompressionOptions,
  program: Bundle,
): Promise<number[]> {
  const [executable = "", ...args] = commandOf(runtime, program.path("ours/memory.mjs"), [
    JSON.stringify(preset),
  ]);
  if (runtime === "deno") args.splice(1, 0, "--v8-flags=--expose-gc");
  else if (runtime !== "bun") args.unshift("--expose-gc");
  await using server = new Child(runtime, [executable, ...args]);
  const { port } = await server.next("listening", 20);
  const url = `ws://127.0.0.1:${port}/`;
  const figures = [await shareLeft(url)];
  let before = NaN;
  for (const [count, each] of WAVES) {
    await openAll(url, count, each);
    server.say("memory");
    const { bytes } = await server.next("memory", 20);
    if (before > 0) figures.push((bytes - before) / count / 1024);
    before = bytes;
  }
  return figures;
}

const named = process.argv.slice(2) as RuntimeName[];
const runtimes: readonly RuntimeName[] = named.length > 0 ? named : [ownNode, "deno", "bun"];
using program = await bundle();
for (const runtime of runtimes) {
  let plain = NaN;
  for (const preset of presets) {
    const [left = 0, second = 0, third = 0] = await measure(runtime, preset, program);
    if (preset === false) plain = second;
    console.log(
      `${runtime} ${JSON.stringify(preset)}: ${left.toFixed(0)}% left, ` +
        `${third.toFixed(1)} KiB a connection, ${
          (second - plain).toFixed(1)
        } KiB more with a context`,
    );
  }
}
process.exit();
